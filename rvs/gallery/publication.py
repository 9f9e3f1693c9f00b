"""Which collections of a server belong to a version: `milvus.json` or `pgvector.json` in the version's folder.

The version itself is never changed: its manifest does not know of this file, which carries a seal of its own.
It names every collection that was ever begun for the version, so that none is forgotten on the server when a
process dies. Where the version shares a collection that was filled for another one, the map of its rows lies
beside it. What is on the server it does not know.
"""

import functools
import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from rvs.errors import GalleryCorruptError
from rvs.gallery.seal import check_seal, sealed
from rvs.vectors.row_map import RowMap
from rvs.vectors.server import Collection, GraphKind
from rvs.whole_files import write_whole

ENGINES = ("milvus", "pgvector")
_SHARING = "sharing"


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a version uses a collection that was filled for another one.

    Attributes:
        rows: how many vectors are in the collection.
        gone: how many of them the version does not have.
        beside: how many photos of the version are not in the collection: they are compared from disk.
        map_sha256: of the file that says which row of the version each row of the collection is.
    """

    rows: int
    gone: int
    beside: int
    map_sha256: str


@dataclass(frozen=True, slots=True)
class Publication:
    """The collection that a version is searched in, and what was measured when that was seen to work.

    Attributes:
        collection: its name on the server.
        graph: what was built over the vectors.
        width: how wide to search.
        recall_at_10: found with that width, measured as that of the Annoy file is.
        self_found: share of sampled photos that found themselves.
        photos: how many vectors the version has.
        vectors_sha256: of the file they are in.
        created_at: UTC, ISO 8601.
        seconds: what it took.
        shared: how it is used, where it was filled for another version; None where it was for this one.
    """

    collection: str
    graph: GraphKind
    width: int
    recall_at_10: float
    self_found: float
    photos: int
    vectors_sha256: str
    created_at: str
    seconds: float
    shared: Sharing | None = None

    @property
    def place(self) -> Collection:
        """The collection, as a server is told of it."""
        if self.shared is None:
            return Collection(self.collection, self.graph, self.photos)
        return Collection(self.collection, self.graph, self.shared.rows, self.shared.gone)


@dataclass(frozen=True, slots=True)
class Record:
    """What a version has on one kind of server.

    Attributes:
        published: the collection that is searched; None when there is none yet.
        leftovers: others that were begun, or searched before, and have not been dropped.
    """

    published: Publication | None = None
    leftovers: tuple[str, ...] = ()

    @property
    def collections(self) -> tuple[str, ...]:
        """The names of all."""
        return (*self.leftovers, *([self.published.collection] if self.published else []))


def read_record(version: Path, engine: str) -> Record:
    """What a version has on a kind of server; an empty record when nothing was noted.

    Raises:
        GalleryCorruptError: the file is damaged.
    """
    path = _file(version, engine)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Record()
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path) from error
    try:
        document = json.loads(text)
        check_seal(document)
        document["published"] = document.get(_SHARING) or document["published"]
        record: Record = _reader().validate_json(json.dumps({**document, "seal": None}), strict=True)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(path) from error
    return record


def write_record(version: Path, engine: str, record: Record) -> None:
    """Note what a version has, in one step.

    Raises:
        OSError: the disk is full or read-only.
    """
    document: dict[str, Any] = asdict(record) | {"leftovers": list(record.leftovers)}
    if record.published is not None and record.published.shared is not None:
        # To a program that knows of no sharing, nothing is published: it would take the rows for the version's.
        document |= {"published": None, _SHARING: document["published"]}
    write_whole(_file(version, engine), (json.dumps(sealed(document), indent=1) + "\n").encode())


def searched_beside(version: Path, engine: str) -> frozenset[str]:
    """The names of the collections that other versions of the same index are searched in.

    Raises:
        GalleryCorruptError: what was noted about one of them is damaged.
    """
    records = (read_record(other, engine) for other in versions_beside(version, engine))
    return frozenset(record.published.collection for record in records if record.published is not None)


def versions_beside(version: Path, engine: str) -> list[Path]:
    """The folders of the other versions of the same index that something was noted of; the newest first."""
    return [folder for folder in versions_of(version.parent, engine) if folder.name != version.name]


def versions_of(index: Path, engine: str) -> list[Path]:
    """The folders of the versions of an index that something was noted of; the newest first."""
    folders = (path.parent for path in index.glob(f"*/{engine}.json"))
    return sorted((folder for folder in folders if not folder.name.startswith(".")), reverse=True)


def write_rows(version: Path, engine: str, rows: RowMap) -> str:
    """Note which row of a version each row of a collection is, in one step; returns the sha256 of the file.

    Raises:
        OSError: the disk is full or read-only.
    """
    file = io.BytesIO()
    np.save(file, rows)
    content = file.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    write_whole(_rows_file(version, engine, sha256), content)
    return sha256


def read_rows(version: Path, engine: str, sharing: Sharing) -> RowMap:
    """Which row of a version each row of the collection is that it shares.

    Raises:
        GalleryCorruptError: the file is damaged, or gone.
    """
    path = _rows_file(version, engine, sharing.map_sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path) from error
    if hashlib.sha256(content).hexdigest() != sharing.map_sha256:
        raise _damaged(path)
    rows: RowMap = np.load(io.BytesIO(content), allow_pickle=False)
    if rows.shape != (sharing.rows,) or rows.dtype != np.int32:
        raise _damaged(path)
    return rows


def forget_rows(version: Path, engine: str, record: Record) -> None:
    """Remove the maps of collections that a version shared before.

    Raises:
        OSError: the disk is read-only.
    """
    sharing = record.published.shared if record.published is not None else None
    for path in version.glob(_rows_file(version, engine, "*").name):
        if sharing is None or path != _rows_file(version, engine, sharing.map_sha256):
            path.unlink()


def _rows_file(version: Path, engine: str, sha256: str) -> Path:
    # Named by what is in it: a record never finds the map of another one.
    return version / f"{engine}-rows-{sha256[:16]}.npy"


def _file(version: Path, engine: str) -> Path:
    return version / f"{engine}.json"


def _damaged(path: Path) -> GalleryCorruptError:
    return GalleryCorruptError(
        f"{path} is damaged.",
        hint="Remove it and publish again with `rvs index publish`; a collection may be left on the server.",
    )


@functools.cache
def _reader() -> TypeAdapter[Record]:
    return TypeAdapter(Record)
