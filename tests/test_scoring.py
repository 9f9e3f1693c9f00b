"""Numbers that mean what they say."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.evaluation.calibration import expected_calibration_error
from rvs.pipeline import DEFAULT_PIPELINE, parse_pipeline
from rvs.scoring import (
    CALIBRATIONS,
    Calibration,
    _logistic,
    calibration_file,
    fit_calibration,
    genuine_distances,
    packaged_calibration,
    pair_word,
    percentile,
    probability,
    score,
    word,
)
from tests.vectors.crowd import crowd, owners

DISTANCES = np.linspace(0, 2, 2001)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """Fitted on 1500 people with two photos each: 1.1 million pairs of strangers."""
    return _fit(crowd(1500, 2, dimension=24, spread=0.5), owners(1500, 2))


@pytest.fixture(scope="module")
def packaged() -> Calibration:
    found = packaged_calibration(DEFAULT_PIPELINE)
    assert found is not None
    return found


def _fit(vectors: Vectors, people: Ids, most_people: int = 3000) -> Calibration:
    return fit_calibration("a + b", vectors, people, source="synthetic", most_people=most_people)


def _stranger_distances(vectors: Vectors) -> NDArray[np.float64]:
    rows = np.triu_indices(len(vectors), 1)
    wide = vectors.astype(np.float64)
    return np.sqrt(np.maximum(2 - 2 * (wide @ wide.T)[rows], 0))


class TestPercentile:
    def test_at_the_quantiles_it_was_fitted_on(self, calibration: Calibration) -> None:
        pairs = zip(calibration.stranger_shares, calibration.stranger_distances, strict=True)
        for share, distance in pairs:
            assert percentile(calibration, distance) == pytest.approx(100 * (1 - share), abs=1e-6)

    def test_is_the_share_of_strangers_that_are_further_apart(self, calibration: Calibration) -> None:
        strangers = _stranger_distances(crowd(1500, 2, dimension=24, spread=0.5)[::2])
        assert calibration.stranger_pairs == len(strangers)
        for distance in (0.55, 0.8, 1.0, 1.2, 1.4, 1.6):
            further = 100 * np.mean(strangers > distance)
            assert percentile(calibration, distance) == pytest.approx(further, abs=0.3)
        # In the tail, where lookalikes are, what counts is how many are nearer.
        for distance in (0.75, 0.8, 0.9):
            nearer = np.mean(strangers <= distance)
            assert 100 - percentile(calibration, distance) == pytest.approx(100 * nearer, rel=0.25)

    def test_never_rises_with_distance(self, calibration: Calibration, packaged: Calibration) -> None:
        for one in (calibration, packaged):
            values = [percentile(one, float(distance)) for distance in DISTANCES]
            assert (np.diff(values) <= 0).all()
            assert 0 <= values[-1] < 0.1
            assert 99.99 < values[0] < 100
            assert len(set(values)) > 500

    def test_promises_no_more_than_was_counted(self, calibration: Calibration) -> None:
        """Of a million pairs none was nearer: that is 1 in a million, not never."""
        assert percentile(calibration, 0.0) == pytest.approx(100 - 1e-4)
        few = _fit(crowd(20, 1), owners(20, 1))  # 190 pairs
        assert percentile(few, 0.0) == pytest.approx(100 * (1 - few.stranger_shares[0]))
        assert 1 / 190 <= few.stranger_shares[0] < 2 / 190

    def test_of_strangers_it_had_not_seen_is_uniform(self, calibration: Calibration) -> None:
        """The definition of an honest percentile: as many strangers are above 90 as 10 in 100."""
        others = _stranger_distances(crowd(1200, 1, dimension=24, spread=0.5, seed=99))
        values = np.sort([percentile(calibration, float(distance)) for distance in others[::37]])
        expected = np.linspace(0, 100, len(values))
        assert np.abs(values - expected).max() < 1.5
        # And in the tail, where 1 in 1000 has to be 1 in 1000.
        tail = np.mean(others < np.interp(0.001, calibration.stranger_shares, calibration.stranger_distances))
        assert tail == pytest.approx(0.001, rel=0.3)

    def test_two_strangers_say_little(self) -> None:
        two = _fit(crowd(2, 1), owners(2, 1))
        assert two.stranger_pairs == 1
        assert percentile(two, 0.1) == percentile(two, 1.9) == pytest.approx(50)

    def test_equal_distances_do_no_harm(self) -> None:
        eye: Vectors = np.eye(8, dtype=np.float32)  # every two are sqrt(2) apart
        one = _fit(eye, np.arange(8))
        values = [percentile(one, float(distance)) for distance in DISTANCES]
        assert np.isfinite(values).all()
        assert (np.diff(values) <= 0).all()


class TestProbability:
    def test_never_rises_with_distance(self, calibration: Calibration, packaged: Calibration) -> None:
        for one in (calibration, packaged):
            values = [probability(one, float(distance)) for distance in DISTANCES]
            numbers = [value for value in values if value is not None]
            assert len(numbers) == len(values)
            assert (np.diff(numbers) <= 0).all()
            assert len(set(numbers)) > 500
            assert numbers[0] > 0.99
            assert numbers[-1] < 0.01

    def test_is_the_logistic_function(self, calibration: Calibration) -> None:
        by_hand = replace(calibration, slope=-10.0, intercept=6.0)
        assert probability(by_hand, 0.6) == pytest.approx(0.5)
        assert probability(by_hand, 0.5) == pytest.approx(1 / (1 + math.exp(-1)))
        assert probability(by_hand, 0.7) == pytest.approx(1 / (1 + math.exp(1)))

    def test_finds_the_numbers_that_made_the_data(self) -> None:
        """Pairs drawn from a known logistic model."""
        slope, intercept = _recovered(slope=-14.0, intercept=9.0, seed=0)
        assert slope == pytest.approx(-14, rel=0.05)
        assert intercept == pytest.approx(9, rel=0.05)

    def test_both_kinds_weigh_the_same_however_many_there_are(self, calibration: Calibration) -> None:
        """Hundreds of strangers to one genuine pair: half way the answer is still even."""
        assert calibration.stranger_pairs > 500 * calibration.genuine_pairs
        vectors, people = crowd(1000, 2, dimension=24, spread=0.5, seed=7), owners(1000, 2)
        genuine = genuine_distances(vectors, people)
        strangers = _stranger_distances(vectors[::2])[:: len(people)][: len(genuine)]
        promised = np.array([probability(calibration, float(d)) for d in (*genuine, *strangers)], float)
        truth = np.arange(len(promised)) < len(genuine)
        assert expected_calibration_error(promised, truth) < 0.03

    def test_too_few_people_with_two_photos(self) -> None:
        """29 pairs are too few for a curve, 30 have to do."""
        few = np.concatenate([owners(29, 2), np.arange(100, 150)])
        enough = np.concatenate([owners(30, 2), np.arange(100, 150)])
        none = _fit(crowd(len(few), 1), few)
        assert (none.slope, none.intercept, none.genuine_pairs) == (None, None, 29)
        assert probability(none, 0.5) is None
        assert score(none, 0.5).probability is None
        some = _fit(crowd(len(enough), 1), enough)
        assert some.genuine_pairs == 30
        assert probability(some, 0.5) is not None

    def test_kinds_that_do_not_overlap_give_a_finite_curve(self) -> None:
        vectors = crowd(50, 3, dimension=64, spread=0.01)
        one = _fit(vectors, owners(50, 3))
        near, far = probability(one, 0.01), probability(one, 1.4)
        assert near is not None
        assert far is not None
        assert near > 0.99
        assert far < 0.01


def _recovered(slope: float, intercept: float, seed: int) -> tuple[float, float]:
    """What is fitted to pairs whose distances follow a logistic model."""
    draw = np.random.default_rng(seed)
    distance = draw.uniform(0.1, 1.2, 400_000)
    same = draw.random(len(distance)) < 1 / (1 + np.exp(-(slope * distance + intercept)))
    genuine, strangers = distance[same].astype(np.float32), np.sort(distance[~same].astype(np.float32))
    found, constant = _logistic(genuine, strangers)
    # Fitted as if both kinds were equally frequent; the model says how frequent they really are.
    return found, constant + math.log(len(genuine) / len(strangers))


class TestFit:
    def test_what_it_was_fitted_on_is_recorded(self, calibration: Calibration) -> None:
        assert calibration.pipeline == "a + b"
        assert calibration.source == "synthetic"
        assert calibration.stranger_pairs == 1500 * 1499 // 2
        assert calibration.genuine_pairs == 1500
        assert len(calibration.stranger_shares) == len(calibration.stranger_distances)
        assert (np.diff(calibration.stranger_shares) > 0).all()
        assert (np.diff(calibration.stranger_distances) >= 0).all()

    def test_the_often_photographed_do_not_decide_alone(self) -> None:
        people = np.concatenate([np.zeros(50, int), owners(20, 2) + 1])
        vectors = crowd(len(people), 1)
        assert len(genuine_distances(vectors, people)) == 10 + 20
        one = _fit(vectors, people)
        assert one.genuine_pairs == 30
        assert one.stranger_pairs == 21 * 20 // 2  # a photo of each

    def test_genuine_pairs_are_of_one_person(self) -> None:
        vectors, people = crowd(30, 4, spread=0.05), owners(30, 4)
        shuffled = np.random.default_rng(3).permutation(120)
        distances = genuine_distances(vectors[shuffled], people[shuffled])
        assert len(distances) == 30 * 6
        assert distances.max() < 0.2
        assert distances.min() > 0

    def test_a_bound_on_the_people(self) -> None:
        one = _fit(crowd(200, 1), owners(200, 1), most_people=50)
        assert one.stranger_pairs == 50 * 49 // 2

    def test_the_same_photos_give_the_same_calibration(self) -> None:
        vectors, people = crowd(60, 2), owners(60, 2)
        assert _fit(vectors, people) == _fit(vectors, people)
        assert _fit(vectors.astype(np.float16), people).stranger_pairs == 60 * 59 // 2

    @pytest.mark.parametrize("photos", [1, 3])
    def test_one_person_has_no_strangers(self, photos: int) -> None:
        with pytest.raises(ValueError, match="at least two people"):
            _fit(crowd(photos, 1), np.zeros(photos, int))


class TestWords:
    @pytest.mark.parametrize(
        ("among_strangers", "expected"),
        [
            (100.0, "uncanny"),
            (99.999, "uncanny"),
            (99.99899, "strong"),
            (99.98, "strong"),
            (99.97999, "fair"),
            (99.8, "fair"),
            (99.79999, "faint"),
            (50.0, "faint"),
            (0.0, "faint"),
        ],
    )
    def test_at_the_thresholds(self, among_strangers: float, expected: str) -> None:
        assert word(among_strangers) == expected

    def test_a_score_has_them_all(self, packaged: Calibration) -> None:
        one = score(packaged, 0.3)
        assert one.distance == 0.3
        assert one.percentile == percentile(packaged, 0.3)
        assert one.probability == probability(packaged, 0.3)
        assert one.word == word(one.percentile)

    def test_every_word_is_used(self, packaged: Calibration) -> None:
        words = [score(packaged, float(distance)).word for distance in DISTANCES]
        assert list(dict.fromkeys(words)) == ["uncanny", "strong", "fair", "faint"]


class TestFiles:
    def test_json_and_back(self, calibration: Calibration) -> None:
        assert Calibration.from_json(calibration.to_json()) == calibration
        no_curve = replace(calibration, slope=None, intercept=None)
        assert Calibration.from_json(no_curve.to_json()) == no_curve

    def test_the_default_pipeline_brings_one(self, packaged: Calibration) -> None:
        assert packaged.pipeline == DEFAULT_PIPELINE
        assert packaged.stranger_pairs >= 1_000_000
        assert packaged.genuine_pairs >= 1000
        assert packaged.slope is not None
        assert packaged.source
        assert packaged.stranger_shares[0] <= 1e-6 * 1.01

    def test_it_is_about_that_network(self, packaged: Calibration) -> None:
        """Two photos of a person are 0.29 apart in the median, and dlib calls 0.6 the same person."""
        assert percentile(packaged, 0.29) > 99.99
        near, far = probability(packaged, 0.29), probability(packaged, 1.0)
        assert near is not None
        assert far is not None
        assert near > 0.95
        assert far < 0.01

    def test_every_packaged_one_is_named_after_its_pipeline(self) -> None:
        files = sorted(CALIBRATIONS.glob("*.json"))
        assert files
        for path in files:
            pipeline = json.loads(path.read_text())["pipeline"]
            assert calibration_file(pipeline) == path.name
            found = packaged_calibration(pipeline)
            assert found is not None
            assert found.to_json() == path.read_text()

    def test_other_pipelines_have_none(self) -> None:
        assert packaged_calibration("whole-image + nothing") is None
        assert calibration_file("whole-image + resnet50") == "whole-image+resnet50.json"

    def test_another_crop_has_a_calibration_of_its_own(self) -> None:
        name = str(parse_pipeline("retinaface-mobilenet + face + face-resnet"))
        assert calibration_file(name) == "retinaface-mobilenet+face+face-resnet.json"
        assert packaged_calibration(name) is None


@pytest.mark.parametrize(
    ("among_strangers", "expected"),
    [
        (100.0, "uncanny"),
        (99.9, "uncanny"),
        (99.89, "strong"),
        (99.0, "strong"),
        (98.9, "fair"),
        (90.0, "fair"),
        (89.9, "faint"),
        (0.0, "faint"),
    ],
)
def test_the_word_of_a_pair_asks_for_less_than_that_of_a_search(
    among_strangers: float, expected: str
) -> None:
    assert pair_word(among_strangers) == expected
