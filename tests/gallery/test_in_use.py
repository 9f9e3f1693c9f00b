"""Locks that say who is at an index, seen from other processes, and gone with their holder."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from rvs.errors import BusyError, GalleryMissingError, RebuildRunningError
from rvs.gallery import in_use
from rvs.gallery.in_use import (
    SHARED_LOCKS,
    Hold,
    forget_removed,
    is_held,
    moving_pointer,
    only_builder,
    unused,
)

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not SHARED_LOCKS, reason="this system has no shared locks")


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "index" / "one").mkdir(parents=True)
    return tmp_path / "index" / "one"


def _is_free(version: Path) -> bool:
    with unused(version) as free:
        return free


@contextmanager
def _other_process(version: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the version, once this returns."""
    command = [sys.executable, "-m", "tests.gallery.holder", str(version)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


class TestHold:
    def test_from_acquire_to_release(self, version: Path) -> None:
        hold = Hold(version)
        assert (hold.held, is_held(version), _is_free(version)) == (False, False, True)
        hold.acquire()
        hold.acquire()
        assert (hold.held, is_held(version), _is_free(version)) == (True, True, False)
        hold.release()
        hold.release()
        assert (hold.held, is_held(version), _is_free(version)) == (False, False, True)
        hold.acquire()
        assert is_held(version)
        hold.release()

    def test_as_a_context(self, version: Path) -> None:
        with Hold(version) as hold:
            assert hold.held
            assert hold.version == "one"
            assert not _is_free(version)
        assert _is_free(version)

    def test_it_is_in_use_until_the_last_one_lets_go(self, version: Path) -> None:
        first, second = Hold(version), Hold(version)
        first.acquire()
        second.acquire()
        first.release()
        assert not _is_free(version)
        second.release()
        assert _is_free(version)

    def test_who_is_forgotten_lets_go(self, version: Path) -> None:
        hold = Hold(version)
        hold.acquire()
        del hold
        assert _is_free(version)

    def test_the_version_itself_is_not_touched(self, version: Path) -> None:
        before = version.stat().st_mtime_ns
        with Hold(version):
            assert list(version.iterdir()) == []
        assert version.stat().st_mtime_ns == before

    def test_no_version_leaves_no_trace(self, version: Path) -> None:
        with pytest.raises(GalleryMissingError, match='"two"'):
            Hold(version.with_name("two")).acquire()
        assert list(version.parent.iterdir()) == [version]

    def test_one_that_is_still_to_come(self, version: Path) -> None:
        coming = version.with_name("two")
        with Hold(coming, not_there_yet=True):
            coming.mkdir()
            assert not _is_free(coming)
        assert _is_free(coming)

    def test_one_that_is_removed_while_we_wait_for_it(self, version: Path) -> None:
        outcome: list[BaseException] = []

        def acquire() -> None:
            try:
                Hold(version).acquire()
            except GalleryMissingError as error:
                outcome.append(error)

        with unused(version) as free:
            assert free
            waiting = threading.Thread(target=acquire)
            waiting.start()
            version.rmdir()
        waiting.join()
        assert len(outcome) == 1
        forget_removed(version.parent)
        assert list(version.parent.iterdir()) == []

    def test_one_that_somebody_keeps_for_good(self, version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(in_use, "_WAIT_FOR_VERSION_S", 0.0)
        with unused(version), pytest.raises(BusyError):
            Hold(version).acquire()

    def test_a_folder_where_no_lock_can_be_made(self, version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reading goes on; that nothing is held is said."""

        def read_only(*_: object) -> int:
            raise PermissionError

        monkeypatch.setattr(os, "open", read_only)
        with Hold(version) as hold:
            assert not hold.held
        assert not is_held(version)

    def test_another_users_lock_file_can_be_locked(
        self, version: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert _is_free(version)  # makes the file
        really = os.open

        def not_for_writing(path: Path, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_RDWR:
                raise PermissionError
            return really(path, flags, mode)

        hold = Hold(version)
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", not_for_writing)
            hold.acquire()
        assert hold.held
        assert not _is_free(version)


class TestOtherProcesses:
    def test_they_see_it_until_it_is_released(self, version: Path) -> None:
        with _other_process(version) as process:
            assert not _is_free(version)
            assert is_held(version)
            with Hold(version):
                pass  # any number may
            assert not _is_free(version)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("release\n")
            process.stdin.flush()
            assert process.stdout.readline() == "not held\n"
            assert _is_free(version)

    def test_it_goes_with_a_process_that_is_killed(self, version: Path) -> None:
        with _other_process(version) as process:
            assert not _is_free(version)
            process.kill()
            process.wait()
            assert _is_free(version)


class TestLockFiles:
    def test_that_of_a_removed_version_goes_with_it(self, version: Path) -> None:
        with unused(version):
            version.rmdir()
        assert list(version.parent.iterdir()) == []

    def test_those_of_versions_that_are_long_gone(self, version: Path) -> None:
        for name in ("one", "two", "three"):
            version.with_name(f".{name}.in-use").touch()
        with Hold(version.with_name("three"), not_there_yet=True):
            forget_removed(version.parent)
        assert {path.name for path in version.parent.glob(".*")} == {".one.in-use", ".three.in-use"}

    def test_a_holder_locks_the_file_that_others_will_find(
        self, version: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not one that is unlinked between its opening and its locking."""
        really = in_use._try_lock

        def late(descriptor: int, how: int) -> bool:
            monkeypatch.setattr(in_use, "_try_lock", really)
            version.with_name(".one.in-use").unlink()
            return really(descriptor, how)

        monkeypatch.setattr(in_use, "_try_lock", late)
        with Hold(version) as hold:
            assert hold.held
            assert not _is_free(version)


@pytest.mark.parametrize(
    ("lock", "error"), [(only_builder, RebuildRunningError), (moving_pointer, BusyError)]
)
def test_one_at_a_time(
    lock: Callable[[Path], AbstractContextManager[None]],
    error: type[Exception],
    version: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_use, "_WAIT_FOR_POINTER_S", 0.0)
    refused: list[BaseException] = []

    def second() -> None:
        with pytest.raises(error) as caught, lock(version.parent):
            pass
        refused.append(caught.value)

    with lock(version.parent):
        other = threading.Thread(target=second)
        other.start()
        other.join()
    assert len(refused) == 1
    with lock(version.parent):
        pass
