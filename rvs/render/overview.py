"""The photo, small, with every face framed and numbered: which of them an answer is about.

It draws the faces it is handed, in the order it is handed them, and refuses to know how they were found or
who chose one of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from rvs.arrays import Pixels
from rvs.errors import ConfigError
from rvs.faces.face import Box, Face
from rvs.render import look
from rvs.render.jpeg import Picture, encoded
from rvs.render.labels import Rectangles, place_labels
from rvs.render.lettering import Colour, Type, centred_baseline, width, write
from rvs.render.look import Place, rounded

_LEAST_PX = 64  # less has no room for a number beside a face
_DESIGN_PX = 640  # the measures below are for a picture of this size
# Size of the numbers up to so many faces; a phone shows the picture at 0.47 of its size, so 28 is 13 there.
_NUMBERS_PX = ((10, 28), (24, 24))
_CROWDED_NUMBER_PX = 21
_LEAST_NUMBER_PX = 12
_CHOSEN: Colour = (255, 200, 20)  # a yellow that neither skin nor sky has, and that dark ink can stand on


@dataclass(frozen=True, slots=True)
class _Style:
    """How a face is marked: colours of frame, label and number, and the frame's thickness in pixels.

    The frame's colour lies between two dark lines of `edge_px`, so that it is seen on any ground.
    """

    frame: Colour
    ground: Colour
    ink: Colour
    line_px: int
    edge_px: int

    @property
    def thickness_px(self) -> int:
        return self.line_px + 2 * self.edge_px


def overview(
    photo: Pixels, faces: Sequence[Face], chosen: int, *, side_px: int = 640, max_bytes: int = 300_000
) -> Picture:
    """Draw a photo with its faces framed and numbered from 1, one of them accented.

    The accent is a colour, a thicker frame and a filled label, so that it is seen without the colour too.
    A photo is reduced, never enlarged; one that is narrower than a number needs gets a margin. Safe to call
    from several threads at once. The same input gives the same bytes.

    Args:
        photo: (h, w, 3) uint8 RGB, at least 1x1; it is only read.
        faces: in the photo's pixel frame, in the order of their numbers; boxes may reach beyond the photo.
        chosen: the number of the accented face, 1..len(faces).
        side_px: the longer side of the picture, at least 64.
        max_bytes: the most bytes the JPEG may have. Quality is lowered for that, then size.

    Raises:
        ConfigError: there is no face of that number, or a limit is too small for any picture.
    """
    if not 1 <= chosen <= len(faces):
        raise ConfigError(f"There is no face {chosen} to point out.", hint=f"There are {len(faces)} faces.")
    if side_px < _LEAST_PX:
        raise ConfigError(f"A picture of {side_px} px has no room for numbers.", hint="Allow at least 64 px.")
    canvas, shown = _reduced(photo, side_px)
    # A long strip has many pixels, but no more room across for a frame and a number.
    scale = min(max(canvas.size) / _DESIGN_PX, min(canvas.size) / _LEAST_PX)
    edge_px = max(1, round(1.5 * scale))
    quiet = _Style(look.CARD, look.NIGHT, look.CARD, max(1, round(2 * scale)), edge_px)
    accent = _Style(_CHOSEN, _CHOSEN, look.NIGHT, max(2, round(6 * scale)), edge_px)
    styles = [accent if number == chosen else quiet for number in range(1, len(faces) + 1)]
    zoom = (shown.width_px / photo.shape[1], shown.height_px / photo.shape[0])
    frames = [
        _frame(face.box, zoom, shown, canvas.size, style) for face, style in zip(faces, styles, strict=True)
    ]

    # The chosen one is drawn last, so that nothing covers it, and its label finds its place first.
    order = sorted(range(len(faces)), key=lambda one: one == chosen - 1)
    number_px = next((size for most, size in _NUMBERS_PX if len(faces) <= most), _CROWDED_NUMBER_PX)
    type_ = Type(max(_LEAST_NUMBER_PX, round(number_px * scale)), 700)
    sizes = [_label_size(str(one + 1), type_, canvas.size) for one in range(len(faces))]
    corners = place_labels(_edges(frames), sizes, canvas.size, order[-1:] + order[:-1])
    draw = ImageDraw.Draw(canvas)
    for one in order:
        _draw_frame(draw, frames[one], styles[one])
    for one in order:
        _draw_label(canvas, Place(*corners[one], *sizes[one]), str(one + 1), type_, styles[one])
    return encoded(canvas, _words(len(faces), chosen), max_bytes)


def _words(faces: int, chosen: int) -> str:
    counted = "1 face" if faces == 1 else f"{faces} faces"
    return f"The photo with {counted} numbered; number {chosen} is the one compared."


def _reduced(photo: Pixels, side_px: int) -> tuple[Image.Image, Place]:
    """The photo on its canvas, and where on it: all of it, unless the photo is very narrow."""
    height, width_ = photo.shape[:2]
    factor = min(1.0, side_px / max(height, width_))
    size = (max(1, round(width_ * factor)), max(1, round(height * factor)))
    image = Image.fromarray(np.ascontiguousarray(photo))
    if factor < 1:
        # Among the filters without jagged edges this is the fastest; a picture this small shows no more.
        image = image.resize(size, Image.Resampling.HAMMING, reducing_gap=1.0)
    room = (max(size[0], _LEAST_PX), max(size[1], _LEAST_PX))
    shown = Place((room[0] - size[0]) // 2, (room[1] - size[1]) // 2, *size)
    if room != size:
        canvas = Image.new("RGB", room, look.PAPER)
        canvas.paste(image, (shown.left_px, shown.top_px))
        return canvas, shown
    return image, shown


def _frame(box: Box, zoom: tuple[float, float], shown: Place, room: tuple[int, int], style: _Style) -> Place:
    """The outer rectangle of a frame that stands around the part of the box that is in the photo."""
    least = 2 * style.thickness_px + 4
    x0, x1 = _side(box.x0_px * zoom[0], box.x1_px * zoom[0], shown.width_px)
    y0, y1 = _side(box.y0_px * zoom[1], box.y1_px * zoom[1], shown.height_px)
    left, right = _around(x0 + shown.left_px, x1 + shown.left_px, style.thickness_px, least, room[0])
    top, bottom = _around(y0 + shown.top_px, y1 + shown.top_px, style.thickness_px, least, room[1])
    return Place(left, top, right - left, bottom - top)


def _side(low: float, high: float, end: int) -> tuple[float, float]:
    # In this order of arguments NaN and infinity become an end of the photo.
    return max(0.0, min(end, low)), max(0.0, min(end, high))


def _around(low: float, high: float, thickness_px: int, least_px: int, end: int) -> tuple[int, int]:
    spare = max(0.0, (least_px - (high - low) - 2 * thickness_px) / 2)
    first = min(max(0, math.floor(low - spare) - thickness_px), end - least_px)
    return first, max(min(end, math.ceil(high + spare) + thickness_px), first + least_px)


def _edges(frames: list[Place]) -> Rectangles:
    edges = [(one.left_px, one.top_px, one.right_px, one.bottom_px) for one in frames]
    return np.array(edges, dtype=np.float64)


def _label_size(text: str, type_: Type, room: tuple[int, int]) -> tuple[int, int]:
    height = round(1.35 * type_.size_px)
    across = max(height, math.ceil(width(text, type_) + 0.65 * type_.size_px))
    return min(across, room[0]), min(height, room[1])


def _draw_frame(draw: ImageDraw.ImageDraw, place: Place, style: _Style) -> None:
    box = (place.left_px, place.top_px, place.right_px - 1, place.bottom_px - 1)
    draw.rectangle(box, outline=look.NIGHT, width=style.thickness_px)
    inset = style.edge_px
    inner = (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset)
    draw.rectangle(inner, outline=style.frame, width=style.line_px)


def _draw_label(canvas: Image.Image, place: Place, text: str, type_: Type, style: _Style) -> None:
    radius = max(2, place.height_px // 5)
    # From the outside in: the dark line, the frame's colour, the ground.
    for inset, colour in ((0, look.NIGHT), (style.edge_px, style.frame), (2 * style.edge_px, style.ground)):
        size = (place.width_px - 2 * inset, place.height_px - 2 * inset)
        shape = rounded(*size, max(1, radius - inset))
        canvas.paste(colour, (place.left_px + inset, place.top_px + inset), shape)
    at = (
        place.left_px + place.width_px // 2,
        centred_baseline(place.top_px + place.height_px / 2, type_),
    )
    write(canvas, text, at, type_, colour=style.ink, align="centre")
