"""Versions that share a collection: people come, go and are replaced, and nothing is filled for it.

Whatever is shared, the answers are those of exact comparison. On Milvus Lite and PostgreSQL; a life on Milvus too.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.errors import GalleryCorruptError, SearchMissingError, SearchUnavailableError
from rvs.gallery.build import BuildReport
from rvs.gallery.in_use import is_held
from rvs.gallery.publication import read_record
from rvs.gallery.publish import Publisher
from rvs.gallery.seal import sealed
from rvs.gallery.store import Store
from rvs.gallery.verify import realistic_probes
from rvs.gallery.version import open_version
from rvs.vectors.rerank import rerank
from rvs.vectors.server import Collection, Told, VectorServer
from tests.gallery.small import builder, draw, make_gallery, photo_path, pipeline_of_patches, save, unheard
from tests.gallery.test_publish import Bench, KilledError, connect

PEOPLE = 40
PHOTOS = 2 * PEOPLE


@pytest.fixture(params=["milvus-lite", "pgvector"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    make_gallery(tmp_path / "gallery", range(PEOPLE), 2)
    name = f"share-{tmp_path.name[-12:].strip('-_').lower()}"
    return Bench(tmp_path, connect(request.param, request), name=name, most_compared=10)


def add(bench: Bench, person: int, photos: int = 1) -> BuildReport:
    """Build with one more person."""
    make_gallery(bench.gallery, [person], photos)
    return bench.build()


def counts(report: BuildReport) -> tuple[int, int] | None:
    """How many rows of a shared collection are gone, and how many photos are beside it; None: it is not shared."""
    done = report.published
    assert done is not None
    return None if done.shared is None else (done.shared.gone, done.shared.beside)


def probes_of(version: Path) -> Vectors:
    """Like the photos that people send, and all photos of the version."""
    vectors = open_version(version).vectors
    return np.concatenate([realistic_probes(vectors), np.asarray(vectors, np.float32)])


def assert_as_exact(bench: Bench, version: Path, probes: Vectors | None = None, k: int = 10) -> None:
    """It answers as if every photo had been compared, to the last bit."""
    opened = open_version(version)
    asked = probes_of(version) if probes is None else probes
    everything = [np.arange(len(opened.vectors))] * len(asked)
    true_ids, true_distances = rerank(opened.vectors, asked, everything, k)
    # Servers rank by angles, we by distances between vectors that are only nearly of unit length: the last few of
    # those proposed may be others.
    ids, distances = bench.publisher.open(opened).search(asked, k + 5)
    np.testing.assert_array_equal(ids[:, :k], true_ids)
    np.testing.assert_array_equal(distances[:, :k], true_distances)


@pytest.mark.parametrize("bench", ["milvus-lite", "pgvector", "milvus"], indirect=True)
def test_a_life_in_one_collection(bench: Bench) -> None:
    """Somebody comes, a photo is replaced, somebody goes, comes back; the first versions go; the collection stays."""
    first = bench.build()
    assert counts(first) is None
    collection = bench.collection(first.version)
    assert_as_exact(bench, first.version)

    for photo in (1, 2, 3):  # before all others: so every row is another than before
        save(draw(60, photo=photo), bench.gallery / "Anna" / f"{photo}.png")
    came = bench.build()
    assert counts(came) == (0, 3)
    new = np.asarray(open_version(came.version).vectors[:3], np.float32)
    assert bench.nearest(came.version, new) == ["Anna"] * 3

    save(draw(70, photo=1), photo_path(bench.gallery, 5, 1))
    replaced = bench.build()
    assert counts(replaced) == (1, 4)
    assert bench.nearest(replaced.version, pipeline_vector(70)) == ["Person 05"]
    assert bench.nearest(came.version, pipeline_vector(70)) != ["Person 05"]

    shutil.rmtree(photo_path(bench.gallery, 7, 1).parent)
    gone = bench.build()
    assert counts(gone) == (3, 4)
    assert bench.nearest(came.version, pipeline_vector(7)) == ["Person 07"]
    assert bench.nearest(gone.version, pipeline_vector(7)) != ["Person 07"]

    reports = [first, came, replaced, gone]
    for report in reports:
        assert bench.collection(report.version) == collection
        assert_as_exact(bench, report.version)
    assert bench.pointed == collection.name
    assert bench.store.roll_back() == replaced.version.name
    pruned = bench.store.prune(0)
    assert pruned.removed == sorted(one.version.name for one in (first, came, gone))
    assert pruned.erased == 1  # of the photo that was replaced
    assert bench.is_there(bench.collection(replaced.version))
    assert_as_exact(bench, replaced.version)

    # The version that it was filled for is gone; another one is still found by way of its heir.
    make_gallery(bench.gallery, [7, 80], 2)
    shutil.rmtree(photo_path(bench.gallery, 9, 1).parent)
    last = bench.build()
    assert bench.collection(last.version) == collection
    assert_as_exact(bench, last.version)
    assert bench.publisher.verify(open_version(last.version)).self_found == 1
    pruned = bench.store.prune(0)
    assert pruned.removed == [replaced.version.name]
    assert pruned.erased == 2
    assert bench.is_there(bench.collection(last.version))
    assert_as_exact(bench, last.version)

    shared = bench.collection(last.version)
    assert bench.publisher.publish(open_version(last.version), unheard, anew=True).shared is None
    assert bench.is_there(shared)
    bench.publisher.tidy(last.version)
    assert not bench.is_there(shared)
    assert_as_exact(bench, last.version)


def pipeline_vector(person: int, photo: int = 1) -> Vectors:
    """(1, dimension): of a photo of a person, as the index has it."""
    pipeline = pipeline_of_patches()
    pixels = np.asarray(draw(person, photo=photo))
    return pipeline.embed([pipeline.chip(pixels, pipeline.faces(pixels)[0])])


def test_a_person_with_many_photos_goes_and_leaves_the_places_to_others(bench: Bench) -> None:
    """Whoever looks like that person gets as many living neighbours as ever."""
    many = 8
    make_gallery(bench.gallery, [70], many)
    first = bench.build()
    shutil.rmtree(photo_path(bench.gallery, 70, 1).parent)
    second = bench.build()
    assert counts(second) == (many, 0)
    probes = np.concatenate([pipeline_vector(70, photo) for photo in (1, 9)])
    assert bench.nearest(first.version, probes) == ["Person 70"] * 2
    for k in (1, 5, many, 30, PHOTOS):
        assert_as_exact(bench, second.version, probes, k)
    ids, _ = bench.publisher.open(open_version(second.version)).search(probes, PHOTOS)
    assert (np.sort(ids, axis=1) == np.arange(PHOTOS)).all()


@pytest.mark.parametrize("change", ["too many come", "too many are replaced", "too many go", "never"])
def test_what_differs_too_much_has_its_own(bench: Bench, change: str) -> None:
    first = bench.build()
    match change:
        case "too many go":  # nine of eighty, though as many come
            for person in range(4):
                shutil.rmtree(photo_path(bench.gallery, person, 1).parent)
            photo_path(bench.gallery, 5, 1).unlink()
            make_gallery(bench.gallery, range(50, 59), 1)
        case "too many are replaced":
            bench.most_compared = 2
            shutil.rmtree(photo_path(bench.gallery, 5, 1).parent)
            make_gallery(bench.gallery, [50], 3)
        case _:
            bench.most_compared = 0 if change == "never" else 2
            make_gallery(bench.gallery, [50], 3)
    second = bench.build()
    assert counts(second) is None
    assert bench.collection(second.version) != bench.collection(first.version)
    assert_as_exact(bench, second.version)
    assert bench.store.prune(0).removed == [first.version.name]
    assert not bench.is_there(Collection(first.published.collection, "hnsw", PHOTOS))  # type: ignore[union-attr]


def test_just_as_much_as_is_allowed_is_shared(bench: Bench) -> None:
    bench.build()
    bench.most_compared = 3
    for person in range(4):
        shutil.rmtree(photo_path(bench.gallery, person, 1).parent)
    report = add(bench, 50, 3)
    assert counts(report) == (8, 3)
    assert_as_exact(bench, report.version)


def test_an_older_version_offers_when_the_newest_differs_too_much(bench: Bench) -> None:
    first = bench.build()
    photos = bench.root / "aside"
    shutil.copytree(bench.gallery, photos)
    make_gallery(bench.gallery, range(50, 65), 1)
    assert counts(bench.build()) is None
    shutil.rmtree(bench.gallery)
    photos.rename(bench.gallery)
    again = add(bench, 80)
    assert counts(again) == (0, 1)
    assert bench.collection(again.version) == bench.collection(first.version)
    assert_as_exact(bench, again.version)


def test_the_same_photos_under_other_names_need_nothing(bench: Bench) -> None:
    first = bench.build()
    photo_path(bench.gallery, 0, 1).parent.rename(bench.gallery / "Zoe")
    second = bench.build()
    assert counts(second) == (0, 0)
    probe = pipeline_vector(0)
    assert bench.nearest(first.version, probe) == ["Person 00"]
    assert bench.nearest(second.version, probe) == ["Zoe"]
    assert_as_exact(bench, second.version)


def test_copies_of_a_photo_are_told_apart(bench: Bench) -> None:
    """Two people share a photo; one of them goes, then a third has it as well."""
    for person in (60, 61):
        save(draw(50, photo=1), photo_path(bench.gallery, person, 1))
    bench.build()
    shutil.rmtree(photo_path(bench.gallery, 60, 1).parent)
    second = bench.build()
    assert counts(second) == (1, 0)
    assert bench.nearest(second.version, pipeline_vector(50)) == ["Person 61"]
    assert_as_exact(bench, second.version)
    for person in (62, 63):
        save(draw(50, photo=1), photo_path(bench.gallery, person, 1))
    third = bench.build()
    assert_as_exact(bench, third.version, pipeline_vector(50), k=3)
    ids, distances = bench.publisher.open(open_version(third.version)).search(pipeline_vector(50), 3)
    assert distances.max() < 1e-3
    assert len(set(ids[0].tolist())) == 3


def test_a_lost_collection_comes_back_for_all_by_the_version_it_was_filled_for(bench: Bench) -> None:
    first, second = bench.build().version, add(bench, 50).version
    index = bench.publisher.open(open_version(second))
    index.ping()
    lost = bench.collection(first)
    bench.server.drop(lost.name)
    for version in (first, second):
        with pytest.raises(SearchMissingError) as caught:
            bench.store.activate(version.name)
        assert "rvs index publish" in caught.value.why
    with pytest.raises(SearchMissingError):
        index.ping()
    assert bench.publisher.publish(open_version(first), unheard).collection == lost.name
    index.ping()
    assert_as_exact(bench, second)


def test_a_version_that_lost_the_collection_it_shared_gets_its_own(bench: Bench) -> None:
    first, second = bench.build().version, add(bench, 50).version
    lost = bench.collection(first)
    bench.server.drop(lost.name)
    report = bench.build()
    assert not report.changed
    assert counts(report) is None
    assert bench.collection(second).name != lost.name
    assert_as_exact(bench, second)
    with pytest.raises(SearchMissingError):
        bench.store.activate(first.name)
    # The other way round now: the first one's collection is there again, and nobody drops it for the second one.
    bench.publisher.publish(open_version(first), unheard)
    bench.publisher.tidy(second)
    bench.store.activate(first.name)
    assert bench.store.prune(0).removed == [second.name]
    assert_as_exact(bench, first)


@dataclass
class Watched:
    """The real server; notes what is taken from it."""

    server: VectorServer
    taken: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def unload(self, collection: Collection) -> None:
        self.taken.append(f"unload {collection.name}")
        self.server.unload(collection)

    def drop(self, name: str) -> None:
        self.taken.append(f"drop {name}")
        self.server.drop(name)


def test_what_others_are_searched_in_is_neither_unloaded_nor_dropped(bench: Bench) -> None:
    versions = [bench.build().version, *(add(bench, person).version for person in (50, 51, 52))]
    collection = bench.collection(versions[0])
    watched = Watched(bench.server)
    store = Store(bench.root / bench.name, Publisher(watched))  # type: ignore[arg-type]
    assert store.prune(3).removed == []
    assert store.prune(1).removed == [version.name for version in versions[:2]]
    assert store.prune(0).removed == [versions[2].name]
    assert watched.taken == []
    # Its last version is searched elsewhere now; and when nobody is there any more, it goes.
    bench.publisher.publish(open_version(versions[3]), unheard, anew=True)
    shutil.rmtree(bench.gallery)
    make_gallery(bench.gallery, range(20), 1)
    bench.build()
    assert bench.is_there(collection)
    assert store.prune(0).removed == [versions[3].name]
    assert f"drop {collection.name}" in watched.taken
    assert not bench.is_there(collection)


def test_without_a_server_what_others_are_searched_in_is_not_left_over(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = bench.build().version, add(bench, 50).version
    assert Store(bench.root / bench.name).prune(0).removed == [first.name]
    assert bench.collection(second).name not in caplog.text


def test_a_version_that_is_being_removed_keeps_nothing(bench: Bench) -> None:
    """A `prune` that was killed left it hidden."""
    first = bench.build().version
    collection = bench.collection(first)
    bench.most_compared = 0
    add(bench, 50)
    shutil.copytree(first, first.with_name(".0123456789ab.gone"))
    bench.store.prune(0)
    assert not bench.is_there(collection)


def test_a_note_of_another_version_offers_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    first = bench.build().version
    bench.most_compared = 0
    second = add(bench, 50).version
    shutil.copy(first / f"{bench.server.engine}.json", second)
    bench.most_compared = 10
    caplog.set_level("INFO")
    third = add(bench, 51)
    assert f"of the version {second.name} is not shared: It is not of such vectors." in caplog.text
    assert counts(third) == (0, 2)
    assert_as_exact(bench, third.version)


def test_one_version_left_in_it_is_unloaded_like_any_other(bench: Bench) -> None:
    first = bench.build().version
    bench.most_compared = 0
    second, third = add(bench, 50).version, add(bench, 51).version
    watched = Watched(bench.server)
    Store(bench.root / bench.name, Publisher(watched)).prune(3)  # type: ignore[arg-type]
    assert watched.taken == [f"unload {bench.collection(first).name}"]
    assert bench.is_there(bench.collection(second))
    assert bench.is_there(bench.collection(third))


def test_a_version_that_is_published_anew_leaves_its_collection_to_those_who_share_it(bench: Bench) -> None:
    first, second = bench.build().version, add(bench, 50).version
    shared = bench.collection(first)
    assert bench.publisher.publish(open_version(first), unheard, anew=True).collection != shared.name
    bench.publisher.tidy(first)
    assert bench.is_there(shared)
    assert_as_exact(bench, first)
    assert_as_exact(bench, second)
    assert read_record(first, bench.server.engine).leftovers == (shared.name,)
    bench.store.activate(first.name)
    assert bench.store.prune(0).removed == [second.name]
    assert not bench.is_there(shared)
    assert_as_exact(bench, first)


def test_a_version_that_shares_goes_and_the_collection_stays(bench: Bench) -> None:
    first, second = bench.build().version, add(bench, 50).version
    bench.store.activate(first.name)
    assert bench.store.prune(0).removed == [second.name]
    assert bench.is_there(bench.collection(first))


def test_while_it_is_not_known_what_others_are_searched_in_nothing_goes(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = bench.build().version, add(bench, 50).version
    collection = bench.collection(first)
    index = bench.publisher.open(open_version(second))
    note = second / f"{bench.server.engine}.json"
    sound = note.read_text()
    note.write_text(sound[:-30])
    assert bench.store.prune(0).removed == []
    assert f"{note} is damaged" in caplog.text
    assert bench.is_there(collection)
    index.ping()
    note.write_text(sound)
    assert bench.store.prune(0).removed == [first.name]
    assert bench.is_there(collection)


@dataclass
class PrunesMeanwhile:
    """The real server; whenever it is asked for candidates, another process prunes all that it can."""

    server: VectorServer
    store: Store
    removed: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        self.removed += self.store.prune(0).removed
        return self.server.candidates(collection, probes, k, width, timeout_s)


def test_what_is_about_to_be_shared_is_not_pruned(bench: Bench) -> None:
    first = bench.build().version
    make_gallery(bench.gallery, [50], 1)
    plain = builder(bench.root / bench.name, pipeline_of_patches(bench.network))
    second = plain.build(bench.gallery, unheard).version
    assert bench.store.current() == second
    meanwhile = PrunesMeanwhile(bench.server, bench.store)
    done = Publisher(meanwhile).publish(open_version(second), unheard)  # type: ignore[arg-type]
    assert done.shared is not None
    assert meanwhile.removed == []
    assert bench.store.prune(0).removed == [first.name]
    assert_as_exact(bench, second)


@dataclass
class Forgetful:
    """The real server, but one of its collections proposes anything."""

    server: VectorServer
    collection: str

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        found = self.server.candidates(collection, probes, k, width, timeout_s)
        return [rows * 0 + 7 for rows in found] if collection.name == self.collection else found


def test_a_collection_in_which_a_version_is_not_found_is_not_shared(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.build().version
    before = bench.collection(first)
    make_gallery(bench.gallery, [50], 1)
    plain = builder(bench.root / bench.name, pipeline_of_patches(bench.network))
    second = plain.build(bench.gallery, unheard).version
    forgetful = Forgetful(bench.server, before.name)
    done = Publisher(forgetful).publish(open_version(second), unheard)  # type: ignore[arg-type]
    assert done.shared is None
    assert f"{before.name} is not shared" in caplog.text
    assert bench.is_there(before)
    assert_as_exact(bench, second)


@dataclass
class DiesSearching:
    """A server; when it is asked for candidates, our process is killed."""

    server: VectorServer

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        raise KilledError


def test_whoever_is_killed_before_it_is_noted_has_shared_nothing(bench: Bench) -> None:
    first = bench.build().version
    make_gallery(bench.gallery, [50], 1)
    plain = builder(bench.root / bench.name, pipeline_of_patches(bench.network))
    second = plain.build(bench.gallery, unheard).version
    with pytest.raises(KilledError):
        Publisher(DiesSearching(bench.server)).publish(open_version(second), unheard)  # type: ignore[arg-type]
    assert read_record(second, bench.server.engine).collections == ()
    assert not is_held(first)
    assert_as_exact(bench, first)
    done = Publisher(NeverFilled(bench.server)).publish(open_version(second), unheard)  # type: ignore[arg-type]
    assert done.collection == bench.collection(first).name
    assert_as_exact(bench, second)


@dataclass
class NeverFilled:
    """The real server, which must not be written to."""

    server: VectorServer

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        raise AssertionError("nothing need be filled")


def rows_file(version: Path) -> Path:
    (file,) = version.glob("*-rows-*.npy")
    return file


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_map_is_noticed_and_made_again(
    bench: Bench, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.build()
    version = add(bench, 50).version
    file = rows_file(version)
    sound = file.read_bytes()
    changed = bytearray(sound)
    changed[-4] ^= 1
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(sound[:-4] if damage == "cut" else changed)
    with pytest.raises(GalleryCorruptError, match=r"-rows-.* is damaged"):
        bench.publisher.open(open_version(version))
    with pytest.raises(GalleryCorruptError) as caught:
        bench.store.activate(version.name)
    assert "rvs index publish" in caught.value.hint
    # Nobody shares what cannot be read.
    publisher = Publisher(NeverFilled(bench.server))  # type: ignore[arg-type]
    publisher.publish(open_version(version), unheard)
    assert "published again" in caplog.text
    assert file.read_bytes() == sound
    assert_as_exact(bench, version)


def test_a_version_whose_map_is_damaged_offers_nothing(bench: Bench) -> None:
    first, second = bench.build().version, add(bench, 50).version
    bench.store.activate(second.name)
    bench.store.prune(0)
    assert not first.exists()
    rows_file(second).unlink()
    third = add(bench, 51)
    assert counts(third) is None
    assert_as_exact(bench, third.version)


def test_vectors_that_were_changed_offer_nothing(bench: Bench) -> None:
    """What they were is what is in the collection."""
    first = bench.build().version
    vectors = np.load(first / "vectors.npy")
    vectors[3] = vectors[4]
    np.save(first / "vectors.npy", vectors)
    # The damaged version is not built upon either; but its collection is where it was.
    second = add(bench, 50)
    assert counts(second) is None
    assert_as_exact(bench, second.version)


def test_a_program_that_knows_of_no_sharing_takes_nothing_for_published(bench: Bench) -> None:
    """It would take the collection's rows for those of the version."""
    bench.build()
    version = add(bench, 50).version
    document = json.loads((version / f"{bench.server.engine}.json").read_text())
    assert document["published"] is None
    assert document["leftovers"] == []


