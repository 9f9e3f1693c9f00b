"""A day of questions from many Discord servers against N replicas of the service. `make traffic` runs it.

Writes `docs/scaling.json`, the plot `docs/scaling-traffic.png`, and the tables of `docs/scaling.md`. When people
ask is in `tools.scaling.crowd`, how replicas and balancer behave in `tools.scaling.replicas`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rvs.evaluation.charts import Axis, Series, draw_lines
from tools.scaling.crowd import DAY_S, Crowd, Photos, arrivals, work
from tools.scaling.document import DOCUMENT, FIGURES, written
from tools.scaling.measured import read_measured
from tools.scaling.replicas import Policy, Replica, Seconds, simulate

PLOT = DOCUMENT.with_name("scaling-traffic.png")
SEED = 20_261_126
LARGE_CROWD, REPLICAS_OF_LARGE = 300_000, 3  # for the balancers: many enough that their choice matters
MOST_WAIT_S = 2.0  # p99 of the busiest hour, for "enough replicas"


@dataclass(frozen=True, slots=True)
class Service:
    """What answers: how long photos take, and what one replica does at once."""

    photos: Photos
    replica: Replica

    @property
    def photos_per_s(self) -> float:
        """What one replica does at most, of the mix."""
        return self.replica.speeds[-1] / self.photos.mean_s


@dataclass(frozen=True, slots=True)
class Run:
    """One simulation: what was asked, and how long each question took (NaN: refused)."""

    asked: Seconds
    took: Seconds

    def summary(self) -> dict[str, float]:
        """Quantiles in seconds, the longest, and the share refused."""
        took = self.took[~np.isnan(self.took)]
        quantiles = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99, "p999_s": 0.999, "longest_s": 1.0}
        values = {name: round(float(np.quantile(took, share)), 3) for name, share in quantiles.items()}
        return values | {"refused": round(float(np.isnan(self.took).mean()), 5)}

    def between(self, begin_s: float, end_s: float) -> "Run":
        """The questions that came in between."""
        inside = (self.asked >= begin_s) & (self.asked < end_s)
        return Run(self.asked[inside], self.took[inside])


def run(
    crowd: Crowd,
    service: Service,
    replicas: int,
    policy: Policy = "least connections",
    *,
    whole_day: bool = True,
) -> Run:
    """Simulate a day, or the hour around the evening's burst."""
    rng = np.random.default_rng(SEED)
    begin, end = (0.0, float(DAY_S)) if whole_day else _busiest_hour(crowd)
    asked = arrivals(crowd, begin, end, rng)
    taken = work(service.photos, len(asked), rng)
    return Run(asked, simulate(asked, taken, replicas, service.replica, policy, SEED))


def replicas_needed(crowd: Crowd, service: Service) -> tuple[int, Run]:
    """The fewest replicas that refuse nobody in the busiest hour and keep its p99 within MOST_WAIT_S."""
    peak = float(crowd.rate(np.array([3600 * crowd.peak_hour]))[0])
    replicas = max(1, int(0.8 * peak / service.photos_per_s))
    while True:
        tried = run(crowd, service, replicas, whole_day=False)
        found = tried.summary()
        if not found["refused"] and found["p99_s"] <= MOST_WAIT_S:
            return replicas, tried
        replicas += 1


def figures(crowd: Crowd, service: Service) -> dict[str, Any]:
    """Everything that the document and the plot show."""
    at_peak = float(crowd.rate(np.array([3600 * crowd.peak_hour]))[0])
    begin, end = _busiest_hour(crowd)
    days = {count: run(crowd, service, count) for count in (1, 2, 3, 4)}
    return {
        "assumed": asdict(crowd),
        "photos": asdict(service.photos) | {"mean_s": round(service.photos.mean_s, 4)},
        "replica": asdict(service.replica),
        "questions": len(days[1].asked),
        "mean_per_s": round(len(days[1].asked) / DAY_S, 2),
        "peak_per_s": round(at_peak, 1),
        "replica_per_s": round(service.photos_per_s, 1),
        "replicas": [
            {"replicas": count, "load_in_burst": round(at_peak / service.photos_per_s / count, 2)}
            | {"day": day.summary(), "busiest_hour": day.between(begin, end).summary()}
            for count, day in days.items()
        ],
        "policies": [
            {"policy": policy}
            | run(_of(crowd, LARGE_CROWD), service, REPLICAS_OF_LARGE, policy, whole_day=False).summary()
            for policy in ("least connections", "best of two", "random")
        ],
        "needed": [
            {"servers": servers, "peak_per_s": round(at_peak * servers / crowd.servers, 1), "replicas": count}
            | hour.summary()
            for servers in (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
            for count, hour in [replicas_needed(_of(crowd, servers), service)]
        ],
        "p99_s_by_ten_minutes": {str(count): list(_by_ten_minutes(day)) for count, day in days.items()},
    }


def draw(found: dict[str, Any], path: Path) -> None:
    """The plot: the 99th percentile through the day."""
    hours = [(number + 0.5) / 6 for number in range(24 * 6)]
    draw_lines(
        path,
        f"A day of {found['assumed']['servers']:,} servers: 1 of 100 waits longer than this",
        Axis("hour of the day", low=0, high=24),
        Axis("seconds from question to answer, p99 of ten minutes", log=True, low=0.05, high=1),
        [
            Series(f"{count} replica{'s' if count != '1' else ''} of 2 cores", hours, values)
            for count, values in found["p99_s_by_ten_minutes"].items()
        ],
    )


def _of(crowd: Crowd, servers: int) -> Crowd:
    return Crowd(**(asdict(crowd) | {"servers": servers}))


def _busiest_hour(crowd: Crowd) -> tuple[float, float]:
    # A quarter of an hour before the burst, then the burst, and what it leaves behind.
    return 3600 * crowd.peak_hour - 900, 3600 * crowd.peak_hour + 2700


def _by_ten_minutes(day: Run) -> Iterator[float]:
    for begin in range(0, DAY_S, 600):
        took = day.between(begin, begin + 600).took
        yield round(float(np.nanquantile(took, 0.99)), 3)


def main() -> None:
    """Simulate, and write figures, plot and tables."""
    measured = read_measured(DOCUMENT.parent)
    found = figures(Crowd(), Service(measured.photos(), measured.replica()))
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found, PLOT)
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), found, measured), encoding="utf-8")
    print(f"Wrote {FIGURES.name}, {PLOT.name} and the tables of {DOCUMENT.name}.")


if __name__ == "__main__":
    main()
