"""What the number of trees and the search width of Annoy do: recall against time, over the vectors of one index."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.evaluation.neighbours import K, time_in_turns
from rvs.gallery.verify import realistic_probes
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy, recall_at_k
from rvs.vectors.exact_index import ExactIndex

TREES = (10, 20, 40, 80, 160)
SEARCH_K = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
_PROBES = 200


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One forest searched in one width.

    Attributes:
        trees, search_k: of Annoy.
        recall_at_10: share of the ten exact neighbours found.
        median_ms: of one query for ten, exact ranking of what Annoy proposes included.
        forest_bytes: size of the forest's file.
        build_s: time to build it.
    """

    trees: int
    search_k: int
    recall_at_10: float
    median_ms: float
    forest_bytes: int
    build_s: float


@dataclass(frozen=True, slots=True)
class AnnoySweep:
    """All points, over the same vectors and probes.

    Attributes:
        photos: how many vectors.
        probes: each near one of them, but none of them.
        exact_ms: median time of one exact query.
        points: by trees, then by search_k; past full recall a forest is searched in no greater width.
    """

    photos: int
    probes: int
    exact_ms: float
    points: tuple[SweepPoint, ...]


def sweep_annoy(
    vectors: NDArray[np.float16], trees: Sequence[int] = TREES, search_k: Sequence[int] = SEARCH_K
) -> AnnoySweep:
    """Build a forest of each size in a temporary folder, and search it in each width.

    Args:
        vectors: (n, dimension) of unit length, n at least 10.
        trees: sizes, rising.
        search_k: widths, rising.

    Raises:
        OSError: the temporary folder cannot be written.
    """
    probes = realistic_probes(vectors)[:_PROBES]
    exact = ExactIndex(vectors)
    truth, _ = exact.search(probes, K)
    points: list[SweepPoint] = []
    with tempfile.TemporaryDirectory(prefix="rvs-annoy-") as folder:
        for count in trees:
            path = Path(folder) / f"{count}.annoy"
            start = time.perf_counter()
            build_annoy(vectors, path, count)
            build_s = time.perf_counter() - start
            for width in search_k:
                forest = AnnoyVectorIndex(path, vectors, width)
                recall = recall_at_k(forest.search(probes, K)[0], truth)
                (median_ms,) = time_in_turns([forest], probes)
                points.append(SweepPoint(count, width, recall, median_ms, path.stat().st_size, build_s))
                if recall == 1:
                    break
        (exact_ms,) = time_in_turns([exact], probes)
    return AnnoySweep(len(vectors), len(probes), exact_ms, tuple(points))
