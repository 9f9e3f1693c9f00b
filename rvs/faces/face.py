"""A detected face as plain data, and the orders in which several are taken."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rvs.arrays import Points

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in a photo's pixel frame; it may reach beyond the photo's border.

    Its numbers are edges: the photo itself is (0, 0, width, height), its first pixel (0, 0, 1, 1).
    """

    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float

    @property
    def width_px(self) -> float:
        """Width in pixels."""
        return self.x1_px - self.x0_px

    @property
    def height_px(self) -> float:
        """Height in pixels."""
        return self.y1_px - self.y0_px

    @property
    def centre_px(self) -> Point:
        """(x, y) of the centre in pixels."""
        return (self.x0_px + self.x1_px) / 2, (self.y0_px + self.y1_px) / 2

    @property
    def area_px(self) -> float:
        """Area in square pixels."""
        return self.width_px * self.height_px


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a photo.

    Attributes:
        box: where it is, in the photo's pixel frame.
        landmarks: five points in the same frame: the eye at the image's left, the eye at its right, the
            tip of the nose, the mouth corner at the left, the one at the right.
        score: the detector's confidence, 0..1.
    """

    box: Box
    landmarks: tuple[Point, Point, Point, Point, Point]
    score: float

    @property
    def points(self) -> Points:
        """The landmarks as an array of shape (5, 2)."""
        return np.asarray(self.landmarks, dtype=np.float64)

    @property
    def interocular_px(self) -> float:
        """The distance between the eyes in pixels."""
        return math.dist(self.landmarks[0], self.landmarks[1])


def largest_first(faces: Iterable[Face]) -> list[Face]:
    """Faces by area, the largest first: whom a photo with several people is most likely about."""
    return sorted(faces, key=lambda face: face.box.area_px, reverse=True)


def nearest_to_centre(faces: Iterable[Face], width_px: int, height_px: int) -> list[Face]:
    """Faces by the distance of their box to the photo's centre, the nearest first.

    LFW's photos are cropped around the face that gives them their name, often with bystanders.
    """
    middle = (width_px / 2, height_px / 2)
    return sorted(faces, key=lambda face: math.dist(face.box.centre_px, middle))
