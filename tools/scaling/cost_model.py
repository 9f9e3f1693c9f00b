"""What a gallery costs on each engine: bytes per face, seconds to build, milliseconds to search.

Formulas through the points that were measured (`points`); everything else they say is extrapolated. It knows
nothing of documents. Dimensions are of the vectors, times are of 2 cores without a GPU.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal, TypeAlias

from rvs.evaluation.engine_speed import EngineSpeed
from rvs.gallery.build import DEFAULT_TREES

Quantity: TypeAlias = Literal["memory", "disk", "build", "latency"]

LFW = 13_233
MILLION = 1_000_000
MEASURED_DIMENSION = 128
USABLE_BYTES = 20 * 2**30  # of a machine of 24 GiB: the rest is the system's and the networks'

EXACT = "exact"
ANNOY = f"Annoy, {DEFAULT_TREES} trees"
MILVUS_HNSW = "Milvus, HNSW"
MILVUS_DISKANN = "Milvus, DiskANN"
PGVECTOR = "pgvector, HNSW"
_MEASURED_AS = {
    "exact": EXACT,
    f"annoy, {DEFAULT_TREES} trees": ANNOY,
    "milvus, hnsw": MILVUS_HNSW,
    "pgvector, hnsw": PGVECTOR,
}

# Measured by `rvs index build` over LFW: bytes per photo of our own files, and of the records in memory.
PHOTO_LIST_BYTES = 284
RECORD_BYTES = 427
ANNOY_BYTES_PER_TREE = 14.0
_LFW_LIST, _LFW_VECTORS, _LFW_FOREST = 3_751_469, 3_387_776, 14_298_388

_ANNOY_NODES = 2**31  # it numbers them with 32 bits
_LEAF = 130  # faces that a leaf of Annoy's trees has at most, at 128 dimensions


def annoy_file_bytes(dimension: int, trees: int) -> float:
    """Bytes per face of Annoy's file: the vector with its header, and a share of each tree's nodes."""
    return 4 * dimension + 12 + ANNOY_BYTES_PER_TREE * trees


def annoy_most_faces(dimension: int, trees: int) -> int:
    """Where Annoy runs out of numbers for its nodes, which are all as large as a vector with its header."""
    nodes_per_face = annoy_file_bytes(dimension, trees) / (4 * dimension + 12)
    return int(_ANNOY_NODES / nodes_per_face)


def _by_width(dimension: int, exponent: float) -> float:
    return float((dimension / MEASURED_DIMENSION) ** exponent)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement, in the unit of the formula: bytes (of the whole gallery), CPU seconds, milliseconds."""

    engine: str
    quantity: Quantity
    faces: int
    dimension: int
    value: float


def points(speeds: Iterable[EngineSpeed]) -> tuple[Point, ...]:
    """Everything that was measured, in the order of the engines and of the quantities.

    Args:
        speeds: of `rvs bench --search`. Of Exact and Annoy their times count only: what they hold is known from their
            files, and our list of photos belongs to it.
    """
    found = [
        Point(EXACT, "disk", LFW, MEASURED_DIMENSION, _LFW_VECTORS + _LFW_LIST),
        Point(ANNOY, "disk", LFW, MEASURED_DIMENSION, _LFW_FOREST + _LFW_VECTORS + _LFW_LIST),
    ]
    for speed in speeds:
        engine = _MEASURED_AS.get(speed.engine)
        if engine is None:
            continue
        values: dict[Quantity, float | None] = {"latency": speed.speed.search.median_ms}
        if engine != EXACT:
            values["build"] = speed.build_cpu_s
        if engine in (MILVUS_HNSW, PGVECTOR):
            values["memory"] = None if speed.memory_mib is None else speed.memory_mib * 2**20
            values["disk"] = None if speed.disk_mib is None else speed.disk_mib * 2**20
        found += [
            Point(engine, quantity, speed.vectors, speed.dimension, value)
            for quantity, value in values.items()
            if value is not None
        ]
    order = list(_MEASURED_AS.values())
    return tuple(sorted(found, key=lambda one: (order.index(one.engine), one.quantity, one.faces)))


def measured(
    known: Iterable[Point], engine: str, quantity: Quantity, faces: int, dimension: int
) -> Point | None:
    """The measurement at exactly this place, if there is one."""
    places = {(point.engine, point.quantity, point.faces, point.dimension): point for point in known}
    return places.get((engine, quantity, faces, dimension))


