"""Exact nearest neighbours by comparing with every vector: the oracle, and quick for small galleries."""

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Distances, Ids, Vectors
from rvs.vectors.index import check_probes

# Bounds the table of distances held at once to 64 MB for a gallery of a million.
_PROBES_AT_ONCE = 16


class ExactIndex:
    """All vectors in memory as float32."""

    def __init__(self, vectors: NDArray[np.floating]) -> None:
        """Take (n, dimension) vectors of unit length; float16 is widened."""
        self._vectors: Vectors = np.ascontiguousarray(vectors, np.float32)
        # Stored vectors are rounded to float16, so their length is not quite one.
        self._squares: NDArray[np.float32] = np.einsum("ij,ij->i", self._vectors, self._vectors)

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        """See `VectorIndex.search`."""
        check_probes(vectors, self._vectors.shape[1])
        ids = np.full((len(vectors), k), -1, np.int64)
        distances = np.full((len(vectors), k), np.inf, np.float32)
        found = min(k, len(self))
        for start in range(0, len(vectors), _PROBES_AT_ONCE):
            probes = vectors[start : start + _PROBES_AT_ONCE]
            squared = self._squares - 2 * (probes @ self._vectors.T)
            squared += np.einsum("ij,ij->i", probes, probes)[:, None]
            rows = slice(start, start + len(probes))
            ids[rows, :found] = smallest(squared, found)
            ordered = np.take_along_axis(squared, ids[rows, :found], axis=1)
            distances[rows, :found] = np.sqrt(np.maximum(ordered, 0))
        return ids, distances


def smallest(values: NDArray[np.float32], k: int) -> Ids:
    """Columns of the k smallest values of each row, the smallest first; equal values in column order."""
    result: Ids = np.empty((len(values), k), np.int64)
    for row, line in enumerate(values):
        columns = np.arange(len(line))
        if k < len(line):
            # All that are no larger than the k-th, so that of several equal to it the first columns are taken.
            columns = np.flatnonzero(line <= np.partition(line, k - 1)[k - 1])
        result[row] = columns[np.argsort(line[columns], kind="stable")[:k]]
    return result
