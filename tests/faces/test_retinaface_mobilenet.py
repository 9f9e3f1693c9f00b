"""The packaged detector on scenes that show where every face is: groups, selfies, borders, rotations, no face."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from rvs.arrays import Pixels, Points
from rvs.faces.face import Box, Face, largest_first, nearest_to_centre
from rvs.faces.retinaface_mobilenet import (
    RetinaFaceMobileNet,
    anchors_at,
    decode_boxes,
    decode_landmarks,
    spans,
    suppress_overlaps,
)
from rvs.inference import Network
from rvs.pipeline import Pipeline


@dataclass(frozen=True)
class Portrait:
    """A photo and the face in it that scenes are made of."""

    pixels: Pixels
    face: Face


@dataclass(frozen=True)
class Shown:
    """Where a scene shows a face."""

    centre: tuple[float, float]
    width: float
    height: float
    points: Points

    @property
    def box(self) -> NDArray[np.float64]:
        half = np.array([self.width, self.height]) / 2
        return np.concatenate([self.centre - half, self.centre + half])


@dataclass
class Counted:
    """A network that keeps the shapes of the pictures it was shown."""

    network: Network
    shapes: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        self.shapes.append((batch.shape[1], batch.shape[2]))
        return self.network(batch)


@pytest.fixture(scope="module")
def detector(pipeline: Pipeline) -> RetinaFaceMobileNet:
    assert isinstance(pipeline.detector, RetinaFaceMobileNet)
    return pipeline.detector


@pytest.fixture(scope="module", params=["astronaut", "lfw"])
def portraits(request: pytest.FixtureRequest, detector: RetinaFaceMobileNet) -> list[Portrait]:
    """Photos of 250 to 512 px with one face; what the detector finds in them is taken for the truth."""
    if request.param == "astronaut":
        pixels = request.getfixturevalue("astronaut")
        both = (pixels, np.ascontiguousarray(pixels[:, ::-1]))
        return [Portrait(photo, nearest_to_centre(detector.detect(photo), 450, 250)[0]) for photo in both]
    photos = [read(path) for path in lfw_photos(request.getfixturevalue("lfw_dir"), 16)]
    return [Portrait(photo, faces[0]) for photo in photos if len(faces := detector.detect(photo)) == 1]


def lfw_photos(folder: Path, count: int) -> list[Path]:
    """So many photos, spread evenly."""
    paths = sorted(folder.glob("*/*.jpg"))
    return paths[:: max(1, len(paths) // count)][:count]


def read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


# Scenes


def turned(points: Points, deg: float) -> Points:
    """Clockwise around (0, 0), y pointing down."""
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    rotated: Points = points @ np.array([[c, s], [-s, c]])
    return rotated


def paste(canvas: Image.Image, portrait: Portrait, width: float, centre: tuple[float, float]) -> Shown:
    """The portrait's face with a soft edge, so wide and there."""
    box = portrait.face.box
    reach = 0.95 * box.width_px
    left, top = box.centre_px[0] - reach, box.centre_px[1] - reach
    side = round(2 * reach * width / box.width_px)
    scale = side / (2 * reach)
    around = (max(left, 0), max(top, 0), left + 2 * reach, top + 2 * reach)
    patch = Image.fromarray(portrait.pixels).resize((side, side), Image.Resampling.LANCZOS, box=around)
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((0.1 * side, 0.06 * side, 0.9 * side, 0.94 * side), fill=255)
    x, y = round(centre[0] - side / 2), round(centre[1] - side / 2)
    canvas.paste(patch, (x, y), mask.filter(ImageFilter.GaussianBlur(side / 25)))
    points = (portrait.face.points + 0.5 - (left, top)) * scale + (x, y) - 0.5
    return Shown((x + side / 2, y + side / 2), box.width_px * scale, box.height_px * scale, points)


def background(width: int, height: int, name: str = "coffee") -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((width, height))


def in_rows(
    width: int, height: int, widths: Sequence[float], portraits: list[Portrait]
) -> tuple[Pixels, list[Shown]]:
    """A group photo: faces on a grid, from the left to the right and from the top down."""
    canvas = background(width, height)
    columns = math.ceil(math.sqrt(len(widths) * width / height))
    rows = math.ceil(len(widths) / columns)
    shown = []
    for number, face_width in enumerate(widths):
        row, column = divmod(number, columns)
        centre = ((column + 0.5) * width / columns, (row + 0.5) * height / rows)
        shown.append(paste(canvas, portraits[number % len(portraits)], face_width, centre))
    return np.asarray(canvas), shown


