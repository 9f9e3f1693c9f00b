"""Rows of a collection that was filled for another version, as rows of this one.

Of what the server proposes, the rows that this version does not have are dropped; the photos that the collection
does not have are compared one by one. What comes out are candidates as if the collection were of this version.
Asking the server is for `remote_index`.
"""

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.row_map import RowMap, rows_without


class SharedRows:
    """What a version and a collection have in common, and what not. Safe to use from several threads at once."""

    def __init__(self, rows: RowMap, vectors: NDArray[np.floating]) -> None:
        """Prepare.

        Args:
            rows: (rows of the collection,): which row of the version each is, or -1.
            vectors: (n, dimension), all of the version; those that the collection lacks are kept in memory.

        Raises:
            ValueError: the map leads to rows that the version does not have, or twice to one.
        """
        if (rows < -1).any() or (rows >= len(vectors)).any():
            raise ValueError("a collection has rows of other vectors than these")
        kept = int((rows >= 0).sum())
        self._beside = rows_without(rows, len(vectors))
        if kept + len(self._beside) > len(vectors):
            raise ValueError("two rows of a collection cannot be one of these vectors")
        self._rows = rows
        self._exact = ExactIndex(vectors[self._beside]) if len(self._beside) else None
        self.gone = len(rows) - kept
        """How many rows of the collection the version does not have."""

    @property
    def beside(self) -> int:
        """How many photos of the version are not in the collection."""
        return len(self._beside)

    def living(self, found: Ids) -> Ids:
        """Rows of the collection as rows of the version, without those that it does not have."""
        rows = self._rows[found].astype(np.int64)
        return rows[rows >= 0]

    def near(self, probes: Vectors, k: int) -> list[Ids]:
        """For each probe those photos beside the collection that may be among its k nearest."""
        if self._exact is None:
            return [self._beside] * len(probes)
        # More than k, so that the last of k are right: this comparison is rounded, the ranking is not.
        found, _ = self._exact.search(probes, min(2 * k, self.beside))
        return list(self._beside[found])
