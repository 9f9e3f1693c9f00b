"""What follows on a server that searches, when versions of an index come into use, stay or go.

Versions without such a server have no shelf: then there is nothing to do. How versions get onto one is for
`publish` to know.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

from rvs.errors import GalleryError, RebuildFailedError, SearchUnavailableError
from rvs.gallery.in_use import unused
from rvs.gallery.publication import ENGINES, Publication, read_record, searched_beside
from rvs.gallery.unclaimed import unclaimed
from rvs.gallery.version import Version, open_version
from rvs.whole_files import finish_removals, hide

_log = logging.getLogger(__name__)


class Shelf(Protocol):
    """A server to which versions are brought, such as a `publish.Publisher`.

    All of it raises SearchUnavailableError when the server does not answer, and GalleryError when what was noted
    beside the version is missing or damaged.
    """

    def greet(self) -> None:
        """See whether it answers; RebuildFailedError when it does not."""

    def publish(self, version: Version, progress: Callable[[str, int, int], None]) -> Publication:
        """Bring a version there, unless it is there; RebuildFailedError when that fails."""

    def ready(self, folder: Path) -> None:
        """Make sure that a version can be searched there."""

    def point(self, folder: Path) -> None:
        """Say there that a version is in use now."""

    def drop(self, folder: Path) -> None:
        """Forget a version that is about to be removed, but for what others need."""

    def tidy(self, folder: Path) -> None:
        """Keep of a version only what is needed to take it into use again."""

    def erase(self, index: Path) -> int:
        """Erase the vectors that no version of an index has any more; returns how many."""


def bring(shelf: Shelf | None, folder: Path, progress: Callable[[str, int, int], None]) -> Publication | None:
    """Publish a version that was built a moment ago and that nobody else uses; or leave nothing of it.

    Returns:
        what it has on the server; None without one.

    Raises:
        RebuildFailedError: the server failed, or does not find what it should.
    """
    if shelf is None:
        return None
    try:
        return shelf.publish(open_version(folder), progress)
    except RebuildFailedError:
        if cleared(shelf, folder):
            hide(folder)
            finish_removals(folder.parent)
        raise


def cleared(shelf: Shelf | None, folder: Path) -> bool:
    """Drop what a server has of a version that goes; False when that cannot be done now.

    Of a server that is not in use here nothing can be dropped; that is said, and does not keep the version.
    """
    try:
        if shelf is not None:
            shelf.drop(folder)
        left = [
            name
            for engine in ENGINES
            for name in sorted({*read_record(folder, engine).collections} - searched_beside(folder, engine))
        ]
    except SearchUnavailableError as error:
        _log.warning("The version %s stays for now: %s", folder.name, error)
        return False
    except GalleryError as error:
        _log.warning("A server may have something left of the version %s: %s", folder.name, error)
        return True
    if shelf is None and left:
        _log.warning("A server may have these left of the version %s: %s", folder.name, ", ".join(left))
    return True


def tidied(shelf: Shelf | None, folders: Iterable[Path], *, besides: Collection[str]) -> None:
    """Let a server keep little of the versions that nobody uses now, but for those of certain names; best effort."""
    for folder in folders:
        if shelf is None or folder.name in besides:
            continue
        with unused(folder) as free:
            try:
                if free:
                    shelf.tidy(folder)
            except (GalleryError, SearchUnavailableError) as error:
                _log.warning("The server could not be tidied of the version %s: %s", folder.name, error)


def erased(shelf: Shelf | None, index: Path) -> int:
    """Erase from a server the vectors that no version of an index has any more; returns how many; best effort."""
    try:
        if shelf is not None:
            count = shelf.erase(index)
            if count:
                _log.info("%d vectors that no version has any more were erased from the server", count)
            return count
        left = sum(len(rows) for engine in ENGINES for _, rows in unclaimed(index, engine))
    except (GalleryError, SearchUnavailableError) as error:
        _log.warning("Vectors of people who are gone may be on the server until the next prune: %s", error)
        return 0
    if left:
        _log.warning("A server may still have %d vectors of people who are gone; prune with it.", left)
    return 0
