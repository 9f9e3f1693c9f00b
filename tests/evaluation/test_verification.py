"""LFW's ten folds, against cases done by hand and definitions written out as loops."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.evaluation.verification import best_threshold, roc_curve, verify


def _pairs(
    count: int, seed: int, *, steps: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
    """Overlapping distances of both kinds in ten folds; with `steps`, many of them equal."""
    draw = np.random.default_rng(seed)
    same = draw.random(count) < 0.5
    distances = np.where(same, draw.normal(0.5, 0.15, count), draw.normal(0.8, 0.15, count)).clip(0, 2)
    if steps:
        distances = np.round(distances * steps) / steps
    return distances.astype(np.float32), same, draw.permutation(np.arange(count) % 10)


def _right(distances: NDArray[np.float32], same: NDArray[np.bool_], threshold: float) -> int:
    return int(np.count_nonzero((distances <= threshold) == same))


def _most_right(distances: NDArray[np.float32], same: NDArray[np.bool_]) -> int:
    """By trying a threshold below, at and above every distance there is."""
    tries = [-1.0, *(float(distance) for distance in distances)]
    return max(_right(distances, same, threshold) for threshold in tries)


class TestThreshold:
    def test_between_the_two_kinds(self) -> None:
        distances = np.array([0.9, 0.2, 0.4, 0.8], np.float32)
        same = np.array([False, True, True, False])
        assert best_threshold(distances, same) == pytest.approx(0.6)

    @pytest.mark.parametrize("steps", [0, 5, 20])
    @pytest.mark.parametrize("seed", range(10))
    def test_none_is_better(self, seed: int, steps: int) -> None:
        distances, same, _ = _pairs(60, seed, steps=steps)
        assert _right(distances, same, best_threshold(distances, same)) == _most_right(distances, same)

    @pytest.mark.parametrize(
        ("distances", "same"),
        [
            ([0.3, 0.5], [True, True]),
            ([0.3, 0.5], [False, False]),
            ([0.0, 0.0], [False, False]),
            ([0.5, 0.5, 0.5, 1.0], [True, False, False, True]),
            ([0.3], [True]),
            ([0.3], [False]),
            ([0.2, 0.4, 0.4, 0.4], [True, True, False, False]),
        ],
    )
    def test_one_kind_only_or_all_alike(self, distances: list[float], same: list[bool]) -> None:
        far, truth = np.array(distances, np.float32), np.array(same)
        assert _right(far, truth, best_threshold(far, truth)) == _most_right(far, truth)


class TestVerify:
    def test_separable_pairs_are_all_judged_rightly(self) -> None:
        _, same, folds = _pairs(200, 0)
        distances = np.where(same, 0.4, 0.9).astype(np.float32)
        result = verify(distances, same, folds)
        assert result.accuracy == 1
        assert result.accuracy_sd == 0
        assert result.auc == 1
        assert result.tar_at_far_1e3 == 1
        assert result.threshold == pytest.approx(0.65)

    def test_by_hand(self) -> None:
        """The other fold sets the threshold: 0.45 for the first, 0.55 for the second."""
        distances = np.array([0.5, 0.6, 0.4, 0.5], np.float32)
        same = np.array([True, False, True, False])
        result = verify(distances, same, np.array([0, 0, 1, 1]))
        assert result.threshold == pytest.approx((0.45 + 0.55) / 2)
        # First fold at 0.45: 0.5 is called different, wrongly. Second at 0.55: 0.5 is called same, wrongly.
        assert result.accuracy == pytest.approx(0.5)
        assert result.accuracy_sd == 0
        # Pairs of pairs: 0.5 and 0.4 against 0.6 and 0.5; only 0.5 against 0.5 is a draw.
        assert result.auc == pytest.approx(3.5 / 4)

    def test_the_spread_is_between_the_folds(self) -> None:
        distances = np.array([0.4, 0.9, 0.4, 0.9, 0.4, 0.9, 0.9, 0.4], np.float32)
        same = np.array([True, False] * 4)
        folds = np.array([0, 0, 1, 1, 2, 2, 3, 3])
        result = verify(distances, same, folds)
        assert result.accuracy == pytest.approx(0.75)
        assert result.accuracy_sd == pytest.approx(np.std([1, 1, 1, 0], ddof=1))

    @pytest.mark.parametrize("seed", range(3))
    def test_as_the_protocol_says(self, seed: int) -> None:
        distances, same, folds = _pairs(400, seed)
        accuracies = []
        for fold in range(10):
            rest, test = folds != fold, folds == fold
            threshold = best_threshold(distances[rest], same[rest])
            accuracies.append(_right(distances[test], same[test], threshold) / np.count_nonzero(test))
        result = verify(distances, same, folds)
        assert result.accuracy == pytest.approx(np.mean(accuracies))
        assert result.accuracy_sd == pytest.approx(np.std(accuracies, ddof=1))

    def test_a_fold_has_no_say_in_its_own_threshold(self) -> None:
        """Turned upside down, a fold is judged as wrongly as it was judged rightly."""
        same = np.array([True, False] * 50)
        distances = np.where(same, 0.4, 0.9).astype(np.float32)
        folds = np.repeat(np.arange(10), 10)
        distances[folds == 3] = distances[folds == 3][::-1]
        assert verify(distances, same, folds).accuracy == pytest.approx(0.9)

    @pytest.mark.parametrize("steps", [0, 7])
    def test_area_under_the_curve_by_its_definition(self, steps: int) -> None:
        distances, same, folds = _pairs(300, 5, steps=steps)
        wins = sum(
            1.0 if genuine < impostor else 0.5 if genuine == impostor else 0.0
            for genuine in distances[same]
            for impostor in distances[~same]
        )
        expected = wins / (same.sum() * (~same).sum())
        assert verify(distances, same, folds).auc == pytest.approx(expected)

    def test_true_pairs_accepted_when_one_stranger_in_a_thousand_is(self) -> None:
        impostors = np.linspace(0.6, 1.4, 3000)  # three of them may be accepted
        # The fourth of them is the first that may not be: a true pair as far apart is not accepted either.
        genuine = np.array([0.1, 0.5, impostors[2], impostors[3], 0.7])
        distances = np.concatenate([impostors, genuine]).astype(np.float32)
        same = np.arange(len(distances)) >= len(impostors)
        result = verify(distances, same, np.arange(len(distances)) % 2)
        assert result.tar_at_far_1e3 == pytest.approx(3 / 5)
        assert result.tar_at_far_1e2 == pytest.approx(4 / 5)  # 30 of them: up to 0.608

    def test_the_order_of_the_pairs_does_not_matter(self) -> None:
        distances, same, folds = _pairs(200, 8)
        shuffled = np.random.default_rng(1).permutation(200)
        first, second = (
            verify(distances, same, folds),
            verify(distances[shuffled], same[shuffled], folds[shuffled]),
        )
        assert first == second


class TestRoc:
    def test_by_hand(self) -> None:
        genuine, impostors = np.array([0.1, 0.2, 0.35, 0.6]), np.array([0.3, 0.4, 0.5, 0.7])
        # No stranger is accepted below 0.3, where two true pairs are; one below 0.4, where three are; then all.
        expected = [(0, 0.5), (0.25, 0.75), (0.5, 0.75), (0.75, 1), (1, 1)]
        assert roc_curve(genuine, impostors) == pytest.approx(np.array(expected))

    @pytest.mark.parametrize("steps", [0, 10])
    def test_every_point_is_what_a_threshold_gives(self, steps: int) -> None:
        distances, same, _ = _pairs(4000, 3, steps=steps)
        genuine, impostors = distances[same], distances[~same]
        points = roc_curve(genuine, impostors)
        assert len(points) <= 62
        for far, tar in points[:-1]:
            threshold = np.sort(impostors)[round(far * len(impostors))]
            assert np.mean(impostors < threshold) <= far + 1e-9
            assert tar == pytest.approx(np.mean(genuine < threshold))

    def test_it_rises_to_the_corner(self) -> None:
        distances, same, _ = _pairs(1000, 4)
        points = np.array(roc_curve(distances[same], distances[~same]))
        assert (np.diff(points, axis=0) >= 0).all()
        assert points[0, 0] == 0
        assert points[-1].tolist() == [1, 1]

    def test_it_goes_through_the_figures(self) -> None:
        distances, same, folds = _pairs(8000, 5)
        result = verify(distances, same, folds)
        far, tar = np.array(result.roc).T
        for at, figure in ((1e-3, result.tar_at_far_1e3), (1e-2, result.tar_at_far_1e2)):
            below, above = tar[far <= at].max(), tar[far >= at].min()
            assert below <= figure <= above
