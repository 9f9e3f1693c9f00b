"""Repeated times as two figures: the median, and the 95th percentile. It knows nothing of what was timed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, in milliseconds: the median, and what 95 of 100 stay below."""

    median_ms: float
    p95_ms: float


def spread(times_ms: Sequence[float]) -> Spread:
    """The spread of at least one time; percentiles in between are interpolated linearly.

    Raises:
        ValueError: there is no time.
    """
    if not times_ms:
        raise ValueError("no times")
    median, p95 = np.quantile(np.asarray(times_ms, np.float64), (0.5, 0.95))
    return Spread(round(float(median), 3), round(float(p95), 3))


class Laps:
    """Collects times by name, round by round, in milliseconds."""

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = {}
        self._last = time.perf_counter()

    def start(self) -> None:
        """The next lap begins now."""
        self._last = time.perf_counter()

    def lap(self, name: str) -> float:
        """Give the time since the last lap, or since `start`, to `name`; returns it. The next lap begins."""
        now = time.perf_counter()
        elapsed_ms = (now - self._last) * 1000
        self.add(name, elapsed_ms)
        self._last = now
        return elapsed_ms

    def add(self, name: str, elapsed_ms: float) -> None:
        """Give a time that was measured elsewhere."""
        self._times.setdefault(name, []).append(elapsed_ms)

    def spreads(self, *, skip: int = 0) -> Mapping[str, Spread]:
        """The spread of every name, in the order in which they came, without the first `skip` rounds."""
        return {name: spread(times[skip:]) for name, times in self._times.items()}
