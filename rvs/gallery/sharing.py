"""Which collection of an older version a new one can be searched in, so that nothing need be filled.

It must have nearly all of the new version's vectors, and little that the new version lacks: the rest is compared
from disk, and what is gone costs places. How good that is, and what the server has, is for `publish` to see.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rvs.errors import BusyError, GalleryCorruptError, GalleryError
from rvs.gallery.in_use import Hold
from rvs.gallery.publication import Publication, read_record, read_rows, versions_beside
from rvs.gallery.version import Version, open_vectors
from rvs.vectors.row_map import RowMap, followed, matched_rows
from rvs.vectors.server import GraphKind
from rvs.vectors.shared_rows import SharedRows

MOST_COMPARED = 10_000
"""Comparing so many vectors of 128 numbers takes a fraction of a millisecond; asking a server takes some."""

# Of what a server proposes, about as much is dropped: so it need hardly ever be asked again.
_MOST_GONE = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A collection that could be shared.

    Attributes:
        base: what another version noted about it.
        rows: which row of the new version each of its rows is, or -1.
    """

    base: Publication
    rows: RowMap


def shared_rows(version: Version, engine: str, done: Publication) -> SharedRows | None:
    """How a version uses the collection it is searched in; None where that was filled for it.

    Raises:
        GalleryCorruptError: the map of its rows is damaged or gone.
    """
    if done.shared is None:
        return None
    try:
        return SharedRows(read_rows(version.folder, engine, done.shared), version.vectors)
    except ValueError as error:
        raise GalleryCorruptError(
            f"The rows noted beside the version {version.folder.name} are not its own.",
            hint="Publish it again: rvs index publish.",
        ) from error


@contextmanager
def held_offers(
    version: Version, engine: str, graph: GraphKind, most_compared: int
) -> Iterator[Iterator[Offer]]:
    """The collections that a version could share, that of the newest version first.

    As long as the block lasts, the versions that they were found by are held, so that no `prune` drops them.

    Args:
        version: the new one.
        engine: where it is to be searched.
        graph: what must have been built there.
        most_compared: how many photos may be compared from disk; 0: nothing is offered.
    """
    holds: list[Hold] = []
    try:
        yield _offers(version, engine, graph, most_compared, holds)
    finally:
        for hold in holds:
            hold.release()


def _offers(
    version: Version, engine: str, graph: GraphKind, most_compared: int, holds: list[Hold]
) -> Iterator[Offer]:
    if not most_compared:
        return
    for folder in versions_beside(version.folder, engine):
        try:
            hold = Hold(folder)
            hold.acquire()
            holds.append(hold)
            base = read_record(folder, engine).published
            if base is None or base.graph != graph or not _may_fit(base, version, most_compared):
                continue
            rows = _rows_of(version, folder, engine, base)
            kept = int((rows >= 0).sum())
            if _fits(len(rows) - kept, len(rows), len(version.vectors) - kept, most_compared):
                yield Offer(base, rows)
        except (GalleryError, BusyError) as error:
            _log.info("The collection of the version %s is not shared: %s", folder.name, error)


def _may_fit(base: Publication, version: Version, most_compared: int) -> bool:
    """Whether the counts alone allow it: to know that takes no time."""
    rows, photos = base.place.rows, len(version.vectors)
    return _fits(rows - photos, rows, photos - rows, most_compared)


def _fits(gone: int, rows: int, beside: int, most_compared: int) -> bool:
    return gone <= _MOST_GONE * rows and beside <= most_compared


def _rows_of(version: Version, folder: Path, engine: str, base: Publication) -> RowMap:
    """Which row of the new version each row of another one's collection is.

    Raises:
        GalleryError: the other version is damaged, or was not the one that was published.
    """
    vectors, file = open_vectors(folder)
    if file.sha256 != base.vectors_sha256 or vectors.shape[1] != version.vectors.shape[1]:
        raise GalleryError("It is not of such vectors.")
    rows = matched_rows(vectors, version.vectors)
    if base.shared is None:
        return rows
    # The version that it was filled for may be gone: its rows are known through this one's.
    return followed(read_rows(folder, engine, base.shared), rows)
