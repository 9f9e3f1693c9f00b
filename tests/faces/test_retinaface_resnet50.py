"""The adapter to `retina-face`, decoding with networks that answer what a test has drawn."""

import json
import math
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Pixels
from rvs.errors import ConfigError, WeightsError
from rvs.faces.face import Face
from rvs.faces.retinaface_resnet50 import Maps, RetinaFaceResNet50, default_weights_path, open_network

ANCHORS_PX = {32: (512, 256), 16: (128, 64), 8: (32, 16)}
FIRST_CENTRE_PX = 7.5  # of the anchors of cell (0, 0), at every stride


@dataclass(frozen=True)
class Known:
    """A face as the network should report it, in pixels of the tensor; landmarks in our order."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float = 0.99

    @property
    def landmarks(self) -> NDArray[np.float64]:
        shares = np.array([[0.3, 0.4], [0.71, 0.38], [0.52, 0.6], [0.35, 0.8], [0.68, 0.79]])
        corner = np.array([self.x0, self.y0])
        size = np.array([self.x1 - self.x0, self.y1 - self.y0])
        return np.asarray(corner + shares * size)


def encode(faces: Iterable[Known], height: int, width: int) -> Maps:
    """The nine maps from which the package decodes these faces: its anchor arithmetic, backwards."""
    maps: Maps = []
    for stride in ANCHORS_PX:
        cells = (1, math.ceil(height / stride), math.ceil(width / stride))
        maps += [np.zeros((*cells, channels), dtype=np.float32) for channels in (4, 8, 20)]
    for face in faces:
        # Width and height count both end pixels, so a box of one pixel has width 1.
        w, h = face.x1 - face.x0 + 1, face.y1 - face.y0 + 1
        cx, cy = face.x0 + 0.5 * (w - 1), face.y0 + 0.5 * (h - 1)
        _, level, anchor = min(
            (abs(math.log(w / side)), level, anchor)
            for level, sides in enumerate(ANCHORS_PX.values())
            for anchor, side in enumerate(sides)
        )
        stride, sides = list(ANCHORS_PX.items())[level]
        side = sides[anchor]
        rows, columns = maps[3 * level].shape[1:3]
        column = min(max(round((cx - FIRST_CENTRE_PX) / stride), 0), columns - 1)
        row = min(max(round((cy - FIRST_CENTRE_PX) / stride), 0), rows - 1)
        ax, ay = column * stride + FIRST_CENTRE_PX, row * stride + FIRST_CENTRE_PX
        scores, boxes, landmarks = (part[0, row, column] for part in maps[3 * level : 3 * level + 3])
        scores[2 + anchor] = face.score
        boxes[4 * anchor : 4 * anchor + 4] = [
            (cx - ax) / side,
            (cy - ay) / side,
            math.log(w / side),
            math.log(h / side),
        ]
        landmarks[10 * anchor : 10 * anchor + 10] = ((face.landmarks - [ax, ay]) / side).ravel()
    return maps


@dataclass
class Drawn:
    """A network that sees the same faces in every picture and keeps the tensors it was given."""

    faces: tuple[Known, ...] = ()
    tensors: list[NDArray[np.float32]] = field(default_factory=list)

    def __call__(self, tensor: NDArray[np.float32]) -> Maps:
        self.tensors.append(tensor)
        return encode(self.faces, *tensor.shape[1:3])


def see_red(tensor: NDArray[np.float32]) -> Maps:
    """A network that takes the one red spot of a picture for a face, its centre for all five landmarks."""
    red = tensor[0, :, :, 0].astype(np.float64)
    rows, columns = np.nonzero(red > 127)
    if not len(rows):
        return encode((), *red.shape)
    spot = Known(columns.min(), rows.min(), columns.max(), rows.max())
    maps = encode([spot], *red.shape)
    y, x = (np.average(grid, weights=red) for grid in np.indices(red.shape))
    for level, (stride, sides) in enumerate(ANCHORS_PX.items()):
        for _, row, column, channel in np.argwhere(maps[3 * level] > 0):
            anchor = channel - 2
            offsets = (np.array([x, y]) - np.array([column, row]) * stride - FIRST_CENTRE_PX) / sides[anchor]
            maps[3 * level + 2][0, row, column, 10 * anchor : 10 * anchor + 10] = np.tile(offsets, 5)
    return maps


def grey(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), 90, dtype=np.uint8)


def with_red_spot(height: int, width: int, spot: tuple[int, int, int, int]) -> Pixels:
    x0, y0, x1, y1 = spot
    photo = np.zeros((height, width, 3), dtype=np.uint8)
    photo[:, :, 2] = 200  # blue all over: with the channels mixed up, everything would be the spot
    photo[y0 : y1 + 1, x0 : x1 + 1] = (255, 0, 0)
    return photo


def assert_is(face: Face, known: Known, scale: tuple[float, float] = (1.0, 1.0)) -> None:
    """`face` is `known` in a photo that is `scale` times the tensor."""

    def in_photo(points: object) -> NDArray[np.float64]:
        return np.asarray((np.asarray(points) + 0.5) * scale - 0.5)

    expected = in_photo([[known.x0, known.y0], [known.x1, known.y1]])
    found = np.array([[face.box.x0_px, face.box.y0_px], [face.box.x1_px, face.box.y1_px]])
    # The package reports whole pixels of the tensor: half of one is the most a corner may be off.
    assert np.all(np.abs(found - expected) <= np.asarray(scale) * 0.501)
    assert face.points == pytest.approx(in_photo(known.landmarks), abs=0.01)
    assert face.score == pytest.approx(known.score, abs=1e-6)


# Decoding


def test_finds_faces_at_all_three_strides_largest_first() -> None:
    small = Known(30.4, 41.6, 52.9, 69.2, score=0.95)
    middle = Known(420.2, 300.7, 520.5, 421.3, score=0.999)
    large = Known(100.9, 60.3, 380.1, 400.8, score=0.97)

    faces = RetinaFaceResNet50(Drawn((small, middle, large))).detect(grey(480, 640))

    assert len(faces) == 3
    for face, known in zip(faces, (large, middle, small), strict=True):
        assert_is(face, known)


def test_landmarks_start_with_the_eye_at_the_left_of_the_picture() -> None:
    [face] = RetinaFaceResNet50(Drawn((Known(50, 50, 150, 170),))).detect(grey(240, 320))

    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_faces_are_plain_floats() -> None:
    [face] = RetinaFaceResNet50(Drawn((Known(50, 50, 150, 170),))).detect(grey(240, 320))

    numbers = [face.score, face.box.x0_px, face.box.y0_px, face.box.x1_px, face.box.y1_px]
    numbers += [number for point in face.landmarks for number in point]
    assert {type(number) for number in numbers} == {float}


def test_no_face() -> None:
    assert RetinaFaceResNet50(Drawn()).detect(grey(100, 80)) == []


def test_only_scores_from_the_threshold_on_are_faces() -> None:
    network = Drawn((Known(50, 50, 150, 170, score=0.6),))

    assert RetinaFaceResNet50(network).detect(grey(240, 320)) == []
    assert len(RetinaFaceResNet50(network, threshold=0.5).detect(grey(240, 320))) == 1


def test_of_overlapping_boxes_the_best_stays() -> None:
    good = Known(100, 100, 200, 220, score=0.99)
    double = Known(112, 108, 214, 230, score=0.93)
    other = Known(240, 100, 300, 170, score=0.95)

    faces = RetinaFaceResNet50(Drawn((double, good, other))).detect(grey(400, 400))

    assert len(faces) == 2
    assert_is(faces[0], good)
    assert_is(faces[1], other)


def test_boxes_end_at_the_border_and_landmarks_need_not() -> None:
    over_the_edge = Known(-20, -30, 80, 90)

    [face] = RetinaFaceResNet50(Drawn((over_the_edge,))).detect(grey(70, 60))

    assert face.box.x0_px == pytest.approx(0, abs=0.5)
    assert face.box.y0_px == pytest.approx(0, abs=0.5)
    assert (face.box.x1_px, face.box.y1_px) == (59, 69)
    assert face.points == pytest.approx(over_the_edge.landmarks, abs=0.01)


def test_a_box_beside_the_photo_is_no_face() -> None:
    assert RetinaFaceResNet50(Drawn((Known(70, 10, 95, 40),))).detect(grey(64, 60)) == []


# The way into the network and back


def test_the_network_sees_rgb_at_the_photos_own_size() -> None:
    photo = grey(250, 171)
    photo[:] = (10, 20, 200)
    network = Drawn()

    RetinaFaceResNet50(network).detect(photo)

    [tensor] = network.tensors
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 250, 171, 3)  # small photos are not enlarged
    assert np.array_equal(tensor[0], photo)


def test_a_large_photo_is_searched_at_the_working_size_and_answered_in_its_own() -> None:
    network = Drawn((Known(200.3, 100.6, 401.2, 350.4), Known(700.5, 500.5, 730.2, 539.9)))

    faces = RetinaFaceResNet50(network).detect(grey(1500, 2000))

    assert network.tensors[0].shape == (1, 768, 1024, 3)
    for face, known in zip(faces, network.faces, strict=True):
        assert_is(face, known, scale=(2000 / 1024, 1500 / 768))


@pytest.mark.parametrize(
    ("height", "width", "spot"),
    [
        pytest.param(300, 400, (101, 67, 180, 158), id="own size"),
        pytest.param(1501, 2999, (1503, 307, 1800, 660), id="shrunk to a third"),
        pytest.param(2600, 700, (150, 2200, 420, 2520), id="upright"),
        pytest.param(90, 5000, (4400, 10, 4460, 79), id="a ribbon"),
    ],
)
def test_what_the_network_points_at_is_where_it_is_in_the_photo(
    height: int, width: int, spot: tuple[int, int, int, int]
) -> None:
    x0, y0, x1, y1 = spot

    [face] = RetinaFaceResNet50(see_red).detect(with_red_spot(height, width, spot))

    scale = max(1.0, max(height, width) / 1024)
    box = (face.box.x0_px, face.box.y0_px, face.box.x1_px, face.box.y1_px)
    assert box == pytest.approx(spot, abs=1.6 * scale)
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    assert face.landmarks[2] == pytest.approx(middle, abs=0.1 * scale)


def test_a_larger_working_size_is_no_less_exact() -> None:
    spot = (2103, 307, 2400, 660)

    [face] = RetinaFaceResNet50(see_red, working_side_px=1980).detect(with_red_spot(3000, 3000, spot))

    assert face.landmarks[2] == pytest.approx((2251.5, 483.5), abs=0.3)


@pytest.mark.parametrize(
    ("working_side_px", "photo", "tensor"),
    [
        (320, (480, 640), (240, 320)),
        (1980, (3000, 3000), (1024, 1024)),
        (1980, (1000, 4000), (495, 1980)),
        (64, (1, 2000), (1, 64)),
    ],
)
def test_working_sizes_at_which_the_package_does_not_resize_again(
    working_side_px: int, photo: tuple[int, int], tensor: tuple[int, int]
) -> None:
    network = Drawn()

    RetinaFaceResNet50(network, working_side_px=working_side_px).detect(grey(*photo))

    assert network.tensors[0].shape == (1, *tensor, 3)


def test_the_photo_is_left_alone() -> None:
    photo = with_red_spot(300, 400, (101, 67, 180, 158))
    photo.setflags(write=False)

    assert len(RetinaFaceResNet50(see_red).detect(photo[:, ::-1])) == 1


def test_two_threads_at_once() -> None:
    meet = threading.Barrier(2, timeout=20)

    def network(tensor: NDArray[np.float32]) -> Maps:
        meet.wait()  # both calls are inside the package now
        return see_red(tensor)

    detector = RetinaFaceResNet50(network)
    spots = [(20, 30, 99, 129), (210, 150, 289, 249)]
    photos = [with_red_spot(300, 400, spot) for spot in spots]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(detector.detect, photos * 4))

    for faces, (x0, y0, x1, y1) in zip(answers, spots * 4, strict=True):
        assert faces[0].box.centre_px == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2), abs=1)


# What importing the package would do to the process

WATCHED = """
import json, logging, os, sys, warnings
import numpy as np
from PIL import Image
from rvs.faces.retinaface_resnet50 import RetinaFaceResNet50
assert not {"retinaface", "onnxruntime", "cv2"} & set(sys.modules), "imported too early"

