"""Which part of a photo is shown, and that part at the size it is shown in.

It trusts neither the photo's shape nor the face's box: both may be tiny, huge, or apart from each other.
"""

import math

import numpy as np
from PIL import Image

from rvs.arrays import Pixels
from rvs.faces.face import Box

_MARGIN = 1.8  # the height of the crop in faces: hair, chin, and a little of the surroundings


def cropped(photo: Pixels, face: Box | None, size: tuple[int, int]) -> Image.Image:
    """The part of a photo around a face, scaled.

    Args:
        photo: (h, w, 3) uint8 RGB, at least 1x1; it is only read.
        face: in the photo's pixel frame; it may reach beyond the border. See `crop_box`.
        size: (width, height) of the result in pixels.

    Returns:
        An RGB image of exactly `size`.
    """
    x0, y0, x1, y1 = crop_box(photo.shape[1], photo.shape[0], face, size[0] / size[1])
    # Cut in the array first: the photo may be many times as large as the part.
    left, top = math.floor(x0), math.floor(y0)
    part = photo[top : max(top + 1, math.ceil(y1)), left : max(left + 1, math.ceil(x1))]
    image = Image.fromarray(np.ascontiguousarray(part))
    frame = (x0 - left, y0 - top, min(x1 - left, image.width), min(y1 - top, image.height))
    # Faces are mostly enlarged here, where Lanczos costs more and rings.
    return image.resize(size, Image.Resampling.BICUBIC, box=frame, reducing_gap=2.0)


def crop_box(
    width_px: int, height_px: int, face: Box | None, aspect: float
) -> tuple[float, float, float, float]:
    """Choose the part of a photo to show: around the face with generous margin, never outside the photo.

    Without a face, or with one that lies outside the photo or has no size, it is the largest part in the
    middle.

    Args:
        width_px, height_px: the photo's size.
        face: in the photo's pixel frame.
        aspect: width / height of the part.

    Returns:
        (x0, y0, x1, y1) within 0..width and 0..height.
    """
    part_width = min(width_px, height_px * aspect)
    x, y = width_px / 2, height_px / 2
    if face is not None and _in_sight(face, width_px, height_px):
        part_width = min(part_width, _MARGIN * max(face.height_px, face.width_px) * aspect)
        x, y = face.centre_px
    part_height = part_width / aspect
    x0 = max(0.0, min(x - part_width / 2, width_px - part_width))
    y0 = max(0.0, min(y - part_height / 2, height_px - part_height))
    return x0, y0, x0 + part_width, y0 + part_height


def _in_sight(face: Box, width_px: int, height_px: int) -> bool:
    # Written so that NaN answers False.
    overlaps = face.x0_px < width_px and face.x1_px > 0 and face.y0_px < height_px and face.y1_px > 0
    return overlaps and 1 <= face.width_px < math.inf and 1 <= face.height_px < math.inf
