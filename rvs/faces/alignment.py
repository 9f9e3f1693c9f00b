"""From a face's landmarks to the picture a network takes: similarity alignment, or a plain crop.

Knows geometry and resampling; which crop a network wants is in its spec.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels, Points
from rvs.faces.face import Box, Face

TEMPLATE_SIDE_PX = 150
TEMPLATE: Points = np.array(
    [(47.37, 46.03), (102.31, 45.87), (73.82, 77.45), (51.18, 103.77), (96.99, 103.76)]
)
"""Where the five landmarks lie in dlib's 150 px chip (padding 0.25): the mean over LFW of RetinaFace's points
carried into dlib's own chips. Order as in `Face.landmarks`."""

# A face box reaches from the brow to the chin; networks trained on objects do better with some hair around.
FACE_MARGIN = 1.25


def similarity_transform(source: Points, target: Points) -> NDArray[np.float64]:
    """The rotation, scale and shift that carry `source` nearest to `target` in least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991),
    which in two dimensions is a closed formula. Mirror images are never used.

    Args:
        source: (n, 2), n >= 2.
        target: (n, 2).

    Returns:
        (2, 3) matrix M with target = M @ (x, y, 1).

    Raises:
        ValueError: all source points are the same, so no scale can be found.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    s, t = source - source_mean, target - target_mean
    spread = float((s**2).sum())
    if spread <= 0 or not math.isfinite(spread):
        raise ValueError("the source points coincide")
    # As complex numbers a similarity is one multiplication: the coefficient a + ib of least squares.
    a = float((s * t).sum()) / spread
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def align(pixels: Pixels, face: Face, side_px: int = TEMPLATE_SIDE_PX) -> Pixels:
    """The face turned upright and scaled onto the template.

    Args:
        pixels: (height, width, 3) uint8 RGB, the frame of the face's landmarks.
        face: its landmarks are used, not its box.
        side_px: side of the chip; the template grows with it.

    Returns:
        (side_px, side_px, 3) uint8 RGB. What lies outside the photo is black.

    Raises:
        ValueError: the landmarks coincide.
    """
    template = TEMPLATE * (side_px / TEMPLATE_SIDE_PX)
    forward = similarity_transform(face.points, template)
    # Image.transform wants the way back, from chip to photo.
    backward = np.linalg.inv(np.vstack([forward, (0, 0, 1)]))[:2]
    corners = np.array([(0, 0, 1), (side_px, 0, 1), (0, side_px, 1), (side_px, side_px, 1)]) @ backward.T
    region = Box(*corners.min(axis=0), *corners.max(axis=0))
    photo, shift, factor = _around(pixels, region, shrink=math.hypot(*backward[:, 0]))
    backward[:, 2] -= shift
    backward /= factor
    # Pillow counts from the corner of the first pixel, landmarks from its centre.
    backward[:, 2] += 0.5 / factor - backward[:, :2] @ (0.5, 0.5)
    chip = photo.transform(
        (side_px, side_px), Image.Transform.AFFINE, backward.ravel().tolist(), Image.Resampling.BILINEAR
    )
    return np.asarray(chip)


def crop(pixels: Pixels, box: Box, side_px: int, margin: float = FACE_MARGIN) -> Pixels:
    """The square around a box, `margin` times its longer side, scaled; black outside the photo.

    Args:
        pixels: (height, width, 3) uint8 RGB, the frame of the box.
        box: any box with a positive area.
        side_px: side of the result.
        margin: 1.0 cuts at the longer side of the box.

    Returns:
        (side_px, side_px, 3) uint8 RGB.
    """
    half = max(box.width_px, box.height_px, 1.0) * margin / 2
    x, y = box.centre_px
    return _scaled(pixels, Box(x - half, y - half, x + half, y + half), side_px)


def whole(pixels: Pixels, side_px: int) -> Pixels:
    """The whole image stretched to a square, as the study fed its networks.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        side_px: side of the result.

    Returns:
        (side_px, side_px, 3) uint8 RGB.
    """
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _scaled(pixels: Pixels, region: Box, side_px: int) -> Pixels:
    photo, shift, factor = _around(pixels, region, shrink=region.width_px / side_px)
    x0, y0 = (np.array([region.x0_px, region.y0_px]) - shift) / factor
    x1, y1 = (np.array([region.x1_px, region.y1_px]) - shift) / factor
    square = photo.transform(
        (side_px, side_px), Image.Transform.EXTENT, (x0, y0, x1, y1), Image.Resampling.BILINEAR
    )
    return np.asarray(square)


def _around(pixels: Pixels, region: Box, *, shrink: float) -> tuple[Image.Image, NDArray[np.float64], int]:
    """The part of the photo a region needs, already reduced when much of it will be thrown away.

    Cutting first keeps the cost independent of the photo's size; reducing first keeps bilinear sampling,
    which looks at four pixels only, from skipping pixels.

    Returns:
        the part, the (x, y) it starts at, and the whole number it was reduced by.
    """
    height, width = pixels.shape[:2]
    # Landmarks of no face can ask for any shrinking; beyond the photo's size it makes no difference.
    factor = max(1, int(min(shrink, max(width, height))))
    x0, y0 = (
        min(max(math.floor(v) - factor, 0), limit - 1)
        for v, limit in ((region.x0_px, width), (region.y0_px, height))
    )
    x1, y1 = (
        min(max(math.ceil(v) + factor, low + 1), limit)
        for v, low, limit in ((region.x1_px, x0, width), (region.y1_px, y0, height))
    )
    part = Image.fromarray(np.ascontiguousarray(pixels[y0:y1, x0:x1]))
    if factor > 1:
        part = part.reduce(factor)
    return part, np.array([x0, y0], dtype=np.float64), factor
