"""The growth of a gallery, on a few hundred vectors: what is exact is exact, and targets are reached."""

import numpy as np
import pytest

from rvs.evaluation.growth import PARTS, TARGETS, least_width, measure_growth_step
from tests.vectors.crowd import crowd


def test_a_small_step_in_full() -> None:
    told: list[str] = []
    step = measure_growth_step(crowd(40, 3).astype(np.float16), 400, 5, told.append)
    assert tuple(told) == PARTS
    assert (step.vectors, step.dimension, step.probes, step.trees) == (400, 32, 200, 5)
    assert step.exact.recall == 1.0
    assert step.build_s >= 0  # to the hundredth
    assert step.build_peak_mib > 0
    assert step.file_mib > 0
    assert step.exact_mib == pytest.approx(400 * 33 * 4 / 2**20, abs=0.06)  # vectors and their squares
    widths = [one.search_k for one in step.curve]
    recalls = [one.speed.recall for one in step.curve]
    assert widths == [500 * 2**number for number in range(len(widths))]
    assert recalls == sorted(recalls)
    for one, target in zip(step.tuned, TARGETS, strict=True):
        assert one.target == target
        assert one.found is not None
        assert one.found.speed.recall >= target
        assert one.found.search_k <= widths[-1]


def test_more_than_annoy_is_asked_for_ends_at_the_widest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rvs.evaluation.growth.TARGETS", (0.5, 1.1))
    step = measure_growth_step(crowd(20, 2), 100, 2, lambda _: None)
    assert [one.found is None for one in step.tuned] == [False, True]
    assert step.curve[-1].search_k >= 64 * 100


@pytest.mark.parametrize("needed", [500, 501, 1000, 1500, 3999, 4000])
def test_the_least_width_is_found_to_a_tenth(needed: int) -> None:
    asked: list[int] = []

    def recall(width: int) -> float:
        asked.append(width)
        return float(width >= needed)

    found = least_width([500, 1000, 2000, 4000], 0.95, recall)
    assert found is not None
    assert needed <= found <= 1.1 * needed
    assert len(set(asked)) <= 7


def test_no_width_is_enough() -> None:
    assert least_width([500, 1000], 0.95, lambda _: 0.9) is None
