"""Engines over the same vectors: real ones, a few hundred vectors, and one whose recall is known for each width."""

import numpy as np
import pytest

from rvs.arrays import Distances, Ids, Vectors
from rvs.errors import SearchMissingError
from rvs.evaluation.contenders import ServedContender, contender_for
from rvs.evaluation.engine_speed import EngineSpeed, Stored, measure_engine
from rvs.evaluation.server_process import ServerProcess
from rvs.gallery.embed import Progress
from rvs.searching import publisher_for
from rvs.settings import Search, Settings, load_settings
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex
from rvs.vectors.server import Collection
from tests.gallery.small import unheard
from tests.search_servers import Postgres, RealMilvus
from tests.vectors.crowd import crowd

PATIENCE_S = 30
SIZE = 600
VECTORS: Stored = crowd(40, 3).astype(np.float16)


class KnownRecall:
    """Exact search that forgets the nearest, unless it searches widely enough."""

    name, widths = "known", (10, 20, 40, 80)

    def __init__(self, needed: int) -> None:
        self.needed, self.opened = needed, list[int]()

    def build(self, vectors: Stored, report: Progress) -> None:
        report("build", 1, 1)

    def open(self, vectors: Stored, width: int) -> VectorIndex:
        self.opened.append(width)
        exact, forgets = ExactIndex(vectors), width < self.needed

        class Index:
            def __len__(self) -> int:
                return len(exact)

            def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
                ids, distances = exact.search(vectors, k)
                if forgets:
                    ids[:, 0] = -1
                return ids, distances

        return Index()

    def cpu_s(self) -> float | None:
        return None

    def memory_mib(self) -> float | None:
        return 7.0

    def disk_mib(self) -> float | None:
        return None


@pytest.mark.parametrize("needed", [5, 11, 20, 33, 80])
def test_the_least_width_that_is_enough_is_timed(needed: int) -> None:
    contender = KnownRecall(needed)
    speed = measure_engine(contender, VECTORS, SIZE, 0.95, unheard)
    assert speed.width is not None
    assert needed <= speed.width <= max(10, 1.2 * needed)
    assert speed.speed.recall == 1.0
    # None wider than need be: the wider, the longer it takes.
    assert max(contender.opened) < 2 * max(10, needed)
    assert (speed.build_cpu_s, speed.memory_mib, speed.disk_mib) == (None, 7.0, None)


def test_where_no_width_is_enough_the_widest_shows_what_it_finds() -> None:
    speed = measure_engine(KnownRecall(1000), VECTORS, SIZE, 0.95, unheard)
    assert (speed.width, speed.speed.recall) == (80, 0.9)


def _measured(settings: Settings, process: ServerProcess | None = None) -> EngineSpeed:
    told: list[tuple[str, int, int]] = []
    with contender_for(settings, 5, process, None) as contender:
        speed = measure_engine(contender, VECTORS, SIZE, 0.95, lambda *step: told.append(step))
    assert all(0 <= done <= total for _, done, total in told)
    assert told[0][0] == "600 vectors"
    assert told[-1][0] == f"{speed.engine}: search"
    return speed


@pytest.mark.parametrize(("search", "name"), [("annoy", "annoy, 5 trees"), ("exact", "exact")])
def test_an_engine_of_this_process(search: Search, name: str) -> None:
    speed = _measured(load_settings(search=search))
    assert speed.engine == name
    assert (speed.vectors, speed.dimension, speed.probes, speed.target) == (600, 32, 200, 0.95)
    assert speed.speed.recall >= 0.95
    assert speed.speed.search.p95_ms >= speed.speed.search.median_ms > 0
    assert speed.build_cpu_s is not None
    if search == "exact":
        assert (speed.width, speed.disk_mib) == (None, 0.0)
        assert speed.memory_mib == pytest.approx(600 * 33 * 4 / 2**20, abs=0.06)  # vectors and their squares
    else:
        assert speed.width is not None
        assert speed.disk_mib == pytest.approx(0.1, abs=0.1)
        assert speed.memory_mib is not None


def test_a_real_milvus(real_milvus: RealMilvus) -> None:
    _served(load_settings(search="milvus", milvus_uri=real_milvus.uri), real_milvus.pid, "milvus, hnsw")


def test_a_real_postgres(postgres: Postgres) -> None:
    _served(load_settings(search="pgvector", pgvector_dsn=postgres.dsn), postgres.pid, "pgvector, hnsw")


def _served(settings: Settings, pid: int, name: str) -> None:
    """It is measured, with what its processes need, and nothing stays on it."""
    publisher = publisher_for(settings)
    assert publisher is not None
    with contender_for(settings, 5, None, None) as contender:
        assert isinstance(contender, ServedContender)
        speed = measure_engine(contender, VECTORS, SIZE, 0.95, unheard)
        publisher.server.check(Collection(contender.collection, "hnsw", SIZE), PATIENCE_S)
    with pytest.raises(SearchMissingError):
        publisher.server.check(Collection(contender.collection, "hnsw", SIZE), PATIENCE_S)
    assert (speed.build_cpu_s, speed.memory_mib, speed.disk_mib) == (None, None, None)

    speed = _measured(settings, ServerProcess(pid))
    assert speed.engine == name
    assert speed.speed.recall >= 0.95
    assert speed.memory_mib is not None
    assert speed.memory_mib > 10
    assert speed.build_cpu_s is not None
    assert speed.build_cpu_s >= 0
