"""Alignment samples where it says: checked with ramps, whose value at a point says which point it is."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels, Points
from rvs.faces.alignment import (
    FACE_MARGIN,
    TEMPLATE,
    TEMPLATE_SIDE_PX,
    align,
    crop,
    similarity_transform,
    whole,
)
from rvs.faces.face import Box, Face
from rvs.pipeline import Pipeline

SIDE = TEMPLATE_SIDE_PX


def turn(scale: float, deg: float) -> NDArray[np.float64]:
    """The linear part of a similarity, clockwise in an image."""
    a, b = scale * math.cos(math.radians(deg)), scale * math.sin(math.radians(deg))
    return np.array([[a, -b], [b, a]])


def face_with(points: Points, box: Box | None = None) -> Face:
    a, b, c, d, e = ((float(x), float(y)) for x, y in points)
    return Face(box or Box(0, 0, 1, 1), (a, b, c, d, e), 0.9)


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)


def enlarged(pixels: Pixels, times: int) -> Pixels:
    """Every pixel a square of pixels: averaging them gives the photo back exactly."""
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def assert_same(chip: Pixels, photo: Pixels) -> None:
    """The same but for what 1e-14 of a pixel can do: a level less, as Pillow cuts off where it could round."""
    assert chip.shape == photo.shape
    assert np.abs(chip.astype(int) - photo)[1:-1, 1:-1].max() <= 1  # at the edge such a sample may be outside


# Similarity transform


@pytest.mark.parametrize(
    ("scale", "deg", "shift"), [(1, 0, (0, 0)), (0.37, -74, (5, -9)), (12.5, 163, (1e3, 7))]
)
def test_a_known_transform_is_recovered(scale: float, deg: float, shift: tuple[float, float]) -> None:
    linear = turn(scale, deg)
    target = TEMPLATE @ linear.T + shift

    found = similarity_transform(TEMPLATE, target)

    assert found.shape == (2, 3)
    assert found == pytest.approx(np.column_stack([linear, shift]), abs=1e-9)


def test_two_points_determine_it() -> None:
    found = similarity_transform(np.array([[0.0, 0], [2, 0]]), np.array([[1.0, 1], [1, 7]]))

    assert found == pytest.approx(np.array([[0, -3, 1], [3, 0, 1]]))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_best_in_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, target = rng.normal(0, 30, (2, 5, 2)) + rng.normal(0, 100, (2, 1, 2))
    # Unknown a, b, shift x, shift y in (a x - b y + sx, b x + a y + sy).
    x, y, one, zero = source[:, 0], source[:, 1], np.ones(5), np.zeros(5)
    equations = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, shift_x, shift_y = np.linalg.lstsq(equations, target.T.ravel())[0]

    found = similarity_transform(source, target)

    assert found == pytest.approx(np.array([[a, -b, shift_x], [b, a, shift_y]]), abs=1e-9)


def test_a_mirror_image_is_not_mirrored_back() -> None:
    found = similarity_transform(TEMPLATE * (-1, 1), TEMPLATE)

    assert np.linalg.det(found[:, :2]) > 0


@pytest.mark.parametrize("points", [np.full((5, 2), 31.0), np.full((5, 2), np.nan)])
def test_landmarks_that_coincide(points: Points) -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity_transform(points, TEMPLATE)
    with pytest.raises(ValueError, match="coincide"):
        align(noise(64, 64), face_with(points))


# Alignment


def test_a_face_on_the_template_is_cut_out_pixel_by_pixel() -> None:
    photo = noise(200, 260)

    assert_same(align(photo, face_with(TEMPLATE)), photo[:SIDE, :SIDE])
    moved = align(photo, face_with(TEMPLATE + np.array([40, 17])))
    assert_same(moved, photo[17 : 17 + SIDE, 40 : 40 + SIDE])


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact(quarters: int) -> None:
    photo = noise(SIDE, SIDE)
    middle = (SIDE - 1) / 2
    points = (TEMPLATE - middle) @ turn(1, -90 * quarters).T + middle

    chip = align(np.rot90(photo, quarters), face_with(points))

    assert_same(chip, photo)


@pytest.mark.parametrize("times", [2, 3, 4, 10])
def test_a_large_face_is_averaged_down_without_a_shift(times: int) -> None:
    photo = noise(160, 170)
    # The centre of the first small pixel lies between the first `times` large ones.
    chip = align(enlarged(photo, times), face_with(TEMPLATE * times + (times - 1) / 2))

    assert_same(chip, photo[:SIDE, :SIDE])


@pytest.mark.parametrize("deg", [0, 28, -105])
@pytest.mark.parametrize("scale", [0.3, 1, 1.9, 2.5, 4.6, 10])
def test_the_landmarks_come_to_lie_on_the_template(scale: float, deg: float) -> None:
    side = round(230 * max(scale, 0.5))
    points = (TEMPLATE - SIDE / 2) @ turn(scale, deg).T + (side / 2 + 0.3, side / 2 - 0.4)
    photo = np.zeros((side, side, 3), np.uint8)
    for point, place in zip(points, TEMPLATE, strict=True):
        # Across each landmark a ramp to the right in red and one downwards in green, 6 levels a chip pixel.
        ramps = (128 + 6 / scale * (np.arange(side)[:, None] - point)).clip(0, 255).round()
        photo[:, :, 0], photo[:, :, 1] = ramps[None, :, 0], ramps[:, None, 1]

        chip = align(photo, face_with(points))

        column, row = np.floor(place).astype(int)
        right, down = place - (column, row)
        four = chip[row : row + 2, column : column + 2].astype(float)
        found = np.array([1 - down, down]) @ np.einsum("ijc,j->ic", four, np.array([1 - right, right]))
        # Pillow cuts off where it could round: half a level less on average. Half a level is 0.08 chip pixels.
        assert found[:2] + 0.5 == pytest.approx([128, 128], abs=1.0)
        assert np.abs(found[:2] - 127.5).mean() <= 0.75


def test_a_larger_chip_is_the_same_picture() -> None:
    y, x = np.mgrid[:300, :300] / 300
    photo = np.stack([200 * x + 20, 200 * y + 20, 100 * (x + y)], axis=2).astype(np.uint8)
    face = face_with(TEMPLATE * 1.5 + 30)

    large = align(photo, face, 2 * SIDE)

    assert large.shape == (2 * SIDE, 2 * SIDE, 3)
    averaged = np.asarray(Image.fromarray(large).reduce(2)).astype(int)
    assert np.abs(averaged - align(photo, face)).max() <= 1


def test_outside_of_the_photo_is_black() -> None:
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    chip = align(
        white, face_with(TEMPLATE + np.array([40.4, 25.4]))
    )  # ends 40 px to the right of it, 25 px below

    assert (chip[: SIDE - 26, : SIDE - 41] >= 254).all()
    assert not chip[SIDE - 25 :].any()
    assert not chip[:, SIDE - 40 :].any()


@pytest.mark.parametrize("away", [(-3e3, 0), (3e3, 0), (0, -3e3), (0, 3e3), (1e9, 1e9)])
@pytest.mark.parametrize("scale", [1, 7])
def test_wholly_outside_of_the_photo_all_is_black(away: tuple[float, float], scale: float) -> None:
    assert not align(np.full((90, 70, 3), 255, np.uint8), face_with(TEMPLATE * scale + away)).any()


@pytest.mark.parametrize("scale", [1e-9, 1e3, 1e7, 1e14])
def test_sizes_of_no_face_are_survived(scale: float) -> None:
    chip = align(noise(60, 80), face_with((TEMPLATE - TEMPLATE.mean(axis=0)) * scale + 30))

    assert chip.shape == (SIDE, SIDE, 3)


def test_landmarks_that_no_similarity_fits_are_survived() -> None:
    # Mirrored and stripped of all that resembles the template: the best scale is 0.
    template = (TEMPLATE - TEMPLATE.mean(axis=0)) @ (1, 1j)
    mirrored = template.conj()
    mirrored -= np.vdot(template, mirrored) / np.vdot(template, template) * template

    try:
        chip = align(noise(60, 80), face_with(np.stack([mirrored.real, mirrored.imag], axis=1) + 30))
    except ValueError:
        return  # as promised, when the scale comes out as 0 exactly
    assert chip.shape == (SIDE, SIDE, 3)


def test_a_view_of_a_read_only_photo() -> None:
    photo = noise(200, 400)
    photo.flags.writeable = False
    view = photo[::-1, ::2]
    face = face_with(TEMPLATE + np.array([11, 5]))

    assert np.array_equal(align(view, face), align(np.ascontiguousarray(view), face))
    assert np.array_equal(crop(view, Box(10, 20, 99, 120), 64), crop(view.copy(), Box(10, 20, 99, 120), 64))
    assert np.array_equal(whole(view, 64), whole(view.copy(), 64))


def test_a_photo_enlarged_four_times_gives_nearly_the_same_chip(
    pipeline: Pipeline, astronaut: Pixels
) -> None:
    [face] = pipeline.faces(astronaut)
    large = np.asarray(Image.fromarray(astronaut).resize((2048, 2048), Image.Resampling.BICUBIC))
    chip, again = align(astronaut, face), align(large, face_with(face.points * 4 + 1.5))

    assert np.abs(chip.astype(int) - again).mean() < 1.5
    vectors = pipeline.embed([chip, again])
    assert np.linalg.norm(vectors[0] - vectors[1]) < 0.05


# Crops


def test_a_crop_of_the_boxs_own_size_is_cut_out_pixel_by_pixel() -> None:
    photo = noise(200, 300)

    assert np.array_equal(crop(photo, Box(30, 40, 130, 140), 100, margin=1), photo[40:140, 30:130])


@pytest.mark.parametrize("times", [2, 3, 8])
def test_a_crop_of_a_large_box_is_averaged_down_without_a_shift(times: int) -> None:
    photo = noise(120, 150)
    box = Box(30 * times, 10 * times, 94 * times, 74 * times)

    assert np.array_equal(crop(enlarged(photo, times), box, 64, margin=1), photo[10:74, 30:94])


def test_a_crop_is_the_square_around_the_longer_side_with_a_margin() -> None:
    y, x = np.mgrid[:300, :300]
    photo = np.stack([x * 0.8, y * 0.8, 0 * x], axis=2).round().astype(np.uint8)

    square = crop(photo, Box(130, 100, 170, 200), 50).astype(float)  # 125 px around (150, 150)

    first = 150 - 100 * FACE_MARGIN / 2 + 125 / 50 / 2 - 0.5  # what the centre of the first pixel shows
    expected = 0.8 * (first + 2.5 * np.arange(50))
    assert square[:, :, 0].mean(axis=0) + 0.5 == pytest.approx(expected, abs=1)
    assert square[:, :, 1].mean(axis=1) + 0.5 == pytest.approx(expected, abs=1)


def test_a_crop_is_black_outside_of_the_photo() -> None:
    white = np.full((60, 80, 3), 255, np.uint8)

    square = crop(white, Box(60, -20, 100, 20), 40, margin=1)

    assert (square[20:, :20] == 255).all()
    assert not square[:20].any()
    assert not square[:, 20:].any()
    assert not crop(white, Box(500, 500, 600, 600), 32).any()
    assert not crop(white, Box(-1e9, 0, -1e9 + 10, 10), 32).any()


@pytest.mark.parametrize("reach", [1e4, 1e13])
def test_a_box_far_larger_than_the_photo(reach: float) -> None:
    assert crop(noise(60, 80), Box(-reach, -reach, reach, reach), 32).shape == (32, 32, 3)


# Whole image


def test_the_whole_image_is_stretched_to_a_square() -> None:
    y, x = np.mgrid[:120, :360]
    photo = np.stack([x * 0.7, y * 2.1, 0 * x], axis=2).round().astype(np.uint8)

    square = whole(photo, 60).astype(float)

    inner = slice(2, -2)  # at the border the filter has less to average
    assert square[:, inner, 0].mean(axis=0) == pytest.approx(0.7 * (6 * np.arange(60)[inner] + 2.5), abs=1)
    assert square[inner, :, 1].mean(axis=1) == pytest.approx(2.1 * (2 * np.arange(60)[inner] + 0.5), abs=1)


def test_an_image_of_the_right_size_stays_as_it_is() -> None:
    photo = noise(64, 64)

    assert np.array_equal(whole(photo, 64), photo)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2000), (2000, 1), (31, 33)])
def test_photos_of_odd_sizes(height: int, width: int) -> None:
    photo = noise(height, width)

    assert whole(photo, 64).shape == (64, 64, 3)
    assert crop(photo, Box(0, 0, width, height), 64).shape == (64, 64, 3)
    assert align(photo, face_with(TEMPLATE)).shape == (SIDE, SIDE, 3)
