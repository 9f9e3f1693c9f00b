"""Who is in a gallery, as far as the index knows: how many photos people have, and who has most of them."""

from dataclasses import dataclass

import numpy as np

from rvs.gallery.version import Version

PHOTO_COUNTS: tuple[tuple[int, int | None], ...] = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, None))
"""The ranges that people are sorted into by how many photos they have; None: or more."""


@dataclass(frozen=True, slots=True)
class PeopleWith:
    """How many people have that many photos, and how many photos these are together."""

    photos_each: str
    people: int
    photos: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Who is in a gallery.

    Attributes:
        people, photos: how many.
        by_photos: people by how many photos they have.
        share_of_ten: share of the photos that show the ten most photographed people.
    """

    people: int
    photos: int
    by_photos: tuple[PeopleWith, ...]
    share_of_ten: float


def coverage_of(version: Version) -> Coverage:
    """Who is in the gallery of an index."""
    counts = version.photos_of
    return Coverage(
        people=len(counts),
        photos=int(counts.sum()),
        by_photos=tuple(
            PeopleWith(count_name(low, high), int(inside.sum()), int(counts[inside].sum()))
            for low, high in PHOTO_COUNTS
            if (inside := (counts >= low) & (counts <= (high or counts.max()))).any()
        ),
        share_of_ten=float(np.sort(counts)[-10:].sum() / counts.sum()),
    )


def count_name(low: int, high: int | None) -> str:
    """A range of numbers of photos, in words."""
    return f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"
