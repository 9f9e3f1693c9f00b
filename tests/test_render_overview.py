"""What the overview promises: each face framed and numbered where it is, and one of them told apart."""

import io
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import ConfigError
from rvs.faces.face import Box, Face, largest_first
from rvs.pipeline import Pipeline
from rvs.render import Picture, look, overview
from rvs.render.labels import Rectangles, place_labels
from rvs.render.lettering import Type, centred_baseline, write
from rvs.render.overview import _CHOSEN

OUTWARDS = np.array([-1, -1, 1, 1])
GROUND = (120, 130, 125)
THREE = (Box(60, 120, 260, 360), Box(350, 140, 470, 300), Box(540, 200, 600, 280))


def face(box: Box) -> Face:
    return Face(box, ((0, 0), (1, 0), (0, 1), (0, 2), (1, 2)), 0.99)


def faces(*boxes: Box) -> list[Face]:
    return [face(box) for box in boxes]


def plain(width_px: int, height_px: int, colour: tuple[int, int, int] = GROUND) -> Pixels:
    return np.full((height_px, width_px, 3), colour, dtype=np.uint8)


def crowd(columns: int, rows: int, side_px: int, pitch_px: int) -> list[Face]:
    return faces(
        *(
            Box(x, y, x + side_px, y + 1.2 * side_px)
            for y in range(pitch_px // 2, rows * pitch_px, pitch_px)
            for x in range(pitch_px // 2, columns * pitch_px, pitch_px)
        )
    )


def decoded(picture: Picture) -> Pixels:
    image = Image.open(io.BytesIO(picture.jpeg))
    assert image.format == "JPEG"
    assert image.size == (picture.width_px, picture.height_px)
    return np.asarray(image)


def drawn(picture: Picture, ground: tuple[int, int, int] = GROUND) -> NDArray[np.bool_]:
    """Where the picture of a plain photo is no longer plain."""
    differs: NDArray[np.bool_] = np.abs(decoded(picture).astype(int) - ground).max(axis=2) > 40
    return differs


def near(pixels: Pixels, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    close: NDArray[np.bool_] = np.abs(pixels.astype(int) - colour).max(axis=2) < 60
    return close


# Frames


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), GROUND, (255, 200, 20), (34, 39, 47)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_face_has_a_frame_on_its_four_sides_on_any_ground(
    ground: tuple[int, int, int], number: int
) -> None:
    pixels = decoded(overview(plain(640, 480, ground), faces(*THREE), 1)).astype(int)
    box = THREE[number - 1]
    x0, y0, x1, y1 = (int(edge) for edge in (box.x0_px, box.y0_px, box.x1_px, box.y1_px))
    band, middle_x, middle_y = 12, (x0 + x1) // 2, (y0 + y1) // 2
    sides = (
        pixels[middle_y, x0 - band : x0],
        pixels[middle_y, x1 : x1 + band],
        pixels[y0 - band : y0, middle_x],
        pixels[y1 : y1 + band, middle_x],
    )
    for side in sides:
        light = side.mean(axis=1)
        assert light.max() - light.min() > 90
        # A dark line, the light one, a dark line: whatever the ground is, one of them is unlike it.
        assert np.abs(side - ground).max() > 90


def test_the_inside_of_a_face_and_what_is_far_from_faces_stay_as_they_were() -> None:
    changed = drawn(overview(plain(640, 480), faces(*THREE), 2))
    for box in THREE:
        inside = changed[int(box.y0_px) + 4 : int(box.y1_px) - 4, int(box.x0_px) + 4 : int(box.x1_px) - 4]
        assert not inside.any()
    around = np.zeros_like(changed)
    for box in THREE:
        around[int(box.y0_px) - 60 : int(box.y1_px) + 60, int(box.x0_px) - 60 : int(box.x1_px) + 60] = True
    assert changed[around].any()
    assert not changed[~around].any()


def test_frames_follow_the_reduction_of_the_photo() -> None:
    large = faces(*(Box(*(2 * edge for edge in (b.x0_px, b.y0_px, b.x1_px, b.y1_px))) for b in THREE))
    one, other = overview(plain(640, 480), faces(*THREE), 1), overview(plain(1280, 960), large, 1)
    np.testing.assert_array_equal(drawn(one), drawn(other))


def test_the_chosen_face_differs_in_colour_and_in_thickness() -> None:
    photo = plain(640, 480)
    for chosen in (1, 2, 3):
        pixels = decoded(overview(photo, faces(*THREE), chosen))
        for number, box in enumerate(THREE, start=1):
            middle = int(box.centre_px[1])
            left = pixels[middle, int(box.x0_px) - 20 : int(box.x0_px)][None]
            thickness = int((np.abs(left.astype(int) - GROUND).max(axis=2) > 40).sum())
            assert near(left, _CHOSEN).any() == (number == chosen)
            assert thickness >= 9 if number == chosen else thickness <= 7


@pytest.mark.parametrize("side", [80, 160, 300, 640])
def test_without_colour_the_chosen_face_is_still_told_apart(side: int) -> None:
    box = Box(0.3 * side, 0.35 * side, 0.45 * side, 0.6 * side)
    other = Box(0.7 * side, 0.35 * side, 0.85 * side, 0.6 * side)
    photo, both = plain(side, side), faces(box, other)

    def ink(chosen: int) -> tuple[int, int]:
        grey = np.asarray(Image.open(io.BytesIO(overview(photo, both, chosen).jpeg)).convert("L")).astype(int)
        changed = np.abs(grey - 127) > 30
        return int(changed[:, : round(0.55 * side)].sum()), int(changed[:, round(0.55 * side) :].sum())

    first, second = ink(1), ink(2)
    assert first[0] > second[0]
    assert first[1] < second[1]


def test_the_frame_of_the_chosen_face_is_on_top_of_the_others() -> None:
    boxes = (Box(100, 100, 300, 300), Box(110, 110, 310, 310))
    for chosen in (1, 2):
        pixels = decoded(overview(plain(640, 480), faces(*boxes), chosen))
        box = boxes[chosen - 1]
        bottom = pixels[int(box.y1_px) + 2 : int(box.y1_px) + 8, 180:280]
        assert near(bottom, _CHOSEN).mean() > 0.5


# Numbers


def test_numbers_count_in_the_order_that_was_given() -> None:
    one = decoded(overview(plain(640, 480), faces(*THREE), 1)).astype(int)
    swapped = decoded(overview(plain(640, 480), faces(THREE[0], THREE[2], THREE[1]), 1)).astype(int)
    # The frames stay, the numbers of the second and the third change.
    differs = np.abs(one - swapped).max(axis=2) > 60
    assert not differs[:, :300].any()
    assert differs[:, 340:480].any()
    assert differs[:, 530:].any()


@pytest.mark.parametrize("chosen", [1, 2, 3])
def test_the_label_says_the_number_of_its_face(chosen: int) -> None:
    pixels = decoded(overview(plain(640, 480), faces(*THREE), chosen))
    # The accented frame is 10 px thick; its label is 38 px high and stands on its left end.
    x, y = int(THREE[chosen - 1].x0_px) + 9, int(THREE[chosen - 1].y0_px) - 29
    shown = pixels[y - 13 : y + 13, x - 13 : x + 13].astype(int)

    def unlike(text: str) -> float:
        label = Image.new("RGB", (26, 26), _CHOSEN)
        type_ = Type(28, 700)
        write(label, text, (13, centred_baseline(13, type_)), type_, colour=look.NIGHT, align="centre")
        return float(np.abs(shown - np.asarray(label)).mean())

    assert min("0123456789", key=unlike) == str(chosen)


def rectangles(places: list[tuple[int, int]], sizes: list[tuple[int, int]]) -> Rectangles:
    return np.array([(*at, at[0] + size[0], at[1] + size[1]) for at, size in zip(places, sizes, strict=True)])


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.clip(sides, 0, None)))


