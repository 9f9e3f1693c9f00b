"""The look of the page: its colours, its measures, and the shapes that everything is cut from.

Shapes are drawn once and kept, because soft shadows and smooth corners cost more than all the rest.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from rvs.render.lettering import Colour, Type
from rvs.result import Word

PAPER: Final[Colour] = (245, 243, 238)
CARD: Final[Colour] = (255, 255, 255)
INK: Final[Colour] = (29, 33, 38)
MUTED: Final[Colour] = (88, 94, 105)
NIGHT: Final[Colour] = (34, 39, 47)
ON_NIGHT: Final[Colour] = (250, 249, 246)
ON_NIGHT_MUTED: Final[Colour] = (190, 196, 206)

ACCENTS: Final[dict[Word, Colour]] = {
    "uncanny": (157, 23, 84),
    "strong": (168, 72, 10),
    "fair": (15, 107, 99),
    "faint": MUTED,
}
"""One accent for each word; never the only carrier of meaning, since the word stands beside it."""

TINTS: Final[tuple[tuple[Colour, Colour], ...]] = (
    ((232, 226, 240), (86, 66, 120)),
    ((223, 234, 228), (45, 95, 74)),
    ((240, 228, 219), (124, 74, 42)),
    ((222, 231, 241), (48, 82, 124)),
    ((241, 223, 227), (128, 52, 72)),
)
"""Ground and ink of a name card."""

# The page is 960 pixels wide and a phone shows it at 375 to 430: 26 here is 10 to 12 there.
TILE_PX: Final = 288
GAP_PX: Final = 22
MARGIN_PX: Final = 26
RADIUS_PX: Final = 20
PAD_PX: Final = 16
PHOTO_PX: Final = 242

NAME_SIZES: Final = (32, 29, 27)
NAME_WEIGHT: Final = 600
NAME_PITCH_PX: Final = 37
WORD: Final = Type(26, 600)
QUIET: Final = Type(24, 450)
RANK: Final = Type(27, 700)
INITIALS: Final = Type(92, 500)
TITLE_SIZES: Final = (48, 44, 40)
TITLE_WEIGHT: Final = 650
NOTE: Final = Type(28, 450)
FOOTER: Final = Type(25, 450)

_BLEED_PX = 10  # how far a shadow may reach; less than half the gap, so that no card covers another's


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of the page, in whole pixels."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def right_px(self) -> int:
        """The first column behind it."""
        return self.left_px + self.width_px

    @property
    def bottom_px(self) -> int:
        """The first row below it."""
        return self.top_px + self.height_px


def lay_card(canvas: Image.Image, place: Place, fill: Colour) -> None:
    """Draw an empty card with its shadow onto paper."""
    card = _card(place.width_px, place.height_px, fill)
    canvas.paste(card, (place.left_px - _BLEED_PX, place.top_px - _BLEED_PX))


@lru_cache(maxsize=64)
def rounded(width_px: int, height_px: int, radius_px: int, *, top_only: bool = False) -> Image.Image:
    """The mask ("L") of a rectangle with smooth round corners; shared, so not to be drawn on."""
    # Four times the size, then averaged: Pillow's own round corners have steps.
    large = Image.new("L", (4 * width_px, 4 * height_px))
    corners = (True, True, not top_only, not top_only)
    box = (0, 0, 4 * width_px - 1, 4 * height_px - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, 4 * radius_px, fill=255, corners=corners)
    return large.reduce(4)


@lru_cache(maxsize=16)
def _card(width_px: int, height_px: int, fill: Colour) -> Image.Image:
    card = Image.new("RGB", (width_px + 2 * _BLEED_PX, height_px + 2 * _BLEED_PX), PAPER)
    shape = rounded(width_px, height_px, RADIUS_PX)
    shadow = Image.new("L", card.size)
    shadow.paste(46, (_BLEED_PX, _BLEED_PX + 3), shape)
    card.paste(INK, (0, 0), shadow.filter(ImageFilter.GaussianBlur(3)))
    card.paste(fill, (_BLEED_PX, _BLEED_PX), shape)
    return card
