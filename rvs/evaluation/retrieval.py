"""Identification: is the same person found first among everybody? Leave one out over a whole gallery."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors

_PROBES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Figures of one run.

    Attributes:
        probes: photos of people with at least two.
        precision_at_1: share of probes whose nearest other photo shows the same person (P@1).
        hit_at_5: share with the same person among the five nearest photos.
        mean_average_precision: mean over probes of the average precision over the person's photos (mAP).
    """

    probes: int
    precision_at_1: float
    hit_at_5: float
    mean_average_precision: float


def leave_one_out(vectors: NDArray[np.floating], people: Ids) -> Retrieval:
    """Search every photo of a person with two or more among all other photos.

    Args:
        vectors: (n, dimension) of unit length.
        people: (n,) who is on each photo.

    Raises:
        ValueError: nobody has two photos.
    """
    gallery: Vectors = np.asarray(vectors, np.float32)
    counts = np.bincount(people)
    probes = np.flatnonzero(counts[people] > 1)
    if not len(probes):
        raise ValueError("nobody has two photos")
    first, five, precision = 0, 0, 0.0
    for start in range(0, len(probes), _PROBES_AT_ONCE):
        rows = probes[start : start + _PROBES_AT_ONCE]
        similarity = gallery[rows] @ gallery.T
        similarity[np.arange(len(rows)), rows] = -np.inf
        for row, probe in enumerate(rows):
            shows_same = people == people[probe]
            strangers = similarity[row, ~shows_same]
            shows_same[probe] = False
            mates = np.sort(-similarity[row, shows_same])
            # Before each mate come the nearer mates and the nearer strangers.
            nearer = np.sort(-strangers[-strangers < mates[-1]])
            ranks = np.arange(1, len(mates) + 1) + np.searchsorted(nearer, mates)
            first += int(ranks[0] == 1)
            five += int(ranks[0] <= 5)
            precision += float(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return Retrieval(len(probes), first / len(probes), five / len(probes), precision / len(probes))
