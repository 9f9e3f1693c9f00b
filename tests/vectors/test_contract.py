"""What every index must do, whatever stands behind it: five kinds, one contract.

On a server it may also stand on a collection that was filled for another version.

Those that need a server skip where it cannot be had, and say why.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Vectors
from rvs.gallery.verify import realistic_probes
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy, recall_at_k
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex
from rvs.vectors.milvus_index import Milvus
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.row_map import matched_rows
from rvs.vectors.server import Collection, VectorServer
from rvs.vectors.shared_rows import SharedRows
from rvs.vectors.tuning import narrowest
from tests.vectors.crowd import crowd, nearest_by_loop, unit

DIMENSION = 64
Stored = NDArray[np.float16]

# Milvus builds no graph over fewer than 1,024, but one that overlooks what is far: so two are larger than that.
GALLERIES: dict[str, Stored] = {
    "crowd": crowd(1000, 4, dimension=DIMENSION, spread=0.6).astype(np.float16),
    "other crowd": crowd(600, 2, dimension=DIMENSION, spread=0.6, seed=7).astype(np.float16),
    "copies": np.repeat(crowd(30, 1, dimension=DIMENSION), 4, axis=0).astype(np.float16),
    "seven": crowd(7, 1, dimension=DIMENSION).astype(np.float16),
    "one": crowd(1, 1, dimension=DIMENSION).astype(np.float16),
}


@dataclass(frozen=True)
class Kind:
    """One kind of index: `reopened` opens that of a gallery as a new process would, to be searched so widely."""

    widths: tuple[int, ...]
    reopened: Callable[[str, int], VectorIndex]

    def open(self, gallery: str) -> VectorIndex:
        return self.reopened(gallery, self.widths[-1])


def _exact() -> Kind:
    return Kind((1,), lambda gallery, _: ExactIndex(GALLERIES[gallery]))


def _annoy(folder: Path) -> Kind:
    for name, vectors in GALLERIES.items():
        build_annoy(vectors, folder / name, trees=10)
    return Kind(
        (100, 400, 1600, 6400, 1_000_000),
        lambda gallery, width: AnnoyVectorIndex(folder / gallery, GALLERIES[gallery], width),
    )


def _older(vectors: Stored) -> Stored:
    """What a collection was filled with that is shared: in another order, a twentieth missing, as many gone since.

    Those that are gone are of one person, who looks like the first photo.
    """
    draw = np.random.default_rng(4)
    kept = np.arange(len(vectors)) % 20 != 3 % len(vectors)
    gone = _like_the_first(vectors, -(-len(vectors) // 20), seed=5).astype(np.float16)
    return draw.permutation(np.concatenate([vectors[kept], gone]))


def _like_the_first(vectors: Stored, count: int, *, seed: int) -> Vectors:
    """(count, dimension): nearer to the first vector, and to each other, than any other vector is."""
    noise = unit(np.random.default_rng(seed).standard_normal((count, vectors.shape[1])))
    return unit(vectors[:1] + 0.1 * noise)


@contextmanager
def _served(connect: Callable[[], VectorServer], *, shared: bool) -> Iterator[Kind]:
    """Collections on a server, all made at once, because each waits a lot; they are gone afterwards."""
    stored = {name: _older(vectors) if shared else vectors for name, vectors in GALLERIES.items()}
    collections = {
        name: Collection(f"contract_{name.replace(' ', '_')}_{shared}", "hnsw", len(vectors))
        for name, vectors in stored.items()
    }
    server = connect()
    with ThreadPoolExecutor(len(GALLERIES)) as pool:
        filled = [
            pool.submit(server.fill, collections[name], vectors, lambda *_: None)
            for name, vectors in stored.items()
        ]
        for one in filled:
            one.result()

    def reopened(gallery: str, width: int) -> VectorIndex:
        vectors = GALLERIES[gallery]
        rows = SharedRows(matched_rows(stored[gallery], vectors), vectors) if shared else None
        return RemoteIndex(connect(), collections[gallery], vectors, width, 30, shared=rows)

    yield Kind(server.widths("hnsw"), reopened)
    for collection in collections.values():
        server.drop(collection.name)


SERVERS = ("milvus-lite", "milvus", "pgvector")


@pytest.fixture(scope="module", params=["exact", "annoy", *SERVERS, *(f"{one}, shared" for one in SERVERS)])
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    name, _, shared = request.param.partition(", ")
    match name:
        case "exact":
            yield _exact()
            return
        case "annoy":
            yield _annoy(tmp_path_factory.mktemp("annoy"))
            return
        case "milvus-lite":
            connect: Callable[[], VectorServer] = partial(Milvus, request.getfixturevalue("milvus_lite"))
        case "milvus":
            connect = partial(Milvus, request.getfixturevalue("real_milvus").uri)
        case _:
            dsn = request.getfixturevalue("postgres").dsn
            from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

            connect = partial(PgVector, dsn)
    with _served(connect, shared=bool(shared)) as served:
        yield served


@pytest.fixture(scope="module")
def index(kind: Kind) -> VectorIndex:
    return kind.open("crowd")


@pytest.fixture(scope="module")
def probes() -> Vectors:
    return realistic_probes(GALLERIES["crowd"])[:200]


def test_knows_how_many_there_are(kind: Kind) -> None:
    assert len(kind.open("crowd")) == 4000
    assert len(kind.open("one")) == 1


def test_finds_what_exact_search_finds(index: VectorIndex, probes: Vectors) -> None:
    ids, distances = index.search(probes, 20)
    truth, _ = ExactIndex(GALLERIES["crowd"]).search(probes, 20)
    assert recall_at_k(ids, truth) >= 0.999
    assert ids.shape == distances.shape == (200, 20)
    assert ids.dtype == np.int64
    assert distances.dtype == np.float32


def test_distances_are_to_the_stored_vectors_and_rise(index: VectorIndex, probes: Vectors) -> None:
    ids, distances = index.search(probes, 20)
    stored = GALLERIES["crowd"].astype(np.float64)
    by_definition = np.linalg.norm(stored[ids] - probes[:, None].astype(np.float64), axis=2)
    np.testing.assert_allclose(distances, by_definition, atol=1e-5)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_probes_that_are_nowhere_near_a_photo(kind: Kind) -> None:
    stored = GALLERIES["other crowd"]
    asked = unit(np.random.default_rng(3).standard_normal((20, DIMENSION)))
    ids, distances = kind.open("other crowd").search(asked, 5)
    expected = [nearest_by_loop(stored, probe, 5) for probe in asked]
    found = [
        {*row} & {where for _, where in right} for row, right in zip(ids.tolist(), expected, strict=True)
    ]
    # A graph may have a few points to which no way leads.
    assert sum(map(len, found)) >= 0.95 * ids.size
    for row, probe in enumerate(asked):
        by_definition = {where: far for far, where in nearest_by_loop(stored, probe, len(stored))}
        np.testing.assert_allclose(
            distances[row], [by_definition[one] for one in ids[row].tolist()], atol=1e-5
        )


def test_photos_find_themselves(index: VectorIndex) -> None:
    rows = np.arange(0, 4000, 37)
    _, distances = index.search(GALLERIES["crowd"][rows].astype(np.float32), 1)
    assert distances.max() < 1e-3


@pytest.mark.parametrize("k", [1, 10, 50])
def test_whoever_looks_like_a_person_who_is_gone_gets_as_many_of_the_others(
    index: VectorIndex, k: int
) -> None:
    """In a shared collection 200 photos of that person are nearer than all that is asked for, but one."""
    stored = GALLERIES["crowd"]
    asked = _like_the_first(stored, 5, seed=6)
    ids, distances = index.search(asked, k)
    truth, _ = ExactIndex(stored).search(asked, k)
    assert (ids >= 0).all()
    assert (ids[:, 0] == 0).all()
    assert recall_at_k(ids, truth) >= 0.98
    assert (distances[:, 1:] > 0.2).all()


@pytest.mark.parametrize("k", [100, 1001, 4000])
def test_asked_for_many(index: VectorIndex, probes: Vectors, k: int) -> None:
    """As for a person whose photos fill all that was found."""
    ids, _ = index.search(probes[:3], k)
    truth, _ = ExactIndex(GALLERIES["crowd"]).search(probes[:3], k)
    assert recall_at_k(ids, truth) >= 0.99
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in ids)


def test_what_is_not_there_is_minus_one_at_infinity(kind: Kind) -> None:
    vectors = GALLERIES["seven"]
    ids, distances = kind.open("seven").search(vectors[:3].astype(np.float32), 10)
    assert (ids[:, 7:] == -1).all()
    assert np.isposinf(distances[:, 7:]).all()
    assert [sorted(row.tolist()) for row in ids[:, :7]] == [list(range(7))] * 3
    assert ids[:, 0].tolist() == [0, 1, 2]


def test_a_gallery_of_one(kind: Kind) -> None:
    ids, distances = kind.open("one").search(GALLERIES["one"].astype(np.float32), 2)
    assert ids.tolist() == [[0, -1]]
    assert distances[0, 0] < 1e-3


def test_copies_of_a_photo_come_in_the_order_of_the_gallery(kind: Kind) -> None:
    copies = GALLERIES["copies"].astype(np.float32)
    ids, distances = kind.open("copies").search(copies[[0, 57]], 4)
    assert ids.tolist() == [[0, 1, 2, 3], [56, 57, 58, 59]]
    assert distances.max() < 1e-3


def test_no_probes_no_answers(index: VectorIndex) -> None:
    ids, distances = index.search(np.empty((0, DIMENSION), np.float32), 3)
    assert ids.shape == distances.shape == (0, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones((1, DIMENSION - 1), np.float32),
        np.ones((1, DIMENSION + 1), np.float32),
        np.ones(DIMENSION, np.float32),
        np.full((1, DIMENSION), np.nan, np.float32),
        np.full((1, DIMENSION), -np.inf, np.float32),
    ],
    ids=["shorter", "longer", "flat", "NaN", "infinite"],
)
def test_refuses_what_has_no_neighbours(index: VectorIndex, wrong: Vectors) -> None:
    with pytest.raises(ValueError, match="probes must be"):
        index.search(wrong, 3)


def test_searched_by_many_threads_at_once(index: VectorIndex, probes: Vectors) -> None:
    expected = [index.search(probe[None], 10) for probe in probes[:40]]
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda probe: index.search(probe[None], 10), probes[:40]))
    for (ids, distances), (expected_ids, expected_distances) in zip(again, expected, strict=True):
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_array_equal(distances, expected_distances)


def test_a_width_reaches_the_recall_that_is_asked_for(kind: Kind, probes: Vectors) -> None:
    truth, _ = ExactIndex(GALLERIES["crowd"]).search(probes, 10)

    def recall(width: int) -> float:
        return recall_at_k(kind.reopened("crowd", width).search(probes, 10)[0], truth)

    width, reached = narrowest(kind.widths, recall, 0.95)
    assert reached >= 0.95
    assert width in kind.widths


def test_opened_again_it_answers_the_same(kind: Kind, index: VectorIndex, probes: Vectors) -> None:
    ids, distances = index.search(probes, 10)
    again_ids, again_distances = kind.open("crowd").search(probes, 10)
    np.testing.assert_array_equal(ids, again_ids)
    np.testing.assert_array_equal(distances, again_distances)


def test_galleries_side_by_side_do_not_see_each_other(kind: Kind) -> None:
    """Photos of one are found in it, and never in the other."""
    first, second = kind.open("crowd"), kind.open("other crowd")
    for gallery, own, other in (("crowd", first, second), ("other crowd", second, first)):
        asked = GALLERIES[gallery][:50].astype(np.float32)
        assert own.search(asked, 1)[1].max() < 1e-3
        ids, distances = other.search(asked, 1)
        assert distances.min() > 0.1
        assert ids.max() < len(other)
