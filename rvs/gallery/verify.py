"""Is this index right? Counts and hashes are checked when a version is opened; here its numbers are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Vectors
from rvs.embedding.embedder import unit_length
from rvs.errors import RebuildFailedError
from rvs.gallery.version import Version
from rvs.vectors.annoy_index import recall_at_k
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex

_PROBES = 500
# How far a probe lies from the photo it is made of: about as far as two photos of one person (median 0.29).
_PROBE_DISTANCE = 0.3
# A search width was tuned to the target on the same probes; less than this says that something is broken.
_LEAST_RECALL = 0.95
_LEAST_SELF_FOUND = 0.995


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification measured.

    Attributes:
        photos, people: counts.
        recall_at_10: measured now, on probes near the gallery's photos.
        self_found: share of sampled photos that find themselves first, at distance 0.
    """

    photos: int
    people: int
    recall_at_10: float
    self_found: float


def check_vectors(vectors: NDArray[np.float16]) -> None:
    """Refuse vectors that are not finite or not of unit length.

    Args:
        vectors: (n, dimension).

    Raises:
        RebuildFailedError: the first row that is wrong.
    """
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) < 5e-3))  # written so that NaN is wrong
    if len(wrong):
        raise RebuildFailedError(
            f"The vector of photo {wrong[0]} is not of unit length ({len(wrong)} such photos).",
            hint="Build again with --fresh; if it stays, report it.",
        )


def realistic_probes(vectors: NDArray[np.float16]) -> Vectors:
    """Probes like the ones people send: near a photo of the gallery, but none of them.

    A photo of the gallery itself would be too easy: every tree leads straight to its leaf.

    Args:
        vectors: (n, dimension) of unit length.

    Returns:
        (at most 500, dimension) of unit length; the same for the same vectors.
    """
    draw = np.random.default_rng(0)
    rows = draw.permutation(len(vectors))[:_PROBES]
    noise = unit_length(draw.standard_normal((len(rows), vectors.shape[1]), np.float32))
    return unit_length(vectors[rows].astype(np.float32) + _PROBE_DISTANCE * noise)


def check_recall(version: Version, probes: Vectors, index: VectorIndex | None = None) -> VerifyReport:
    """Measure an index against exact search, and whether photos find themselves.

    Args:
        version: whose vectors are searched.
        probes: (n, dimension) like those that people send.
        index: over these vectors; None for the version's forest.

    Raises:
        RebuildFailedError: either is far below what a sound index gives.
    """
    exact, searched = ExactIndex(version.vectors), version.index("annoy") if index is None else index
    k = min(10, len(exact))
    truth, _ = exact.search(probes, k)
    found, _ = searched.search(probes, k)
    recall = recall_at_k(found, truth)
    rows = np.random.default_rng(1).permutation(len(exact))[: len(probes) // 4 + 1]
    _, distances = searched.search(np.asarray(version.vectors[rows], np.float32), 1)
    # By distance, not by row: two copies of a photo may both be in a gallery.
    self_found = float(np.mean(distances[:, 0] < 1e-3))
    if recall < _LEAST_RECALL or self_found < _LEAST_SELF_FOUND:
        raise RebuildFailedError(
            f"The index in {version.folder} finds {recall:.1%} of the true neighbours, and {self_found:.1%} of "
            "the photos find themselves.",
            hint="Build it again with more trees: rvs index build --trees 100."
            if index is None
            else "Publish it again: rvs index publish.",
        )
    return VerifyReport(version.manifest.photos, version.manifest.people, recall, self_found)
