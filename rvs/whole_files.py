"""Files and folders that appear whole or not at all, even when the process dies half-way.

Everything is made beside its final place under the name `.{name}.{random}.part` and renamed when it is
complete; what is to go is renamed to `.{random}.gone`, then deleted. Knows nothing of what is inside the
files, nor where they belong.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PART_NAME = re.compile(r"\..+\.[0-9a-f]{12}\.part")
_GONE_NAME = re.compile(r"\.[0-9a-f]{12}\.gone")
_MANY_FILES = 256


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`, replacing what is there in one step; readers see the old bytes or the new.

    The folder must exist. A symbolic link at `path` is replaced, not followed.

    Raises:
        OSError: the disk is full, the folder is missing or read-only; `path` is then untouched.
    """
    part = _part_beside(path)
    try:
        _write_through(part, data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, where nothing may be yet.

    Raises:
        FileExistsError: something is there; it stays as it is.
        OSError: the disk is full, the folder is missing or read-only.
    """
    part = _part_beside(path)
    try:
        _write_through(part, data)
        try:
            path.hardlink_to(part)  # unlike a rename it replaces nothing
        except FileExistsError:
            raise
        except OSError:  # a disk without links, such as a memory card
            if os.path.lexists(path):
                raise FileExistsError(f"{path} exists already") from None
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_directory(path.parent)


@contextmanager
def scratch_directory(beside: Path) -> Iterator[Path]:
    """An empty temporary folder on the same disk as `beside`, removed at the end whatever happens.

    Raises:
        OSError: the folder cannot be made.
    """
    part = _part_beside(beside)
    part.mkdir()
    try:
        yield part
    finally:
        # Removal is best effort: an error here would hide the one that brought us here.
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def whole_directory(final: Path, *, first_wins: bool = False) -> Iterator[Path]:
    """Fill a temporary folder that becomes `final` when the block ends, and vanishes when it raises.

    Two processes may make the same folder at once. With `first_wins` whoever finishes second throws its
    own away without a word, so that `final` is whole after the block either way: right for caches, where
    both would have written the same. Without it the second gets FileExistsError.

    Raises:
        FileExistsError: `final` exists and `first_wins` is off; noticed before the block when possible.
        OSError: the disk is full or the folder read-only; nothing is left behind.
    """
    if not first_wins and os.path.lexists(final):
        raise FileExistsError(f"{final} exists already")
    with scratch_directory(final) as part:
        yield part
        _sync_tree(part)
        # POSIX renames over an empty folder without complaint, so look first; a non-empty one is refused
        # by the rename itself, which decides the race.
        taken = os.path.lexists(final)
        if not taken:
            try:
                part.rename(final)
            except OSError:
                taken = os.path.lexists(final)
                if not taken:
                    raise
        if taken and not first_wins:
            raise FileExistsError(f"{final} was made by another process in the meantime")
    _sync_directory(final.parent)


def remove_stale_parts(folder: Path, *, older_than_s: float = 86_400) -> int:
    """Remove what killed processes left in `folder` (`.{name}.{random}.part`); returns how many.

    `older_than_s` spares the work of a process that is still alive.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if not _PART_NAME.fullmatch(entry.name):
                continue
            with contextlib.suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime < older_than_s:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    Path(entry.path).unlink()
                removed += 1
    return removed


def hide(path: Path) -> None:
    """Make a file or folder vanish in one step; `finish_removals` deletes it.

    Raises:
        OSError: it is not there, or the folder it is in cannot be written.
    """
    path.rename(path.with_name(f".{secrets.token_hex(6)}.gone"))
    _sync_directory(path.parent)


def finish_removals(folder: Path) -> None:
    """Delete what was hidden in `folder`, also by a process that was killed before it could; best effort."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _GONE_NAME.fullmatch(entry.name):
                continue
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 lower-case hexadecimal digits, read in pieces.

    Raises:
        OSError: the file is missing or unreadable.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_through(path: Path, data: bytes) -> None:
    """Make a file that survives a power cut; there must be none yet."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _part_beside(final: Path) -> Path:
    return final.with_name(f".{final.name}.{secrets.token_hex(6)}.part")


def _sync_tree(root: Path) -> None:
    folders = [root]
    files: list[Path] = []
    for folder, names, file_names in os.walk(root):
        folders += [Path(folder, name) for name in names]
        files += [Path(folder, name) for name in file_names]
    if len(files) > _MANY_FILES and hasattr(os, "sync"):
        # One sync of the machine costs less than thousands of small ones.
        os.sync()
        return
    for path in files:
        if not path.is_symlink():
            # Windows flushes only what is open for writing; POSIX flushes a read-only file as well.
            writable = os.access(path, os.W_OK)
            descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | getattr(os, "O_BINARY", 0))
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    for folder_path in reversed(folders):
        _sync_directory(folder_path)


def _sync_directory(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can open folders (not Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
