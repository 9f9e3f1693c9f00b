"""A face as plain data, and the orders in which several are taken."""

import dataclasses

import numpy as np
import pytest

from rvs.faces.face import Box, Face, largest_first, nearest_to_centre


def face(x0: float, y0: float, x1: float, y1: float, score: float = 0.9) -> Face:
    return Face(Box(x0, y0, x1, y1), ((x0, y0), (x1, y0), (x0, y1), (x1, y1), (x0, y0)), score)


def test_a_box_measures_itself() -> None:
    box = Box(-10, 20, 30, 100)

    assert box.width_px == 40
    assert box.height_px == 80
    assert box.centre_px == pytest.approx((10, 60))
    assert box.area_px == 3200


def test_the_distance_between_the_eyes_is_that_of_the_first_two_landmarks() -> None:
    eyes_apart = Face(Box(0, 0, 9, 9), ((10, 20), (13, 24), (0, 0), (50, 50), (90, 90)), 0.9)

    assert eyes_apart.interocular_px == pytest.approx(5)


def test_points_are_the_landmarks_in_their_order() -> None:
    landmarks = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))
    points = Face(Box(0, 0, 9, 9), landmarks, 0.9).points

    assert points.shape == (5, 2)
    assert points.dtype == np.float64
    assert tuple(map(tuple, points.tolist())) == landmarks


def test_points_are_a_copy() -> None:
    one = face(0, 0, 10, 10)
    one.points[:] = 0

    assert one.points.max() == 10


def test_faces_do_not_change_and_equal_ones_are_equal() -> None:
    one = face(0, 0, 10, 10)

    with pytest.raises(dataclasses.FrozenInstanceError):
        one.score = 1.0  # type: ignore[misc]
    assert one == face(0, 0, 10, 10)
    assert len({one, face(0, 0, 10, 10), face(0, 0, 10, 11)}) == 2


def test_largest_first_goes_by_area_not_by_score_or_one_side() -> None:
    wide = face(0, 0, 50, 10, score=0.99)
    square = face(60, 0, 90, 30, score=0.7)
    tall = face(100, 0, 110, 45, score=0.8)

    assert largest_first([wide, square, tall]) == [square, wide, tall]
    assert largest_first(iter([tall, wide, square])) == [square, wide, tall]


def test_faces_of_equal_size_keep_their_order() -> None:
    twins = [face(x, 0, x + 10, 10) for x in (30, 0, 60)]

    assert largest_first(twins) == twins


def test_nearest_to_centre_goes_by_the_middle_of_the_box() -> None:
    large_aside = face(0, 0, 100, 100)
    small_close = face(110, 60, 120, 70)
    middle = face(80, 30, 110, 70)  # its centre is 5 px from that of the photo, its corner far

    assert nearest_to_centre([large_aside, small_close, middle], 200, 100) == [
        middle,
        small_close,
        large_aside,
    ]
    assert nearest_to_centre([middle, large_aside], 100, 100) == [large_aside, middle]


def test_no_faces() -> None:
    assert largest_first([]) == []
    assert nearest_to_centre([], 10, 10) == []
