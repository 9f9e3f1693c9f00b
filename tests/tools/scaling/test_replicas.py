"""The simulation gives what queueing theory says where theory has a formula."""

from math import factorial

import numpy as np
import pytest

from tools.scaling.replicas import Policy, Replica, Seconds, simulate

MANY = 10**9
POLICIES: tuple[Policy, ...] = ("least connections", "best of two", "random")


def poisson(rate: float, count: int, seed: int) -> Seconds:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


def of_one(arrivals: Seconds, work: Seconds, replica: Replica) -> Seconds:
    return simulate(arrivals, work, 1, replica, "least connections", 0)


def erlang_c(offered: float, workers: int) -> float:
    """The probability of having to wait in M/M/c (A. K. Erlang, 1917)."""
    last = offered**workers / factorial(workers) * workers / (workers - offered)
    return last / (sum(offered**k / factorial(k) for k in range(workers)) + last)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.7), (2, 0.6), (4, 0.8)])
def test_exponential_service_waits_as_in_m_m_c(workers: int, load: float) -> None:
    """Mean wait of M/M/c: the probability of waiting, over the free capacity."""
    count, mean_s = 120_000, 0.07
    rate = load * workers / mean_s
    replica = Replica(tuple(float(k + 1) for k in range(workers)), MANY)
    work = np.random.default_rng(2).exponential(mean_s, count)
    latency = of_one(poisson(rate, count, 1), work, replica)
    wait = erlang_c(load * workers, workers) * mean_s / (workers * (1 - load))
    assert latency.mean() == pytest.approx(mean_s + wait, rel=0.06)


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_constant_service_waits_as_in_m_d_1(load: float) -> None:
    """Mean wait of M/D/1 (Pollaczek and Khinchine): half of that of M/M/1."""
    count, mean_s = 120_000, 0.07
    latency = of_one(poisson(load / mean_s, count, 3), np.full(count, mean_s), Replica((1.0,), MANY))
    assert latency.mean() == pytest.approx(mean_s * (1 + load / (2 * (1 - load))), rel=0.05)


def test_sharing_one_machine_makes_the_mean_independent_of_the_distribution() -> None:
    """M/G/1 with equal sharing: mean latency is mean work over free capacity, whatever the distribution."""
    count, mean_s, load = 60_000, 0.07, 0.6
    shared = Replica((1.0,) * 40, MANY)
    for work in (np.full(count, mean_s), np.random.default_rng(5).exponential(mean_s, count)):
        latency = of_one(poisson(load / mean_s, count, 4), work, shared)
        assert latency.mean() == pytest.approx(mean_s / (1 - load), rel=0.06)


@pytest.mark.parametrize(("load", "places"), [(0.9, 5), (1.5, 8)])
def test_a_full_replica_refuses_as_in_m_m_1_k(load: float, places: int) -> None:
    """The share refused in M/M/1/K."""
    count, mean_s = 120_000, 0.07
    work = np.random.default_rng(7).exponential(mean_s, count)
    latency = of_one(poisson(load / mean_s, count, 6), work, Replica((1.0,), places))
    refused = (1 - load) * load**places / (1 - load ** (places + 1))
    assert np.isnan(latency).mean() == pytest.approx(refused, rel=0.06)


def test_without_a_line_it_refuses_as_erlang_b_says() -> None:
    """M/G/c/c: Erlang's loss formula, which holds for any distribution; here a constant one."""
    workers, offered, mean_s, count = 3, 2.0, 0.07, 120_000
    replica = Replica((1.0, 2.0, 3.0), workers)
    latency = of_one(poisson(offered / mean_s, count, 8), np.full(count, mean_s), replica)
    terms = [offered**k / factorial(k) for k in range(workers + 1)]
    assert np.isnan(latency).mean() == pytest.approx(terms[-1] / sum(terms), rel=0.05)
    assert np.nanmax(latency) == pytest.approx(mean_s)


def test_two_at_once_share_the_machine() -> None:
    """By hand: the second comes half-way through the first, the third waits for the first to end."""
    arrivals, work = np.array([0.0, 0.5, 0.6]), np.array([1.0, 1.0, 1.0])
    latency = of_one(arrivals, work, Replica((1.0, 1.0), 3))
    # Until 0.5 half of the first is done; then both run at half speed until 1.5; then the second has half left,
    # and shares with the third until 2.5, when that has half left and is alone.
    np.testing.assert_allclose(latency, [1.5, 2.0, 2.4])


@pytest.mark.parametrize("policy", POLICIES)
def test_every_question_is_answered_or_refused(policy: Policy) -> None:
    arrivals = poisson(100, 5_000, 9)
    latency = simulate(arrivals, np.full(5_000, 0.07), 3, Replica((1.0, 1.0), 10), policy, 1)
    answered = latency[~np.isnan(latency)]
    assert 0 < len(answered) < 5_000
    assert answered.min() >= 0.07 - 1e-9
    assert answered.max() <= 10 * 0.07 + 1e-9, "nobody waits longer than for all that are in before them"


def test_who_looks_at_the_replicas_keeps_the_tail_short() -> None:
    """Least connections is best, the better of two close to it, a random one far behind."""
    arrivals = poisson(0.85 * 4 / 0.07, 60_000, 10)
    work = np.random.default_rng(11).lognormal(np.log(0.07), 0.2, 60_000)
    tail = {
        policy: np.nanquantile(simulate(arrivals, work, 4, Replica((1.0, 1.0), MANY), policy, 1), 0.99)
        for policy in POLICIES
    }
    assert tail["least connections"] < tail["best of two"] < tail["random"] / 2


def test_the_same_seed_gives_the_same() -> None:
    arrivals, work = poisson(40, 2_000, 12), np.full(2_000, 0.07)
    first, again, other = (
        simulate(arrivals, work, 3, Replica((1.0,), 20), "best of two", seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
