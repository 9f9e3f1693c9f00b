"""The versions of one index side by side, the pointer to the one in use, and which were in use before.

    index/lfw/current              the name of the version in use, one line
    index/lfw/history              the names of those that were in use before it, the last one last
    index/lfw/20261122-.../        a version (see `version`)
    index/lfw/.20261122-....in-use locked by whoever uses that version (see `in_use`)

A version appears by a rename, is never changed, and vanishes by a rename; taking one into use is one replaced
file. How versions are made is for `build` to know.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from rvs.errors import GalleryCorruptError, GalleryError, GalleryMissingError, SearchMissingError
from rvs.gallery.in_use import Hold, forget_removed, hidden, moving_pointer, unused
from rvs.gallery.shelf import Shelf, cleared, erased, tidied
from rvs.gallery.version import MANIFEST, Manifest, Version, open_version, read_manifest
from rvs.whole_files import finish_removals, write_whole

_POINTER, _HISTORY = "current", "history"
_SEE = "See `rvs index list`."
_TRIES = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """The versions that `prune` removed, oldest first, and how many vectors it erased on the server."""

    removed: list[str]
    erased: int


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of one index, such as `index/lfw`, which need not exist yet; the server that follows it, if any."""

    folder: Path
    shelf: Shelf | None = None

    def current(self) -> Path:
        """The folder of the version in use.

        Raises:
            GalleryMissingError: no version is in use.
            GalleryCorruptError: the pointer names no version.
        """
        hint = f"Build it with `rvs index build --index {self.folder.name}`, or see `rvs index list`."
        try:
            name = (self.folder / _POINTER).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise GalleryMissingError(f"There is no index in {self.folder}.", hint=hint) from error
        except (OSError, UnicodeDecodeError) as error:
            raise GalleryCorruptError(
                f"The pointer {self.folder / _POINTER} cannot be read.", hint=hint
            ) from error
        if not self._has(name):
            raise GalleryCorruptError(
                f"The index {self.folder} points to a version that is not there.", hint=hint
            )
        return self.folder / name

    def previous(self) -> Path:
        """The folder of the version that was in use before the current one.

        Raises:
            GalleryMissingError: there is none, or it has been removed.
        """
        past = self._past()
        if not past:
            raise GalleryMissingError(
                f"No version of {self.folder} that is still there was in use before this one.", hint=_SEE
            )
        return self.folder / past[-1]

    def open(self, version: str, *, fingerprint: str | None = None) -> Version:
        """Check and open a version, and hold it for as long as the returned object lives.

        Raises:
            GalleryError: there is no such version, or as `open_version`.
            BusyError: somebody has been keeping it to themselves for 10 seconds.
        """
        hold = self.hold(version)
        hold.acquire()
        try:
            return replace(open_version(self.folder / version, fingerprint=fingerprint), hold=hold)
        except BaseException:
            hold.release()
            raise

    def open_current(self, *, fingerprint: str | None = None) -> Version:
        """Check and open the version in use, and hold it for as long as the returned object lives.

        Raises:
            GalleryError: as `current` and `open_version`.
            BusyError: somebody has been keeping it to themselves for 10 seconds.
        """
        for _ in range(_TRIES):
            before = self._current_name()
            try:
                return self.open(self.current().name, fingerprint=fingerprint)
            except GalleryError:
                # Between reading the pointer and holding what it names, that may be replaced and pruned.
                if before == self._current_name():
                    raise
        return self.open(self.current().name, fingerprint=fingerprint)

    def hold(self, version: str) -> Hold:
        """What says to other processes that this one uses a version: `with`, or `acquire` and `release`.

        No `prune` of any process removes a version while it is held.

        Raises:
            GalleryMissingError: there is no such version.
        """
        if not self._has(version):
            raise GalleryMissingError(f'The index {self.folder} has no version "{version}".', hint=_SEE)
        return Hold(self.folder / version)

    def activate(self, version: str, *, fingerprint: str | None = None) -> None:
        """Take a version into use, once every file of it has been checked.

        Args:
            version: its name.
            fingerprint: of the pipeline that will ask; None takes any.

        Raises:
            GalleryMissingError: there is no such version.
            GalleryCorruptError: it is damaged.
            GalleryMismatchError: it was written by a newer or older program, or by another pipeline.
            SearchUnavailableError: the server that searches does not answer, or lacks it.
            BusyError: another process is changing the index.
            OSError: the disk is full or read-only; the version in use stays.
        """
        with self.hold(version):
            self._check(version, fingerprint)
            with moving_pointer(self.folder):
                before = self._current_name()
                past = [name for name in self._past() if name != version]
                if before not in ("", version):
                    past.append(before)
                if self.shelf is not None:
                    self.shelf.point(self.folder / version)
                # The pointer goes last: whoever dies in between has only noted what is still in use.
                self._write_history(past)
                write_whole(self.folder / _POINTER, f"{version}\n".encode())

    def roll_back(self, *, fingerprint: str | None = None) -> str:
        """Take into use again what was in use before the current version; returns its name.

        Doing it again goes further back. Versions that are damaged by now are passed over, and those of
        another pipeline if `fingerprint` is given.

        Raises:
            GalleryMissingError: there is none to go back to.
            SearchUnavailableError: the server that searches does not answer.
            BusyError: another process is changing the index.
            OSError: the disk is full or read-only; the version in use stays.
        """
        if not self.folder.is_dir():
            raise GalleryMissingError(f"There is no index in {self.folder}.", hint="See `rvs index list`.")
        with moving_pointer(self.folder):
            past = self._past()
            while past:
                name = past.pop()
                try:
                    with self.hold(name):
                        self._check(name, fingerprint)
                except (GalleryError, SearchMissingError) as error:
                    _log.warning("Passed over the version %s: %s", name, error)
                    continue
                if self.shelf is not None:
                    self.shelf.point(self.folder / name)
                # The pointer goes first: whoever dies in between can still go as far back.
                write_whole(self.folder / _POINTER, f"{name}\n".encode())
                self._write_history(past)
                return name
        raise GalleryMissingError(
            f"The index {self.folder} has no sound version that was in use before this one.", hint=_SEE
        )

    def prune(self, keep: int) -> Pruned:
        """Remove old versions, and from the server what none of those that stay has any more.

        Kept are the one in use; of the sound others `keep`, first the previous one, then the newest; all
        that any process holds; and those newer than the one in use that cannot be opened: they may be of a
        newer program. Builds that are running are not touched. A `prune` that was killed is finished. What a
        server has of a version goes first, or the version stays for this time. What it has in common with those
        that stay goes last; if that fails, the next `prune` does it.

        Args:
            keep: 0 or more.

        Raises:
            GalleryError: no version is in use, so that none can be told from the others.
            BusyError: another process is changing the index.
            OSError: the folder cannot be written.
        """
        before = self.current().name
        going = self._superfluous(before, keep)
        removed: list[str] = []
        with moving_pointer(self.folder):
            now = self.current().name
            # The pointer may have moved while hashes were computed.
            spared = {now} if now == before or not keep else {now, *self._past()[-1:]}
            for name in going:
                folder = self.folder / name
                if name in spared:
                    continue
                with unused(folder) as free:
                    if free and self._has(name) and cleared(self.shelf, folder) and hidden(folder):
                        removed.append(name)
            # The previous one stays ready: who goes back to it is in a hurry.
            tidied(self.shelf, self._folders(), besides={now, *self._past()[-1:]})
            forget_removed(self.folder)
        finish_removals(self.folder)
        # Nobody who takes a version into use need wait for it.
        return Pruned(removed, erased(self.shelf, self.folder))

    def versions(self) -> list[tuple[Path, Manifest | GalleryError]]:
        """Every version, oldest first, with its manifest or what is wrong with it."""
        if not self.folder.is_dir():
            return []
        found: list[tuple[Path, Manifest | GalleryError]] = []
        for folder in self._folders():
            try:
                found.append((folder, read_manifest(folder)))
            except GalleryError as error:
                found.append((folder, error))
        return found

    def _check(self, version: str, fingerprint: str | None) -> None:
        """Whether a version can be taken into use: every file of it, and what a server has of it."""
        open_version(self.folder / version, fingerprint=fingerprint)
        if self.shelf is not None:
            self.shelf.ready(self.folder / version)

    def _superfluous(self, current: str, keep: int) -> list[str]:
        names = [folder.name for folder in self._folders() if folder.name != current]
        previous = self._past()[-1:]
        kept: set[str] = set()
        for name in [*previous, *(name for name in reversed(names) if name not in previous)]:
            if len(kept) == keep:
                break
            if self._is_sound(name):
                kept.add(name)
        return [name for name in names if name not in kept and (name < current or self._is_sound(name))]

    def _is_sound(self, version: str) -> bool:
        try:
            open_version(self.folder / version)
        except GalleryError:
            return False
        return True

    def _has(self, version: str) -> bool:
        # A name with a folder in it could lead anywhere.
        if not version or version.startswith(".") or Path(version).name != version:
            return False
        try:
            return (self.folder / version / MANIFEST).is_file()
        except (OSError, ValueError):  # longer than names can be
            return False

    def _folders(self) -> list[Path]:
        found = sorted(path.parent for path in self.folder.glob(f"*/{MANIFEST}"))
        return [folder for folder in found if not folder.name.startswith(".")]  # those are being written

    def _current_name(self) -> str:
        try:
            return self.current().name
        except GalleryError:
            return ""

    def _past(self) -> list[str]:
        """The versions that were in use before, the last one last, without those that were removed."""
        current = self._current_name()
        try:
            names = (self.folder / _HISTORY).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            # An index from before there was a history: versions went into use in the order they were built.
            names = [folder.name for folder in self._folders() if folder.name < current]
        return [name for name in names if name != current and self._has(name)]

    def _write_history(self, names: list[str]) -> None:
        write_whole(self.folder / _HISTORY, "".join(f"{name}\n" for name in names).encode())


def stores(index_dir: Path) -> list[Store]:
    """Every index under a folder, by name."""
    if not index_dir.is_dir():
        return []
    return [
        Store(path) for path in sorted(index_dir.iterdir()) if path.is_dir() and not path.name.startswith(".")
    ]