def state():
    return {
        "environment": dict(os.environ),
        "filters": [repr(entry) for entry in warnings.filters],
        "path": list(sys.path),
        "handlers": [repr(handler) for handler in logging.getLogger().handlers],
        "level": logging.getLogger().level,
    }

def network(tensor):
    h, w = tensor.shape[1:3]
    sizes = [(-(-h // s), -(-w // s)) for s in (32, 16, 8)]
    return [np.zeros((1, *size, n), np.float32) for size in sizes for n in (4, 8, 20)]

before = state()
faces = RetinaFaceResNet50(network).detect(np.zeros((64, 64, 3), np.uint8))
after = state()
frameworks = [name for name in ("tensorflow", "keras", "torch") if name in sys.modules]
changed = [key for key in before if before[key] != after[key]]
print(json.dumps({"faces": faces, "changed": changed, "frameworks": frameworks}))
"""


@pytest.mark.parametrize("engine", [None, "tensorflow"])
def test_the_import_leaves_no_trace_in_the_process(engine: str | None) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DEEPFACE_BACKEND_ENGINE"}
    environment["RETINAFACE_LOG_LEVEL"] = "10"  # the package would print its news to stdout
    if engine is not None:
        environment["DEEPFACE_BACKEND_ENGINE"] = engine

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WATCHED],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"faces": [], "changed": [], "frameworks": []}
    assert done.stderr == ""


def test_the_package_in_use_with_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    RetinaFaceResNet50(Drawn())
    monkeypatch.setattr("retinaface.commons.backend_utils._backend_engine", "tensorflow")

    with pytest.raises(ConfigError, match="another engine") as caught:
        RetinaFaceResNet50(Drawn())

    assert "DEEPFACE_BACKEND_ENGINE=onnx" in caught.value.hint


def test_the_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "retinaface.RetinaFace", None)

    with pytest.raises(ConfigError, match="retina-face") as caught:
        RetinaFaceResNet50(Drawn())

    assert "pip install retina-face" in caught.value.hint


@pytest.mark.parametrize("threshold", [0, 1, -0.5, math.nan])
def test_a_threshold_that_makes_no_sense(threshold: float) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        RetinaFaceResNet50(Drawn(), threshold=threshold)


@pytest.mark.parametrize("working_side_px", [0, 1981])
def test_a_working_size_that_makes_no_sense(working_side_px: int) -> None:
    with pytest.raises(ConfigError, match="working size"):
        RetinaFaceResNet50(Drawn(), working_side_px=working_side_px)


# Weights


def test_missing_weights_name_both_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))
    expected = tmp_path / ".deepface" / "weights" / "retinaface.onnx"
    assert default_weights_path() == expected

    for build in (RetinaFaceResNet50, RetinaFaceResNet50.load):
        with pytest.raises(WeightsError) as caught:
            build()
        assert str(expected) in caught.value.message
        for words in (
            "--detector-weights",
            "RVS_DETECTOR_WEIGHTS",
            "deepface_models release v1.0",
            str(expected),
        ):
            assert words in caught.value.hint
    assert list(tmp_path.iterdir()) == []  # nothing was downloaded, and no folder made for it


def test_the_packages_place_for_weights_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RetinaFaceResNet50(Drawn())  # imports the package without its side effects
    from retinaface.commons import weight_utils  # noqa: PLC0415  (after that)

    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))
    place = default_weights_path()
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")

    assert weight_utils.download_weights_if_necessary("retinaface.onnx", []) == str(place)


def test_missing_weights_at_a_named_path(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        RetinaFaceResNet50.load(tmp_path / "elsewhere.onnx")
    assert str(tmp_path / "elsewhere.onnx") in caught.value.message
    assert str(default_weights_path()) in caught.value.hint

    with pytest.raises(WeightsError, match="missing"):
        RetinaFaceResNet50.load(tmp_path)  # a folder is no weights file either


@pytest.mark.parametrize("content", [b"", b"<html>Not Found</html>", b"\x08\x08" + bytes(range(256)) * 40])
def test_damaged_weights(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "retinaface.onnx"
    weights.write_bytes(content)

    with pytest.raises(WeightsError, match="damaged") as caught:
        RetinaFaceResNet50.load(weights)

    assert str(weights) in caught.value.message
    assert "again" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_no_threads() -> None:
    with pytest.raises(ConfigError, match="thread"):
        open_network(None, 0)


# A network in a real ONNX file, written by hand: the package `onnx` is not needed for a few fields.


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def block(tag: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(tag << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def node(kind: str, inputs: list[str], output: str, **attributes: list[int]) -> bytes:
    content = b"".join(block(1, name) for name in inputs) + block(2, output) + block(4, kind)
    for name, values in attributes.items():
        ints = b"".join(number(8, value) for value in values)
        content += block(5, block(1, name) + ints + number(20, 7))
    return block(1, content)


def tensor_info(tag: int, name: str, *dims: str | int) -> bytes:
    shape = b"".join(block(1, block(2, d) if isinstance(d, str) else number(1, d)) for d in dims)
    return block(tag, block(1, name) + block(2, block(1, number(1, 1) + block(2, shape))))


def red_cells_onnx(channels: tuple[int, ...] = (4, 8, 20)) -> bytes:
    """An ONNX model of RetinaFace's form: the mean red of a cell is the face score of its second anchor."""
    graph = node("Transpose", ["photo"], "planes", perm=[0, 3, 1, 2]) + block(2, "red cells")
    graph += tensor_info(11, "photo", "n", "h", "w", 3)
    for n in channels:
        weights = [0.0] * (3 * n)
        if n == channels[0]:
            weights[3 * 3] = 1 / 255
        dims = b"".join(number(1, dim) for dim in (n, 3, 1, 1))
        data = struct.pack(f"<{3 * n}f", *weights)
        graph += block(5, dims + number(2, 1) + block(8, f"weights{n}") + block(9, data))
    for s in ANCHORS_PX:
        graph += node("AveragePool", ["planes"], f"cells{s}", kernel_shape=[s, s], strides=[s, s])
        for n in channels:
            graph += node("Conv", [f"cells{s}", f"weights{n}"], f"planes{s}_{n}")
            graph += node("Transpose", [f"planes{s}_{n}"], f"map{s}_{n}", perm=[0, 2, 3, 1])
            graph += tensor_info(12, f"map{s}_{n}", "n", f"h{s}", f"w{s}", n)
    return number(1, 8) + block(7, graph) + block(8, number(2, 13))


def test_a_network_from_a_file(tmp_path: Path) -> None:
    weights = tmp_path / "cells.onnx"
    weights.write_bytes(red_cells_onnx())

    detector = RetinaFaceResNet50.load(weights, threads=1)
    [face] = detector.detect(with_red_spot(96, 128, (40, 24, 47, 31)))

    # The anchor of the cell with the spot: 16 px from the cell's corner on.
    assert (face.box.x0_px, face.box.y0_px) == pytest.approx((40, 24), abs=0.5)
    assert (face.box.x1_px, face.box.y1_px) == pytest.approx((55, 39), abs=0.5)
    assert face.landmarks == ((47.5, 31.5),) * 5
    assert face.score == pytest.approx(1.0)


def test_a_file_with_another_network(tmp_path: Path) -> None:
    weights = tmp_path / "other.onnx"
    weights.write_bytes(red_cells_onnx(channels=(4, 8, 10)))

    with pytest.raises(WeightsError, match="another network"):
        RetinaFaceResNet50.load(weights)
