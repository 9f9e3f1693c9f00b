"""Annoy proposes, exact arithmetic decides."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Vectors
from rvs.vectors import annoy_index
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy, recall_at_k, tune_search_k
from rvs.vectors.exact_index import ExactIndex
from tests.vectors.crowd import crowd, nearest_by_loop

WIDE = 1_000_000


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return crowd(1000, 4, dimension=64, spread=0.6)


@pytest.fixture(scope="module")
def probes() -> Vectors:
    return crowd(200, 1, dimension=64, seed=5)


@pytest.fixture(scope="module")
def forest(vectors: Vectors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forest") / "photos.annoy"
    build_annoy(vectors, path, trees=5)
    return path


def test_a_wide_search_finds_what_the_exact_one_finds(
    forest: Path, vectors: Vectors, probes: Vectors
) -> None:
    index = AnnoyVectorIndex(forest, vectors, WIDE)
    assert len(index) == 4000
    ids, distances = index.search(probes, 20)
    expected_ids, expected_distances = ExactIndex(vectors).search(probes, 20)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_allclose(distances, expected_distances, atol=1e-4)
    assert ids.dtype == np.int64
    assert distances.dtype == np.float32


def test_a_narrow_search_misses_some_but_measures_right(
    forest: Path, vectors: Vectors, probes: Vectors
) -> None:
    ids, distances = AnnoyVectorIndex(forest, vectors, 1).search(probes, 10)
    truth, _ = ExactIndex(vectors).search(probes, 10)
    assert recall_at_k(ids, truth) < 0.9  # or the following would say nothing about narrow searches
    rows, columns = np.nonzero(ids >= 0)
    by_definition = np.linalg.norm(vectors[ids[rows, columns]] - probes[rows], axis=1)
    np.testing.assert_allclose(distances[rows, columns], by_definition, atol=1e-6)
    assert (np.diff(distances, axis=1)[ids[:, 1:] >= 0] >= 0).all()


def test_distances_are_to_the_stored_vectors_not_to_the_forest(tmp_path: Path) -> None:
    stored = crowd(100, 2, dimension=16).astype(np.float16)
    build_annoy(stored, tmp_path / "f", trees=3)
    probe = crowd(1, 1, dimension=16, seed=9)
    ids, distances = AnnoyVectorIndex(tmp_path / "f", stored, WIDE).search(probe, 5)
    expected = nearest_by_loop(stored, probe[0], 5)
    assert ids[0].tolist() == [row for _, row in expected]
    np.testing.assert_allclose(distances[0], [far for far, _ in expected], atol=1e-6)


def test_candidates_are_ranked_by_the_vectors_not_by_the_forest(tmp_path: Path) -> None:
    """A forest over vectors in another order proposes wrongly; the distances say so."""
    vectors = crowd(50, 1, dimension=16)
    build_annoy(vectors[::-1], tmp_path / "f", trees=3)
    ids, distances = AnnoyVectorIndex(tmp_path / "f", vectors, WIDE).search(vectors[:1], 50)
    assert ids[0, 0] == 0
    assert distances[0, 0] == 0
    assert sorted(ids[0].tolist()) == list(range(50))


def test_what_was_not_found_is_minus_one_at_infinity(tmp_path: Path) -> None:
    vectors = crowd(7, 1)
    build_annoy(vectors, tmp_path / "f", trees=2)
    ids, distances = AnnoyVectorIndex(tmp_path / "f", vectors, WIDE).search(vectors[:3], 10)
    assert (ids[:, 7:] == -1).all()
    assert np.isposinf(distances[:, 7:]).all()
    assert [sorted(row.tolist()) for row in ids[:, :7]] == [list(range(7))] * 3
    assert ids[:, 0].tolist() == [0, 1, 2]


def test_a_gallery_of_one(tmp_path: Path) -> None:
    vectors = crowd(1, 1)
    build_annoy(vectors, tmp_path / "f", trees=40)
    ids, distances = AnnoyVectorIndex(tmp_path / "f", vectors, 2000).search(vectors, 2)
    assert ids.tolist() == [[0, -1]]
    assert distances[0, 0] == 0


def test_copies_of_a_photo_come_in_the_order_of_the_gallery(tmp_path: Path) -> None:
    vectors = np.repeat(crowd(3, 1), 40, axis=0)
    build_annoy(vectors, tmp_path / "f", trees=5)
    ids, _ = AnnoyVectorIndex(tmp_path / "f", vectors, WIDE).search(vectors[:1], 40)
    assert ids[0].tolist() == list(range(40))


@pytest.mark.parametrize(
    "probes",
    [
        np.ones((1, 63), np.float32),
        np.ones((1, 65), np.float32),
        np.ones(64, np.float32),
        np.full((1, 64), np.nan, np.float32),
        np.full((1, 64), -np.inf, np.float32),
    ],
)
def test_refuses_what_has_no_neighbours(forest: Path, vectors: Vectors, probes: Vectors) -> None:
    with pytest.raises(ValueError, match="probes must be"):
        AnnoyVectorIndex(forest, vectors, 100).search(probes, 3)


def test_a_forest_that_is_missing(tmp_path: Path, vectors: Vectors) -> None:
    with pytest.raises(OSError, match="No such file"):
        AnnoyVectorIndex(tmp_path / "nothing", vectors, 100)


@pytest.mark.parametrize("others", [3, 5, 400])
def test_a_forest_over_another_number_of_vectors(tmp_path: Path, others: int) -> None:
    """It would propose rows that are not there."""
    build_annoy(crowd(others, 1), tmp_path / "f", trees=2)
    with pytest.raises(ValueError, match=rf"over {others} vectors instead of 4"):
        AnnoyVectorIndex(tmp_path / "f", crowd(4, 1), 100)


def test_the_same_vectors_make_the_same_file(tmp_path: Path, vectors: Vectors) -> None:
    for name in ("one", "two"):
        build_annoy(vectors[:500], tmp_path / name, trees=4)
    build_annoy(vectors[:499], tmp_path / "other", trees=4)
    hashes = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("one", "two", "other")]
    assert hashes[0] == hashes[1] != hashes[2]


def test_searched_by_many_threads_at_once(forest: Path, vectors: Vectors, probes: Vectors) -> None:
    index = AnnoyVectorIndex(forest, vectors, 500)
    expected_ids, expected_distances = index.search(probes, 10)
    with ThreadPoolExecutor(8) as pool:
        for ids, distances in pool.map(lambda _: index.search(probes, 10), range(32)):
            np.testing.assert_array_equal(ids, expected_ids)
            np.testing.assert_array_equal(distances, expected_distances)


class TestTuning:
    LADDER = (5, 20, 100, 500, 2000, 8000)

    @pytest.fixture(autouse=True)
    def ladder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The real one is made for galleries of thousands: here its first step would find everything.
        monkeypatch.setattr(annoy_index, "_SEARCH_K_LADDER", self.LADDER)

    @pytest.mark.parametrize("target", [0.3, 0.6, 0.9, 0.99, 1.0])
    def test_takes_the_smallest_step_that_reaches_the_target(
        self, forest: Path, vectors: Vectors, probes: Vectors, target: float
    ) -> None:
        truth, _ = ExactIndex(vectors).search(probes, 1)
        recalls = {
            step: recall_at_k(AnnoyVectorIndex(forest, vectors, step).search(probes, 1)[0], truth)
            for step in self.LADDER
        }
        step, recall = tune_search_k(forest, vectors, probes, k=1, target=target)
        assert step == next(step for step in self.LADDER if recalls[step] >= target)
        assert recall == recalls[step]

    def test_the_targets_above_lead_to_different_steps(
        self, forest: Path, vectors: Vectors, probes: Vectors
    ) -> None:
        steps = [tune_search_k(forest, vectors, probes, k=1, target=t)[0] for t in (0.3, 0.6, 0.99)]
        assert len(set(steps)) == 3

    def test_what_cannot_be_reached_takes_the_widest_search(
        self, forest: Path, vectors: Vectors, probes: Vectors
    ) -> None:
        step, recall = tune_search_k(forest, vectors, probes, k=10, target=1.1)
        assert step >= 64 * len(vectors)
        assert recall == 1

    @pytest.mark.parametrize("photos", [1, 2, 11])
    def test_a_tiny_gallery(self, tmp_path: Path, photos: int) -> None:
        vectors = crowd(photos, 1)
        build_annoy(vectors, tmp_path / "f", trees=40)
        step, recall = tune_search_k(tmp_path / "f", vectors, vectors, k=10, target=0.999)
        assert recall == 1
        assert step > 0


def test_recall_by_hand() -> None:
    truth = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert recall_at_k(truth, truth) == 1
    assert recall_at_k(np.array([[4, 3, 2, 1], [8, 7, 6, 5]]), truth) == 1
    assert recall_at_k(np.array([[1, 9, 9, 9], [-1, -1, -1, 5]]), truth) == 2 / 8
    assert recall_at_k(np.array([[5, 6, 7, 8], [1, 2, 3, 4]]), truth) == 0
    assert recall_at_k(np.array([[0, 4, 3, 2, 1], [5, 6, 7, 0, -1]]), truth) == 7 / 8