def test_what_such_a_program_noted_is_read_and_can_be_shared(bench: Bench) -> None:
    first = bench.build().version
    note = first / f"{bench.server.engine}.json"
    document = json.loads(note.read_text())
    del document["seal"]
    del document["published"]["shared"]
    note.write_text(json.dumps(sealed(document)))
    assert_as_exact(bench, first)
    second = add(bench, 50)
    assert counts(second) == (0, 1)
    assert_as_exact(bench, second.version)


def test_maps_of_what_was_shared_before_go_when_nobody_uses_the_version(bench: Bench) -> None:
    first = bench.build().version
    second = add(bench, 50).version
    file = rows_file(second)
    bench.publisher.tidy(second)
    assert file.exists()
    bench.publisher.publish(open_version(second), unheard, anew=True)
    assert file.exists()
    bench.publisher.tidy(second)
    assert not file.exists()
    assert_as_exact(bench, second)
    assert_as_exact(bench, first)


def test_a_graph_of_another_kind_is_not_shared(bench: Bench) -> None:
    first = bench.build().version
    note = first / f"{bench.server.engine}.json"
    document = json.loads(note.read_text())
    del document["seal"]
    document["published"]["graph"] = "diskann"
    note.write_text(json.dumps(sealed(document)))
    assert counts(add(bench, 50)) is None


