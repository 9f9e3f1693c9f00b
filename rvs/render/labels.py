"""Where small labels go in a crowd: each at its own frame, off the others and off the faces where it can be.

Plain geometry. It knows neither what the labels say nor how they look, and it draws nothing.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rectangles: TypeAlias = NDArray[np.float64]
"""(n, 4): left, top, right, bottom in pixels."""

# What a label costs. Two labels on each other cannot be read; one on another's face looks like that one's
# number, and one near it still makes people wonder. On its own face it is in the right place, and what
# counts is how much of the face it hides.
_ON_LABEL, _ON_OTHER, _NEAR_OTHER = 8.0, 4.0, 2.0
_ON_OWN, _OF_MIDDLE = 0.5, 2.0
_NEAR = 0.5  # of the label's height
_MIDDLE = np.array([(0.75, 0, 0.25, 0), (0, 0.75, 0, 0.25), (0.25, 0, 0.75, 0), (0, 0.25, 0, 0.75)])
_LATER_PLACE = 0.02  # similar places at similar faces are found sooner
_PASSES = 4


def place_labels(
    frames: Rectangles, sizes: list[tuple[int, int]], room: tuple[int, int], order: list[int]
) -> list[tuple[int, int]]:
    """Find a place for each label: touching its frame, within the room, as free as can be.

    Args:
        frames: (n, 4), one for each label, within the room.
        sizes: (width, height) of each label in pixels, no larger than the room.
        room: (width, height) in pixels.
        order: positions in `frames`: who chooses first.

    Returns:
        (left, top) of each label in whole pixels.
    """
    places = [_places(frame, size, room) for frame, size in zip(frames, sizes, strict=True)]
    largest = np.max(sizes, axis=0)
    near = [_neighbours(at, frames, largest, own) for own, at in enumerate(places)]
    costs = [_cost(at, frames[own], frames[near[own]]) for own, at in enumerate(places)]
    labels: Rectangles = np.full((len(frames), 4), -np.inf)  # nowhere yet
    for _ in range(_PASSES):  # the later ones know where all others are
        before = labels.copy()
        for one in order:
            taken = _covered(places[one], labels[near[one]]).sum(axis=1) / _areas(places[one])
            best = int(np.argmin(costs[one] + _ON_LABEL * taken))
            labels[one] = places[one][best]
        if np.array_equal(before, labels):
            break
    return [(int(left), int(top)) for left, top in labels[:, :2]]


def _places(frame: NDArray[np.float64], size: tuple[int, int], room: tuple[int, int]) -> Rectangles:
    """Where a label may be, the preferred places first."""
    x0, y0, x1, y1 = frame
    width, height = size
    left, right, middle = x0, x1 - width, (x0 + x1 - width) / 2
    top, bottom, centre = y0, y1 - height, (y0 + y1 - height) / 2
    above, below, before, behind = y0 - height, y1, x0 - width, x1
    astride = (x0 - width / 2, x1 - width / 2, y0 - height / 2, y1 - height / 2)
    corners = np.array([
        *((left, above), (right, above), (middle, above)),
        *((x, y) for y in astride[2:] for x in astride[:2]),
        *((left, below), (right, below), (middle, below), (before, top), (behind, top)),
        *((before, bottom), (behind, bottom), (before, centre), (behind, centre)),
        *((left, top), (right, top), (left, bottom), (right, bottom)),
    ]).round()  # fmt: skip
    corners = np.clip(corners, 0, (room[0] - width, room[1] - height))
    return np.concatenate([corners, corners + size], axis=1)


def _neighbours(
    places: Rectangles, frames: Rectangles, largest: NDArray[np.int_], own: int
) -> NDArray[np.int_]:
    """The others that matter to this label: whose frame, or whose label wherever it goes, may be near it."""
    # Only because hundreds of faces would otherwise each be measured against hundreds.
    low = places[:, :2].min(axis=0) - 2 * largest
    high = places[:, 2:].max(axis=0) + 2 * largest
    within = ((frames[:, :2] <= high) & (frames[:, 2:] >= low)).all(axis=1)
    within[own] = False
    return np.flatnonzero(within)


def _cost(places: Rectangles, own: NDArray[np.float64], others: Rectangles) -> NDArray[np.float64]:
    area = _areas(places)[0]
    reach = _NEAR * (places[0, 3] - places[0, 1]) * np.array([-1, -1, 1, 1])
    on_others = _covered(places, others).sum(axis=1) / area
    near_others = _covered(places, others + reach).sum(axis=1) / area
    hidden = _covered(places, own[None])[:, 0]
    middle = (own @ _MIDDLE)[None]
    of_middle = _covered(places, middle)[:, 0] / _areas(middle)[0]
    later = _LATER_PLACE * np.arange(len(places))
    cost: NDArray[np.float64] = (
        _ON_OTHER * on_others
        + _NEAR_OTHER * near_others
        + _ON_OWN * hidden / area
        + _OF_MIDDLE * of_middle
        + later
    )
    return cost


def _covered(places: Rectangles, others: Rectangles) -> NDArray[np.float64]:
    """(places, others): how many square pixels of a place each other rectangle covers."""
    low = np.maximum(places[:, None, :2], others[None, :, :2])
    high = np.minimum(places[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _areas(rectangles: Rectangles) -> NDArray[np.float64]:
    sides = rectangles[:, 2:] - rectangles[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])
