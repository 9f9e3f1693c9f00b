"""What the cost model and the simulation rest on, read from the documents that `rvs bench` wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rvs.evaluation.bench_folder import DOCUMENT as BENCHMARK
from rvs.evaluation.bench_photos import ONE_MEGAPIXEL
from rvs.evaluation.benchmark import Benchmark, RuntimeFigures, read_benchmark
from rvs.evaluation.engine_report import EngineRow, rows_in
from rvs.evaluation.machine import Machine
from rvs.service import ServiceLimits
from tools.scaling.crowd import Photos
from tools.scaling.replicas import Replica

SHARES = {"250 px": 0.3, ONE_MEGAPIXEL: 0.4, "4 MP": 0.2, "12 MP": 0.1}
"""Of all photos that people send, by the names of the benchmark's photos: assumed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The documents: of `rvs bench PHOTO`, and of `rvs bench --search`."""

    benchmark: Benchmark
    engines: tuple[EngineRow, ...]

    @property
    def machine(self) -> Machine:
        """Where photos were measured."""
        return self.benchmark.machine

    @property
    def runtime(self) -> RuntimeFigures:
        """The quickest runtime, which is the first."""
        return self.benchmark.runtimes[0]

    def photos(self) -> Photos:
        """How long a photo takes: one of one megapixel in the service, the others relative to it."""
        whole = {query.photo: query.whole.median_ms for query in self.runtime.queries}
        (alone,) = (one.latency for one in self.runtime.service if one.askers == 1)
        return Photos(
            alone.median_ms / 1000,
            alone.p95_ms / 1000,
            tuple(
                (name, round(whole[name] / whole[ONE_MEGAPIXEL], 2), share) for name, share in SHARES.items()
            ),
        )

    def replica(self) -> Replica:
        """How much of them a copy of the service does at once, with the limits that are its defaults."""
        rates = {one.askers: one.per_second for one in self.runtime.service}
        speeds = [
            rates[min(askers for askers in rates if askers >= at_once)] / rates[1]
            for at_once in range(1, self.runtime.service_workers + 1)
        ]
        limits = ServiceLimits()
        return Replica(tuple(round(speed, 2) for speed in speeds), limits.photos_in_memory + limits.queue)

    def embed_per_s(self) -> Mapping[str, float]:
        """Photos a second: LFW's as an index is built, and those of one megapixel with their grid."""
        return {
            "250 x 250": round(self.runtime.batch.per_second),
            "one megapixel": round(max(one.per_second for one in self.runtime.service)),
        }


def read_measured(folder: Path) -> Measured:
    """The documents in a folder.

    Raises:
        FileNotFoundError: there is no benchmark.
        ConfigError: a document is of another format.
    """
    return Measured(read_benchmark(folder / BENCHMARK), rows_in(folder))