def test_labels_stand_free_where_there_is_room() -> None:
    frames = np.array(
        [(60.0 + 120 * x, 60 + 90 * y, 100 + 120 * x, 100 + 90 * y) for x in range(5) for y in range(4)]
    )
    sizes = [(36, 30)] * len(frames)
    labels = rectangles(place_labels(frames, sizes, (640, 480), list(range(len(frames)))), sizes)
    for number, label in enumerate(labels):
        assert not any(overlap(label, frame) for frame in frames)
        assert not any(overlap(label, other) for other in labels[number + 1 :])
        # On the frame's edge: no gap between them.
        assert overlap(label + OUTWARDS, frames[number]) > 0


def test_in_a_dense_crowd_labels_neither_hide_each_other_nor_leave_the_picture() -> None:
    frames = np.array([(x, y, x + 56.0, y + 70.0) for y in range(4, 400, 80) for x in range(2, 570, 70)])
    sizes = [(34, 28)] * len(frames)
    assert len(frames) > 40
    labels = rectangles(place_labels(frames, sizes, (640, 420), list(range(len(frames)))), sizes)
    assert (labels[:, :2] >= 0).all()
    assert (labels[:, 2:] <= (640, 420)).all()
    for number, label in enumerate(labels):
        assert not any(overlap(label, other) for other in labels[number + 1 :])
        own = overlap(label, frames[number])
        assert overlap(label + OUTWARDS, frames[number]) > 0
        assert sum(overlap(label, frame) for frame in frames) - own <= 0.1 * 34 * 28
        x0, y0, x1, y1 = frames[number]
        centre = np.array(
            [x0 + 0.45 * (x1 - x0), y0 + 0.45 * (y1 - y0), x1 - 0.45 * (x1 - x0), y1 - 0.45 * (y1 - y0)]
        )
        assert not any(overlap(other, centre) for other in labels)