def close_up(
    portrait: Portrait,
    size: tuple[int, int],
    fill: float,
    *,
    against: tuple[int, int] = (0, 0),
    deg: float = 0.0,
) -> tuple[Pixels, Shown]:
    """A selfie: the face is `fill` times as large as the photo, turned, and against a border where not 0."""
    box = portrait.face.box
    scale = fill * min(size[0] / box.width_px, size[1] / box.height_px)
    width, height = box.width_px * scale, box.height_px * scale
    room = (np.array(size) - (width, height)) / 2
    centre = np.array(size) / 2 + np.array(against) * room
    # From the selfie back to the portrait, both counted from the corner of the first pixel.
    c, s = math.cos(math.radians(deg)) / scale, math.sin(math.radians(deg)) / scale
    back = np.array([[c, s], [-s, c]])
    shift = box.centre_px - back @ centre
    matrix = (back[0, 0], back[0, 1], shift[0], back[1, 0], back[1, 1], shift[1])
    image = Image.fromarray(portrait.pixels)
    selfie = image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    points = turned(portrait.face.points + 0.5 - box.centre_px, deg) * scale + centre - 0.5
    return np.asarray(selfie), Shown((float(centre[0]), float(centre[1])), width, height, points)


def corners(face: Face) -> NDArray[np.float64]:
    return np.array([face.box.x0_px, face.box.y0_px, face.box.x1_px, face.box.y1_px])


def iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def is_found(shown: Shown, faces: Sequence[Face], photo: Pixels) -> bool:
    """Whether one of the faces is this one; a box may be drawn around the part of it that is in the photo."""

    def visible(box: NDArray[np.float64]) -> NDArray[np.float64]:
        return box.clip(0, np.tile(np.array([photo.shape[1], photo.shape[0]]), 2))

    boxes = [corners(face) for face in faces]
    return any(max(iou(box, shown.box), iou(visible(box), visible(shown.box))) > 0.5 for box in boxes)


def landmark_error(shown: Shown, face: Face) -> float:
    """Mean distance of the landmarks from where they are shown, in distances between the eyes."""
    away = np.linalg.norm(face.points - shown.points, axis=1).mean()
    return float(away / math.dist(shown.points[0], shown.points[1]))


# Groups


@pytest.mark.parametrize(("width", "height"), [(1155, 866), (2000, 1500)])
def test_every_face_of_a_group_is_found(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], width: int, height: int
) -> None:
    widths = [34, 90, 38, 60, 36, 150, 44, 34, 75, 40, 120, 35]
    photo, shown = in_rows(width, height, widths, portraits)

    faces = detector.detect(photo)

    assert [one for one in shown if not is_found(one, faces, photo)] == []
    assert len(faces) == len(shown)
    assert faces == largest_first(faces)
    for one in shown:
        face = nearest(faces, one)
        assert landmark_error(one, face) < 0.25
        assert face.score >= detector.threshold


def nearest(faces: Sequence[Face], shown: Shown) -> Face:
    return min(faces, key=lambda face: math.dist(face.box.centre_px, shown.centre))


def test_forty_faces(detector: RetinaFaceMobileNet, portraits: list[Portrait]) -> None:
    photo, shown = in_rows(1400, 1000, [40 + number for number in range(40)], portraits)

    faces = detector.detect(photo)

    assert [one for one in shown if not is_found(one, faces, photo)] == []
    assert len(faces) == 40


def test_small_people_behind_a_large_one(detector: RetinaFaceMobileNet, portraits: list[Portrait]) -> None:
    canvas = background(1600, 1200)
    shown = [paste(canvas, portraits[0], 330, (560, 640))]
    shown += [paste(canvas, portraits[-1], 56, (1100 + 110 * n, 300 + 60 * n)) for n in range(4)]
    photo = np.asarray(canvas)

    faces = detector.detect(photo)

    assert [one for one in shown if not is_found(one, faces, photo)] == []
    assert len(faces) == 5
    assert is_found(shown[0], faces[:1], photo)


