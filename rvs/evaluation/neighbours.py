"""Exact nearest neighbours and Annoy side by side, over the vectors of one index."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rvs.arrays import Ids, Vectors
from rvs.gallery.verify import realistic_probes
from rvs.gallery.version import FOREST, VECTORS, Version
from rvs.vectors.annoy_index import recall_at_k
from rvs.vectors.index import VectorIndex

K = 10
_TIMED = 200
_PART = 500


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How Annoy with exact ranking compares with comparing with every photo.

    Attributes:
        probes: photos of the gallery that were asked for.
        recall_at_10: share of their ten nearest others that Annoy found.
        recall_at_10_of_new: the same for probes near a photo of the gallery, but none of them.
        exact_ms, annoy_ms: median time of one query for ten, one after the other.
        vectors_bytes: what exact search needs on disk.
        forest_bytes: what Annoy needs besides.
        trees, search_k: of the forest.
    """

    probes: int
    recall_at_10: float
    recall_at_10_of_new: float
    exact_ms: float
    annoy_ms: float
    vectors_bytes: int
    forest_bytes: int
    trees: int
    search_k: int


def compare_neighbours(version: Version, most_probes: int, workers: int) -> Neighbours:
    """Ask both for the same.

    Args:
        version: an index with at least two photos.
        most_probes: photos of the gallery to ask for, drawn with a fixed seed.
        workers: threads for the recall; times are always of one query alone.
    """
    exact, forest = version.index("exact"), version.index("annoy")
    rows = np.sort(np.random.default_rng(0).permutation(len(exact))[:most_probes])
    photos = np.asarray(version.vectors[rows], np.float32)
    new = realistic_probes(version.vectors)
    # One more than ten: every photo finds itself first.
    recall = _recall(exact, forest, photos, K + 1, workers)
    exact_ms, annoy_ms = time_in_turns([exact, forest], new[:_TIMED])
    files = version.manifest.files
    return Neighbours(
        probes=len(photos),
        recall_at_10=recall,
        recall_at_10_of_new=_recall(exact, forest, new, K, workers),
        exact_ms=exact_ms,
        annoy_ms=annoy_ms,
        vectors_bytes=files[VECTORS].bytes,
        forest_bytes=files[FOREST].bytes,
        trees=version.manifest.forest.trees,
        search_k=version.manifest.forest.search_k,
    )


def time_in_turns(indexes: list[VectorIndex], probes: Vectors, k: int = K) -> list[float]:
    """Median milliseconds of one query to each index, which are asked in turns, so that all meet the same noise."""
    for index in indexes:
        index.search(probes[:2], k)
    times: list[list[float]] = [[] for _ in indexes]
    for number in range(len(probes)):
        for index, taken in zip(indexes, times, strict=True):
            start = time.perf_counter()
            index.search(probes[number : number + 1], k)
            taken.append(time.perf_counter() - start)
    return [float(np.median(taken)) * 1000 for taken in times]


def _recall(exact: VectorIndex, forest: VectorIndex, probes: Vectors, k: int, workers: int) -> float:
    k = min(k, len(exact))
    truth, _ = exact.search(probes, k)
    parts = [probes[start : start + _PART] for start in range(0, len(probes), _PART)]
    with ThreadPoolExecutor(workers) as pool:  # Annoy lets other threads run while it searches
        found: Ids = np.concatenate(list(pool.map(lambda part: forest.search(part, k)[0], parts)))
    return recall_at_k(found, truth)
