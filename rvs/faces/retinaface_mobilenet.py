"""RetinaFace MobileNet-0.25: which sizes to look at a photo in, and what the network's numbers mean.

The packaged detector. Most photos are looked at once, small; a second, finer look is taken only when the
first found nothing or found faces so small that there may be smaller ones.
"""

from dataclasses import dataclass
from functools import lru_cache
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

# Long sides of the pictures the network is shown. Few different shapes, since a runtime compiles for each
# shape it meets (about 50 ms); each is also used with the short side at 3/4. All multiples of 32.
_CANVAS_SIDES_PX = (128, 256, 384, 512, 640, 768, 1024, 1280, 1536)

_COARSE_SIDE_PX = 768
_FINE_SIDE_PX = 1536
_FRAMED_SIDE_PX = 256
# Below this the smallest anchor no longer fits well; where there is one such face there may be smaller ones.
_SMALL_FACE_PX = 32.0


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
        long_side = max(pixels.shape[:2])
        factor = _factor(long_side, _COARSE_SIDE_PX)
        faces = self._look(pixels, factor)
        finer = _factor(long_side, _FINE_SIDE_PX)
        small_px = _SMALL_FACE_PX * factor
        if finer < factor and (not faces or min(face.box.width_px for face in faces) < small_px):
            # Large faces are seen best in the coarse look, small ones in the fine one.
            large = [face for face in faces if face.box.width_px >= small_px]
            faces = self._merge(large, self._look(pixels, finer))
        if not faces:
            # A face that fills the photo is larger than those the weights were trained on, and cut by the
            # border: step back from it.
            faces = self._look(pixels, _factor(long_side, _FRAMED_SIDE_PX), border_px=_FRAMED_SIDE_PX // 2)
        return largest_first(faces)

    def _look(self, pixels: Pixels, factor: int, border_px: int = 0) -> list[Face]:
        """Faces in the photo reduced by a whole number, with an empty border around it."""
        image = Image.fromarray(pixels)
        if factor > 1:
            image = image.reduce(factor)
        canvas = _canvas(image.width + 2 * border_px, image.height + 2 * border_px)
        canvas[border_px : border_px + image.height, border_px : border_px + image.width] = np.asarray(image)
        boxes, scores, landmarks = self.network(canvas[None])
        likely = np.flatnonzero(scores[0] >= self.threshold)
        likely = likely[np.argsort(-scores[0][likely], kind="stable")]
        anchors = _anchors(*canvas.shape[:2])[likely]
        corners = decode_boxes(boxes[0][likely], anchors)
        points = decode_landmarks(landmarks[0][likely], anchors)
        corners, points = (corners - border_px) * factor, (points - border_px) * factor
        kept = suppress_overlaps(corners, self.overlap)
        return [_face(corners[i], points[i], float(scores[0][likely[i]])) for i in kept]

    def _merge(self, first: list[Face], second: list[Face]) -> list[Face]:
        """Both, without those of `second` that `first` has already."""
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


def _canvas(width_px: int, height_px: int) -> Pixels:
    """An empty picture of one of the few shapes, at least this large, in the mean colour of the training."""
    long_side = next(side for side in _CANVAS_SIDES_PX if side >= max(width_px, height_px))
    short_side = long_side * 3 // 4
    width = short_side if width_px <= short_side else long_side
    height = short_side if height_px <= short_side and width == long_side else long_side
    return np.full((height, width, 3), MEAN_RGB, np.uint8)


@lru_cache(maxsize=3 * len(_CANVAS_SIDES_PX))
def _anchors(height_px: int, width_px: int) -> NDArray[np.float32]:
    """(n, 3) centre x, centre y, side of every anchor of a picture, in the network's order."""
    levels = []
    for stride, sides in _ANCHOR_SIDES_PX.items():
        y, x = np.mgrid[0 : height_px // stride, 0 : width_px // stride]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 1, 2) + 0.5) * stride
        cells = np.broadcast_to(centres, (len(centres), len(sides), 2))
        side = np.broadcast_to(np.array(sides)[None, :, None], (len(centres), len(sides), 1))
        levels.append(np.concatenate([cells, side], axis=2).reshape(-1, 3))
    anchors = np.concatenate(levels).astype(np.float32)
    anchors.flags.writeable = False
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
