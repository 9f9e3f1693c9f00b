"""Which vectors on a server no version of an index has any more: people who were removed, photos that were replaced.

A version that shares a collection leaves in it what it does not have, for the sake of others. When these are gone,
nobody wants it, and faces are personal data. Nobody comes to want it later either: a new version finds a row only
by a version that has it. Erasing it is for the server.
"""

from pathlib import Path

from rvs.arrays import Ids
from rvs.gallery.publication import read_record, read_rows, versions_of
from rvs.vectors.row_map import RowMap, gone_from_all
from rvs.vectors.server import Collection


def unclaimed(index: Path, engine: str) -> list[tuple[Collection, Ids]]:
    """The collections of an index that have such rows, and these rows.

    What a version was searched in before counts as all its own: a process that has been running since then may
    still search in it.

    Args:
        index: the folder with the versions; those that are to be removed are gone from it.
        engine: the kind of server.

    Raises:
        GalleryCorruptError: what was noted about a version is damaged, so that it cannot be known what it has.
    """
    wanted: set[str] = set()
    maps: dict[Collection, list[RowMap]] = {}
    for folder in versions_of(index, engine):
        record = read_record(folder, engine)
        wanted.update(record.leftovers)
        done = record.published
        if done is not None and done.shared is None:
            wanted.add(done.collection)
        elif done is not None and done.shared is not None:
            maps.setdefault(done.place, []).append(read_rows(folder, engine, done.shared))
    found = [(place, gone_from_all(of)) for place, of in maps.items() if place.name not in wanted]
    return [(place, rows) for place, rows in found if len(rows)]
