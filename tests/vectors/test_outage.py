"""Real servers that are killed, that hang, and that lack what they should have; and what comes of it."""

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rvs.errors import ConfigError, SearchMissingError, SearchUnavailableError
from rvs.vectors.milvus_index import Milvus
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.server import Collection, VectorServer
from tests.search_servers import Postgres, RealMilvus, missing
from tests.vectors.crowd import crowd

VECTORS = crowd(100, 2, dimension=32).astype(np.float16)
PROBES = VECTORS[:5].astype(np.float32)
COLLECTION = Collection("outage", "hnsw", len(VECTORS))
OTHER = Collection("other", "hnsw", 7)


@dataclass
class Real:
    """A server that runs apart from this process, and how to reach it as a new client does."""

    process: RealMilvus | Postgres
    connect: Callable[[], VectorServer]

    def index(self, collection: Collection = COLLECTION, timeout_s: float = 30) -> RemoteIndex:
        return RemoteIndex(self.connect(), collection, VECTORS, 64, timeout_s)


@pytest.fixture(scope="module", params=["milvus", "pgvector"])
def real(request: pytest.FixtureRequest) -> Real:
    if request.param == "milvus":
        milvus: RealMilvus = request.getfixturevalue("real_milvus")
        real = Real(milvus, lambda: Milvus(milvus.uri))
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

        real = Real(postgres, lambda: PgVector(postgres.dsn))
    with ThreadPoolExecutor(2) as pool:  # most of it is waiting
        for filled in [
            pool.submit(real.connect().fill, one, VECTORS[: one.rows], lambda *_: None)
            for one in (COLLECTION, OTHER)
        ]:
            filled.result()
    return real


def test_killed_and_started_again_it_answers_without_a_new_client(real: Real) -> None:
    index = real.index(timeout_s=2)
    expected, _ = index.search(PROBES, 3)
    real.process.kill()
    try:
        for _ in range(2):
            with pytest.raises(SearchUnavailableError) as caught:
                index.search(PROBES, 3)
            assert index.trouble == caught.value.why != ""
    finally:
        real.process.start()
    # Ready to answer is not yet ready to search: a Milvus loads first.
    for _ in range(60):
        try:
            found, _ = index.search(PROBES, 3)
        except SearchUnavailableError:
            continue
        break
    np.testing.assert_array_equal(found, expected)
    assert index.trouble == ""


def test_killed_in_the_middle_of_filling_it_has_all_that_it_acknowledged(real_milvus: RealMilvus) -> None:
    """And still it is not taken for complete."""
    import pymilvus  # noqa: PLC0415

    many = np.repeat(crowd(2500, 2, dimension=256), 8, axis=0)  # in ten inserts
    half = Collection("half", "hnsw", len(many))
    acknowledged: list[int] = []

    def told(done: int, total: int) -> None:
        acknowledged.append(done)
        if len(acknowledged) == 4:
            killing.start()  # while we go on

    killing = threading.Thread(target=real_milvus.kill)
    server = Milvus(real_milvus.uri)
    try:
        with pytest.raises(SearchUnavailableError):
            server.fill(half, many, told)
    finally:
        killing.join()
        real_milvus.start()
    assert 0 < acknowledged[-1] < len(many)
    with pytest.raises(SearchMissingError):
        server.check(half, 30)
    client = pymilvus.MilvusClient(real_milvus.uri, dedicated=True)
    client.flush(half.name, timeout=60)
    kept = client.get_collection_stats(half.name)["row_count"]
    # The one that was under way may be there, too.
    assert acknowledged[-1] <= kept <= acknowledged[-1] + acknowledged[1]
    client.close()
    server.drop(half.name)


def test_a_restart_between_two_searches_is_not_even_noticed(postgres: Postgres) -> None:
    """Connections that were idle are dead then; the second try has a new one."""
    from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

    here = Collection("restart", "hnsw", len(VECTORS))
    server = PgVector(postgres.dsn)
    server.fill(here, VECTORS, lambda *_: None)
    index = RemoteIndex(server, here, VECTORS, 64, 30)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: index.search(PROBES, 3), range(8)))
    expected, _ = index.search(PROBES, 3)
    postgres.kill()
    postgres.start()
    np.testing.assert_array_equal(index.search(PROBES, 3)[0], expected)


def test_a_server_that_hangs_is_given_up(real: Real) -> None:
    """Without a deadline this test would not end."""
    index = real.index(timeout_s=1)
    fresh = real.index(timeout_s=1)
    expected, _ = index.search(PROBES, 3)
    real.process.pause()
    try:
        for one in (index, fresh):
            with pytest.raises(SearchUnavailableError):
                one.search(PROBES, 3)
    finally:
        real.process.go_on()
    real.index().search(PROBES, 3)
    for one in (index, fresh):
        np.testing.assert_array_equal(one.search(PROBES, 3)[0], expected)


