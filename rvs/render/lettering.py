"""Text as ink: the font, whether it can draw a name at all, how a name is fitted, and the drawing itself.

It knows widths and glyphs, and refuses to know what the words mean or where on the page they stand.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rvs.render.phrases import readable_name

Colour: TypeAlias = tuple[int, int, int]
Align: TypeAlias = Literal["left", "centre", "right"]

_ELLIPSIS = "…"
_SIDE_PX = 4  # room for strokes that reach out of their advance width, such as "j" or an italic "f"
_NO_GLYPH = "\uffff"  # a noncharacter: no font has it, so it is drawn as the font's box


@dataclass(frozen=True, slots=True)
class Type:
    """A size and weight of the font: `size_px` is the em in pixels, `weight` 100 (thin) .. 900 (black)."""

    size_px: int
    weight: int

    @property
    def cap_px(self) -> float:
        """Height of a capital letter in pixels, as Inter draws it."""
        return 0.727 * self.size_px


@dataclass(frozen=True, slots=True)
class Lines:
    """Text that was fitted: one or two lines, and the type in which each stays within the width."""

    texts: tuple[str, ...]
    type: Type


@lru_cache(maxsize=1024)
def fit(text: str, width_px: int, sizes_px: tuple[int, ...], weight: int) -> Lines:
    """Fit text into a width: whole on one line, else on two, else on two with an ellipsis.

    Within each of those, the first of `sizes_px` that fits is taken.

    Args:
        text: one line, drawable (see `drawable`).
        width_px: the room for a line.
        sizes_px: the sizes to try, the preferred (largest) first.
        weight: 100..900.

    Returns:
        At least one and at most two lines, none wider than `width_px`, as long as that is wide enough for
        a letter and an ellipsis.
    """
    types = [Type(size_px, weight) for size_px in sizes_px]
    breaks = list(_breaks(text))
    halves = min(breaks, key=lambda pair: max(width(part, types[0]) for part in pair), default=None)
    for candidate in ((text,), halves):
        for type_ in types:
            if candidate and all(width(part, type_) <= width_px for part in candidate):
                return Lines(candidate, type_)
    smallest = types[-1]
    fitting = [pair for pair in breaks if width(pair[0], smallest) <= width_px]
    # Without a fitting break this is one enormous word, broken where the room ends.
    first, rest = fitting[-1] if fitting else _broken(text, "-", width_px, smallest)
    if width(rest, smallest) > width_px:
        rest = _broken(rest, _ELLIPSIS, width_px, smallest)[0]
    return Lines((first, rest), smallest)


def drawable(name: str) -> str:
    """What of a name this font can draw: the name itself, nearly always.

    A letter that is missing is replaced by its plain form where Unicode knows one, else left out; when
    most of the letters would be lost ("山田太郎"), nothing is returned rather than a row of boxes.

    Returns:
        One line of text, or "" when the name cannot be drawn.
    """
    kept: list[str] = []
    letters = lost = 0
    for word in readable_name(name).split():
        drawn = [_drawn(char) for char in word]
        missing = sum(char.isalnum() and not ink for char, ink in zip(word, drawn, strict=True))
        letters += sum(map(str.isalnum, word))
        lost += missing
        text = "".join(drawn)
        # What is left of "(太郎)" are brackets around nothing.
        if text and not (missing and not any(map(str.isalnum, text))):
            kept.append(text)
    return "" if 2 * lost > letters or not letters else " ".join(kept)


def width(text: str, type_: Type) -> int:
    """The advance width of a line in pixels."""
    # Without kerning a line is as wide as its letters; measuring it as a whole takes 0.07 ms.
    return sum(_advance(char, type_) for char in text)


def write(
    canvas: Image.Image,
    text: str,
    at: tuple[int, int],
    type_: Type,
    *,
    colour: Colour,
    align: Align = "left",
) -> None:
    """Draw one line of text onto an RGB canvas, its left end, centre or right end on the baseline `at`."""
    ink = _ink(text, type_)
    length = ink.width - 2 * _SIDE_PX
    shift = {"left": 0, "centre": length // 2, "right": length}[align]
    canvas.paste(colour, (at[0] - shift - _SIDE_PX, at[1] - _above(type_)), ink)


def centred_baseline(middle_px: float, type_: Type) -> int:
    """The baseline at which capitals and digits stand in the middle around a height on the page."""
    return round(middle_px + type_.cap_px / 2)


@lru_cache(maxsize=512)
def _ink(text: str, type_: Type) -> Image.Image:
    # Words, ranks and favourite people come again. Callers must not draw on what they get.
    line = np.zeros((_line_px(type_), width(text, type_) + 2 * _SIDE_PX), np.uint8)
    pen = _SIDE_PX
    for char in text:
        letter = _letter(char, type_)
        left = pen + letter.left_px
        room = line[:, max(0, left) : max(0, left + letter.ink.shape[1])]
        np.maximum(room, letter.ink[:, max(0, -left) :][:, : room.shape[1]], out=room)
        pen += _advance(char, type_)
    return Image.fromarray(line)


@dataclass(frozen=True, slots=True, eq=False)
class _Letter:
    """A letter's coverage, (height of a line, width) uint8, and where it begins, seen from the pen."""

    ink: NDArray[np.uint8]
    left_px: int


