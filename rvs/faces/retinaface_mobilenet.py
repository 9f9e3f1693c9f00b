"""RetinaFace MobileNet-0.25: which sizes to look at a photo in, and what the network's numbers mean.

The packaged detector. Most photos are looked at once, small. A fine look at full size is taken only where small
faces are to be expected, a framed one only where a face is larger than the photo, or none was found.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels
from rvs.faces.detector import RETINAFACE_MOBILENET
from rvs.faces.face import Box, Face, largest_first
from rvs.faces.retinaface_network import MEAN_RGB, build_retinaface_network
from rvs.inference import InferenceOptions, Network, NetworkDefinition, load_network
from rvs.weights import RETINAFACE_MOBILENET as PACKAGED

if TYPE_CHECKING:
    import keras

# The anchors the weights were trained with: two square sizes per cell of each stride, in pixels.
_ANCHOR_SIDES_PX = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2

# The numbers below were measured on 883 scenes of 24 to 2500 px with 1,957 faces of LFW in them (up to 40 in a
# scene), and on pictures without a face. Widths are those of the face's box; "found" means IoU > 0.5.

# The network is shown pictures whose sides are multiples of this (and so of its 32). Few shapes, since a runtime
# compiles for each shape it meets (30 to 100 ms); steps of 64 would save a tenth of the pixels.
_CANVAS_STEP_PX = 128

# A megapixel is reduced by two and takes 13 to 17 ms on two cores; every selfie and portrait is found. By area, so
# that panoramas and screenshots of phones are not reduced more than photos are.
_COARSE_PIXELS = 768 * 576
# Of faces 12, 16, 20 and 24 px wide in the picture it is shown, and up to 4 px more, the network finds 8, 57, 77
# and 95 %; of larger ones all. A face of 19 px can still be compared (see `quality`). So the fine look does not
# reduce at all, as long as photos are not larger than `photo` makes them.
_FINE_SIDE_PX = 2560
# It is taken in tiles, which costs some overlap and saves memory: 110 MB for 1280 px squares, 330 for 2560 x 1920.
_TILE_SIDE_PX = 1280
# The fine look is taken if the coarse one saw a group, or a face below this width, be it a doubtful one of this
# score. With doubts from 0.2 on, 93 % of the faces are found where there are bystanders behind a portrait, without
# them 67 %; 3 % of the portraits with nobody behind are looked at closely for nothing (from 0.1 on 12 %).
_GROUP = 3
_SMALL_FACE_PX = 32
_DOUBT = 0.2
# The fine look is asked for small faces only. Large patterns without detail are what it errs on: of 34 false faces
# in 300 megapixels at full size none was narrower than 24 px and most were wider than 70.
_FINE_LIMIT = 1.25  # times the small face: the two looks differ a little in width
# A face larger than the photo is larger than those the weights were trained on, and cut by the border: stepping
# back halves the error of its landmarks (at 1.5 times the photo from 0.12 to 0.06 of the distance between the
# eyes, at twice from 0.30 to 0.10). The two make a canvas of 256 px: 4 ms.
_FRAMED_SIDE_PX = 192
_FRAME_PX = 32


@dataclass(frozen=True, slots=True)
class RetinaFaceMobileNet:
    """The detector.

    Attributes:
        network: see `retinaface_network` for what it returns.
        threshold: lowest score of a face, 0..1. On LFW every value from 0.3 to 0.9 finds every face.
        overlap: two boxes sharing more than this (intersection over union) are one face.
    """

    network: Network
    threshold: float = 0.6
    overlap: float = 0.4
    name: str = RETINAFACE_MOBILENET

    @classmethod
    def load(cls, options: InferenceOptions) -> "RetinaFaceMobileNet":
        """With the packaged weights.

        Raises:
            WeightsError: they are missing or damaged.
        """
        return cls(load_network(DEFINITION, options))

    def detect(self, pixels: Pixels) -> list[Face]:
        """All faces of a photo, the largest first, in its pixel frame.

        Args:
            pixels: (height, width, 3) uint8 RGB, upright.
        """
        height, width = pixels.shape[:2]
        coarse = math.ceil(math.sqrt(height * width / _COARSE_PIXELS))
        fine = _factor(max(height, width), _FINE_SIDE_PX)
        small_px = _SMALL_FACE_PX * coarse
        seen = self._look(pixels, coarse, least_score=min(_DOUBT, self.threshold))
        faces = [face for face in seen if face.score >= self.threshold]
        smallest_px = min((face.box.width_px for face in seen), default=0.0)
        if fine < coarse and (not faces or len(faces) >= _GROUP or smallest_px < small_px):
            # Large faces are seen best in the coarse look, small ones in the fine one.
            large = [face for face in faces if face.box.width_px >= small_px]
            faces = self._merge(large, self._look_closely(pixels, fine, small_px))
        if not faces or any(_fills(face.box, width, height) for face in faces):
            factor = max(coarse, _factor(min(height, width), _FRAMED_SIDE_PX))
            framed = self._look(pixels, factor, least_score=self.threshold, frame_px=_FRAME_PX)
            faces = framed or faces
        return largest_first(faces)

    def _look(
        self,
        pixels: Pixels,
        factor: int,
        *,
        least_score: float,
        frame_px: int = 0,
        origin_px: tuple[int, int] = (0, 0),
    ) -> list[Face]:
        """Faces in the photo reduced by a whole number, the most certain first.

        Args:
            pixels: the photo, or a part of it.
            factor: the whole number.
            least_score: lowest score of those returned.
            frame_px: width of an empty frame around the reduced photo.
            origin_px: (x, y) of the part's first pixel in the photo.
        """
        if factor > 1:
            pixels = np.asarray(Image.fromarray(pixels).reduce(factor))
        height, width = pixels.shape[:2]
        canvas = _canvas(height + 2 * frame_px, width + 2 * frame_px)
        canvas[frame_px : frame_px + height, frame_px : frame_px + width] = pixels
        boxes, scores, landmarks = self.network(canvas[None])
        likely = np.flatnonzero(scores[0] >= least_score)
        likely = likely[np.argsort(-scores[0][likely], kind="stable")]
        anchors = anchors_at(likely, *canvas.shape[:2])
        corners = decode_boxes(boxes[0][likely], anchors) - frame_px
        points = decode_landmarks(landmarks[0][likely], anchors) - frame_px
        kept = [
            i
            for i in suppress_overlaps(corners, self.overlap)
            if (corners[i, 2:] > 0).all() and (corners[i, :2] < (width, height)).all()  # not beside the photo
        ]
        # The network counts from the corner of the first pixel, so reducing is a plain division.
        corners, points = corners * factor + np.tile(origin_px, 2), points * factor + np.array(origin_px)
        return [_face(corners[i], points[i], float(scores[0][likely[i]])) for i in kept]

    def _look_closely(self, pixels: Pixels, factor: int, small_px: int) -> list[Face]:
        """The small faces of a photo, tile by tile; tiles overlap so that each lies whole in one of them."""
        height, width = pixels.shape[:2]
        longest_px = _TILE_SIDE_PX * factor
        faces: list[Face] = []
        for top, bottom in spans(height, longest_px, small_px):
            for left, right in spans(width, longest_px, small_px):
                tile = pixels[top:bottom, left:right]
                faces += self._look(tile, factor, least_score=self.threshold, origin_px=(left, top))
        small = [face for face in faces if face.box.width_px < _FINE_LIMIT * small_px]
        return sorted(small, key=lambda face: face.score, reverse=True)

    def _merge(self, first: list[Face], second: list[Face]) -> list[Face]:
        """Both, without those of `second` that `first` or they themselves have already."""
        faces = [*first, *second]
        corners = np.array([_corners(face) for face in faces]).reshape(-1, 4)
        return [faces[i] for i in suppress_overlaps(corners, self.overlap)]


def decode_boxes(encoded: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes from the network's offsets (the encoding of SSD, Liu et al., 2016).

    Args:
        encoded: (n, 4) centre and logarithmic size against the anchor.
        anchors: (n, 3) centre x, centre y and side in pixels.

    Returns:
        (n, 4) x0, y0, x1, y1 in pixels.
    """
    side = anchors[:, 2:]
    centre = anchors[:, :2] + encoded[:, :2] * _CENTRE_VARIANCE * side
    half = np.exp(encoded[:, 2:] * _SIZE_VARIANCE) * side / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def decode_landmarks(encoded: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Landmarks from the network's offsets.

    Args:
        encoded: (n, 10) five (x, y) against the anchor.
        anchors: (n, 3) centre x, centre y and side in pixels.

    Returns:
        (n, 5, 2) in pixels, in the order of `Face.landmarks`.
    """
    offsets = encoded.reshape(-1, 5, 2) * _CENTRE_VARIANCE
    points: NDArray[np.float32] = anchors[:, None, :2] + offsets * anchors[:, None, 2:]
    return points


def suppress_overlaps(corners: NDArray[np.floating], overlap: float) -> list[int]:
    """Greedy non-maximum suppression: rows that share at most `overlap` with every earlier row kept.

    Args:
        corners: (n, 4) x0, y0, x1, y1, the most trusted first.
        overlap: intersection over union, 0..1.

    Returns:
        the rows kept, in order.
    """
    kept: list[int] = []
    rest = np.arange(len(corners))
    areas = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    while rest.size:
        best, rest = int(rest[0]), rest[1:]
        kept.append(best)
        low = np.maximum(corners[best, :2], corners[rest, :2])
        high = np.minimum(corners[best, 2:], corners[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        rest = rest[shared <= overlap * (areas[best] + areas[rest] - shared)]
    return kept


def _factor(side_px: int, most_px: int) -> int:
    """The smallest whole number that reduces `side_px` to at most `most_px`."""
    return -(-side_px // most_px)


def _fills(box: Box, width_px: int, height_px: int) -> bool:
    return box.width_px >= width_px or box.height_px >= height_px


def spans(length: int, longest: int, overlap: int) -> list[tuple[int, int]]:
    """The fewest pieces (start, end) of about equal size that cover 0..length.

    Args:
        length: 1 or more.
        longest: a piece is at most this long; more than `overlap`.
        overlap: neighbours share this much.
    """
    count = max(1, -(-(length - overlap) // (longest - overlap)))
    size = -(-(length + (count - 1) * overlap) // count)
    starts = (number * (size - overlap) for number in range(count))
    return [(start, min(start + size, length)) for start in starts]


def _canvas(height_px: int, width_px: int) -> Pixels:
    """An empty picture at least this large, in the mean colour of the training."""
    height, width = (-(-side // _CANVAS_STEP_PX) * _CANVAS_STEP_PX for side in (height_px, width_px))
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = np.tile(np.array(MEAN_RGB, np.uint8), (width, 1))  # row by row: 30 times as fast as by pixel
    return canvas


def anchors_at(numbers: NDArray[np.intp], height_px: int, width_px: int) -> NDArray[np.float32]:
    """Some of the anchors of a picture.

    Args:
        numbers: (n,) which, in the network's order.
        height_px: height of the picture, a multiple of 32.
        width_px: width, likewise.

    Returns:
        (n, 3) centre x, centre y and side in pixels.
    """
    anchors = np.empty((len(numbers), 3), np.float32)
    start = 0
    for stride, sides in _ANCHOR_SIDES_PX.items():
        columns = width_px // stride
        end = start + height_px // stride * columns * len(sides)
        here = (numbers >= start) & (numbers < end)
        cell, which = np.divmod(numbers[here] - start, len(sides))
        row, column = np.divmod(cell, columns)
        anchors[here] = np.stack(
            [(column + 0.5) * stride, (row + 0.5) * stride, np.take(sides, which)], axis=1
        )
        start = end
    return anchors


def _face(corners: NDArray[np.float32], points: NDArray[np.float32], score: float) -> Face:
    a, b, c, d, e = ((float(x), float(y)) for x, y in points)
    return Face(Box(*map(float, corners)), (a, b, c, d, e), score)


def _corners(face: Face) -> tuple[float, float, float, float]:
    return face.box.x0_px, face.box.y0_px, face.box.x1_px, face.box.y1_px


def _build() -> "keras.Model":
    model = build_retinaface_network()
    model.load_weights(PACKAGED.verified_path())
    return model


DEFINITION = NetworkDefinition(
    RETINAFACE_MOBILENET, ("boxes", "scores", "landmarks"), PACKAGED.sha256, _build
)
