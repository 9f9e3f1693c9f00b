"""One benchmark as a document: everything that was measured, on what, and how it goes to and from JSON."""

import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from rvs.errors import ConfigError
from rvs.evaluation.batch import BatchSpeed
from rvs.evaluation.bench_photos import PhotoFacts
from rvs.evaluation.concurrency import ServiceSpeed
from rvs.evaluation.growth import GrowthStep
from rvs.evaluation.machine import Machine
from rvs.evaluation.queries import QuerySpeed
from rvs.inference import Precision, Runtime

FORMAT = 1


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """The index that answered: its name and version, how it searches, and whether its photos were at hand."""

    name: str
    version: str
    pipeline: str
    search: str
    people: int
    photos: int
    photos_here: bool


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Fresh processes that ask once, by the medians.

    Attributes:
        starts: how many.
        ready_s: from the start of the process until the engine is loaded.
        first_ms: its first answer, one megapixel.
        memory_mib: of the process when the engine is loaded.
    """

    starts: int
    ready_s: float
    first_ms: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Memory:
    """A process that answers: loaded, after all questions about all photos, and at most so far."""

    loaded_mib: float
    after_queries_mib: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class RuntimeFigures:
    """Everything that was measured with one runtime, each in a process of its own.

    `threads` is how many cores one network uses, `service_workers` how many photos the service computes at once.
    """

    runtime: Runtime
    precision: Precision
    threads: int
    cold: ColdStart
    memory: Memory
    queries: tuple[QuerySpeed, ...]
    service_workers: int
    service: tuple[ServiceSpeed, ...]
    batch: BatchSpeed


@dataclass(frozen=True, slots=True)
class Growth:
    """The search as the gallery grows; it may have been measured on another day and machine than the rest.

    `real_vectors` is how many the index has from which the others were made.
    """

    machine: Machine
    index_version: str
    real_vectors: int
    steps: tuple[GrowthStep, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All of it. `repeat` is how often each photo was asked with, `people` how many an answer names."""

    format: int
    machine: Machine
    index: IndexFacts
    repeat: int
    people: int
    photos: tuple[PhotoFacts, ...]
    runtimes: tuple[RuntimeFigures, ...]
    growth: Growth | None


def benchmark_json(benchmark: Benchmark) -> str:
    """The document as text, with a line feed at its end."""
    return json.dumps(asdict(benchmark), indent=1, ensure_ascii=False) + "\n"


def read_benchmark(path: Path) -> Benchmark:
    """The benchmark in a file.

    Raises:
        FileNotFoundError: there is none.
        ConfigError: it is not one, or one of another format.
    """
    text = path.read_text(encoding="utf-8")
    try:
        benchmark: Benchmark = _reader_of(Benchmark).validate_json(text)
    except ValueError as error:
        raise _unreadable(path) from error
    if benchmark.format != FORMAT:
        raise _unreadable(path)
    return benchmark


_reader_of = functools.cache(TypeAdapter)


def _unreadable(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not a benchmark that this program reads.",
        hint="Move it away, or report into another folder.",
    )
