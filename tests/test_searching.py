"""Settings in, the index that searches out."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rvs.build_command import build_environment
from rvs.errors import ConfigError, GalleryMissingError, SearchUnavailableError
from rvs.gallery.publication import Record, write_record
from rvs.gallery.publish import Publisher
from rvs.gallery.sharing import MOST_COMPARED
from rvs.gallery.version import Version, open_version
from rvs.searching import publisher_for, searching_for, store_for
from rvs.settings import load_settings
from rvs.vectors.annoy_index import AnnoyVectorIndex
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.remote_index import RemoteIndex
from tests.gallery.small import builder, make_gallery, unheard
from tests.search_servers import Postgres, missing

WORD = "user:opensesame"
NEEDS_MILVUS = pytest.mark.skipif(bool(missing("pymilvus")), reason=missing("pymilvus"))
NEEDS_POSTGRES = pytest.mark.skipif(bool(missing("psycopg")), reason=missing("psycopg"))


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    root = tmp_path_factory.mktemp("searching")
    return open_version(builder(root / "index").build(make_gallery(root / "g", range(3), 2), unheard).version)


def test_without_a_server(version: Version) -> None:
    forest = replace(version.manifest.forest, recall_at_10=0.97)
    version = replace(version, manifest=replace(version.manifest, forest=forest))
    for name, kind, recall in (("annoy", AnnoyVectorIndex, 0.97), ("exact", ExactIndex, 1)):
        settings = load_settings(search=name)
        searching = searching_for(settings)
        assert isinstance(searching.index(version), kind)
        assert searching.recall_at_10(version) == recall
        assert publisher_for(settings) is None
        assert store_for(settings).shelf is None


@NEEDS_MILVUS
def test_milvus_as_it_is_set(tmp_path: Path) -> None:
    settings = load_settings(
        search="milvus",
        milvus_uri="https://milvus.example:443/faces",
        milvus_token=WORD,
        search_seconds=3,
        search_graph="diskann",
        search_compared=70,
        index_dir=tmp_path,
        index="crew",
    )
    publisher = publisher_for(settings)
    assert publisher is not None
    assert (publisher.graph, publisher.timeout_s, publisher.most_compared) == ("diskann", 3, 70)
    assert publisher.server.where == "Milvus at milvus.example:443"
    assert store_for(settings).folder == tmp_path / "crew"
    assert isinstance(store_for(settings).shelf, Publisher)


@NEEDS_MILVUS
def test_a_version_that_was_not_brought_there(version: Version) -> None:
    with pytest.raises(GalleryMissingError, match="was not brought to milvus") as caught:
        searching_for(load_settings(search="milvus")).index(version)
    with pytest.raises(GalleryMissingError, match="was not brought to milvus"):
        searching_for(load_settings(search="milvus")).recall_at_10(version)
    assert "rvs index publish" in caught.value.hint


def test_a_version_that_was(version: Version, postgres: Postgres) -> None:
    settings = load_settings(search="pgvector", pgvector_dsn=postgres.dsn)
    publisher = publisher_for(settings)
    assert publisher is not None
    assert publisher.most_compared == MOST_COMPARED
    done = publisher.publish(version, unheard)
    write_record(version.folder, "pgvector", Record(replace(done, recall_at_10=0.96)))
    assert searching_for(settings).recall_at_10(version) == 0.96  # whatever that of the Annoy file is
    index = searching_for(settings).index(version)
    assert isinstance(index, RemoteIndex)
    assert index.search(version.vectors[:1].astype("f4"), 1)[0].tolist() == [[0]]
    # Somewhere else it is not; that is known at the first search.
    elsewhere = load_settings(search="pgvector", pgvector_dsn="host=/nowhere dbname=none")
    with pytest.raises(SearchUnavailableError):
        searching_for(elsewhere).index(version).search(version.vectors[:1].astype("f4"), 1)


def test_who_searches_and_who_follows_the_version_in_use_share_one_client(
    version: Version, postgres: Postgres
) -> None:
    import psycopg  # noqa: PLC0415

    def connections() -> int:
        with psycopg.connect(postgres.dsn) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rvs'"
            return int(connection.execute(query).fetchone()[0])  # type: ignore[index]

    store = version.folder.parent
    settings = load_settings(
        search="pgvector", pgvector_dsn=postgres.dsn, index_dir=store.parent, index=store.name
    )
    before = connections()
    searching = searching_for(settings)
    assert searching.publisher is not None
    searching.publisher.publish(version, unheard)
    index = searching.index(version)
    index.search(version.vectors[:1].astype("f4"), 1)
    searching.store.activate(version.folder.name)
    searching.index(version).search(version.vectors[:1].astype("f4"), 1)
    assert connections() == before + 1


@NEEDS_POSTGRES
def test_pgvector_needs_to_know_where_and_has_no_diskann() -> None:
    with pytest.raises(ConfigError) as caught:
        publisher_for(load_settings(search="pgvector"))
    assert "RVS_PGVECTOR_DSN" in caught.value.hint
    with pytest.raises(ConfigError, match="DiskANN"):
        publisher_for(load_settings(search="pgvector", pgvector_dsn="host=x", search_graph="diskann"))


@pytest.mark.parametrize(("search", "package"), [("milvus", "pymilvus"), ("pgvector", "psycopg")])
def test_a_missing_package_is_named(search: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "rvs.vectors.pgvector_index", raising=False)
    with pytest.raises(ConfigError, match=f"needs the package {package}") as caught:
        publisher_for(load_settings(search=search, pgvector_dsn="host=x"))
    assert f"lookalike[{search}]" in caught.value.hint


def test_secrets_are_not_shown_but_reach_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVS_MILVUS_TOKEN", WORD)
    monkeypatch.setenv("RVS_PGVECTOR_DSN", "postgresql://user:opensesame@here/db")
    settings = load_settings()
    assert "opensesame" not in repr(settings) + str(settings) + settings.model_dump_json()
    environment = build_environment(settings, {})
    assert environment["RVS_MILVUS_TOKEN"] == WORD
    assert environment["RVS_PGVECTOR_DSN"] == "postgresql://user:opensesame@here/db"
