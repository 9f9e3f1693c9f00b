"""Exact search is the oracle, so it is checked against a loop that nobody can doubt."""

import numpy as np
import pytest

from rvs.arrays import Vectors
from rvs.vectors.exact_index import ExactIndex, smallest
from tests.vectors.crowd import crowd, nearest_by_loop, unit


@pytest.mark.parametrize("probes", [1, 16, 17, 40])  # it works in rounds of sixteen
@pytest.mark.parametrize("k", [1, 7, 120])
def test_finds_what_a_loop_finds(probes: int, k: int) -> None:
    vectors = crowd(40, 3)
    asked = crowd(probes, 1, seed=1)
    ids, distances = ExactIndex(vectors).search(asked, k)
    assert ids.shape == distances.shape == (probes, k)
    assert ids.dtype == np.int64
    assert distances.dtype == np.float32
    for row, probe in enumerate(asked):
        expected = nearest_by_loop(vectors, probe, k)
        assert ids[row].tolist() == [where for _, where in expected]
        np.testing.assert_allclose(distances[row], [far for far, _ in expected], atol=1e-5)


def test_takes_vectors_as_they_are_stored() -> None:
    stored = crowd(30, 4).astype(np.float16)
    probe = crowd(1, 1, seed=2)
    ids, distances = ExactIndex(stored).search(probe, 10)
    expected = nearest_by_loop(stored, probe[0], 10)
    assert ids[0].tolist() == [row for _, row in expected]
    # Rounding to float16 makes vectors a little longer or shorter; the distance counts that in.
    np.testing.assert_allclose(distances[0], [far for far, _ in expected], atol=1e-5)


def test_a_photo_finds_itself_at_no_distance() -> None:
    stored = crowd(50, 2, dimension=128).astype(np.float16)
    ids, distances = ExactIndex(stored).search(stored.astype(np.float32), 1)
    assert ids[:, 0].tolist() == list(range(100))
    assert distances.max() < 1e-3


def test_what_is_not_there_is_minus_one_at_infinity() -> None:
    vectors = crowd(3, 1)
    ids, distances = ExactIndex(vectors).search(vectors[:2], 5)
    assert (ids[:, 3:] == -1).all()
    assert np.isposinf(distances[:, 3:]).all()
    assert sorted(ids[0, :3].tolist()) == [0, 1, 2]


def test_an_empty_gallery_finds_nothing() -> None:
    empty: Vectors = np.empty((0, 32), np.float32)
    index = ExactIndex(empty)
    ids, distances = index.search(crowd(1, 1), 3)
    assert len(index) == 0
    assert ids.tolist() == [[-1, -1, -1]]
    assert np.isposinf(distances).all()


def test_no_probes_no_answers() -> None:
    ids, distances = ExactIndex(crowd(5, 1)).search(np.empty((0, 32), np.float32), 3)
    assert ids.shape == distances.shape == (0, 3)


def test_copies_of_a_photo_come_in_the_order_of_the_gallery() -> None:
    one, other = crowd(2, 1)
    vectors = np.array([other, one, other, one, one, other, one])
    ids, _ = ExactIndex(vectors).search(one[None], 7)
    assert ids[0].tolist() == [1, 3, 4, 6, 0, 2, 5]


@pytest.mark.parametrize("k", range(1, 12))
def test_of_equal_values_the_first_columns_are_taken(k: int) -> None:
    draw = np.random.default_rng(k)
    values = draw.integers(0, 4, (50, 12)).astype(np.float32)  # ties everywhere, also at the k-th place
    expected = [sorted(range(12), key=lambda column: (row[column], column))[:k] for row in values]
    assert smallest(values, k).tolist() == expected


@pytest.mark.parametrize(
    "probes",
    [
        np.ones((1, 31), np.float32),
        np.ones((1, 33), np.float32),
        np.ones(32, np.float32),
        np.ones((1, 1, 32), np.float32),
        np.full((1, 32), np.nan, np.float32),
        np.full((1, 32), np.inf, np.float32),
        np.concatenate([unit(np.ones((1, 32))), np.full((1, 32), np.nan, np.float32)]),
    ],
)
def test_refuses_what_has_no_neighbours(probes: Vectors) -> None:
    with pytest.raises(ValueError, match="probes must be"):
        ExactIndex(crowd(5, 1)).search(probes, 3)


def test_keeps_nothing_of_the_caller() -> None:
    vectors = crowd(5, 1)
    before = vectors.copy()
    ExactIndex(vectors).search(vectors, 3)
    np.testing.assert_array_equal(vectors, before)