def test_faces_on_the_seams_of_the_fine_look_are_found_once(
    detector: RetinaFaceMobileNet, portraits: list[Portrait]
) -> None:
    canvas = background(2000, 1500)
    seams = [(start, end) for start, end in spans(2000, 1280, 96)]
    assert len(seams) == 2
    places = range(seams[1][0] - 40, seams[0][1] + 41, 22)
    shown = [paste(canvas, portraits[0], 50, (x, 100 + 170 * n)) for n, x in enumerate(places)]
    photo = np.asarray(canvas)

    faces = detector.detect(photo)

    assert [one for one in shown if not is_found(one, faces, photo)] == []
    assert len(faces) == len(shown)
    assert max(landmark_error(one, nearest(faces, one)) for one in shown) < 0.2


def test_a_panorama(detector: RetinaFaceMobileNet, portraits: list[Portrait]) -> None:
    photo, shown = in_rows(2500, 400, [30, 80, 45, 150, 32, 60], portraits)

    faces = detector.detect(photo)

    assert [one for one in shown if not is_found(one, faces, photo)] == []
    assert len(faces) == 6


# Selfies


SIZES = [(300, 300), (750, 1000), (1500, 1125)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fill", [0.6, 0.85, 1.0, 1.3])
def test_a_face_that_fills_the_photo(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], size: tuple[int, int], fill: float
) -> None:
    for portrait in portraits[:4]:
        photo, shown = close_up(portrait, size, fill)

        faces = detector.detect(photo)

        assert is_found(shown, faces[:1], photo)
        assert landmark_error(shown, faces[0]) < 0.2


@pytest.mark.parametrize("size", SIZES)
def test_the_landmarks_of_a_face_larger_than_the_photo(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], size: tuple[int, int]
) -> None:
    errors = []
    for portrait in portraits[:4]:
        photo, shown = close_up(portrait, size, 1.3)
        faces = detector.detect(photo)
        assert is_found(shown, faces[:1], photo)
        errors.append(landmark_error(shown, faces[0]))

    assert np.mean(errors) < 0.12


@pytest.mark.parametrize("against", [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1)])
@pytest.mark.parametrize("fill", [0.5, 0.8])
def test_a_face_that_touches_the_border(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], against: tuple[int, int], fill: float
) -> None:
    for portrait, size in zip(portraits, SIZES, strict=False):
        photo, shown = close_up(portrait, size, fill, against=against)

        faces = detector.detect(photo)

        assert len(faces) == 1
        assert is_found(shown, faces, photo)
        assert landmark_error(shown, faces[0]) < 0.2


@pytest.mark.parametrize("deg", [-30, -15, 15, 30])
@pytest.mark.parametrize("fill", [0.35, 0.7])
def test_a_tilted_head(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], deg: float, fill: float
) -> None:
    for portrait, size in zip(portraits, SIZES, strict=False):
        photo, shown = close_up(portrait, size, fill, deg=deg)

        faces = detector.detect(photo)

        assert is_found(shown, faces[:1], photo)
        assert landmark_error(shown, faces[0]) < 0.35


@pytest.mark.parametrize("side", [64, 96, 128])
def test_an_avatar(detector: RetinaFaceMobileNet, portraits: list[Portrait], side: int) -> None:
    canvas = background(side, side)
    shown = paste(canvas, portraits[0], 0.45 * side, (side / 2, side / 2))
    photo = np.asarray(canvas)

    faces = detector.detect(photo)

    assert len(faces) == 1
    assert is_found(shown, faces, photo)


def test_bad_light(detector: RetinaFaceMobileNet, portraits: list[Portrait]) -> None:
    photo, shown = close_up(portraits[0], (1000, 750), 0.5)

    faces = detector.detect((photo * 0.2).astype(np.uint8))

    assert is_found(shown, faces[:1], photo)


# What it costs


@pytest.mark.parametrize(
    ("size", "canvas"),
    [
        ((250, 250), (256, 256)),
        ((1155, 866), (512, 640)),
        ((866, 1155), (640, 512)),
        ((2400, 1600), (640, 896)),
    ],
)
def test_a_portrait_is_looked_at_once(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], size: tuple[int, int], canvas: tuple[int, int]
) -> None:
    photo, _ = close_up(portraits[0], size, 0.4)
    counted = Counted(detector.network)

    assert len(replace(detector, network=counted).detect(photo)) == 1
    assert counted.shapes == [canvas]