def test_a_label_avoids_another_face_before_its_own() -> None:
    # Closed in by others on all sides.
    own = (200.0, 200.0, 300.0, 300.0)
    others = [(0.0, 0.0, 500.0, 200.0), (0.0, 300.0, 500.0, 500.0), (0, 200, 200, 300), (300, 200, 500, 300)]
    sizes = [(30, 30)] * 5
    (left, top), *_ = place_labels(np.array([own, *others]), sizes, (500, 500), list(range(5)))
    assert 200 <= left <= 270
    assert 200 <= top <= 270


def test_labels_of_faces_in_one_place_stand_beside_each_other() -> None:
    frames = np.array([(200.0, 200.0, 240.0, 240.0)] * 3)
    sizes = [(36, 30)] * 3
    labels = rectangles(place_labels(frames, sizes, (640, 480), list(range(3))), sizes)
    for number, label in enumerate(labels):
        assert not any(overlap(label, other) for other in labels[number + 1 :])


def test_forty_faces_have_forty_frames() -> None:
    many = crowd(8, 5, side_px=70, pitch_px=160)
    assert len(many) == 40
    picture = overview(plain(1360, 880), many, 17)
    pixels = decoded(picture)
    zoom = 640 / 1360
    for number, one in enumerate(many, start=1):
        x0, x1, y0, y1 = (
            round(zoom * edge) for edge in (one.box.x0_px, one.box.x1_px, one.box.y0_px, one.box.y1_px)
        )
        middle_x, middle_y = (x0 + x1) // 2, (y0 + y1) // 2
        sides = (
            pixels[middle_y, x0 - 12 : x0],
            pixels[middle_y, x1 : x1 + 12],
            pixels[y0 - 12 : y0, middle_x],
            pixels[y1 : y1 + 12, middle_x],
        )
        light = [side.mean(axis=1) for side in sides]
        assert sum(bool(one.max() - one.min() > 80) for one in light) >= 3  # a label may cover one
        assert any(near(side[None], _CHOSEN).any() for side in sides) == (number == 17)
    assert picture.alt_text == "The photo with 40 faces numbered; number 17 is the one compared."


def test_hundreds_of_faces_are_drawn_too() -> None:
    many = crowd(40, 20, side_px=20, pitch_px=48)
    picture = overview(plain(1920, 960), many, 800)
    assert picture.alt_text.startswith("The photo with 800 faces")
    assert near(decoded(picture), _CHOSEN).any()


# Faces at and beyond the border


@pytest.mark.parametrize(
    "box",
    [
        Box(-80, -60, 120, 160),
        Box(560, 400, 760, 560),
        Box(-50, -50, 700, 520),
        Box(0, 0, 640, 480),
        Box(-300, 100, -100, 300),
        Box(900, 900, 1000, 1000),
        Box(100, 100, 100, 100),
        Box(300, 300, 200, 200),
        Box(639, 479, 640, 480),
        Box(math.nan, 0, 50, 50),
        Box(-math.inf, -math.inf, math.inf, math.inf),
    ],
)
def test_a_frame_is_clipped_to_the_photo_and_closed(box: Box) -> None:
    pixels = decoded(overview(plain(640, 480), faces(box), 1))
    rows, columns = np.nonzero(near(pixels, _CHOSEN))
    assert len(rows) > 100
    if box == Box(-80, -60, 120, 160):
        assert near(pixels[:12, 60:110], _CHOSEN).any(axis=0).all()
        assert near(pixels[60:150, :12], _CHOSEN).any(axis=1).all()
        assert columns.max() < 160
        assert rows.max() < 220  # with the label below it
    if box == Box(560, 400, 760, 560):
        assert near(pixels[468:, 570:630], _CHOSEN).any(axis=0).all()
        assert near(pixels[410:470, 628:], _CHOSEN).any(axis=1).all()


