"""The formulas go through what was measured, and the committed index is as large as they say."""

import pytest

from rvs.gallery.build import DEFAULT_TREES
from rvs.gallery.store import Store
from tests.conftest import ROOT
from tools.scaling.cost_model import (
    ANNOY,
    ENGINES,
    EXACT,
    LFW,
    MILLION,
    PGVECTOR,
    POINTS,
    Engine,
    Point,
    Quantity,
    annoy_file_bytes,
    annoy_most_faces,
    embed_days,
    machines_for_a_day,
    measured,
)

BY_NAME = {engine.name: engine for engine in ENGINES}


@pytest.mark.parametrize(
    "point", [point for point in POINTS if point.quantity != "latency" or point.faces > LFW]
)
def test_formulas_go_through_the_points(point: Point) -> None:
    expected = BY_NAME[point.engine].expected(point.quantity, point.faces, point.dimension)
    assert expected == pytest.approx(point.value, rel=0.02)


def test_the_files_of_the_committed_index() -> None:
    version = Store(ROOT / "index" / "lfw").current()
    sizes = {path.name: path.stat().st_size for path in version.iterdir()}
    assert sizes["photos.annoy"] == pytest.approx(LFW * annoy_file_bytes(128, DEFAULT_TREES), rel=0.02)
    whole = sizes["photos.annoy"] + sizes["vectors.npy"] + sizes["photos.json"]
    assert whole == pytest.approx(ANNOY.expected("disk", LFW, 128), rel=0.02)


def test_where_engines_end() -> None:
    assert annoy_most_faces(128, 40) == pytest.approx(1e9, rel=0.1)
    assert annoy_most_faces(128, 200) < annoy_most_faces(128, 40)
    assert not ANNOY.fits(2 * 10**9, 128)
    assert PGVECTOR.fits(MILLION, 2048)
    assert not PGVECTOR.fits(1, 4096)
    assert EXACT.fits(10**12, 128)


def test_how_many_fit_into_memory() -> None:
    for engine in (EXACT, ANNOY):
        faces = engine.faces_in(2**30, 128)
        assert faces * engine.memory(128) <= 2**30 < (faces + 1) * engine.memory(128)


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
    assert measured(ANNOY, "disk", LFW, 128) is not None
    assert measured(ANNOY, "disk", LFW, 512) is None
    assert measured(ANNOY, "disk", 10**9, 128) is None


def test_embedding_by_hand() -> None:
    assert embed_days(864_000, 10) == pytest.approx(1)
    assert machines_for_a_day(864_000, 10) == 1
    assert machines_for_a_day(864_001, 10) == 2