def test_no_look_is_larger_than_a_tile(detector: RetinaFaceMobileNet) -> None:
    counted = Counted(detector.network)
    photo = np.asarray(background(2559, 1900))

    replace(detector, network=counted).detect(photo)

    assert len(counted.shapes) == 8  # coarse, six tiles, framed
    assert max(map(max, counted.shapes)) <= 1280
    assert all(side % 128 == 0 for shape in counted.shapes for side in shape)


# No face


@pytest.mark.parametrize("name", ["coffee", "rocket", "brick", "grass", "page", "clock"])
@pytest.mark.parametrize("side", [128, 500, 1000])
def test_pictures_without_a_face(detector: RetinaFaceMobileNet, name: str, side: int) -> None:
    assert detector.detect(np.asarray(background(side, side * 3 // 4, name))) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture(detector: RetinaFaceMobileNet, level: int) -> None:
    assert detector.detect(np.full((900, 1000, 3), level, np.uint8)) == []


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 2000), (2000, 1), (31, 33), (128, 129), (5000, 20)]
)
def test_photos_of_odd_sizes(detector: RetinaFaceMobileNet, height: int, width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)

    assert detector.detect(noise) == []


# The frame of coordinates


@pytest.mark.parametrize("times", [2, 3, 4])
def test_an_enlarged_photo_gives_enlarged_faces(
    detector: RetinaFaceMobileNet, portraits: list[Portrait], times: int
) -> None:
    portrait = portraits[0]
    small = portrait.pixels[:400, :400]
    [face] = detector.detect(small)
    if small.shape[0] * times <= 768:
        pytest.skip("this photo is not reduced")

    [large] = detector.detect(small.repeat(times, axis=0).repeat(times, axis=1))

    # Reduced by another number than it was enlarged by, it is not quite the same picture again.
    tolerance = 0.08 * times * face.box.width_px
    assert corners(large) == pytest.approx(corners(face) * times, abs=tolerance)
    assert large.points == pytest.approx(face.points * times, abs=tolerance)


def test_a_photo_reduced_by_what_it_was_enlarged_by_gives_the_same_faces(
    detector: RetinaFaceMobileNet, astronaut: Pixels
) -> None:
    faces = detector.detect(astronaut)

    large = detector.detect(astronaut.repeat(2, axis=0).repeat(2, axis=1))  # 1024 px, reduced by 2

    assert len(large) == len(faces) == 1
    assert corners(large[0]) == pytest.approx(corners(faces[0]) * 2, abs=0.01)
    assert large[0].points == pytest.approx(faces[0].points * 2, abs=0.01)
    assert large[0].score == pytest.approx(faces[0].score, abs=1e-4)


def test_a_moved_face_gives_a_moved_box(detector: RetinaFaceMobileNet, astronaut: Pixels) -> None:
    # By whole cells of the coarsest stride the network sees the same, but for what was cut off.
    [face], [moved] = detector.detect(astronaut), detector.detect(astronaut[32:, 64:])

    assert corners(moved) + np.array([64, 32, 64, 32]) == pytest.approx(corners(face), abs=2)
    assert moved.points + np.array([64, 32]) == pytest.approx(face.points, abs=2)


def test_a_view_of_a_read_only_photo(detector: RetinaFaceMobileNet, astronaut: Pixels) -> None:
    large = astronaut.repeat(2, axis=0).repeat(2, axis=1)
    large.flags.writeable = False

    assert detector.detect(large[:, ::-1]) == detector.detect(np.ascontiguousarray(large[:, ::-1]))
    assert detector.detect(astronaut[:, ::-1]) == detector.detect(np.ascontiguousarray(astronaut[:, ::-1]))


def test_several_threads_at_once(detector: RetinaFaceMobileNet, portraits: list[Portrait]) -> None:
    photos = [close_up(portrait, size, 0.5)[0] for portrait in portraits[:3] for size in SIZES]
    expected = [detector.detect(photo) for photo in photos]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(detector.detect, photos * 3))

    assert answers == expected * 3


# What the numbers of the network mean


@dataclass
class Drawn:
    """A network that answers every picture with these boxes, each in the last place of the network's order."""

    boxes: Sequence[tuple[float, float, float, float]]
    score: float = 0.9

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        height, width = batch.shape[1:3]
        count = anchor_count(height, width)
        anchors = anchors_at(np.arange(count - len(self.boxes), count), height, width)
        boxes, scores = np.zeros((1, count, 4), np.float32), np.zeros((1, count), np.float32)
        if self.boxes:
            scores[0, -len(self.boxes) :] = self.score
            boxes[0, -len(self.boxes) :] = encode_boxes(np.array(self.boxes, np.float32), anchors)
        return boxes, scores, np.zeros((1, count, 10), np.float32)


