"""Rows that nobody wants are erased from collections on real servers, while others are searched in them.

A real Milvus takes ten seconds for each fill and each erasing, so all that it has to show is in two tests.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from rvs.arrays import Ids, Vectors
from rvs.errors import SearchMissingError, SearchUnavailableError
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.milvus_index import Milvus
from rvs.vectors.pgvector_index import PgVector
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.rerank import rerank
from rvs.vectors.row_map import RowMap
from rvs.vectors.server import Collection, VectorServer
from rvs.vectors.shared_rows import SharedRows
from tests.search_servers import Postgres, RealMilvus
from tests.vectors.crowd import crowd, unit

DIMENSION = 32
GONE = 300


def _filled() -> Vectors:
    """3,300 vectors, of which every eleventh is of one person who looks like the first of the others."""
    others = crowd(1500, 2, dimension=DIMENSION, spread=0.6)
    person = unit(others[:1] + 0.1 * unit(np.random.default_rng(5).standard_normal((GONE, DIMENSION))))
    return np.insert(others, np.arange(0, len(others), 10), person, axis=0)


FILLED = _filled().astype(np.float16)
ROWS: Ids = np.arange(GONE) * 11  # of that person, in the collection
KEPT = np.delete(FILLED, ROWS, axis=0)


def _map() -> RowMap:
    rows = np.full(len(FILLED), -1, np.int32)
    rows[np.delete(np.arange(len(FILLED)), ROWS)] = np.arange(len(KEPT))
    return rows


@dataclass(frozen=True)
class Filled:
    """A collection on a server, in which a version is searched that lacks a person of it."""

    connect: Callable[[], VectorServer]
    collection: Collection

    def index(self) -> RemoteIndex:
        server = self.connect()
        width = server.widths("hnsw")[-1]
        return RemoteIndex(server, self.collection, KEPT, width, 30, shared=SharedRows(_map(), KEPT))

    def proposed(self, probes: Vectors) -> set[int]:
        """All rows that the server itself proposes when it is asked for as many as it has."""
        k, server = self.collection.rows, self.connect()
        server.check(self.collection, 30)
        found = server.candidates(self.collection, probes, k, 64, 30)
        return {int(row) for rows in found for row in rows}

    def is_complete(self, gone: int) -> bool:
        try:
            self.connect().check(replace(self.collection, gone=gone), 30)
        except SearchMissingError:
            return False
        return True


@pytest.fixture(params=["milvus-lite", "pgvector"])
def filled(request: pytest.FixtureRequest) -> Filled:
    match request.param:
        case "milvus-lite":
            connect: Callable[[], VectorServer] = partial(Milvus, request.getfixturevalue("milvus_lite"))
        case "milvus":
            connect = partial(Milvus, request.getfixturevalue("real_milvus").uri)
        case _:
            connect = partial(PgVector, request.getfixturevalue("postgres").dsn)
    collection = Collection("erasing", "hnsw", len(FILLED), GONE)
    server = connect()
    server.drop(collection.name)
    server.fill(collection, FILLED, lambda *_: None)
    return Filled(connect, collection)


PROBES = np.concatenate([FILLED[ROWS[:3]], KEPT[[0, 7, 1234, 2999]]]).astype(np.float32)


def _truth(k: int) -> tuple[Ids, Vectors]:
    return rerank(KEPT, PROBES, list(ExactIndex(KEPT).search(PROBES, 4 * k)[0]), k)


@pytest.mark.parametrize("filled", ["milvus-lite", "milvus", "pgvector"], indirect=True)
def test_whoever_asks_meanwhile_gets_the_same_answers(filled: Filled) -> None:
    """From before until after; also who comes later, and asks anew whether it is complete."""
    stop = threading.Event()
    truth, far = _truth(10)

    def keep_asking(index: RemoteIndex) -> int:
        asked = 0
        while not stop.is_set() or not asked:
            ids, distances = index.search(PROBES, 10)
            np.testing.assert_array_equal(ids, truth)
            np.testing.assert_array_equal(distances, far)
            asked += 1
        return asked

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking, filled.index()) for _ in range(3)]
        try:
            assert filled.connect().erase(filled.collection, ROWS) == GONE
            assert filled.connect().erase(filled.collection, ROWS) == 0
        finally:
            stop.set()
        assert all(one.result() for one in asking)
    keep_asking(filled.index())


def test_they_are_gone_and_nothing_else(filled: Filled) -> None:
    server = filled.connect()
    first, all_rows = ROWS[:40], set(range(len(FILLED)))
    assert filled.proposed(PROBES[:1]) == all_rows
    assert server.erase(filled.collection, first) == 40
    assert filled.proposed(PROBES[:1]) == all_rows - {*first.tolist()}
    # Later all that was erased before is named again.
    assert server.erase(filled.collection, ROWS) == GONE - 40
    assert filled.proposed(PROBES[:1]) == all_rows - {*ROWS.tolist()}
    assert filled.is_complete(GONE)


def test_one_that_is_in_no_memory_and_one_that_is_not_there(filled: Filled) -> None:
    server = filled.connect()
    server.unload(filled.collection)
    assert server.erase(filled.collection, ROWS) == GONE
    assert filled.is_complete(GONE)
    assert not filled.proposed(PROBES[:1]) & {*ROWS.tolist()}
    assert server.erase(Collection("nowhere", "hnsw", 10), ROWS[:1]) == 0


def test_of_a_milvus_more_may_not_be_missing_than_is_gone(filled: Filled) -> None:
    """Nor of the version that it was filled for, anything; PostgreSQL has a table complete or not at all."""
    assert filled.is_complete(0)
    filled.connect().erase(filled.collection, ROWS)
    assert filled.is_complete(GONE)
    if filled.connect().engine == "milvus":
        assert not filled.is_complete(GONE - 1)
        assert not filled.is_complete(0)


@pytest.mark.parametrize("filled", ["milvus"], indirect=True)
def test_what_a_milvus_erased_stays_so_when_it_is_killed(filled: Filled, real_milvus: RealMilvus) -> None:
    server, all_rows = filled.connect(), set(range(len(FILLED)))
    assert server.erase(filled.collection, ROWS[:40]) == 40
    assert filled.proposed(PROBES[:1]) == all_rows - {*ROWS[:40].tolist()}
    # Later all that was erased before is named again; and it need not be in memory.
    server.unload(filled.collection)
    assert server.erase(filled.collection, ROWS) == GONE - 40
    assert filled.is_complete(GONE)
    assert not filled.is_complete(GONE - 1)
    assert not filled.is_complete(0)
    real_milvus.kill()
    real_milvus.start()
    deadline = time.monotonic() + 60
    while True:
        try:
            found = filled.proposed(PROBES[:1])
            break
        except SearchUnavailableError:  # it loads
            if time.monotonic() > deadline:
                raise
    assert found == all_rows - {*ROWS.tolist()}
    filled.connect().drop(filled.collection.name)


def test_between_delete_and_vacuum_nobody_gets_fewer(postgres: Postgres) -> None:
    """Those deleted fill all places of a narrow search there."""
    import psycopg  # noqa: PLC0415

    server = PgVector(postgres.dsn)
    collection = Collection("deleted", "hnsw", len(FILLED), GONE)
    server.fill(collection, FILLED, lambda *_: None)
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM deleted WHERE id = ANY(%s)", [ROWS.tolist()])
        index = RemoteIndex(server, collection, KEPT, 16, 30, shared=SharedRows(_map(), KEPT))
        np.testing.assert_array_equal(index.search(PROBES[:3], 10)[0], _truth(10)[0][:3])
        # Whoever deleted them was killed: the next one finishes it.
        assert _vectors_in_files(postgres, connection, "deleted_vector_idx") == GONE
        assert server.erase(collection, ROWS) == 0
        assert _vectors_in_files(postgres, connection, "deleted_vector_idx") == 0
    server.drop(collection.name)


def test_few_vectors_are_gone_from_the_graph_of_postgres_as_well(postgres: Postgres) -> None:
    """Where they are on fewer than 2 % of the table's pages, a plain VACUUM would leave them there."""
    import psycopg  # noqa: PLC0415

    server = PgVector(postgres.dsn)
    many = np.concatenate([FILLED, KEPT])
    collection = Collection("few", "hnsw", len(many), GONE)
    server.fill(collection, many, lambda *_: None)
    assert server.erase(collection, ROWS[:1]) == 1
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        assert _vectors_in_files(postgres, connection, "few_vector_idx") == GONE - 1
    server.drop(collection.name)


def _vectors_in_files(postgres: Postgres, connection: object, relation: str) -> int:
    """Of how many of the person's vectors a file of the database has the bytes."""
    connection.execute("CHECKPOINT")  # type: ignore[attr-defined]
    (path,) = connection.execute("SELECT pg_relation_filepath(%s)", [relation]).fetchone()  # type: ignore[attr-defined]
    content = (postgres.folder / "data" / path).read_bytes()
    return sum(FILLED[row].tobytes() in content for row in ROWS)
