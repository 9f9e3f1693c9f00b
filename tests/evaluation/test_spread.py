"""Times become two figures, by the definition of a percentile."""

import time

import pytest

from rvs.evaluation.spread import Laps, Spread, spread


def test_percentiles_of_known_times() -> None:
    assert spread([5.0, 1.0, 3.0]) == Spread(3.0, 4.8)
    assert spread([float(time) for time in range(101)]) == Spread(50.0, 95.0)
    assert spread([7.0]) == Spread(7.0, 7.0)


def test_one_slow_time_does_not_move_the_median() -> None:
    assert spread([1.0] * 9 + [1000.0]).median_ms == 1.0


def test_no_times_have_no_spread() -> None:
    with pytest.raises(ValueError, match="no times"):
        spread([])


def test_the_first_rounds_do_not_count() -> None:
    laps = Laps()
    for elapsed_ms in (900.0, 500.0, 2.0, 4.0):
        laps.add("a", elapsed_ms)
        laps.add("b", 1.0)
    spreads = laps.spreads(skip=2)
    assert list(spreads) == ["a", "b"]
    assert spreads["a"].median_ms == 3.0


def test_a_lap_is_the_time_since_the_one_before() -> None:
    laps = Laps()
    time.sleep(0.05)
    laps.start()
    time.sleep(0.01)
    first = laps.lap("slept")
    second = laps.lap("did nothing")
    assert 10 <= first < 50
    assert 0 <= second < first
