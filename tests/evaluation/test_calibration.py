"""Whether a calibration is right is found out on people it was not fitted on, and said with the right numbers."""

from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Vectors
from rvs.evaluation.calibration import (
    PERCENTILES,
    check_calibration,
    expected_calibration_error,
    fit_apart,
    held_out_pairs,
    reliability,
)
from rvs.gallery.lfw import Pair
from rvs.gallery.version import Version
from rvs.scoring import Calibration, percentile, probability
from tests.evaluation.made_version import files_of, made_version
from tests.vectors.crowd import crowd, owners, unit

PEOPLE = 60


def _pairs() -> list[Pair]:
    """Ten folds; person 4f .. 4f+3 are in fold f only, people from 40 on in none. Two pairs of each sort."""
    file = {(int(name[1:3]), int(name[-8:-4])): name for name in files_of(owners(PEOPLE, 3))}
    return [
        pair
        for fold in range(10)
        for first in (4 * fold, 4 * fold + 2)
        for pair in (
            Pair(file[first, 1], file[first, 2], True, fold),
            Pair(file[first, 3], file[first + 1, 1], False, fold),
        )
    ]


def _vectors(seed: int = 0) -> Vectors:
    return crowd(PEOPLE, 3, dimension=16, spread=0.5, seed=seed)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return made_version(tmp_path_factory.mktemp("calibration") / "v1", _vectors(), owners(PEOPLE, 3))


def test_folds_6_to_10_are_held_out() -> None:
    held_out = held_out_pairs(_pairs())
    assert {pair.fold for pair in held_out} == {5, 6, 7, 8, 9}
    assert len(held_out) == 20


def test_the_fit_does_not_know_the_people_it_is_held_against(tmp_path: Path, version: Version) -> None:
    """With others in their place the fit is the same; with others among the rest it is not."""
    held_out, people = held_out_pairs(_pairs()), owners(PEOPLE, 3)
    fitted = fit_apart(version, held_out)
    assert fitted.stranger_pairs == 40 * 39 // 2
    tested = (people >= 20) & (people < 40)
    for name, changed, same in (("a", tested, True), ("b", ~tested, False)):
        vectors = np.where(changed[:, None], _vectors(9), _vectors())
        other = fit_apart(made_version(tmp_path / name, unit(vectors), people), held_out)
        assert (other == fitted) is same


def test_the_check_by_definition(version: Version) -> None:
    held_out = held_out_pairs(_pairs())
    calibration = fit_apart(version, held_out)
    check = check_calibration(version, held_out, calibration)

    row = {photo.file: number for number, photo in enumerate(version.photos)}

    def distance(first: str, second: str) -> float:
        one, other = (version.vectors[row[file]].astype(np.float64) for file in (first, second))
        return float(np.linalg.norm(one - other))

    promised = [probability(calibration, distance(pair.first, pair.second)) for pair in held_out]
    gaps = [(p or 0) - pair.same for p, pair in zip(promised, held_out, strict=True)]
    assert check.brier_score == pytest.approx(np.mean(np.square(gaps)), abs=1e-4)
    assert check.held_out_pairs == len(held_out) == sum(one.pairs for one in check.bins)

    first = [version.photos[3 * person].file for person in range(20, 40)]
    strangers = [distance(a, b) for number, a in enumerate(first) for b in first[number + 1 :]]
    assert check.held_out_strangers == len(strangers) == 190
    assert [one.percentile for one in check.percentiles] == list(PERCENTILES)
    for one in check.percentiles:
        beyond = np.mean([percentile(calibration, far) > one.percentile for far in strangers])
        assert one.promised == pytest.approx(1 - one.percentile / 100)
        assert one.found == pytest.approx(beyond, abs=2 / len(strangers))


def test_without_a_curve_there_is_only_the_percentile(version: Version) -> None:
    calibration = Calibration("a + b", (0.001, 0.5, 0.999), (0.3, 0.9, 1.5), None, None, 1000, 0, "by hand")
    check = check_calibration(version, held_out_pairs(_pairs()), calibration)
    assert (check.expected_calibration_error, check.brier_score, check.bins) == (None, None, ())
    assert check.percentiles


def test_the_diagram_leaves_out_empty_bins() -> None:
    promised = np.array([0.05, 0.08, 0.52, 1.0, 0.97])
    same = np.array([False, True, True, True, True])
    bins = reliability(promised, same)
    assert [(round(one.promised, 3), one.came_true, one.pairs) for one in bins] == [
        (0.065, 0.5, 2),
        (0.52, 1.0, 1),
        (0.985, 1.0, 2),
    ]


class TestExpectedCalibrationError:
    def test_by_hand(self) -> None:
        promised = np.array([0.05, 0.05, 0.05, 0.05, 0.95, 0.95])
        came_true = np.array([False, False, False, True, True, True])
        # Four promised 5 %, one in four came true; two promised 95 %, both came true.
        assert expected_calibration_error(promised, came_true) == pytest.approx((4 * 0.20 + 2 * 0.05) / 6)

    def test_honest_promises_have_none(self) -> None:
        promised = np.repeat([0.25, 0.75], 100)
        came_true = np.concatenate([np.arange(100) < 25, np.arange(100) < 75])
        assert expected_calibration_error(promised, came_true) == pytest.approx(0)

    def test_certainty_that_is_wrong_has_all_of_it(self) -> None:
        assert expected_calibration_error(np.ones(5), np.zeros(5, bool)) == 1
        assert expected_calibration_error(np.zeros(5), np.ones(5, bool)) == 1
        assert expected_calibration_error(np.ones(5), np.ones(5, bool)) == 0

    def test_bins(self) -> None:
        promised, came_true = np.array([0.3, 0.4]), np.array([True, False])
        assert expected_calibration_error(promised, came_true, bins=2) == pytest.approx(abs(0.35 - 0.5))
        assert expected_calibration_error(promised, came_true, bins=10) == pytest.approx((0.7 + 0.4) / 2)
