"""One measure for every index, and the size at which another becomes the cheaper one."""

import numpy as np
import pytest

from rvs.arrays import Distances, Ids, Vectors
from rvs.evaluation.index_speed import crossing, measure_index
from rvs.vectors.exact_index import ExactIndex
from tests.vectors.crowd import crowd


class Forgetful:
    """Never finds the second half of what it is asked for."""

    def __init__(self, index: ExactIndex) -> None:
        self.index = index
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.index)

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        self.asked.append(len(vectors))
        ids, distances = self.index.search(vectors, k)
        ids[:, k // 2 :] = -1
        return ids, distances


def test_recall_is_the_share_of_the_truth() -> None:
    vectors = crowd(50, 2)
    exact = ExactIndex(vectors)
    probes = vectors[:7]
    truth, _ = exact.search(probes, 10)
    assert measure_index(exact, probes, truth).recall == 1.0
    assert measure_index(Forgetful(exact), probes, truth).recall == 0.5


def test_the_time_is_that_of_one_probe() -> None:
    forgetful = Forgetful(ExactIndex(crowd(150, 1)))
    probes = crowd(150, 1)
    speed = measure_index(forgetful, probes, np.zeros((150, 4), np.int64))
    assert forgetful.asked == [150, *[1] * 100]
    assert 0 < speed.search.median_ms <= speed.search.p95_ms


@pytest.mark.parametrize(
    ("first", "second", "at"),
    [
        ([1, 10, 100], [10, 10, 10], 10_000),  # equal at the middle size
        ([1, 100], [10, 10], 31_623),  # half-way, on logarithmic axes
        ([20, 200], [10, 10], 1_000),  # dearer from the start on
        ([1, 10, 100], [200, 200, 200], None),  # never
        ([1, 2, 400], [2, 4, 4], 18_266),  # half as dear at 10,000, 100 times at a million
    ],
)
def test_where_the_second_becomes_cheaper(first: list[float], second: list[float], at: int | None) -> None:
    sizes = {2: [1_000, 1_000_000], 3: [1_000, 10_000, 1_000_000]}[len(first)]
    found = crossing(sizes, first, second)
    assert found == at if at is None else found == pytest.approx(at, rel=1e-3)
