"""Versions on a server: brought there by a build, taken into use, back, and away again, as those on disk are.

Here each has a collection of its own; `test_sharing` is about those that share one.

On Milvus Lite and PostgreSQL; once through all of it on the real Milvus.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.errors import (
    GalleryMissingError,
    RebuildFailedError,
    SearchMissingError,
    SearchUnavailableError,
)
from rvs.gallery.build import BuildReport
from rvs.gallery.publication import read_record, write_record
from rvs.gallery.publish import Publisher
from rvs.gallery.server_names import alias_of
from rvs.gallery.store import Store
from rvs.gallery.version import Version, open_version
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.milvus_index import Milvus
from rvs.vectors.server import Collection, Told, VectorServer
from tests.gallery.small import Colours, builder, make_gallery, photo_path, pipeline_of_patches, unheard

PEOPLE = 12


@dataclass
class Bench:
    """A gallery of a few people, its index, and the server that follows it."""

    root: Path
    server: VectorServer
    network: Colours = field(default_factory=Colours)
    name: str = "crew"
    most_compared: int = 0

    @property
    def gallery(self) -> Path:
        return self.root / "gallery"

    @property
    def store(self) -> Store:
        return Store(self.root / self.name, self.publisher)

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.server, timeout_s=30, most_compared=self.most_compared)

    def build(self) -> BuildReport:
        plain = builder(self.root / self.name, pipeline_of_patches(self.network))
        return replace(plain, store=self.store).build(self.gallery, unheard)

    def collection(self, version: Path) -> Collection:
        return self.publisher.publication(version).place

    def is_there(self, collection: Collection) -> bool:
        try:
            self.server.check(collection, 30)
        except SearchMissingError:
            return False
        return True

    @property
    def pointed(self) -> str:
        return self.server.pointed(alias_of(self.name))

    def nearest(self, version: Path, probes: NDArray[np.float32]) -> list[str]:
        """Who is found first for each probe."""
        opened = open_version(version)
        ids, _ = self.publisher.open(opened).search(probes, 1)
        return [opened.people[opened.person_of[row]] for row in ids[:, 0]]


def connect(engine: str, request: pytest.FixtureRequest) -> VectorServer:
    match engine:
        case "milvus-lite":
            return Milvus(request.getfixturevalue("milvus_lite"))
        case "milvus":
            return Milvus(request.getfixturevalue("real_milvus").uri)
        case _:
            dsn = request.getfixturevalue("postgres").dsn
            from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

            return PgVector(dsn)


@pytest.fixture(params=["milvus-lite", "pgvector"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    make_gallery(tmp_path / "gallery", range(PEOPLE), 2)
    return Bench(
        tmp_path, connect(request.param, request), name=f"crew-{tmp_path.name[-12:].strip('-_').lower()}"
    )


class Down:
    """Stands for a server that does not answer."""

    def __init__(self, server: VectorServer) -> None:
        self.engine = server.engine
        self.where = "The server at nowhere"

    def __getattr__(self, name: str) -> Callable[..., None]:
        def refuse(*_: object) -> None:
            raise SearchUnavailableError(why=f"The server at nowhere does not answer ({name}).")

        return refuse


def down(bench: Bench) -> Store:
    return Store(bench.root / bench.name, Publisher(Down(bench.server)))  # type: ignore[arg-type]


@dataclass
class FullDisk:
    """A server that cannot be filled; for the rest the real one."""

    server: VectorServer

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        raise SearchUnavailableError(why="The server has no space left.")


class KilledError(Exception):
    """The process was killed."""


@dataclass
class DiesFilling:
    """A server during whose filling our process is killed; for the rest the real one."""

    server: VectorServer

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        self.server.fill(collection, vectors, told)
        raise KilledError


@pytest.mark.parametrize("bench", ["milvus-lite", "pgvector", "milvus"], indirect=True)
def test_a_life_of_versions(bench: Bench) -> None:
    """Built, searched, added to, rolled back, pruned: the server follows the disk at each step."""
    first = bench.build().version
    a = bench.collection(first)
    assert bench.pointed == a.name
    done = bench.publisher.publication(first)
    assert (done.photos, done.self_found) == (2 * PEOPLE, 1)
    assert done.recall_at_10 >= 0.99
    opened = open_version(first)
    probes = np.asarray(opened.vectors, np.float32)
    ids, distances = bench.publisher.open(opened).search(probes, 5)
    truth, exact = ExactIndex(opened.vectors).search(probes, 5)
    np.testing.assert_allclose(distances, exact, atol=1e-3)
    assert (ids[:, 0] == truth[:, 0]).all()
    assert bench.publisher.verify(opened).recall_at_10 >= 0.99

    # One person comes, one goes, a photo of a third is replaced: only what is new is embedded.
    shown = bench.network.shown
    make_gallery(bench.gallery, [40], 2)
    shutil.rmtree(photo_path(bench.gallery, 3, 1).parent)
    shutil.copy(photo_path(bench.gallery, 40, 2), photo_path(bench.gallery, 5, 1))
    report = bench.build()
    second = report.version
    b = bench.collection(second)
    assert report.embedded == 2
    assert bench.network.shown - shown == 2
    assert bench.pointed == b.name != a.name
    assert bench.is_there(a)
    assert "Person 03" in bench.nearest(first, probes)
    found = bench.nearest(second, probes)
    assert "Person 03" not in found
    assert {"Person 00", "Person 05"} <= set(found)
    new = np.asarray(open_version(second).vectors, np.float32)
    assert "Person 40" in bench.nearest(second, new)
    assert "Person 40" not in bench.nearest(first, new)

    assert bench.store.roll_back() == first.name
    assert bench.pointed == a.name
    bench.store.activate(second.name)
    assert bench.pointed == b.name
    assert bench.store.prune(0).removed == [first.name]
    assert not bench.is_there(a)
    assert bench.is_there(b)
    assert bench.pointed == b.name


def test_nothing_has_changed_so_nothing_is_filled(bench: Bench) -> None:
    first = bench.build().version
    before = bench.publisher.publication(first)
    assert not bench.build().changed
    assert bench.publisher.publication(first) == before


def test_an_index_that_was_built_without_a_server_is_brought_there_as_it_is(bench: Bench) -> None:
    plain = builder(bench.root / bench.name, pipeline_of_patches(bench.network))
    version = plain.build(bench.gallery, unheard).version
    with pytest.raises(GalleryMissingError) as caught:
        bench.store.activate(version.name)
    assert "rvs index publish" in caught.value.hint
    shown = bench.network.shown
    report = bench.build()
    assert (report.changed, report.version, bench.network.shown) == (False, version, shown)
    assert bench.pointed == bench.collection(version).name


def test_two_indexes_on_one_server(bench: Bench) -> None:
    """Neither sees nor removes what the other has."""
    other = Bench(bench.root, bench.server, name=f"{bench.name}.other")
    mine = bench.build().version
    theirs = other.build().version
    assert bench.pointed == bench.collection(mine).name
    assert other.pointed == other.collection(theirs).name
    make_gallery(bench.gallery, [50], 1)
    newer = bench.build().version
    assert bench.store.prune(0).removed == [mine.name]
    assert bench.pointed == bench.collection(newer).name
    assert other.pointed == other.collection(theirs).name
    assert other.publisher.verify(open_version(theirs)).self_found == 1


def test_two_copies_of_one_version_have_their_own_collections(bench: Bench) -> None:
    """As the index over LFW, which is in every clone."""
    plain = builder(bench.root / bench.name).build(bench.gallery, unheard).version
    copy = Path(shutil.copytree(plain, bench.root / f"{bench.name}.copy" / plain.name))
    collections = [
        bench.publisher.publish(open_version(folder), unheard).collection for folder in (plain, copy)
    ]
    assert collections[0] != collections[1]


def test_while_the_server_is_down_nothing_moves(bench: Bench) -> None:
    first = bench.build().version
    make_gallery(bench.gallery, [50], 1)
    second = bench.build().version
    with pytest.raises(SearchUnavailableError):
        down(bench).activate(first.name)
    with pytest.raises(SearchUnavailableError):
        down(bench).roll_back()
    assert bench.store.current() == second
    assert bench.store.previous() == first
    assert bench.pointed == bench.collection(second).name


def test_what_the_server_cannot_drop_now_stays_for_the_next_time(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.build().version
    a = bench.collection(first)
    make_gallery(bench.gallery, [50], 1)
    bench.build()
    assert down(bench).prune(0).removed == []
    assert "stays for now" in caplog.text
    assert "does not answer (drop)" in caplog.text
    assert bench.store.prune(0).removed == [first.name]
    assert not bench.is_there(a)


def test_without_a_server_versions_go_and_what_may_be_left_is_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.build().version
    a = bench.collection(first)
    make_gallery(bench.gallery, [50], 1)
    bench.build()
    assert Store(bench.root / bench.name).prune(0).removed == [first.name]
    assert a.name in caplog.text


def test_a_build_whose_server_fails_leaves_what_is_in_use_and_embeds_nothing_twice(bench: Bench) -> None:
    first = bench.build().version
    make_gallery(bench.gallery, [50], 1)
    shown = bench.network.shown
    plain = builder(bench.root / bench.name, pipeline_of_patches(bench.network))
    publisher = Publisher(FullDisk(bench.server), most_compared=0)  # type: ignore[arg-type]
    full = Store(bench.root / bench.name, publisher)
    with pytest.raises(RebuildFailedError) as caught:
        replace(plain, store=full).build(bench.gallery, unheard)
    assert "no space left" in caught.value.hint
    assert [folder for folder, _ in bench.store.versions()] == [first]
    assert bench.pointed == bench.collection(first).name
    assert bench.build().changed
    assert bench.network.shown == shown + 1


def test_whether_the_server_answers_is_seen_before_anything_is_embedded(bench: Bench) -> None:
    plain = builder(bench.root / bench.name, pipeline_of_patches(bench.network))
    with pytest.raises(RebuildFailedError) as caught:
        replace(plain, store=down(bench)).build(bench.gallery, unheard)
    assert "does not answer (pointed)" in caught.value.hint
    assert bench.network.shown == 0


def test_a_collection_that_the_server_lost_comes_back_by_its_name(bench: Bench) -> None:
    """So those who were searching it go on, and need not be told."""
    version = bench.build().version
    index = bench.publisher.open(open_version(version))
    index.ping()
    bench.server.drop(bench.collection(version).name)
    with pytest.raises(SearchMissingError):
        index.ping()
    with pytest.raises(SearchMissingError):
        bench.store.activate(version.name)
    before = bench.collection(version)
    bench.build()
    assert bench.collection(version) == before
    index.ping()


def test_whoever_is_killed_while_filling_leaves_nothing_that_is_forgotten(bench: Bench) -> None:
    version = builder(bench.root / bench.name).build(bench.gallery, unheard).version
    dies = Publisher(DiesFilling(bench.server))  # type: ignore[arg-type]
    with pytest.raises(KilledError):
        dies.publish(open_version(version), unheard)
    record = read_record(version, bench.server.engine)
    assert record.published is None
    (left,) = record.leftovers
    with pytest.raises(GalleryMissingError):
        bench.publisher.open(open_version(version))
    bench.publisher.publish(open_version(version), unheard)
    assert read_record(version, bench.server.engine).leftovers == (left,)
    bench.publisher.tidy(version)
    assert not bench.is_there(Collection(left, "hnsw", 2 * PEOPLE))
    assert bench.is_there(bench.collection(version))
    assert read_record(version, bench.server.engine).leftovers == ()


def test_a_version_that_somebody_uses_is_not_tidied(bench: Bench) -> None:
    oldest = bench.build().version
    left = Collection(bench.collection(oldest).name, "hnsw", 2 * PEOPLE)
    record = read_record(oldest, bench.server.engine)
    again = replace(record, leftovers=(*record.leftovers, left.name))
    for person in (50, 51):
        make_gallery(bench.gallery, [person], 1)
        bench.build()
    write_record(oldest, bench.server.engine, again)
    with bench.store.hold(oldest.name):
        bench.store.prune(3)
        assert bench.is_there(left)
    bench.store.prune(3)
    assert not bench.is_there(left)


def test_a_collection_that_does_not_find_its_photos_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is told other vectors than those of the version."""
    version = open_version(builder(bench.root / bench.name).build(bench.gallery, unheard).version)
    others = np.random.default_rng(5).permutation(np.asarray(version.vectors))

    @dataclass
    class Mixed:
        server: VectorServer

        def __getattr__(self, name: str) -> object:
            return getattr(self.server, name)

        def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
            self.server.fill(collection, others, told)

    with pytest.raises(RebuildFailedError, match="true neighbours"):
        Publisher(Mixed(bench.server)).publish(version, unheard)  # type: ignore[arg-type]
    (name,) = read_record(version.folder, bench.server.engine).leftovers
    assert not bench.is_there(Collection(name, "hnsw", 2 * PEOPLE))


def test_a_note_that_belongs_to_another_version_is_not_believed(bench: Bench) -> None:
    first = bench.build().version
    make_gallery(bench.gallery, [50], 1)
    second = bench.build().version
    shutil.copy(first / f"{bench.server.engine}.json", second)
    with pytest.raises(GalleryMissingError):
        bench.publisher.open(open_version(second))


def test_searched_with_the_width_that_was_measured(bench: Bench) -> None:
    version: Version = open_version(bench.build().version)
    done = bench.publisher.publication(version.folder)
    assert done.width in bench.server.widths("hnsw")
    assert bench.publisher.verify(version).recall_at_10 == pytest.approx(done.recall_at_10, abs=0.02)
