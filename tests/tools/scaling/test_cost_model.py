"""The formulas go through what was measured, and the committed index is as large as they say."""

import pytest

from rvs.evaluation.engine_speed import EngineSpeed
from rvs.evaluation.index_speed import IndexSpeed
from rvs.evaluation.spread import Spread
from rvs.gallery.build import DEFAULT_TREES
from rvs.gallery.store import Store
from tests.conftest import ROOT
from tools.scaling.cost_model import (
    ANNOY,
    EXACT,
    LFW,
    MILLION,
    MILVUS_HNSW,
    PGVECTOR,
    Engine,
    Point,
    Quantity,
    annoy_file_bytes,
    annoy_most_faces,
    embed_days,
    engines,
    machines_for_a_day,
    measured,
    points,
)
from tools.scaling.document import DOCUMENT
from tools.scaling.measured import read_measured

COMMITTED = points(row.speed for row in read_measured(DOCUMENT.parent).engines)
ENGINES = engines(COMMITTED)
BY_NAME = {engine.name: engine for engine in ENGINES}


@pytest.mark.parametrize("point", [point for point in COMMITTED if point.faces in (LFW, MILLION)])
def test_formulas_go_through_what_was_measured(point: Point) -> None:
    expected = BY_NAME[point.engine].expected(point.quantity, point.faces, point.dimension)
    assert expected == pytest.approx(point.value, rel=0.02)


@pytest.mark.parametrize("point", [point for point in COMMITTED if LFW < point.faces != MILLION])
def test_and_come_near_what_was_measured_elsewhere(point: Point) -> None:
    expected = BY_NAME[point.engine].expected(point.quantity, point.faces, point.dimension)
    assert expected is not None
    assert 1 / 3 < expected / point.value < 3


def _speed(engine: str, vectors: int, **figures: float) -> EngineSpeed:
    return EngineSpeed(
        engine=engine,
        vectors=vectors,
        dimension=128,
        probes=200,
        build_s=100.0,
        build_cpu_s=figures.get("cpu", 150.0),
        target=0.95,
        width=64,
        speed=IndexSpeed(0.95, Spread(figures.get("ms", 3.0), 9.0)),
        memory_mib=figures.get("memory", 1000.0),
        disk_mib=figures.get("disk", 2000.0),
    )


def test_what_there_is_in_any_case_is_told_from_what_each_face_adds() -> None:
    names = ("exact", f"annoy, {DEFAULT_TREES} trees", "milvus, hnsw", "pgvector, hnsw", "unheard of")
    speeds = [_speed(name, MILLION) for name in names]
    speeds += [_speed(name, 100_000, memory=460.0, ms=1.5) for name in names]
    milvus, pgvector = (
        engine for engine in engines(points(speeds)) if engine.name in (MILVUS_HNSW, PGVECTOR)
    )
    for engine in (milvus, pgvector):
        assert engine.memory.always == pytest.approx(400 * 2**20)
        assert engine.memory.per_face(128) == pytest.approx(600 * 2**20 / MILLION)
        assert engine.memory.per_face(512) == pytest.approx(600 * 2**20 / MILLION + 4 * 384)
        # The measured disk is the same at both sizes.
        assert engine.disk.per_face(128) == pytest.approx(0)
        assert engine.build is not None
        assert engine.build(MILLION, 128) == pytest.approx(150)
        assert engine.latency is not None
        # Twice as long for ten times as many.
        assert engine.latency(10 * MILLION, 128) == pytest.approx(6)
        assert engine.latency(10 * MILLION, 512) == pytest.approx(12)
    with pytest.raises(KeyError):
        engines(points(speed for speed in speeds if speed.engine != "exact"))


def test_the_files_of_the_committed_index() -> None:
    version = Store(ROOT / "index" / "lfw").current()
    sizes = {path.name: path.stat().st_size for path in version.iterdir()}
    assert sizes["photos.annoy"] == pytest.approx(LFW * annoy_file_bytes(128, DEFAULT_TREES), rel=0.02)
    whole = sizes["photos.annoy"] + sizes["vectors.npy"] + sizes["photos.json"]
    assert whole == pytest.approx(BY_NAME[ANNOY].expected("disk", LFW, 128), rel=0.02)


def test_where_engines_end() -> None:
    assert annoy_most_faces(128, 40) == pytest.approx(1e9, rel=0.1)
    assert annoy_most_faces(128, 200) < annoy_most_faces(128, 40)
    assert not BY_NAME[ANNOY].fits(2 * 10**9, 128)
    assert BY_NAME[PGVECTOR].fits(MILLION, 2048)
    assert not BY_NAME[PGVECTOR].fits(1, 4096)
    assert BY_NAME[EXACT].fits(10**12, 128)


def test_how_many_fit_into_memory() -> None:
    for engine in (BY_NAME[EXACT], BY_NAME[ANNOY]):
        faces = engine.faces_in(2**30, 128)
        assert faces * engine.memory.per_face(128) <= 2**30 < (faces + 1) * engine.memory.per_face(128)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_more_costs_more(engine: Engine) -> None:
    quantities: tuple[Quantity, ...] = ("memory", "disk", "build", "latency")
    for quantity in quantities:
        here = engine.expected(quantity, 10**6, 128)
        for faces, dimension in ((10**7, 128), (10**6, 512)):
            more = engine.expected(quantity, faces, dimension)
            assert (here is None) == (more is None)
            assert not here or (more or 0) > here


def test_only_what_was_measured_is_marked_as_measured() -> None:
    assert measured(COMMITTED, ANNOY, "disk", LFW, 128) is not None
    assert measured(COMMITTED, ANNOY, "disk", LFW, 512) is None
    assert measured(COMMITTED, ANNOY, "disk", 10**9, 128) is None


def test_embedding_by_hand() -> None:
    assert embed_days(864_000, 10) == pytest.approx(1)
    assert machines_for_a_day(864_000, 10) == 1
    assert machines_for_a_day(864_001, 10) == 2
