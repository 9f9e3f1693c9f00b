"""Leave one out, against a case done by hand and the definitions written out as loops."""

from dataclasses import asdict
from statistics import fmean

import numpy as np
import pytest

from rvs.arrays import Ids, Vectors
from rvs.evaluation import retrieval
from rvs.evaluation.retrieval import leave_one_out, rank_probes
from tests.vectors.crowd import crowd, owners, unit


def _at(*degrees: float) -> Vectors:
    """Unit vectors in the plane."""
    angles = np.radians(degrees)
    return unit(np.column_stack([np.cos(angles), np.sin(angles)]))


def _by_loop(vectors: Vectors, people: Ids) -> dict[str, float]:
    first, five, precisions, shares, best, ranks = [], [], [], [], [], []
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
        shares.append(sum(right[:5]) / 5)
        best.append(min(5, sum(right)) / 5)
        listed = list(dict.fromkeys(int(people[row]) for row in others))  # each person by their nearest photo
        ranks.append(listed.index(int(people[probe])) + 1)
    return {
        "probes": len(first),
        "precision_at_1": fmean(first),
        "hit_at_5": fmean(five),
        "precision_at_5": fmean(shares),
        "best_precision_at_5": fmean(best),
        "mean_average_precision": fmean(precisions),
        "person_at_1": fmean(rank == 1 for rank in ranks),
        "person_at_5": fmean(rank <= 5 for rank in ranks),
        "reciprocal": fmean(1 / rank for rank in ranks),
    }


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
    found = asdict(result)
    by_person = found.pop("by_person")
    named = {"precision_at_1": "person_at_1", "hit_at_5": "person_at_5", "mean_reciprocal_rank": "reciprocal"}
    found |= {named[name]: value for name, value in by_person.items()}
    assert found == pytest.approx(_by_loop(vectors, people))
    assert found["probes"] == 60


def test_grouped_by_person_a_crowd_of_photos_counts_once() -> None:
    """Between a probe and its mate lie six photos of one stranger: rank 7 of photos, rank 2 of people."""
    vectors, people = _at(0, 40, 10, 11, 12, 13, 14, 15), np.array([0, 0, 1, 1, 1, 1, 1, 1])
    ranks = rank_probes(vectors, people)
    assert (ranks.mate_rank[0], ranks.person_rank[0]) == (7, 2)
    assert (ranks.mates_in_five[0], ranks.mates[0]) == (0, 1)


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_what_each_probe_found(spread: float) -> None:
    vectors, people = crowd(12, 3, dimension=6, spread=spread), owners(12, 3)
    shuffled = np.random.default_rng(1).permutation(len(people))
    vectors, people = vectors[shuffled], people[shuffled]
    ranks = rank_probes(vectors, people)
    assert ranks.probes.tolist() == list(range(len(people)))
    for probe in range(len(people)):
        far = np.linalg.norm(vectors.astype(np.float64) - vectors[probe], axis=1)
        far[probe] = np.inf
        mates = np.flatnonzero((people == people[probe]) & np.isfinite(far))
        mate = mates[np.argmin(far[mates])]
        assert (ranks.nearest[probe], ranks.mate[probe]) == (np.argmin(far), mate)
        assert ranks.nearest_distance[probe] == pytest.approx(far.min(), abs=1e-5)
        assert ranks.mate_distance[probe] == pytest.approx(far[mate], abs=1e-5)
        assert ranks.mate_rank[probe] == 1 + np.count_nonzero(far < far[mate])
        assert ranks.mates_in_five[probe] == np.count_nonzero(people[np.argsort(far)[:5]] == people[probe])


def test_a_mate_comes_before_a_stranger_who_is_as_near() -> None:
    vectors, people = _at(0, 20, 20, 90), np.array([0, 1, 0, 1])
    ranks = rank_probes(vectors, people)
    assert (ranks.mate_rank[0], ranks.nearest[0], ranks.person_rank[0]) == (1, 2, 1)


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
