"""For whom does it work better, and for whom worse? The same figures for groups of photos.

Where LFW's attribute labels are at hand, groups are made of them; always of what the index knows itself: how many
photos a person has, and how wide the face is. The threshold that strangers are held against is one for all.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Vectors
from rvs.evaluation.coverage import PHOTO_COUNTS, count_name
from rvs.evaluation.lfw_attributes import AGES, ORIGINS, SEX
from rvs.evaluation.retrieval import Ranks
from rvs.evaluation.shares import Share, share_of
from rvs.gallery.version import Version
from rvs.scoring import genuine_distances, stranger_distances

_FALSE_MATCHES = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Photos that have something in common.

    Attributes:
        sort: what sets the groups apart, such as "age".
        name: what these have in common.
        rows: (photos,) whether a photo of the index is in it.
    """

    sort: str
    name: str
    rows: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """How well it works for a group. A share is None where there was nothing to count.

    Attributes:
        sort, name: see `Group`.
        photos, people: in the group.
        precision_at_1: of its photos, searched in the whole gallery.
        hit_at_5: likewise.
        false_matches: share of pairs of strangers within the group, one photo of each person, that are closer than
            the threshold at which 1 in 1000 of all pairs of strangers is.
        true_accepts: share of pairs of one person within the group that are closer than it.
    """

    sort: str
    name: str
    photos: int
    people: int
    precision_at_1: Share | None
    hit_at_5: Share | None
    false_matches: Share | None
    true_accepts: Share | None


@dataclass(frozen=True, slots=True)
class Subgroups:
    """All groups.

    Attributes:
        labelled: photos that LFW's attribute labels were given for; None when there were no labels.
        threshold: the distance below which 1 in 1000 pairs of strangers lie.
        groups: the figures, sort by sort.
    """

    labelled: int | None
    threshold: float
    groups: tuple[GroupFigures, ...]


def measure_subgroups(
    version: Version, ranks: Ranks, attributes: Mapping[str, Mapping[str, float]] | None
) -> Subgroups:
    """The figures of every group.

    Args:
        version: an index.
        ranks: of its photos.
        attributes: LFW's attribute labels (see `read_attributes`), where they are at hand.
    """
    vectors: Vectors = np.asarray(version.vectors, np.float32)
    strangers = stranger_distances(vectors, version.person_of)
    allowed = int(len(strangers) * _FALSE_MATCHES)
    threshold = float(np.partition(strangers, allowed)[allowed])
    groups = [*_groups_by_attribute(version, attributes or {}), *_groups_of_index(version)]
    return Subgroups(
        labelled=None if attributes is None else sum(photo.file in attributes for photo in version.photos),
        threshold=threshold,
        groups=tuple(_figures(version, vectors, ranks, group, threshold) for group in groups),
    )


def _figures(
    version: Version, vectors: Vectors, ranks: Ranks, group: Group, threshold: float
) -> GroupFigures:
    probes = group.rows[ranks.probes]
    rank = ranks.mate_rank[probes]
    inside, people = vectors[group.rows], version.person_of[group.rows]
    strangers = stranger_distances(inside, people)
    genuine = genuine_distances(inside, people) if len(people) else np.empty(0)
    return GroupFigures(
        sort=group.sort,
        name=group.name,
        photos=len(people),
        people=len(np.unique(people)),
        precision_at_1=share_of(int(np.count_nonzero(rank == 1)), len(rank)),
        hit_at_5=share_of(int(np.count_nonzero(rank <= 5)), len(rank)),
        false_matches=share_of(int(np.count_nonzero(strangers < threshold)), len(strangers)),
        true_accepts=share_of(int(np.count_nonzero(genuine < threshold)), len(genuine)),
    )


def _groups_by_attribute(version: Version, attributes: Mapping[str, Mapping[str, float]]) -> list[Group]:
    if not attributes:
        return []
    labels = [attributes.get(photo.file) for photo in version.photos]
    known = np.array([label is not None for label in labels])

    def column(name: str) -> NDArray[np.float64]:
        return np.array([-np.inf if label is None else label[name] for label in labels])

    def strongest(sort: str, names: Sequence[str]) -> list[Group]:
        which = np.argmax(np.stack([column(name) for name in names]), axis=0)
        return [Group(sort, name, known & (which == number)) for number, name in enumerate(names)]

    male = column(SEX) > 0
    return [
        Group("sex", "Male", known & male),
        Group("sex", "not Male", known & ~male),
        *strongest("origin", ORIGINS),
        *strongest("age", AGES),
    ]


def _groups_of_index(version: Version) -> list[Group]:
    counts = version.photos_of[version.person_of]
    groups = [
        Group(
            "photos of the person",
            count_name(low, high),
            (counts >= low) & (counts <= (high or counts.max())),
        )
        for low, high in PHOTO_COUNTS[1:]  # of one photo there is no other to find
    ]
    boxes = [photo.face_box for photo in version.photos]
    if any(boxes):
        width = np.array([np.nan if box is None else box.width_px for box in boxes])
        edges = np.nanquantile(width, [0, 0.25, 0.5, 0.75, 1])
        groups += [
            Group(
                "width of the face",
                f"{low:.0f} to {high:.0f} px",
                (width >= low) & ((width < high) | (high == edges[-1])),
            )
            for low, high in itertools.pairwise(edges)
        ]
    return [group for group in groups if group.rows.any()]
