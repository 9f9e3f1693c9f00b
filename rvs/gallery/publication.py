"""Which collections of a server belong to a version: `milvus.json` or `pgvector.json` in the version's folder.

The version itself is never changed: its manifest does not know of this file, which carries a seal of its own.
It names every collection that was ever begun for the version, so that none is forgotten on the server when a
process dies. What is on the server it does not know.
"""

import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from rvs.errors import GalleryCorruptError
from rvs.gallery.seal import check_seal, sealed
from rvs.vectors.server import Collection, GraphKind
from rvs.whole_files import write_whole

ENGINES = ("milvus", "pgvector")


@dataclass(frozen=True, slots=True)
class Publication:
    """A collection that holds a version, and what was measured when it was complete.

    Attributes:
        collection: its name on the server.
        graph: what was built over the vectors.
        width: how wide to search.
        recall_at_10: found with that width, measured as that of the Annoy file is.
        self_found: share of sampled photos that found themselves.
        photos: how many vectors are in it.
        vectors_sha256: of the file they are from.
        created_at: UTC, ISO 8601.
        seconds: what it took.
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

    @property
    def place(self) -> Collection:
        """The collection, as a server is told of it."""
        return Collection(self.collection, self.graph, self.photos)


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
        record: Record = _reader().validate_json(json.dumps({**document, "seal": None}), strict=True)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path) from error
    return record


def write_record(version: Path, engine: str, record: Record) -> None:
    """Note what a version has, in one step.

    Raises:
        OSError: the disk is full or read-only.
    """
    document = sealed(asdict(record) | {"leftovers": list(record.leftovers)})
    write_whole(_file(version, engine), (json.dumps(document, indent=1) + "\n").encode())


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