def removed(bench: Bench, person: int) -> Path:
    """Build without a person."""
    shutil.rmtree(photo_path(bench.gallery, person, 1).parent)
    return bench.build().version


def rows_on_server(bench: Bench, version: Path) -> int:
    """How many rows its collection has, as the server proposes them."""
    place = bench.collection(version)
    probes = np.asarray(open_version(version).vectors[:1], np.float32)
    return len(bench.server.candidates(place, probes, place.rows, 64, 30)[0])


def test_who_was_removed_is_gone_from_the_server_when_no_version_has_them(bench: Bench) -> None:
    """And comes back with the same photos: then they are compared from disk, not looked for where they were."""
    bench.build()
    second = removed(bench, 7)
    third = removed(bench, 9)
    assert bench.store.prune(3).erased == 0
    assert rows_on_server(bench, second) == PHOTOS
    assert bench.store.prune(1).erased == 2  # 9 is still in the second one
    assert rows_on_server(bench, second) == PHOTOS - 2
    assert_as_exact(bench, second)
    assert bench.store.prune(1).erased == 0
    make_gallery(bench.gallery, [7, 9], 2)
    again = bench.build()
    assert counts(again) == (4, 4)
    assert_as_exact(bench, again.version)
    pruned = bench.store.prune(0)
    assert (pruned.removed, pruned.erased) == ([second.name, third.name], 2)
    assert rows_on_server(bench, again.version) == PHOTOS - 4
    assert_as_exact(bench, again.version)
    assert bench.nearest(again.version, pipeline_vector(7)) == ["Person 07"]
    # What was erased does not keep others from sharing it.
    assert counts(add(bench, 50)) == (4, 5)
    assert bench.store.prune(0).erased == 0


