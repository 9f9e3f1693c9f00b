"""Leave one out, against a case done by hand and the definitions written out as loops."""

from statistics import fmean

import numpy as np
import pytest

from rvs.arrays import Ids, Vectors
from rvs.evaluation import retrieval
from rvs.evaluation.retrieval import leave_one_out
from tests.vectors.crowd import crowd, owners, unit


def _at(*degrees: float) -> Vectors:
    """Unit vectors in the plane."""
    angles = np.radians(degrees)
    return unit(np.column_stack([np.cos(angles), np.sin(angles)]))


def _by_loop(vectors: Vectors, people: Ids) -> tuple[int, float, float, float]:
    first, five, precisions = [], [], []
    for probe in range(len(vectors)):
        others = [row for row in range(len(vectors)) if row != probe]
        others.sort(
            key=lambda row: -float(vectors[row].astype(np.float64) @ vectors[probe].astype(np.float64))
        )
        right = [people[row] == people[probe] for row in others]
        if not any(right):
            continue
        first.append(right[0])
        five.append(any(right[:5]))
        found = [sum(right[: rank + 1]) / (rank + 1) for rank, hit in enumerate(right) if hit]
        precisions.append(fmean(found))
    return len(first), fmean(first), fmean(five), fmean(precisions)


def test_by_hand() -> None:
    # On a circle: a a b a, and b further on; c is alone.
    vectors, people = _at(0, 10, 19, 27, 60, 180), np.array([0, 0, 1, 0, 1, 2])
    result = leave_one_out(vectors, people)
    assert result.probes == 5
    # a at 0: a b a -> 1, 2/3. a at 10: b a a -> 1/2, 2/3. b at 19: a a a b -> 1/4. a at 27: b a a.
    # b at 60: a b -> 1/2.
    precision = [(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, 1 / 4, (1 / 2 + 2 / 3) / 2, 1 / 2]
    assert result.precision_at_1 == pytest.approx(1 / 5)
    assert result.hit_at_5 == 1
    assert result.mean_average_precision == pytest.approx(fmean(precision))


@pytest.mark.parametrize("spread", [0.1, 0.8, 2.0])
@pytest.mark.parametrize("rounds", [3, 256])
def test_as_the_definitions_say(monkeypatch: pytest.MonkeyPatch, spread: float, rounds: int) -> None:
    monkeypatch.setattr(retrieval, "_PROBES_AT_ONCE", rounds)
    vectors = np.concatenate([crowd(15, 4, dimension=8, spread=spread), crowd(9, 1, dimension=8, seed=4)])
    people = np.concatenate([owners(15, 4), np.arange(20, 29)])
    shuffled = np.random.default_rng(0).permutation(len(people))
    result = leave_one_out(vectors[shuffled], people[shuffled])
    probes, first, five, precision = _by_loop(vectors, people)
    assert result.probes == probes == 60
    assert result.precision_at_1 == pytest.approx(first)
    assert result.hit_at_5 == pytest.approx(five)
    assert result.mean_average_precision == pytest.approx(precision)


def test_everybody_apart_is_perfect() -> None:
    result = leave_one_out(crowd(20, 3, spread=0.05), owners(20, 3))
    assert (result.precision_at_1, result.hit_at_5, result.mean_average_precision) == (1, 1, 1)


def test_the_probe_does_not_find_itself() -> None:
    """Of two photos of a person, the other one is far away behind five strangers."""
    vectors, people = _at(0, 170, 10, 20, 30, 40, 50), np.array([0, 0, 1, 2, 3, 4, 5])
    result = leave_one_out(vectors, people)
    assert (result.probes, result.precision_at_1, result.hit_at_5) == (2, 0, 0)
    assert result.mean_average_precision == pytest.approx(1 / 6)


def test_copies_of_a_photo_count_once_each() -> None:
    """Three equal photos of a person are found at ranks 1 and 2, not both at 1: nothing exceeds 100 %."""
    vectors, people = _at(0, 0, 0, 40, 40), np.array([0, 0, 0, 1, 1])
    result = leave_one_out(vectors, people)
    assert (result.precision_at_1, result.mean_average_precision) == (1, 1)


def test_stored_vectors_will_do() -> None:
    vectors, people = crowd(10, 3, spread=0.5), owners(10, 3)
    assert leave_one_out(vectors.astype(np.float16), people).probes == 30


def test_a_gallery_of_single_photos_has_no_probes() -> None:
    with pytest.raises(ValueError, match="nobody has two photos"):
        leave_one_out(crowd(5, 1), owners(5, 1))
