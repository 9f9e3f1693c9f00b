"""What a gallery costs on each engine: bytes per face, seconds to build, milliseconds to search.

Formulas through the points that were measured, which are here as well; everything else they say is
extrapolated. It knows nothing of documents. Dimensions are of the vectors, times are of 2 cores without a GPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Literal, TypeAlias

from rvs.gallery.build import DEFAULT_TREES

Quantity: TypeAlias = Literal["memory", "disk", "build", "latency"]

LFW = 13_233
MILLION = 1_000_000
USABLE_BYTES = 20 * 2**30  # of a machine of 24 GiB: the rest is the system's and the networks'

# Measured by `rvs index build` over LFW: bytes per photo of our own files, and of the records in memory.
PHOTO_LIST_BYTES = 284
RECORD_BYTES = 427
ANNOY_BYTES_PER_TREE = 14.0

# Photos a second on 2 cores, f32: LFW's of 250 px through `rvs index build`, and of one megapixel.
EMBED_PER_S = {"250 x 250": 81.0, "one megapixel": 16.0}

_ANNOY_NODES = 2**31  # it numbers them with 32 bits
_LEAF = 130  # faces that a leaf of Annoy's trees has at most, at 128 dimensions


def annoy_file_bytes(dimension: int, trees: int) -> float:
    """Bytes per face of Annoy's file: the vector with its header, and a share of each tree's nodes."""
    return 4 * dimension + 12 + ANNOY_BYTES_PER_TREE * trees


def annoy_most_faces(dimension: int, trees: int) -> int:
    """Where Annoy runs out of numbers for its nodes, which are all as large as a vector with its header."""
    nodes_per_face = annoy_file_bytes(dimension, trees) / (4 * dimension + 12)
    return int(_ANNOY_NODES / nodes_per_face)


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to search, by formulas in the number of faces n and the dimension d.

    Attributes:
        name: as people call it.
        memory: bytes per face that have to be in memory for the stated latency, by d.
        disk: bytes per face, by d.
        build: CPU seconds for the index, embedding not included, by n and d; None: nothing measured to go by.
        latency: median milliseconds of a search with a recall of 0.95, one at a time, by n and d; likewise.
        most_faces: where it ends for other reasons than memory, by d; None: not known to end.
    """

    name: str
    memory: Callable[[int], float]
    disk: Callable[[int], float]
    build: Callable[[int, int], float] | None
    latency: Callable[[int, int], float] | None
    most_faces: Callable[[int], int] | None = None

    def expected(self, quantity: Quantity, faces: int, dimension: int) -> float | None:
        """What the formula says of a whole gallery; None where there is none."""
        match quantity:
            case "memory":
                return faces * self.memory(dimension)
            case "disk":
                return faces * self.disk(dimension)
            case "build":
                return None if self.build is None else self.build(faces, dimension)
            case "latency":
                return None if self.latency is None else self.latency(faces, dimension)

    def fits(self, faces: int, dimension: int) -> bool:
        """Whether the engine can hold so many at all, memory aside."""
        return self.most_faces is None or faces <= self.most_faces(dimension)

    def faces_in(self, memory_bytes: float, dimension: int) -> int:
        """How many faces one machine with that much usable memory serves."""
        by_memory = int(memory_bytes / self.memory(dimension))
        return by_memory if self.most_faces is None else min(by_memory, self.most_faces(dimension))


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement, in the unit of the formula: bytes (of the whole gallery), CPU seconds, milliseconds.

    `ours` tells what this program measured on itself from what was measured on the engine alone, with made-up
    vectors that cluster like LFW's.
    """

    engine: str
    quantity: Quantity
    faces: int
    dimension: int
    value: float
    ours: bool = False


def _by_width(dimension: int, exponent: float) -> float:
    return float((dimension / 128) ** exponent)


def _halves(dimension: int) -> int:
    # pgvector indexes 4 bytes a number up to 2,000 dimensions, above that only `halfvec`, 2 bytes.
    return 4 if dimension <= 2000 else 2


EXACT = Engine(
    "exact",
    memory=lambda d: 4 * d + 4 + RECORD_BYTES,
    disk=lambda d: 2 * d + PHOTO_LIST_BYTES,
    build=lambda n, d: 0.0 * n * d,
    latency=lambda n, d: 40.0 * n / MILLION * _by_width(d, 1),
)
ANNOY = Engine(
    f"Annoy, {DEFAULT_TREES} trees",
    memory=lambda d: annoy_file_bytes(d, DEFAULT_TREES) + 2 * d + RECORD_BYTES,
    disk=lambda d: annoy_file_bytes(d, DEFAULT_TREES) + 2 * d + PHOTO_LIST_BYTES,
    build=lambda n, d: (
        61.0 * DEFAULT_TREES / 50 * n / MILLION * log(n / _LEAF) / log(MILLION / _LEAF) * _by_width(d, 2 / 3)
    ),
    latency=lambda n, d: 3.0 * (n / MILLION) ** 0.5 * _by_width(d, 0.5),
    most_faces=lambda d: annoy_most_faces(d, DEFAULT_TREES),
)
MILVUS_HNSW = Engine(
    "Milvus, HNSW",
    memory=lambda d: 4 * d + 790,
    disk=lambda d: 3_700 * _by_width(d, 1),
    build=lambda n, d: 870.0 * n / MILLION * log(n) / log(MILLION) * _by_width(d, 2 / 3),
    latency=lambda n, d: 3.1 * log(n) / log(MILLION) * _by_width(d, 0.5),
)
MILVUS_DISKANN = Engine(
    "Milvus, DiskANN",
    memory=lambda d: 0.125 * 4 * d,
    disk=lambda d: 2 * 4 * d,
    build=None,
    latency=None,
)
PGVECTOR = Engine(
    "pgvector, HNSW",
    memory=lambda d: _halves(d) * d + 281,
    disk=lambda d: 2 * _halves(d) * d + 380,
    build=lambda n, d: 3_100.0 * n / MILLION * log(n) / log(MILLION) * _by_width(d, 2 / 3),
    latency=lambda n, d: 2.2 * log(n) / log(MILLION) * _by_width(d, 0.5),
    most_faces=lambda d: 0 if d > 4000 else MILLION * MILLION,
)
ENGINES = (EXACT, ANNOY, MILVUS_HNSW, MILVUS_DISKANN, PGVECTOR)

POINTS = (
    Point(EXACT.name, "disk", LFW, 128, 3_387_776 + 3_751_469, ours=True),
    Point(ANNOY.name, "disk", LFW, 128, 14_298_388 + 3_387_776 + 3_751_469, ours=True),
    Point(EXACT.name, "latency", LFW, 128, 0.15),
    Point(EXACT.name, "latency", MILLION, 128, 40.0),
    Point(ANNOY.name, "build", MILLION, 128, 61.0 * DEFAULT_TREES / 50),
    Point(ANNOY.name, "latency", MILLION, 128, 3.0),
    Point(MILVUS_HNSW.name, "memory", MILLION, 128, 1.3e9),
    Point(MILVUS_HNSW.name, "disk", MILLION, 128, 3.7e9),
    Point(MILVUS_HNSW.name, "build", MILLION, 128, 14.5 * 60),
    Point(MILVUS_HNSW.name, "latency", MILLION, 128, 3.1),
    Point(PGVECTOR.name, "memory", MILLION, 128, 0.793e9),
    Point(PGVECTOR.name, "disk", MILLION, 128, 1.4e9),
    Point(PGVECTOR.name, "build", MILLION, 128, 3_100.0),
    Point(PGVECTOR.name, "latency", MILLION, 128, 2.2),
)
"""Exact is faster than its formula where the vectors fit into the processor's cache. Annoy's build is scaled from
50 trees, and its latency lies between two measured recalls. Milvus' memory was read between 1.25 and 1.4 GB, and its
CPU before its compaction was over; pgvector's CPU is an estimate from its wall time and two workers."""


def embed_days(faces: int, photos_per_s: float) -> float:
    """Days that one machine of 2 cores needs to embed so many photos."""
    return faces / photos_per_s / 86_400


def machines_for_a_day(faces: int, photos_per_s: float) -> int:
    """Machines of 2 cores that embed so many photos within a day."""
    return max(1, -int(-embed_days(faces, photos_per_s) // 1))


def measured(engine: Engine, quantity: Quantity, faces: int, dimension: int) -> Point | None:
    """The measurement at exactly this place, if there is one."""
    places = ((point.engine, point.quantity, point.faces, point.dimension) for point in POINTS)
    found = dict(zip(places, POINTS, strict=True))
    return found.get((engine.name, quantity, faces, dimension))
