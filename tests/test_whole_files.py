"""Files appear whole or not at all: after errors, kills and races."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rvs.whole_files import (
    finish_removals,
    hide,
    remove_stale_parts,
    scratch_directory,
    sha256_of,
    whole_directory,
    write_new,
    write_whole,
)


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert _names(tmp_path) == ["people.json"]


def test_a_file_has_the_permissions_of_any_other_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_when_the_disk_is_full_the_old_file_stays_and_nothing_else(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a POSIX thing")
    path = tmp_path / "vectors"
    write_whole(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write_whole(path, bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["vectors"]


def test_a_file_is_not_put_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"data")
    assert _names(tmp_path) == ["taken"]


def test_a_folder_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    final = tmp_path / "v1"
    with whole_directory(final) as part:
        (part / "deep").mkdir()
        (part / "deep" / "manifest.json").write_text("{}")
        assert part.parent == tmp_path
        assert not final.exists()
    assert (final / "deep" / "manifest.json").read_text() == "{}"
    assert _names(tmp_path) == ["v1"]


def test_a_folder_of_many_files_with_read_only_ones_appears(tmp_path: Path) -> None:
    for count in (3, 300):
        with whole_directory(tmp_path / str(count)) as part:
            for number in range(count):
                (part / str(number)).write_bytes(b"photo")
                (part / str(number)).chmod(0o400)
        assert len(_names(tmp_path / str(count))) == count


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_folder_whose_making_failed_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with whole_directory(tmp_path / "v1") as part:
            (part / "half").write_bytes(b"ha")
            raise error

    with pytest.raises(error):
        fail()
    assert _names(tmp_path) == []


@pytest.mark.parametrize("taken", ["empty folder", "full folder", "file", "dangling link"])
def test_whoever_comes_second_is_told(tmp_path: Path, taken: str) -> None:
    final = tmp_path / "v1"

    def come_second() -> None:
        with whole_directory(final) as part:
            (part / "mine").write_bytes(b"mine")
            _occupy(final, taken)

    with pytest.raises(FileExistsError, match="another process"):
        come_second()
    assert _names(tmp_path) == ["v1"]
    assert not (final / "mine").exists()


@pytest.mark.parametrize("taken", ["empty folder", "full folder"])
def test_whoever_comes_second_to_a_cache_is_content(tmp_path: Path, taken: str) -> None:
    final = tmp_path / "model"
    with whole_directory(final, first_wins=True) as part:
        (part / "mine").write_bytes(b"mine")
        _occupy(final, taken)
    assert _names(tmp_path) == ["model"]
    assert not (final / "mine").exists()


def test_a_folder_that_exists_is_noticed_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    with pytest.raises(FileExistsError, match="exists already"), whole_directory(tmp_path / "v1"):
        pytest.fail("the block ran")


def test_a_scratch_folder_vanishes(tmp_path: Path) -> None:
    with scratch_directory(tmp_path / "lfw.tgz") as part:
        (part / "deep").mkdir()
        assert part.name.startswith(".lfw.tgz.")
        assert part.name.endswith(".part")
    assert _names(tmp_path) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_leaves_only_parts_which_are_swept_later(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys; from rvs.whole_files import whole_directory\n"
        "with whole_directory(pathlib.Path(sys.argv[1])) as part:\n"
        "    (part / 'half').write_bytes(b'ha'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "v1"], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    for other in (".hidden.part", "v2", ".v1.0123456789ab.part.txt"):
        (tmp_path / other).write_bytes(b"not ours")

    assert remove_stale_parts(tmp_path) == 0, "it may belong to a process that is alive"
    yesterday = time.time() - 100_000
    for path in tmp_path.iterdir():
        os.utime(path, (yesterday, yesterday))
    assert remove_stale_parts(tmp_path) == 1
    assert not left.exists()
    assert _names(tmp_path) == [".hidden.part", ".v1.0123456789ab.part.txt", "v2"]


def test_sweeping_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert remove_stale_parts(tmp_path / "missing") == 0


@pytest.mark.parametrize("links", [True, False])
class TestNew:
    @pytest.fixture(autouse=True)
    def disk(self, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that has links, and one that has none."""

        def refused(path: Path, target: Path) -> None:
            if os.path.lexists(path):
                raise FileExistsError
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        if not links:
            monkeypatch.setattr(Path, "hardlink_to", refused)

    def test_it_is_written(self, tmp_path: Path) -> None:
        write_new(tmp_path / "photo.jpg", b"new")
        assert (tmp_path / "photo.jpg").read_bytes() == b"new"
        assert _names(tmp_path) == ["photo.jpg"]

    @pytest.mark.parametrize("how", ["file", "dangling link", "empty folder", "full folder"])
    def test_what_is_there_stays(self, tmp_path: Path, how: str) -> None:
        _occupy(tmp_path / "photo.jpg", how)
        before = (tmp_path / "photo.jpg").lstat()
        with pytest.raises(FileExistsError):
            write_new(tmp_path / "photo.jpg", b"ours")
        assert (tmp_path / "photo.jpg").lstat().st_ino == before.st_ino
        assert _names(tmp_path) == ["photo.jpg"]

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                write_new(tmp_path / "photo.jpg", b"ours")
        assert _names(tmp_path) == []


def test_what_is_hidden_is_gone_at_once_and_deleted_later(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_bytes(b"x")
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for theirs in (".gone", "v.gone", ".0123456789ab.gone.txt", ".0123456789ab.part"):
        (tmp_path / theirs).write_bytes(b"not ours")
    hide(tmp_path / "v1")
    hide(tmp_path / "photo.jpg")
    assert not (tmp_path / "v1").exists()
    assert not (tmp_path / "photo.jpg").exists()
    finish_removals(tmp_path)
    assert _names(tmp_path) == [".0123456789ab.gone.txt", ".0123456789ab.part", ".gone", "v.gone", "v2"]
    finish_removals(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        hide(tmp_path / "missing")


def test_sha256_of_a_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "data").write_bytes(data)
    assert sha256_of(tmp_path / "data") == hashlib.sha256(data).hexdigest()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _occupy(place: Path, how: str) -> None:
    match how:
        case "file":
            place.write_bytes(b"theirs")
        case "dangling link":
            place.symlink_to("nowhere")
        case _:
            place.mkdir()
            if how == "full folder":
                (place / "theirs").write_bytes(b"theirs")
