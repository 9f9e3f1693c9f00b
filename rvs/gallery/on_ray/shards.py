"""What workers have embedded, as Parquet files: a shard is complete or it is not there.

Whoever embeds a list of photos writes the same shard under the same name, so that a worker that does again what
a lost one had done adds nothing. A build that was stopped reads them and goes on.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rvs.faces.face import Box
from rvs.gallery.journal import Embedded, forget
from rvs.gallery.on_ray.gallery_files import local_folder
from rvs.gallery.on_ray.object_store import ObjectStore
from rvs.gallery.on_ray.packages import needed
from rvs.whole_files import write_whole

_SUFFIX = ".parquet"
_READERS = 8

log = logging.getLogger(__name__)


class Shards(Protocol):
    """Where shards are kept. Goes to another machine."""

    def names(self) -> list[str]:
        """Of those that are there."""

    def read(self, name: str) -> bytes:
        """One of them."""

    def write(self, name: str, data: bytes) -> None:
        """Put one there, whole, in place of one of the same name."""

    def delete(self) -> None:
        """Remove them all, with their folder."""


class FolderShards:
    """Shards in a folder that is at the same place on all machines."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when something is written."""
        self._folder = folder

    def names(self) -> list[str]:
        """See `Shards`."""
        return sorted(path.name for path in self._folder.glob(f"*{_SUFFIX}"))

    def read(self, name: str) -> bytes:
        """See `Shards`."""
        return (self._folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """See `Shards`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / name, data)

    def delete(self) -> None:
        """See `Shards`."""
        forget(self._folder)


class StoreShards:
    """Shards behind a URL."""

    def __init__(self, store: ObjectStore) -> None:
        """Use everything below the URL."""
        self._store = store

    def names(self) -> list[str]:
        """See `Shards`."""
        return [name for name in self._store.find() if name.endswith(_SUFFIX)]

    def read(self, name: str) -> bytes:
        """See `Shards`."""
        return self._store.read(name)

    def write(self, name: str, data: bytes) -> None:
        """See `Shards`."""
        self._store.write(name, data)

    def delete(self) -> None:
        """See `Shards`."""
        self._store.remove()


def shards_at(place: str) -> Shards:
    """The shards at a path or URL.

    Raises:
        ConfigError: a URL that fsspec does not know.
    """
    folder = local_folder(place)
    return StoreShards(ObjectStore(place)) if folder is None else FolderShards(folder.absolute())


def read_all(shards: Shards) -> dict[str, Embedded]:
    """The outcomes of all shards, by content hash; damaged shards are left out, to be done again."""

    def read(name: str) -> dict[str, Embedded]:
        try:
            return unpacked(shards.read(name))
        except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these
            log.warning("Ignoring the damaged shard %s of an earlier build: %s", name, error)
            return {}

    with ThreadPoolExecutor(_READERS) as pool:
        outcomes: dict[str, Embedded] = {}
        for found in pool.map(read, shards.names()):
            outcomes |= found
    return outcomes


def packed(outcomes: Mapping[str, Embedded]) -> bytes:
    """A Parquet file, a row per photo: sha256; vector (float16) and box, or the reason why there are none."""
    pa, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    vectors = [None if one.vector is None else one.vector for one in outcomes.values()]
    boxes = [None if one.face_box is None else _corners(one.face_box) for one in outcomes.values()]
    columns: dict[str, Any] = {
        "sha256": pa.array(list(outcomes), pa.string()),
        "vector": pa.array(vectors, pa.list_(pa.float16())),
        "face_box_px": pa.array(boxes, pa.list_(pa.float64())),
        "reason": pa.array([one.reason for one in outcomes.values()], pa.string()),
    }
    file = BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def unpacked(data: bytes) -> dict[str, Embedded]:
    """What `packed` packed.

    Raises:
        ValueError, KeyError, OSError: it is not such a file.
    """
    table = needed("pyarrow.parquet").read_table(BytesIO(data))
    outcomes: dict[str, Embedded] = {}
    for row in table.to_pylist():
        vector, box = row["vector"], row["face_box_px"]
        outcomes[row["sha256"]] = Embedded(
            None if vector is None else np.array(vector, np.float16),
            None if box is None else Box(*box),
            row["reason"],
        )
    return outcomes


def _corners(box: Box) -> list[float]:
    return [box.x0_px, box.y0_px, box.x1_px, box.y1_px]
