"""Files behind a URL that fsspec knows, `s3://bucket/crew`: listed, read, written and removed.

A file that is not there is told from a store that does not answer. The latter is asked again for some seconds,
then ends what is being done: taken for missing, half a gallery would vanish from the next version.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from rvs.errors import ConfigError, RebuildFailedError
from rvs.gallery.on_ray.packages import needed

_Got = TypeVar("_Got")

_PAUSES_S = (0.5, 1.0, 2.0)
_AT_ONCE_BYTES = 1 << 20
_NOT_THERE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class ObjectStore:
    """The files below one URL. Goes to another machine as its URL."""

    def __init__(self, url: str) -> None:
        """Look at a URL; what is there is not asked yet.

        Raises:
            ConfigError: fsspec does not know it, or the package for it is not installed.
        """
        self.url = url
        fsspec = needed("fsspec")
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{url} cannot be opened: {error}",
                hint="s3:// needs the package s3fs, gs:// needs gcsfs; fsspec's documentation lists all.",
            ) from error
        self._root = root.rstrip("/")

    def __reduce__(self) -> tuple[type["ObjectStore"], tuple[str]]:
        return ObjectStore, (self.url,)

    def find(self) -> list[str]:
        """The name of every file, relative to the URL, with "/"; none when nothing is there."""
        self._files.invalidate_cache()
        try:
            found = (
                self._asked(lambda: self._files.find(self._root)) if self._finds_itself() else self._walked()
            )
        except _NOT_THERE:
            return []
        return sorted(name.removeprefix(self._root).lstrip("/") for name in found)

    def size(self, name: str) -> int | None:
        """Bytes of a file, where the store tells.

        Raises:
            OSError: it is not there, or may not be read.
        """
        size = self._asked(lambda: self._files.size(self._path(name)))
        return None if size is None else int(size)

    def read(self, name: str) -> bytes:
        """A whole file.

        Raises:
            OSError: it is not there, or may not be read.
        """
        return bytes(self._asked(lambda: self._files.cat_file(self._path(name))))

    def sha256(self, name: str) -> str:
        """Of a file's content, read in pieces.

        Raises:
            OSError: it is not there, or may not be read.
        """

        def read() -> str:
            digest = hashlib.sha256()
            with self._files.open(self._path(name), "rb") as file:
                while piece := file.read(_AT_ONCE_BYTES):
                    digest.update(piece)
            return digest.hexdigest()

        return self._asked(read)

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return bool(self._asked(lambda: self._files.exists(self._path(name))))

    def write(self, name: str, data: bytes) -> None:
        """A whole file; object stores show it when it is complete."""
        self._asked(lambda: self._files.pipe_file(self._path(name), data))

    def remove(self) -> None:
        """Everything below the URL, if there is anything."""
        if self._asked(lambda: self._files.exists(self._root)):
            self._asked(lambda: self._files.rm(self._root, recursive=True))

    def _finds_itself(self) -> bool:
        # Object stores list thousands of files with one request. fsspec's own way goes from folder to folder, and
        # leaves out without a word those that it cannot list.
        kind = type(self._files)
        inherited = (needed("fsspec").AbstractFileSystem.find, needed("fsspec.asyn").AsyncFileSystem._find)
        return getattr(kind, "_find", kind.find) not in inherited

    def _walked(self) -> Iterator[str]:
        pending = [self._root]
        while pending:
            folder = pending.pop()
            for entry in self._asked(partial(self._files.ls, folder, detail=True)):
                name = entry["name"].rstrip("/")
                if entry["type"] != "directory":
                    yield name
                elif name != folder:
                    pending.append(name)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if self._root else name

    def _asked(self, ask: Callable[[], _Got]) -> _Got:
        for pause_s in (*_PAUSES_S, None):
            try:
                return ask()
            except _NOT_THERE:
                raise
            except Exception as error:  # each kind of store has errors of its own
                if pause_s is None:
                    raise RebuildFailedError(
                        f"{self.url} does not answer: {error}",
                        hint="Start the build again when it does; it goes on where it was.",
                    ) from error
                time.sleep(pause_s)
        raise AssertionError
