"""The crowd is the one that is described."""

from dataclasses import replace

import numpy as np
import pytest

from tools.scaling.crowd import DAY_S, Crowd, Photos, arrivals, work
from tools.scaling.replicas import Seconds

SMALL = Crowd(servers=2_000)


def a_day(crowd: Crowd, seed: int = 1) -> Seconds:
    return arrivals(crowd, 0, DAY_S, np.random.default_rng(seed))


def test_a_day_has_as_many_questions_as_were_assumed() -> None:
    asked = a_day(Crowd(servers=20_000))
    assert len(asked) == pytest.approx(20_000 * 5, rel=0.02)
    assert (np.diff(asked) >= 0).all()
    assert asked[0] >= 0
    assert asked[-1] < DAY_S


def test_the_rate_swings_and_bursts() -> None:
    crowd = Crowd()
    hours = np.arange(0, 24, 1 / 60)
    rates = crowd.rate(3600 * hours)
    assert rates.mean() == pytest.approx(100_000 * 5 / DAY_S, rel=0.02)
    assert hours[rates.argmax()] == pytest.approx(20, abs=0.2)
    before, within, morning = crowd.rate(3600 * np.array([19.95, 20.05, 7.95]))
    assert within / before == pytest.approx(3, rel=0.01)
    assert before / morning == pytest.approx(9, rel=0.02), "1.8 against 0.2 of the mean"


def test_arrivals_follow_the_rate() -> None:
    crowd = Crowd(servers=50_000)
    counts, _ = np.histogram(a_day(crowd), bins=24, range=(0, DAY_S))
    fine = crowd.rate(np.arange(0, DAY_S, 10.0)).reshape(24, -1).mean(axis=1) * 3600
    assert np.corrcoef(counts, fine)[0, 1] > 0.99
    np.testing.assert_allclose(counts, fine, rtol=0.15)


def test_without_groups_it_is_poisson_and_with_them_it_is_not() -> None:
    """The variance of counts over their mean: 1 for Poisson, more for what comes together."""

    def dispersion(group: float) -> float:
        even = replace(SMALL, servers=20_000, swing=0.0, burst_factor=1.0, group=group)
        counts, _ = np.histogram(a_day(even), bins=DAY_S // 120)
        return float(counts.var() / counts.mean())

    assert dispersion(1.0) == pytest.approx(1, abs=0.15)
    assert dispersion(3.0) > 2


def test_photos_take_what_was_measured() -> None:
    photos = Photos(0.03, 0.04, (("one", 1.0, 1.0),))
    taken = work(photos, 100_000, np.random.default_rng(1))
    assert np.median(taken) == pytest.approx(0.03, rel=0.01)
    assert np.quantile(taken, 0.95) == pytest.approx(0.04, rel=0.01)
    mix = Photos(0.03, 0.04, (("small", 0.5, 0.25), ("large", 2.0, 0.75)))
    mixed = work(mix, 100_000, np.random.default_rng(1))
    assert mixed.mean() == pytest.approx(mix.mean_s, rel=0.01)
    assert mix.mean_s > 0.03 * (0.5 * 0.25 + 2 * 0.75)
