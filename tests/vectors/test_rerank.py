"""Whatever proposed the candidates, exact arithmetic ranks them."""

import numpy as np

from rvs.vectors.rerank import rerank
from tests.vectors.crowd import crowd, nearest_by_loop


def test_the_nearest_of_the_candidates_by_the_definition() -> None:
    stored = crowd(40, 3).astype(np.float16)
    probes = crowd(2, 1, seed=5)
    candidates = np.arange(0, 120, 5)
    ids, distances = rerank(stored, probes, [candidates[::-1], candidates], 6)
    for row, probe in enumerate(probes):
        expected = nearest_by_loop(stored[candidates], probe, 6)
        assert ids[row].tolist() == [candidates[where] for _, where in expected]
        np.testing.assert_allclose(distances[row], [far for far, _ in expected], atol=1e-6)


def test_equal_ones_come_by_row() -> None:
    stored = np.repeat(crowd(1, 1), 5, axis=0)
    ids, _ = rerank(stored, stored[:1], [np.array([3, 0, 4])], 5)
    assert ids.tolist() == [[0, 3, 4, -1, -1]]


def test_without_candidates_there_is_nothing() -> None:
    ids, distances = rerank(crowd(3, 1), crowd(2, 1), [np.empty(0, np.int64), np.array([1])], 2)
    assert ids.tolist() == [[-1, -1], [1, -1]]
    assert np.isposinf(distances).tolist() == [[True, True], [False, True]]