# Sizes


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((1280, 960), (640, 480)),
        ((960, 1280), (480, 640)),
        ((640, 640), (640, 640)),
        ((641, 300), (640, 300)),
        ((250, 250), (250, 250)),
        ((80, 80), (80, 80)),
        ((3000, 20), (640, 64)),
        ((1, 2000), (64, 640)),
        ((1, 1), (64, 64)),
        ((5, 300), (64, 300)),
    ],
)
def test_photos_are_reduced_never_enlarged_and_no_picture_is_too_narrow(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    picture = overview(plain(*size), faces(Box(0, 0, *size)), 1)
    assert (picture.width_px, picture.height_px) == shown
    decoded(picture)


def test_a_photo_one_pixel_wide_stands_in_the_middle_of_its_margin() -> None:
    pixels = decoded(overview(plain(1, 640), faces(Box(0, 300, 1, 400)), 1))
    assert near(pixels, look.PAPER).mean() > 0.7
    assert near(pixels[:200, 31:33], GROUND).any(axis=1).all()
    columns = np.nonzero(near(pixels[330:370], _CHOSEN).any(axis=0))[0]
    assert (columns.min() + columns.max()) / 2 == pytest.approx(31.5, abs=1.5)


@pytest.mark.parametrize("side_px", [64, 65, 200, 1280, 4000])
def test_the_side_is_a_parameter(side_px: int) -> None:
    photo, found = plain(6400, 3200), faces(Box(640, 640, 1280, 1280))
    picture = overview(photo, found, 1, side_px=side_px, max_bytes=5_000_000)
    assert (picture.width_px, picture.height_px) == (side_px, max(64, round(side_px / 2)))
    strip = overview(plain(6400, 10), faces(Box(10, 0, 20, 10), Box(30, 0, 40, 10)), 2, side_px=side_px)
    assert strip.width_px == side_px
    assert near(decoded(strip), _CHOSEN).any()


@pytest.mark.parametrize("max_bytes", [300_000, 60_000, 20_000, 5_000])
def test_the_limit_of_bytes_holds(max_bytes: int) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    picture = overview(noise, faces(*THREE), 1, max_bytes=max_bytes)
    assert len(picture.jpeg) <= max_bytes
    decoded(picture)


# What makes no sense


@pytest.mark.parametrize("chosen", [0, -1, 4])
def test_a_number_that_no_face_has_is_a_readable_error(chosen: int) -> None:
    with pytest.raises(ConfigError, match=f"no face {chosen}"):
        overview(plain(640, 480), faces(*THREE), chosen)


def test_a_photo_without_faces_has_nothing_to_point_out() -> None:
    with pytest.raises(ConfigError):
        overview(plain(640, 480), [], 1)


def test_limits_without_room_are_readable_errors() -> None:
    with pytest.raises(ConfigError, match="63 px"):
        overview(plain(640, 480), faces(*THREE), 1, side_px=63)
    with pytest.raises(ConfigError, match="into 100 bytes"):
        overview(plain(640, 480), faces(*THREE), 1, max_bytes=100)


# Words, and the same again


def test_alt_text_counts_the_faces_and_names_the_chosen_one() -> None:
    three = overview(plain(640, 480), faces(*THREE), 2)
    assert three.alt_text == "The photo with 3 faces numbered; number 2 is the one compared."
    one = overview(plain(640, 480), faces(THREE[0]), 1)
    assert one.alt_text == "The photo with 1 face numbered; number 1 is the one compared."


def test_the_same_input_gives_the_same_bytes_in_several_threads_too() -> None:
    photo, found = plain(1280, 960), crowd(8, 5, side_px=70, pitch_px=150)
    alone = overview(photo, found, 3).jpeg
    look.rounded.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: overview(photo, found, 3).jpeg, range(8))) == {alone}


def test_the_photo_is_only_read_and_may_be_a_view() -> None:
    whole = np.random.default_rng(5).integers(0, 256, (960, 1280, 3), dtype=np.uint8)
    view = whole[::2, ::-2]
    before = whole.copy()
    whole.setflags(write=False)
    for photo in (whole, view):
        assert overview(photo, faces(*THREE), 1).jpeg
    np.testing.assert_array_equal(whole, before)
    assert overview(view, faces(*THREE), 1).jpeg == overview(view.copy(), faces(*THREE), 1).jpeg


def test_the_faces_that_are_found_are_the_faces_that_are_framed(
    pipeline: Pipeline, astronaut: Pixels
) -> None:
    photo = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    found = pipeline.faces(photo)
    assert list(found) == largest_first(found)
    assert len(found) == 2
    for number, one in enumerate(found, start=1):
        picture = overview(photo, found, number)
        columns = np.nonzero(near(decoded(picture)[:200], _CHOSEN).sum(axis=0) > 30)[0]
        zoom = picture.width_px / photo.shape[1]
        assert columns.min() == pytest.approx(zoom * one.box.x0_px, abs=14)
        assert columns.max() == pytest.approx(zoom * one.box.x1_px, abs=14)