@lru_cache(maxsize=2048)
def _letter(char: str, type_: Type) -> _Letter:
    # To draw a line anew costs 0.15 ms, to lay it from letters that are kept a quarter of that: the next answer
    # has other names, but the same letters.
    side = 2 * type_.size_px  # more than any letter reaches out of its advance width
    image = Image.new("L", (_advance(char, type_) + 2 * side, _line_px(type_)))
    ImageDraw.Draw(image).text((side, _above(type_)), char, fill=255, font=_font(type_), anchor="ls")
    left, _, right, _ = image.getbbox() or (side, 0, side, 0)
    return _Letter(np.asarray(image.crop((left, 0, right, image.height))), left - side)


@lru_cache(maxsize=4096)
def _advance(char: str, type_: Type) -> int:
    return round(_font(type_).getlength(char))  # hinted, so it has whole pixels


def _line_px(type_: Type) -> int:
    return _above(type_) + round(0.35 * type_.size_px)


def _above(type_: Type) -> int:
    # More than the font's ascent: the ring of a capital "Å" stands above that.
    return round(1.2 * type_.size_px)


@lru_cache(maxsize=32)
def _font(type_: Type) -> ImageFont.FreeTypeFont:
    # Variation axes are state of a font object. They are set here, before anyone else holds the object,
    # and never again, so threads share it safely; two threads that ask first at once each load their own.
    #
    # The basic layout has no kerning, which nobody sees at the size of a chat; it takes half the time of
    # the other and is the same on every system, where the other needs a library that may be missing.
    font = ImageFont.truetype(_font_file(), type_.size_px, layout_engine=ImageFont.Layout.BASIC)
    optical_size = min(32, max(14, type_.size_px * 0.4))  # a chat shows the picture at 0.4 to 0.6 of its size
    font.set_variation_by_axes([optical_size, type_.weight])
    return font


@lru_cache(maxsize=1)
def _font_file() -> str:
    import fontpkg  # noqa: PLC0415 - reads every distribution's metadata, which a mere import should not

    return str(fontpkg.path("Inter"))


def _drawn(char: str) -> str:
    plain = char if _has_glyph(char) else unicodedata.normalize("NFKD", char)
    return "".join(part for part in plain if _has_glyph(part))


@lru_cache(maxsize=4096)
def _has_glyph(char: str) -> bool:
    # Pillow does not tell which characters a font has; a missing one looks like the font's box.
    if char.isspace():
        return True
    font = _font(Type(32, 400))
    return bytes(font.getmask(char)) != bytes(font.getmask(_NO_GLYPH))


def _breaks(text: str) -> Iterator[tuple[str, str]]:
    # At spaces (which go) and behind hyphens (which stay).
    for position, char in enumerate(text[:-1]):
        if char == " ":
            yield text[:position], text[position + 1 :]
        elif char == "-" and text[position + 1] != " " and position:
            yield text[: position + 1], text[position + 1 :]


def _broken(text: str, ending: str, width_px: int, type_: Type) -> tuple[str, str]:
    # The longest beginning that fits with its ending, and what is left.
    end = 1
    while end < len(text) - 1 and width(text[: end + 1] + ending, type_) <= width_px:
        end += 1
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip(" -,.") + ending, text[end:]
