"""Who is at an index right now: one builder, one who moves its pointer, and any number who use a version.

All of it is locks of the operating system, which vanish with their holder, however it dies. The files that are
locked lie beside the versions, so that a version never changes. What is done under a lock is for others to know.

Windows has no shared locks; there a file that is mapped keeps its folder from being renamed, which is enough.
"""

import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import filelock

from rvs.errors import BusyError, GalleryMissingError, RebuildRunningError
from rvs.whole_files import hide

try:
    import fcntl

    SHARED_LOCKS = True
except ImportError:  # Windows
    SHARED_LOCKS = False

_SUFFIX = ".in-use"
# Who locks a version for themselves alone only renames it, or looks: that takes no time.
_WAIT_FOR_VERSION_S = 10.0
# Whoever moves the pointer may have a version of gigabytes to check before.
_WAIT_FOR_POINTER_S = 60.0


class Hold:
    """Says "this process uses that version" for as long as it is acquired, or until the process ends.

    An object that is forgotten lets go as well. Any number of holds may be on one version, in one process or
    many. In a folder that cannot be written, and has no lock file yet, a hold holds nothing: nobody who shares
    that view of it can remove a version there either. One thread at a time.
    """

    def __init__(self, version: Path, *, not_there_yet: bool = False) -> None:
        """A hold on the version in that folder, not acquired yet.

        Args:
            version: the version's folder.
            not_there_yet: it is about to appear; acquire nevertheless.
        """
        self._version = version
        self._not_there_yet = not_there_yet
        self._close: weakref.finalize[[int], Hold] | None = None

    @property
    def version(self) -> str:
        """The name of the version."""
        return self._version.name

    @property
    def held(self) -> bool:
        """Whether others can see it now."""
        return self._close is not None and self._close.alive

    def acquire(self) -> None:
        """Hold the version; nothing happens when it is held already.

        Raises:
            GalleryMissingError: there is no such version, or it has just been removed.
            BusyError: somebody has been keeping it to themselves for 10 seconds.
        """
        if self.held:
            return
        if not self._not_there_yet:
            self._look()  # before a lock file is made for nothing
        descriptor = _shared(self._version)
        if descriptor is not None:
            self._close = weakref.finalize(self, os.close, descriptor)
            self._close.atexit = False  # the system closes it, when nothing can use the version any more
        if not self._not_there_yet:
            try:
                self._look()  # it may have been removed while we waited
            except GalleryMissingError:
                self.release()
                raise

    def release(self) -> None:
        """Let go; nothing happens when it is not held."""
        if self._close is not None:
            self._close()

    def __enter__(self) -> "Hold":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _look(self) -> None:
        if not self._version.is_dir():
            raise GalleryMissingError(
                f'The index {self._version.parent} has no version "{self._version.name}".',
                hint="See `rvs index list`.",
            )


def hidden(version: Path) -> bool:
    """Hide a version that is to be removed; False when that cannot be done now."""
    try:
        hide(version)
    except PermissionError:
        if SHARED_LOCKS:
            raise
        return False  # somebody has it open
    return True


def is_held(version: Path) -> bool:
    """Whether some process uses the version in that folder; False where that cannot be known."""
    descriptor = _open(_lock_file(version), os.O_RDONLY)
    if not SHARED_LOCKS or descriptor is None:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def unused(version: Path) -> Iterator[bool]:
    """Whether nobody uses a version; if so, nobody can begin to as long as the block lasts.

    If the version is gone when the block ends, its lock file goes, too.

    Raises:
        OSError: the folder cannot be written.
    """
    if not SHARED_LOCKS:
        yield True
        return
    path = _lock_file(version)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            free = _try_lock(descriptor, fcntl.LOCK_EX)
        except OSError:
            free = False  # a disk without locks: who knows
        yield free
        if free and not version.exists():
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def forget_removed(folder: Path) -> None:
    """Remove the lock files of versions that are no longer there.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in folder.glob(f".*{_SUFFIX}"):
        version = folder / path.name[1 : -len(_SUFFIX)]
        if not version.exists():
            with unused(version):
                pass


@contextmanager
def only_builder(index: Path) -> Iterator[None]:
    """Be the one who builds an index, across processes.

    Raises:
        RebuildRunningError: another process is.
        OSError: the folder cannot be written.
    """
    lock = filelock.FileLock(index / ".build.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RebuildRunningError(
            f"Another build of the index {index.name} is running.", hint="Wait until it is done."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def moving_pointer(index: Path) -> Iterator[None]:
    """Be the one who changes which version is in use, or which there are.

    Raises:
        BusyError: another process has been at it for a minute.
        OSError: the folder cannot be written.
    """
    lock = filelock.FileLock(index / ".pointer.lock")
    try:
        lock.acquire(timeout=_WAIT_FOR_POINTER_S)
    except filelock.Timeout as error:
        raise BusyError(
            f"Another process is changing the index {index.name}.", hint="Try again in a minute."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _lock_file(version: Path) -> Path:
    return version.with_name(f".{version.name}{_SUFFIX}")


def _open(path: Path, flags: int) -> int | None:
    with suppress(OSError):
        return os.open(path, flags, 0o644)
    return None


def _shared(version: Path) -> int | None:
    """A descriptor that holds the shared lock; None where there can be none."""
    if not SHARED_LOCKS:
        return None
    path = _lock_file(version)
    deadline = time.monotonic() + _WAIT_FOR_VERSION_S
    while True:
        descriptor = _open(path, os.O_RDWR | os.O_CREAT)
        if descriptor is None:
            descriptor = _open(path, os.O_RDONLY)  # made by another user
        if descriptor is None:
            return None
        try:
            # Whoever removes a version removes the file too: the lock must be on the one that others find.
            if _try_lock(descriptor, fcntl.LOCK_SH) and _is_at(descriptor, path):
                return descriptor
        except OSError:
            os.close(descriptor)  # a disk without locks
            return None
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise BusyError(f"The version {version.name} is being removed.", hint="Try again.")
        time.sleep(0.01)


def _try_lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
