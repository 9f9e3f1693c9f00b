"""The committed figures are those that the simulation gives."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tools.scaling.crowd import Crowd
from tools.scaling.document import DOCUMENT, FIGURES
from tools.scaling.measured import read_measured
from tools.traffic import LARGE_CROWD, REPLICAS_OF_LARGE, Run, Service, replicas_needed, run


@pytest.fixture(scope="module")
def service() -> Service:
    measured = read_measured(DOCUMENT.parent)
    return Service(measured.photos(), measured.replica())


def test_a_summary_by_hand() -> None:
    took = np.array([0.1, 0.2, 0.3, np.nan])
    found = Run(np.arange(4.0), took).summary()
    assert (found["p50_s"], found["longest_s"], found["refused"]) == (0.2, 0.3, 0.25)
    assert Run(np.arange(4.0), took).between(1, 3).took.tolist() == [0.2, 0.3]


def test_fewer_than_needed_are_not_enough(service: Service) -> None:
    crowd = Crowd(servers=300_000)
    count, hour = replicas_needed(crowd, service)
    assert count > 1
    assert not np.isnan(hour.took).any()
    fewer = run(crowd, service, count - 1, whole_day=False).summary()
    assert fewer["refused"] or fewer["p99_s"] > 2


def test_the_committed_figures_are_those_of_the_simulation(service: Service) -> None:
    """Two of them, made again; `make traffic` makes them all."""
    found = json.loads(FIGURES.read_text(encoding="utf-8"))
    crowd = Crowd()
    by_policy = {row["policy"]: row for row in found["policies"]}
    large = replace(crowd, servers=LARGE_CROWD)
    again = run(large, service, REPLICAS_OF_LARGE, "best of two", whole_day=False).summary()
    assert by_policy["best of two"] == {"policy": "best of two"} | {
        name: pytest.approx(value, rel=0.02, abs=0.002) for name, value in again.items()
    }
    (of_30_000,) = (row for row in found["needed"] if row["servers"] == 30_000)
    count, hour = replicas_needed(replace(crowd, servers=30_000), service)
    assert of_30_000["replicas"] == count
    assert of_30_000["p99_s"] == pytest.approx(hour.summary()["p99_s"], rel=0.02)
