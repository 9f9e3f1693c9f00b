"""What becomes of the search when the gallery grows: Annoy's build, file, time and recall against exact search.

One size at a time, which is best done in a process of its own: what a build needed would count as memory of the
search otherwise.
"""

import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.evaluation.enlarge import enlarge
from rvs.evaluation.index_speed import IndexSpeed, measure_index
from rvs.evaluation.memory import mapped_memory_mib, peak_memory_mib
from rvs.gallery.verify import realistic_probes
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy
from rvs.vectors.exact_index import ExactIndex

TARGETS = (0.95, 0.99)
NEIGHBOURS = 10
_PROBES = 200
_NARROWEST = 500  # search_k from which the search is widened by two
_REFINEMENTS = 3  # bisections between two such steps: then the width is within a tenth of the least

PARTS = ("vectors", "exact search", "build", "Annoy search")


@dataclass(frozen=True, slots=True)
class WidthSpeed:
    """Annoy with one search width."""

    search_k: int
    speed: IndexSpeed


@dataclass(frozen=True, slots=True)
class TunedSpeed:
    """Annoy with the smallest width that was found to reach a target; None when none did."""

    target: float
    found: WidthSpeed | None


@dataclass(frozen=True, slots=True)
class GrowthStep:
    """What was measured with so many vectors.

    Attributes:
        vectors: how many.
        dimension: of each.
        probes: searched for; so many times ten neighbours decide a recall.
        search_threads: how many threads an exact search was allowed; 0: as many as its library likes.
        trees: of the forest.
        build_s: seconds to build and write it, one thread.
        build_peak_mib: the most memory the process had until then.
        file_mib: the forest's file.
        exact_mib: what exact search holds.
        annoy_mib: what of the forest and the vectors was mapped into memory after the probes.
        exact: exact search.
        curve: Annoy, with a width that doubles.
        tuned: Annoy at each of `TARGETS`.
    """

    vectors: int
    dimension: int
    probes: int
    search_threads: int
    trees: int
    build_s: float
    build_peak_mib: float
    file_mib: float
    annoy_mib: float
    exact_mib: float
    exact: IndexSpeed
    curve: tuple[WidthSpeed, ...]
    tuned: tuple[TunedSpeed, ...]


def measure_growth_step(
    vectors: NDArray[np.floating], size: int, trees: int, tick: Callable[[str], None]
) -> GrowthStep:
    """Enlarge a gallery to `size` vectors, in a temporary folder, and measure both searches over it.

    Args:
        vectors: (n, dimension) real ones of unit length.
        size: how many there shall be, at least `NEIGHBOURS`.
        trees: of the forest.
        tick: told the part of `PARTS` that begins.

    Raises:
        OSError: the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="rvs-growth-") as folder:
        tick(PARTS[0])
        file, forest = Path(folder, "vectors.npy"), Path(folder, "photos.annoy")
        probes = realistic_probes(enlarge(vectors, size, file))[:_PROBES]
        tick(PARTS[1])
        exact, truth, exact_mib = _exact(file, probes)
        tick(PARTS[2])
        started = time.perf_counter()
        build_annoy(_mapped(file), forest, trees)
        build_s, build_peak_mib = time.perf_counter() - started, peak_memory_mib()
        tick(PARTS[3])
        curve, tuned, annoy_mib = _annoy(file, forest, probes, truth)
        return GrowthStep(
            vectors=size,
            dimension=probes.shape[1],
            probes=len(probes),
            search_threads=_search_threads(),
            trees=trees,
            build_s=round(build_s, 2),
            build_peak_mib=build_peak_mib,
            file_mib=round(forest.stat().st_size / 2**20, 1),
            annoy_mib=annoy_mib,
            exact_mib=exact_mib,
            exact=exact,
            curve=curve,
            tuned=tuned,
        )


def _search_threads() -> int:
    # What numpy's library was told, which it read when it was loaded.
    told = os.environ.get("OPENBLAS_NUM_THREADS", "")
    return int(told) if told.isascii() and told.isdigit() else 0


def _mapped(path: Path) -> NDArray[np.float16]:
    vectors: NDArray[np.float16] = np.lib.format.open_memmap(path, mode="r")
    return vectors


def _exact(file: Path, probes: Vectors) -> tuple[IndexSpeed, Ids, float]:
    # Not by the size of the process: what was freed before is taken first, and nothing grows.
    tracemalloc.start()
    index = ExactIndex(_mapped(file))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    truth, _ = index.search(probes, NEIGHBOURS)
    return measure_index(index, probes, truth), truth, round(held_bytes / 2**20, 1)


def _annoy(
    file: Path, forest: Path, probes: Vectors, truth: Ids
) -> tuple[tuple[WidthSpeed, ...], tuple[TunedSpeed, ...], float]:
    """Widen the search until the highest target is reached, then look for the least width of each."""
    before_mib = mapped_memory_mib()
    vectors = _mapped(file)

    @cache
    def at(search_k: int) -> WidthSpeed:
        index = AnnoyVectorIndex(forest, vectors, search_k)
        return WidthSpeed(search_k, measure_index(index, probes, truth))

    steps, widest = [_NARROWEST], 64 * len(vectors)
    while at(steps[-1]).speed.recall < max(TARGETS) and steps[-1] < widest:
        steps.append(2 * steps[-1])
    tuned = []
    for target in TARGETS:
        width = least_width(steps, target, lambda width: at(width).speed.recall)
        tuned.append(TunedSpeed(target, None if width is None else at(width)))
    index = AnnoyVectorIndex(forest, vectors, steps[-1])
    index.search(probes, NEIGHBOURS)
    grown_mib = round(max(0.0, mapped_memory_mib() - before_mib), 1)
    return tuple(at(width) for width in steps), tuple(tuned), grown_mib


def least_width(steps: Sequence[int], target: float, recall: Callable[[int], float]) -> int | None:
    """The least width that reaches a target, to about a tenth; None when none of the steps does.

    Args:
        steps: widths in ascending order, each about twice the one before.
        target: recall, 0..1.
        recall: of a width; it only rises with it.
    """
    reached = next((number for number, width in enumerate(steps) if recall(width) >= target), None)
    if reached is None:
        return None
    high = steps[reached]
    if reached:
        low = steps[reached - 1]
        for _ in range(_REFINEMENTS):
            middle = round((low * high) ** 0.5)
            if recall(middle) >= target:
                high = middle
            else:
                low = middle
    return high