@dataclass(frozen=True, slots=True)
class Bytes:
    """An amount that grows with the faces: what there is in any case, and what each face adds, by the dimension."""

    per_face: Callable[[int], float]
    always: float = 0.0

    def of(self, faces: int, dimension: int) -> float:
        """Of a whole gallery."""
        return self.always + faces * self.per_face(dimension)


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to search, by formulas in the number of faces n and the dimension d.

    Attributes:
        name: as people call it.
        memory: that has to be there for the stated latency.
        disk: what lies there.
        build: CPU seconds for the index, embedding not included, by n and d; None: nothing measured to go by.
        latency: median milliseconds of a search with a recall of 0.95, one at a time, by n and d; likewise.
        most_faces: where it ends for other reasons than memory, by d; None: not known to end.
    """

    name: str
    memory: Bytes
    disk: Bytes
    build: Callable[[int, int], float] | None
    latency: Callable[[int, int], float] | None
    most_faces: Callable[[int], int] | None = None

    def expected(self, quantity: Quantity, faces: int, dimension: int) -> float | None:
        """What the formula says of a whole gallery; None where there is none."""
        match quantity:
            case "memory":
                return self.memory.of(faces, dimension)
            case "disk":
                return self.disk.of(faces, dimension)
            case "build":
                return None if self.build is None else self.build(faces, dimension)
            case "latency":
                return None if self.latency is None else self.latency(faces, dimension)

    def fits(self, faces: int, dimension: int) -> bool:
        """Whether the engine can hold so many at all, memory aside."""
        return self.most_faces is None or faces <= self.most_faces(dimension)

    def faces_in(self, memory_bytes: float, dimension: int) -> int:
        """How many faces one machine with that much usable memory serves."""
        by_memory = int((memory_bytes - self.memory.always) / self.memory.per_face(dimension))
        return by_memory if self.most_faces is None else min(by_memory, self.most_faces(dimension))


def engines(known: Sequence[Point]) -> tuple[Engine, ...]:
    """The engines, by formulas through what was measured at a million faces of 128 dimensions.

    Raises:
        KeyError: something was not measured there.
    """
    at_million = {(point.engine, point.quantity): point.value for point in known if point.faces == MILLION}

    exact_ms, annoy_build_s = at_million[EXACT, "latency"], at_million[ANNOY, "build"]

    def measured_at(engine: str, quantity: Quantity) -> list[tuple[int, float]]:
        """The sizes, rising to a million, and the values."""
        return sorted(
            (point.faces, point.value)
            for point in known
            if (point.engine, point.quantity) == (engine, quantity) and point.faces <= MILLION
        )

    def line(engine: str, quantity: Quantity, by_width: Callable[[float, int], float]) -> Bytes:
        """Through the smallest size that was measured and a million."""
        (least, value), top = measured_at(engine, quantity)[0], at_million[engine, quantity]
        slope = top / MILLION if least == MILLION else (top - value) / (MILLION - least)
        return Bytes(lambda d: by_width(slope, d), top - slope * MILLION)

    def power(engine: str) -> Callable[[int, int], float]:
        """The time of a search, likewise; a graph alone grows with log n, but it leaves the processor's cache."""
        (least, value), top = measured_at(engine, "latency")[0], at_million[engine, "latency"]
        grows = 0.5 if least == MILLION else log(top / value) / log(MILLION / least)
        return lambda n, d: top * (n / MILLION) ** grows * _by_width(d, 0.5)

    def one_search_each(engine: str) -> Callable[[int, int], float]:
        """The time to build a graph: a search for each face, in a graph with log n levels."""
        value = at_million[engine, "build"]
        return lambda n, d: value * n / MILLION * log(n) / log(MILLION) * _by_width(d, 2 / 3)

    return (
        Engine(
            EXACT,
            memory=Bytes(lambda d: 4 * d + 4 + RECORD_BYTES),
            disk=Bytes(lambda d: 2 * d + PHOTO_LIST_BYTES),
            build=lambda n, d: 0.0 * n * d,
            latency=lambda n, d: exact_ms * n / MILLION * _by_width(d, 1),
        ),
        Engine(
            ANNOY,
            memory=Bytes(lambda d: annoy_file_bytes(d, DEFAULT_TREES) + 2 * d + RECORD_BYTES),
            disk=Bytes(lambda d: annoy_file_bytes(d, DEFAULT_TREES) + 2 * d + PHOTO_LIST_BYTES),
            build=lambda n, d: (
                annoy_build_s * n / MILLION * log(n / _LEAF) / log(MILLION / _LEAF) * _by_width(d, 2 / 3)
            ),
            latency=power(ANNOY),
            most_faces=lambda d: annoy_most_faces(d, DEFAULT_TREES),
        ),
        Engine(
            MILVUS_HNSW,
            # float32, once.
            memory=line(MILVUS_HNSW, "memory", lambda bytes_, d: bytes_ + 4 * (d - MEASURED_DIMENSION)),
            disk=line(MILVUS_HNSW, "disk", lambda bytes_, d: bytes_ * _by_width(d, 1)),
            build=one_search_each(MILVUS_HNSW),
            latency=power(MILVUS_HNSW),
        ),
        Engine(
            MILVUS_DISKANN,
            memory=Bytes(lambda d: 0.125 * 4 * d),
            disk=Bytes(lambda d: 2 * 4 * d),
            build=None,
            latency=None,
        ),
        Engine(
            PGVECTOR,
            # halfvec, in the table and in the index.
            memory=line(PGVECTOR, "memory", lambda bytes_, d: bytes_ + 4 * (d - MEASURED_DIMENSION)),
            disk=line(PGVECTOR, "disk", lambda bytes_, d: bytes_ + 4 * (d - MEASURED_DIMENSION)),
            build=one_search_each(PGVECTOR),
            latency=power(PGVECTOR),
            most_faces=lambda d: 0 if d > 4000 else MILLION * MILLION,
        ),
    )


def embed_days(faces: int, photos_per_s: float) -> float:
    """Days that one machine of 2 cores needs to embed so many photos."""
    return faces / photos_per_s / 86_400


def machines_for_a_day(faces: int, photos_per_s: float) -> int:
    """Machines of 2 cores that embed so many photos within a day."""
    return max(1, -int(-embed_days(faces, photos_per_s) // 1))
