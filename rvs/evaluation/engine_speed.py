"""One engine of the search over a gallery of some size: its build, its speed at a recall, what it needs.

Every engine gets the same vectors and the same probes, one at a time. How an engine is built and searched is for
`contenders` to know; here it is only driven and timed.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rvs.evaluation.enlarge import enlarge
from rvs.evaluation.growth import NEIGHBOURS, least_width
from rvs.evaluation.index_speed import IndexSpeed, measure_index
from rvs.gallery.embed import Progress
from rvs.gallery.verify import realistic_probes
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex

_PROBES = 200

Stored = NDArray[np.float16]


class Contender(Protocol):
    """An engine that is measured. It is built once, and then opened as often as need be."""

    @property
    def name(self) -> str:
        """What is built, in words: "annoy, 40 trees"."""

    @property
    def widths(self) -> Sequence[int]:
        """How widely it can be searched, rising; empty where it has no such choice."""

    def build(self, vectors: Stored, report: Progress) -> None:
        """Make what is searched, over these vectors."""

    def open(self, vectors: Stored, width: int) -> VectorIndex:
        """What was built, to be searched so widely (0: there is no choice)."""

    def cpu_s(self) -> float | None:
        """Processor seconds that it has used until now; None where that cannot be told."""

    def memory_mib(self) -> float | None:
        """What it holds in memory to search, the vectors for the exact re-ranking not counted; None as above.

        Asked after many searches, while what was opened is still there.
        """

    def disk_mib(self) -> float | None:
        """What it keeps on disk to search, likewise not counted; None as above."""


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """What was measured of one engine.

    Attributes:
        engine: its name.
        vectors, dimension: what it was built over.
        probes: searched for; so many times ten neighbours decide the recall.
        build_s: until it could be searched.
        build_cpu_s: processor seconds of it, of all its processes; None where they are not known.
        target: recall@10 that was asked for.
        width: the least that reaches it, or the widest there is; None where there is no choice.
        speed: recall and time of a search for ten neighbours, exact re-ranking included.
        memory_mib, disk_mib: what it holds; None where that is not known.
    """

    engine: str
    vectors: int
    dimension: int
    probes: int
    build_s: float
    build_cpu_s: float | None
    target: float
    width: int | None
    speed: IndexSpeed
    memory_mib: float | None
    disk_mib: float | None


def measure_engine(
    contender: Contender, vectors: NDArray[np.floating], size: int, target: float, report: Progress
) -> EngineSpeed:
    """Enlarge a gallery to `size` vectors, in a temporary folder, build over them and search.

    Args:
        contender: the engine.
        vectors: (n, dimension) real ones of unit length.
        size: how many there shall be, at least `NEIGHBOURS`.
        target: recall@10 to reach, 0..1.
        report: told what is done, and how far.

    Raises:
        SearchUnavailableError: a server that searches failed.
        OSError: the disk is full.
    """
    stage = f"{contender.name}: search"
    with tempfile.TemporaryDirectory(prefix="rvs-bench-") as folder:
        file = Path(folder, "vectors.npy")
        report(f"{size:,} vectors", 0, 1)
        probes = realistic_probes(enlarge(vectors, size, file))[:_PROBES]
        truth, _ = ExactIndex(_mapped(file)).search(probes, NEIGHBOURS)
        report(f"{size:,} vectors", 1, 1)

        stored, cpu_before_s = _mapped(file), contender.cpu_s()
        started = time.perf_counter()
        contender.build(stored, report)
        build_s, cpu_after_s = time.perf_counter() - started, contender.cpu_s()

        @cache
        def at(width: int) -> IndexSpeed:
            return measure_index(contender.open(stored, width), probes, truth)

        report(stage, 0, 1)
        width = None
        if contender.widths:
            # Rising, and no further than to the first that is wide enough: the next ones take ever longer.
            steps = list(contender.widths)
            enough = next(
                (number for number, one in enumerate(steps) if at(one).recall >= target), len(steps)
            )
            width = least_width(steps[: enough + 1], target, lambda one: at(one).recall) or steps[-1]
        speed = at(width or 0)
        index = contender.open(stored, width or 0)
        index.search(probes, NEIGHBOURS)
        memory_mib = contender.memory_mib()
        report(stage, 1, 1)
        return EngineSpeed(
            engine=contender.name,
            vectors=size,
            dimension=probes.shape[1],
            probes=len(probes),
            build_s=round(build_s, 2),
            build_cpu_s=None
            if cpu_before_s is None or cpu_after_s is None
            else round(cpu_after_s - cpu_before_s, 1),
            target=target,
            width=width,
            speed=speed,
            memory_mib=memory_mib,
            disk_mib=contender.disk_mib(),
        )


def _mapped(path: Path) -> Stored:
    vectors: Stored = np.lib.format.open_memmap(path, mode="r")
    return vectors
