"""Annoy proposes, exact arithmetic decides: a memory-mapped forest, its candidates ranked exactly.

Annoy crashes rather than complains about a damaged or foreign file, so whoever opens one here has checked it
before (`gallery.version` does). A file is never changed while it is mapped, and never unmapped by hand:
`unload` under a running query is a crash; letting go of the object is not.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

from rvs.arrays import Distances, Ids, Vectors
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import check_probes
from rvs.vectors.rerank import rerank
from rvs.vectors.tuning import narrowest

_METRIC: Literal["angular"] = "angular"  # Euclidean distance of unit vectors
_SEED = 20_070_101
_SEARCH_K_LADDER = tuple(range(2_000, 16_000, 2_000)) + tuple(range(16_000, 64_001, 4_000))


class AnnoyVectorIndex:
    """A forest on disk with the vectors it was built over."""

    def __init__(self, path: Path, vectors: NDArray[np.floating], search_k: int) -> None:
        """Map a forest.

        Args:
            path: a file that `build_annoy` made over `vectors`, checked by the caller.
            vectors: (n, dimension), any float type; may be memory-mapped.
            search_k: how many nodes a query inspects; more finds more and takes longer.

        Raises:
            OSError: the file is missing or cannot be mapped.
            ValueError: it is over another number of vectors.
        """
        self._vectors = vectors
        self._search_k = search_k
        self._forest = AnnoyIndex(vectors.shape[1], _METRIC)
        self._forest.load(str(path))
        # It would propose rows that are not there.
        if self._forest.get_n_items() != len(vectors):
            raise ValueError(f"{path} is over {self._forest.get_n_items()} vectors instead of {len(vectors)}")

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        """See `VectorIndex.search`."""
        check_probes(vectors, self._vectors.shape[1])
        # Asking for many needs a wide search, whatever was tuned for a few.
        search_k = max(self._search_k, 20 * k)
        proposed = (
            np.array(self._forest.get_nns_by_vector(probe, k, search_k), np.int64) for probe in vectors
        )
        return rerank(self._vectors, vectors, proposed, k)


def build_annoy(vectors: NDArray[np.floating], path: Path, trees: int) -> None:
    """Build a forest over (n, dimension) unit vectors and write it to `path`; the same input, the same file.

    Raises:
        OSError: the file cannot be written.
    """
    forest = AnnoyIndex(vectors.shape[1], _METRIC)
    forest.set_seed(_SEED)
    for number, vector in enumerate(np.asarray(vectors, np.float32)):
        forest.add_item(number, vector)
    forest.build(trees, n_jobs=1)  # several jobs make another file each time
    forest.save(str(path))


def tune_search_k(
    path: Path, vectors: NDArray[np.floating], probes: Vectors, *, k: int, target: float
) -> tuple[int, float]:
    """The smallest search_k of a ladder whose recall@k over `probes` reaches `target`.

    Args:
        path: a forest over `vectors`.
        vectors: (n, dimension).
        probes: (m, dimension) unit vectors like those that will be asked for.
        k: neighbours that must be found.
        target: share of the exact neighbours, 0..1.

    Returns:
        search_k and its measured recall; the widest search there is when none reaches the target.
    """
    k = min(k, len(vectors))
    truth, _ = ExactIndex(vectors).search(probes, k)
    widest = len(vectors) * 64
    steps = [*(step for step in _SEARCH_K_LADDER if step < widest), widest]

    def recall(search_k: int) -> float:
        found, _ = AnnoyVectorIndex(path, vectors, search_k).search(probes, k)
        return recall_at_k(found, truth)

    return narrowest(steps, recall, target)


def recall_at_k(found: Ids, truth: Ids) -> float:
    """The share of the true neighbours (n, k) that are among the ones found (n, any)."""
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True))
    return hits / truth.size