def test_what_somebody_still_uses_keeps_its_rows(bench: Bench) -> None:
    first = bench.build().version
    with bench.store.hold(first.name):
        second = removed(bench, 7)
        assert bench.store.prune(0).erased == 0
        assert rows_on_server(bench, second) == PHOTOS
        assert_as_exact(bench, first)
    assert bench.store.prune(0).erased == 2
    assert rows_on_server(bench, second) == PHOTOS - 2


def test_who_was_searched_in_it_before_may_still_be(bench: Bench) -> None:
    """A process that opened the version before it was published anew."""
    first = bench.build().version
    index = bench.publisher.open(open_version(first))
    second = removed(bench, 7)
    bench.publisher.publish(open_version(first), unheard, anew=True)
    assert bench.store.prune(3).erased == 0
    assert bench.nearest(second, pipeline_vector(7)) != ["Person 07"]
    ids, _ = index.search(np.asarray(open_version(first).vectors, np.float32), 1)
    assert ids[:, 0].tolist() == list(range(PHOTOS))


@dataclass
class NotErasing:
    """The real server, which goes away when it should erase."""

    server: VectorServer

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)

    def erase(self, collection: Collection, rows: Ids) -> int:
        raise SearchUnavailableError(why="It is down.")


@pytest.mark.parametrize("shelf", [True, False])
def test_what_could_not_be_erased_is_said_and_the_next_prune_does_it(
    bench: Bench, shelf: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.build().version
    second = removed(bench, 7)
    publisher = Publisher(NotErasing(bench.server)) if shelf else None  # type: ignore[arg-type]
    pruned = Store(bench.root / bench.name, publisher).prune(0)
    assert (pruned.removed, pruned.erased) == ([first.name], 0)
    assert (
        "Vectors of people who are gone may be" if shelf else "still have 2 vectors of people"
    ) in caplog.text
    assert_as_exact(bench, second)
    assert bench.store.prune(0).erased == 2
    assert_as_exact(bench, second)


def test_where_it_cannot_be_known_what_a_version_has_nothing_is_erased(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.build()
    removed(bench, 7)
    third = removed(bench, 9)
    rows_file(third).unlink()
    assert bench.store.prune(0).erased == 0
    assert "is damaged" in caplog.text
    assert rows_on_server(bench, third) == PHOTOS
