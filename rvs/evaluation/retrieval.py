"""Identification: is the same person found first among everybody? Leave one out over a whole gallery.

First every probe is searched among all other photos; figures, of all probes or of some, are made of that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Distances, Ids, Vectors

_PROBES_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """What each probe, a photo of a person with at least two, found among all other photos.

    A mate is another photo of the probe's person. Where a mate and a stranger are equally far, the mate comes first.

    Attributes:
        probes: (n,) rows of the probes, rising.
        mates: (n,) how many mates each has.
        nearest: (n,) row of the nearest other photo.
        nearest_distance: (n,) its Euclidean distance.
        mate: (n,) row of the nearest mate.
        mate_distance: (n,) its distance.
        mate_rank: (n,) its rank among all other photos, 1 for the first.
        mates_in_five: (n,) how many of the five nearest are mates.
        average_precision: (n,) mean over the mates of the share of mates up to each one's rank.
        person_rank: (n,) the rank of the probe's person where each person is listed once, by their nearest photo.
    """

    probes: Ids
    mates: Ids
    nearest: Ids
    nearest_distance: Distances
    mate: Ids
    mate_distance: Distances
    mate_rank: Ids
    mates_in_five: Ids
    average_precision: NDArray[np.float64]
    person_rank: Ids


@dataclass(frozen=True, slots=True)
class ByPerson:
    """Figures where each person is listed once, by their nearest photo other than the probe itself.

    Attributes:
        precision_at_1: share of probes with the same person first.
        hit_at_5: share with the same person among the first five.
        mean_reciprocal_rank: mean of 1 / rank of the same person.
    """

    precision_at_1: float
    hit_at_5: float
    mean_reciprocal_rank: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Figures of one run.

    Attributes:
        probes: photos of people with at least two.
        precision_at_1: share of probes whose nearest other photo shows the same person (P@1).
        hit_at_5: share with the same person among the five nearest photos.
        precision_at_5: mean share of the five nearest photos that show the same person (P@5).
        best_precision_at_5: what it would be if nothing went wrong; most people have fewer than five others.
        mean_average_precision: mean over probes of the average precision over the person's photos (mAP).
        by_person: the same after grouping by person.
    """

    probes: int
    precision_at_1: float
    hit_at_5: float
    precision_at_5: float
    best_precision_at_5: float
    mean_average_precision: float
    by_person: ByPerson


def leave_one_out(vectors: NDArray[np.floating], people: Ids) -> Retrieval:
    """Search every photo of a person with two or more among all other photos.

    Args:
        vectors: (n, dimension) of unit length.
        people: (n,) who is on each photo.

    Raises:
        ValueError: nobody has two photos.
    """
    return retrieval_of(rank_probes(vectors, people))


def retrieval_of(ranks: Ranks) -> Retrieval:
    """The figures of what was found."""
    return Retrieval(
        probes=len(ranks.probes),
        precision_at_1=float(np.mean(ranks.mate_rank == 1)),
        hit_at_5=float(np.mean(ranks.mate_rank <= 5)),
        precision_at_5=float(np.mean(ranks.mates_in_five) / 5),
        best_precision_at_5=float(np.mean(np.minimum(ranks.mates, 5)) / 5),
        mean_average_precision=float(np.mean(ranks.average_precision)),
        by_person=ByPerson(
            precision_at_1=float(np.mean(ranks.person_rank == 1)),
            hit_at_5=float(np.mean(ranks.person_rank <= 5)),
            mean_reciprocal_rank=float(np.mean(1 / ranks.person_rank)),
        ),
    )


def rank_probes(vectors: NDArray[np.floating], people: Ids) -> Ranks:
    """Search every photo of a person with two or more among all other photos.

    Args:
        vectors: (n, dimension) of unit length.
        people: (n,) who is on each photo.

    Raises:
        ValueError: nobody has two photos.
    """
    # Person by person, so that mates are side by side.
    order = np.argsort(people, kind="stable")
    gallery: Vectors = np.asarray(vectors, np.float32)[order]
    starts = np.flatnonzero(np.diff(people[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    person = np.repeat(np.arange(len(starts)), ends - starts)
    probes = np.flatnonzero((ends - starts)[person] > 1)
    if not len(probes):
        raise ValueError("nobody has two photos")
    found = [
        _search(gallery, starts, ends, person, probes[start : start + _PROBES_AT_ONCE])
        for start in range(0, len(probes), _PROBES_AT_ONCE)
    ]
    nearest, mate, mates, mate_rank, in_five, precision, person_rank = map(
        np.concatenate, zip(*found, strict=True)
    )
    back = np.argsort(order[probes])
    return Ranks(
        probes=order[probes][back],
        mates=mates[back],
        nearest=order[nearest][back],
        nearest_distance=np.linalg.norm(gallery[probes] - gallery[nearest], axis=1)[back],
        mate=order[mate][back],
        mate_distance=np.linalg.norm(gallery[probes] - gallery[mate], axis=1)[back],
        mate_rank=mate_rank[back],
        mates_in_five=in_five[back],
        average_precision=precision[back],
        person_rank=person_rank[back],
    )


def _search(
    gallery: Vectors, starts: Ids, ends: Ids, person: Ids, probes: Ids
) -> tuple[Ids, Ids, Ids, Ids, Ids, NDArray[np.float64], Ids]:
    """Nearest photo, nearest mate, mates, its rank, mates in five, average precision, rank of the person."""
    own, rows = person[probes], np.arange(len(probes))
    far = -(gallery[probes] @ gallery.T)  # larger is further, and nothing else matters for ranks
    far[rows, probes] = np.inf
    people = np.minimum.reduceat(far, starts, axis=1)
    person_rank = 1 + np.count_nonzero(people < people[rows, own][:, None], axis=1)

    mates_far = [far[row, starts[who] : ends[who]].copy() for row, who in enumerate(own)]
    mate = starts[own] + np.array([int(np.argmin(mates)) for mates in mates_far])
    for row, who in enumerate(own):
        far[row, starts[who] : ends[who]] = np.inf
    stranger = np.argmin(far, axis=1)
    first = np.array([mates.min() for mates in mates_far]) <= far[rows, stranger]
    far.sort(axis=1)

    mate_rank, in_five = np.empty(len(probes), np.int64), np.empty(len(probes), np.int64)
    precision = np.empty(len(probes))
    for row, mates in enumerate(mates_far):
        mates.sort()
        number = np.arange(1, len(mates))  # the last is the probe itself
        # Before each mate come the nearer mates and the nearer strangers.
        ranks = number + np.searchsorted(far[row], mates[:-1])
        mate_rank[row], in_five[row] = ranks[0], np.count_nonzero(ranks <= 5)
        precision[row] = np.mean(number / ranks)
    nearest = np.where(first, mate, stranger)
    return nearest, mate, (ends - starts)[own] - 1, mate_rank, in_five, precision, person_rank
