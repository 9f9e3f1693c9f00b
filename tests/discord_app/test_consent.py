"""Consent outlives a restart, withdrawal leaves nothing, and damage is never taken for an empty list."""

import json
import os
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from rvs.discord_app.consent import Consents
from rvs.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot" / "consents.json"


def test_nobody_has_agreed_at_first(path: Path) -> None:
    assert not Consents(path).has_agreed(1)
    assert not path.parent.exists()


def test_who_has_agreed_has_agreed_after_a_restart(path: Path) -> None:
    Consents(path).agree(2**63)
    consents = Consents(path)
    assert consents.has_agreed(2**63)
    assert not consents.has_agreed(1)
    assert json.loads(path.read_text()) == {"format": 1, "agreed": [2**63]}


def test_withdrawal_leaves_nothing(path: Path) -> None:
    consents = Consents(path)
    consents.agree(4711)
    consents.agree(1)
    assert consents.withdraw(4711)
    assert not consents.has_agreed(4711)
    assert not consents.withdraw(4711)
    assert [file.name for file in path.parent.iterdir()] == ["consents.json"]
    assert "4711" not in path.read_text()
    assert Consents(path).has_agreed(1)


def test_what_a_killed_process_left_half_written_goes_at_the_next_start(path: Path) -> None:
    Consents(path).agree(1)
    left = path.with_name(".consents.json.0123456789ab.part")
    left.write_text("4711")
    os.utime(left, (time.time() - 100_000,) * 2)
    Consents(path)
    assert not left.exists()


def test_agreeing_twice_is_agreeing_once(path: Path) -> None:
    consents = Consents(path)
    consents.agree(1)
    written = path.stat().st_ino
    consents.agree(1)
    assert path.stat().st_ino == written
    assert consents.withdraw(1)
    assert not Consents(path).has_agreed(1)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are a POSIX thing")
def test_only_the_owner_can_read_the_list(path: Path) -> None:
    Consents(path).agree(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1]",
        b"null",
        b'{"agreed": [1]}',
        b'{"format": 2, "agreed": [1]}',
        b'{"format": 1}',
        b'{"format": 1, "agreed": 1}',
        b'{"format": 1, "agreed": ["1"]}',
        b'{"format": 1, "agreed": [true]}',
        b'{"format": 1, "agreed": [1.0]}',
        b'{"format": 1, "agreed": [0]}',
    ],
)
def test_a_damaged_list_is_an_error_and_stays_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Consents(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == content


def test_a_list_that_cannot_be_read_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        Consents(path)


def test_a_failed_write_changes_nothing(path: Path) -> None:
    consents = Consents(path)
    consents.agree(1)
    before = path.read_bytes()
    aside = path.parent.rename(path.parent.with_name("aside"))
    path.parent.write_text("a file where the folder was")
    with pytest.raises(OSError, match="bot"):
        consents.agree(2)
    with pytest.raises(OSError, match="bot"):
        consents.withdraw(1)
    assert consents.has_agreed(1)
    assert not consents.has_agreed(2)
    path.parent.unlink()
    aside.rename(path.parent)
    assert path.read_bytes() == before
    consents.agree(2)
    assert Consents(path).has_agreed(2)


def test_people_who_agree_at_once_are_all_remembered(path: Path) -> None:
    consents = Consents(path)
    start = threading.Barrier(16)

    def agree(person_id: int) -> None:
        start.wait()
        consents.agree(person_id)
        if person_id % 2:
            consents.withdraw(person_id)

    threads = [threading.Thread(target=agree, args=(number,)) for number in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads(path.read_text())["agreed"] == [2, 4, 6, 8, 10, 12, 14, 16]
