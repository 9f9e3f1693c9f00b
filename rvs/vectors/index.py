"""The seam behind which nearest neighbours are found."""

from typing import Protocol

import numpy as np

from rvs.arrays import Distances, Ids, Vectors


class VectorIndex(Protocol):
    """Nearest neighbours among unit vectors. Safe to call from several threads at once."""

    def __len__(self) -> int:
        """How many vectors are in it."""

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        """The nearest vectors of each probe.

        Args:
            vectors: (n, dimension) float32 probes of unit length, without NaN.
            k: how many to return, at least 1; at most `len(self)` are there.

        Returns:
            ids (n, k) and Euclidean distances (n, k), the nearest first. Where fewer than k were found
            the rest is -1 and infinity.
        """


def check_probes(vectors: Vectors, dimension: int) -> None:
    """Refuse probes that an index would answer with nonsense instead of an error.

    Raises:
        ValueError: a wrong shape, or values that are not finite.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ValueError(f"probes must be (n, {dimension}), not {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("probes must be finite")