def test_a_collection_that_is_not_there(real: Real) -> None:
    index = real.index(Collection("nowhere", "hnsw", len(VECTORS)))
    with pytest.raises(SearchUnavailableError) as caught:
        index.search(PROBES, 3)
    assert "nowhere" in caught.value.why
    assert "rvs index publish" in caught.value.why


def test_a_collection_with_another_number_of_rows(real: Real) -> None:
    index = real.index(Collection(COLLECTION.name, "hnsw", len(VECTORS) + 1))
    with pytest.raises(SearchUnavailableError, match="201"):
        index.search(PROBES, 3)


def test_a_collection_that_was_unloaded_is_loaded_again(real: Real) -> None:
    index = real.index()
    expected, _ = index.search(PROBES, 3)
    real.connect().unload(COLLECTION)
    np.testing.assert_array_equal(index.search(PROBES, 3)[0], expected)


def test_an_alias_names_one_collection_at_a_time(real: Real) -> None:
    server = real.connect()
    assert server.pointed("alias") == ""
    for collection in (COLLECTION, OTHER, OTHER, COLLECTION):
        server.point("alias", collection)
        assert server.pointed("alias") == collection.name
    server.drop(OTHER.name)
    server.drop(OTHER.name)
    with pytest.raises(SearchMissingError):
        server.check(OTHER, 10)


def test_nobody_at_the_address() -> None:
    if why := missing("pymilvus"):
        pytest.skip(why)
    with pytest.raises(SearchUnavailableError) as caught:
        Milvus("http://somebody:secret@127.0.0.1:1").check(COLLECTION, 1)
    assert "127.0.0.1:1" in caught.value.why
    assert "secret" not in str(caught.value)


def test_nobody_at_the_address_of_postgresql() -> None:
    if why := missing("psycopg"):
        pytest.skip(why)
    from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

    with pytest.raises(SearchUnavailableError) as caught:
        PgVector("postgresql://somebody:secret@127.0.0.1:1/db").check(COLLECTION, 1)
    assert "127.0.0.1:1" in caught.value.why
    assert "secret" not in str(caught.value)


def test_a_dsn_that_cannot_be_read_is_not_repeated() -> None:
    if why := missing("psycopg"):
        pytest.skip(why)
    from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

    with pytest.raises(ConfigError) as caught:
        PgVector("host=here secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("which", ["milvus_lite", "real_milvus"])
def test_a_milvus_without_diskann_is_not_asked_to_build_it(
    which: str, request: pytest.FixtureRequest
) -> None:
    """Lite would only pretend; the one in the wheel would try for ever, and never say that it cannot."""
    started = request.getfixturevalue(which)
    server = Milvus(started.uri if isinstance(started, RealMilvus) else started)
    disk = Collection("disk", "diskann", len(VECTORS))
    with pytest.raises(ConfigError, match="without DiskANN"):
        server.fill(disk, VECTORS, lambda *_: None)
    with pytest.raises(SearchMissingError):
        server.check(disk, 10)


def test_importing_pymilvus_changes_nothing_else(milvus_lite: str, tmp_path: Path) -> None:
    """It reads the nearest .env, where a token may be, and closes the handlers of everybody's logging."""
    program = """
import logging, os, sys
from rvs.errors import SearchUnavailableError
from rvs.vectors.milvus_index import Milvus

class Handler(logging.StreamHandler):
    closed = False
    def close(self):
        self.closed = True

handler = Handler()
logging.getLogger("ours").addHandler(handler)
before = dict(os.environ)
try:
    Milvus("http://127.0.0.1:1").pointed("nothing")
except SearchUnavailableError:
    print("pymilvus" in sys.modules, dict(os.environ) == before, handler.closed)
"""
    # Where pymilvus looks: from its own folder upwards.
    folder = tmp_path / "lib"
    shutil.copytree(Path(pymilvus_folder()), folder / "pymilvus")
    (tmp_path / ".env").write_text("DISCORD_TOKEN=opensesame\n")
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout == "True True False\n"
    assert done.stderr == ""


def pymilvus_folder() -> str:
    found = importlib.util.find_spec("pymilvus")
    assert found is not None
    assert found.submodule_search_locations
    return found.submodule_search_locations[0]


def test_an_idle_client_of_a_milvus_is_quiet(milvus_lite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Milvus Lite hangs up on who asks every ten seconds whether it is there, and on others at that moment."""
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415

    made: list[dict[str, object]] = []
    original = grpc.insecure_channel

    def insecure_channel(target: str, options: list[tuple[str, object]]) -> object:
        made.append(dict(options))
        return original(target, options=options)

    monkeypatch.setattr(grpc, "insecure_channel", insecure_channel)
    assert Milvus(milvus_lite).pointed("nothing") == ""
    assert made
    for options in made:
        assert not options["grpc.keepalive_permit_without_calls"]
        assert options["grpc.keepalive_time_ms"] == 300_000  # what servers allow that were told nothing
