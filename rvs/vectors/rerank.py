"""Candidates in, nearest neighbours out: whatever proposed them, exact arithmetic ranks them.

The stored vectors decide, not what a forest or a server keeps of them. Where candidates come from, and whether
good ones are missing among them, is not known here.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Distances, Ids, Vectors


def rerank(
    vectors: NDArray[np.floating], probes: Vectors, proposed: Iterable[Ids], k: int
) -> tuple[Ids, Distances]:
    """The k nearest of each probe's candidates.

    Args:
        vectors: (n, dimension), any float type; may be memory-mapped: only candidates are read.
        probes: (m, dimension) float32.
        proposed: m times the rows of some candidates, each once, in any order.
        k: how many to return.

    Returns:
        ids (m, k) and Euclidean distances (m, k), the nearest first, equal ones by row; where there were fewer
        candidates the rest is -1 and infinity.
    """
    ids: Ids = np.full((len(probes), k), -1, np.int64)
    distances: Distances = np.full((len(probes), k), np.inf, np.float32)
    for row, (probe, candidates) in enumerate(zip(probes, proposed, strict=True)):
        exact = np.linalg.norm(np.asarray(vectors[candidates], np.float32) - probe, axis=1)
        order = np.lexsort((candidates, exact))[:k]
        ids[row, : len(order)] = candidates[order]
        distances[row, : len(order)] = exact[order]
    return ids, distances