def anchor_count(height: int, width: int) -> int:
    return sum(2 * (height // stride) * (width // stride) for stride in (8, 16, 32))


def encode_boxes(boxes: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network was trained to say: the inverse of decoding."""
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    side = anchors[:, 2:]
    return np.concatenate([(centre - anchors[:, :2]) / side / 0.1, np.log(size / side) / 0.2], axis=1)


def test_a_box_beside_the_photo_is_no_face() -> None:
    photo = np.zeros((200, 180, 3), np.uint8)

    def found(side: int, *box: float) -> int:
        def network(batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
            here = batch.shape[1] == side  # 256 px without a frame, 384 with one of 32 px
            return Drawn([(box[0], box[1], box[2], box[3])] if here else [])(batch)

        return len(RetinaFaceMobileNet(network).detect(photo))

    assert found(256, 10, 10, 60, 60) == 1
    assert found(256, 160, 180, 230, 250) == 1
    assert found(256, 181, 10, 231, 60) == 0
    assert found(256, 10, 201, 60, 251) == 0
    assert found(384, 10, 10, 60, 60) == 1
    assert found(384, 10, 50, 31, 80) == 0
    assert found(384, 50, 10, 80, 31) == 0
    assert found(384, 213, 50, 240, 80) == 0
    assert found(384, 50, 233, 80, 260) == 0


def test_only_scores_from_the_threshold_on_are_faces() -> None:
    photo = np.zeros((200, 200, 3), np.uint8)
    network = Drawn([(20, 20, 120, 120)], score=0.5)

    assert RetinaFaceMobileNet(network).detect(photo) == []
    [face] = RetinaFaceMobileNet(network, threshold=0.5).detect(photo)
    assert face.score == pytest.approx(0.5)
    assert corners(face) == pytest.approx([20, 20, 120, 120], abs=0.01)


def test_a_doubtful_small_face_calls_for_a_closer_look() -> None:
    photo = np.zeros((1000, 1000, 3), np.uint8)
    large = (100.0, 100.0, 300.0, 300.0)

    def looks(small_side: float, score: float) -> list[tuple[int, int]]:
        def network(batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
            boxes, scores, landmarks = Drawn([large, (400, 400, 400 + small_side, 430)])(batch)
            scores[0, -1] = score
            return boxes, scores, landmarks

        counted = Counted(network)
        RetinaFaceMobileNet(counted).detect(photo)
        return counted.shapes

    assert looks(30, score=0.3) == [(512, 512), (1024, 1024)]
    assert looks(30, score=0.9) == [(512, 512), (1024, 1024)]
    assert looks(30, score=0.1) == [(512, 512)]
    assert looks(40, score=0.3) == [(512, 512)]


def test_a_group_calls_for_a_closer_look() -> None:
    photo = np.zeros((1000, 1000, 3), np.uint8)

    def looks(faces: int) -> list[tuple[int, int]]:
        counted = Counted(Drawn([(20 + 100 * n, 100, 100 + 100 * n, 200) for n in range(faces)]))
        RetinaFaceMobileNet(counted).detect(photo)
        return counted.shapes

    assert looks(2) == [(512, 512)]
    assert looks(3) == [(512, 512), (1024, 1024)]


def test_large_faces_are_taken_from_the_coarse_look_and_small_ones_from_the_fine() -> None:
    def network(batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        if batch.shape[1] == 512:  # the photo halved: in it one face is large enough, one small
            return Drawn([(100, 100, 200, 200), (300, 300, 320, 320)])(batch)
        return Drawn([(700, 200, 900, 400), (610, 604, 650, 644), (100, 800, 130, 840)])(batch)

    faces = RetinaFaceMobileNet(network).detect(np.zeros((1000, 1000, 3), np.uint8))

    assert [tuple(corners(face).round().tolist()) for face in faces] == [
        (200, 200, 400, 400),
        (610, 604, 650, 644),
        (100, 800, 130, 840),
    ]


@pytest.mark.parametrize(
    ("height", "width"), [(128, 128), (256, 256), (128, 640), (640, 512), (384, 768), (1280, 128)]
)
def test_the_network_has_an_answer_for_every_anchor(
    detector: RetinaFaceMobileNet, height: int, width: int
) -> None:
    boxes, scores, landmarks = detector.network(np.zeros((1, height, width, 3), np.uint8))
    count = anchor_count(height, width)

    assert (boxes.shape, scores.shape, landmarks.shape) == ((1, count, 4), (1, count), (1, count, 10))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (256, 128)])
def test_anchors_go_row_by_row_within_a_stride_and_two_a_cell(height: int, width: int) -> None:
    expected = [
        ((column + 0.5) * stride, (row + 0.5) * stride, side)
        for stride, sides in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
        for row in range(height // stride)
        for column in range(width // stride)
        for side in sides
    ]

    found = anchors_at(np.arange(len(expected)), height, width)

    assert found.dtype == np.float32
    assert found.tolist() == [list(anchor) for anchor in expected]
    some = np.array([len(expected) - 1, 3, 0, len(expected) // 2])
    assert anchors_at(some, height, width).tolist() == [list(expected[i]) for i in some]
    assert anchors_at(np.arange(0), height, width).shape == (0, 3)


def test_decoding_undoes_the_encoding() -> None:
    rng = np.random.default_rng(0)
    anchors = np.column_stack([rng.uniform(0, 500, (50, 2)), rng.choice([16, 64, 512], 50)]).astype(
        np.float32
    )
    low = rng.uniform(-50, 400, (50, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 300, (50, 2))], axis=1).astype(np.float32)
    points = rng.uniform(-50, 500, (50, 5, 2)).astype(np.float32)
    offsets = (points - anchors[:, None, :2]) / anchors[:, None, 2:] / np.float32(0.1)

    assert decode_boxes(encode_boxes(boxes, anchors), anchors) == pytest.approx(boxes, abs=0.01)
    assert decode_landmarks(offsets.reshape(50, 10), anchors) == pytest.approx(points, abs=0.01)


def test_an_anchor_is_what_nothing_encodes() -> None:
    anchors = np.array([[100, 60, 32]], np.float32)

    assert decode_boxes(np.zeros((1, 4), np.float32), anchors).tolist() == [[84, 44, 116, 76]]
    assert decode_landmarks(np.zeros((1, 10), np.float32), anchors).tolist() == [[[100, 60]] * 5]


def suppress_naively(boxes: NDArray[np.float64], overlap: float) -> list[int]:
    kept: list[int] = []
    for number, box in enumerate(boxes):
        if all(iou(box, boxes[other]) <= overlap for other in kept):
            kept.append(number)
    return kept


@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.4, 0.9])
def test_suppression_keeps_what_overlaps_with_nothing_better(overlap: float) -> None:
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 20, (80, 2))
    boxes = np.concatenate([low, low + rng.uniform(40, 60, (80, 2))], axis=1)
    expected = suppress_naively(boxes, overlap)

    assert 0 < len(expected) < 80
    assert suppress_overlaps(boxes, overlap) == expected


def test_suppression_of_no_boxes() -> None:
    assert suppress_overlaps(np.empty((0, 4)), 0.4) == []


@pytest.mark.parametrize(
    ("length", "longest", "overlap"), [(1, 10, 3), (10, 10, 3), (11, 10, 3), (2500, 1280, 128), (97, 10, 9)]
)
def test_spans_cover_all_and_overlap(length: int, longest: int, overlap: int) -> None:
    pieces = spans(length, longest, overlap)

    assert pieces[0][0] == 0
    assert pieces[-1][1] == length
    assert all(0 < end - start <= longest for start, end in pieces)
    assert all(before[1] - after[0] == overlap for before, after in pairwise(pieces))
    assert len(pieces) == 1 or (len(pieces) - 1) * (longest - overlap) + overlap < length  # no fewer would do


# LFW


def test_the_face_in_the_middle_of_every_photo_of_lfw(detector: RetinaFaceMobileNet, lfw_dir: Path) -> None:
    missed = []
    for path in lfw_photos(lfw_dir, 200):
        photo = read(path)
        height, width = photo.shape[:2]
        faces = detector.detect(photo)
        assert faces == largest_first(faces)
        middle = nearest_to_centre(faces, width, height)[:1]
        if not middle or not holds(middle[0].box, width / 2, height / 2):
            missed.append(path.name)

    assert missed == []


def holds(box: Box, x: float, y: float) -> bool:
    return box.x0_px < x < box.x1_px and box.y0_px < y < box.y1_px
