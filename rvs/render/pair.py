"""Two faces side by side and how alike they are: the answer to a comparison.

It draws what was measured in the look of the grid. The probability stays out of the picture: it is about
one pair out of equally many of both kinds, which two photos somebody picked are not.
"""

from typing import TYPE_CHECKING

from PIL import Image

from rvs.render import look
from rvs.render.crop import cropped
from rvs.render.jpeg import Picture, encoded
from rvs.render.lettering import Type, write
from rvs.render.look import MARGIN_PX, Place, lay_card, rounded
from rvs.render.phrases import closer_text

if TYPE_CHECKING:  # a picture needs the engine's words, not the engine
    from rvs.search import Comparison

_WIDTH_PX = 960
_CARD = Place(MARGIN_PX, MARGIN_PX, _WIDTH_PX - 2 * MARGIN_PX, 640)
_CHIP_PX = 424
_GAP_PX = 20
_HEIGHT_PX = _CARD.bottom_px + 73
_WORD = Type(76, 700)
_MEASURE = Type(36, 500)
_FOOTER = "A resemblance, not an identity."


def pair(comparison: "Comparison", *, max_bytes: int = 1_000_000) -> Picture:
    """Draw two faces side by side with the word and the percentile of their resemblance.

    Safe to call from several threads at once. The same input gives the same bytes.

    Args:
        comparison: its chips may have any shape; they are only read.
        max_bytes: the most bytes the JPEG may have. Quality is lowered for that, then size.

    Raises:
        ConfigError: `max_bytes` is too small for any picture, or the percentile is not within 0..100.
    """
    score = comparison.score
    measure = closer_text(score.percentile)
    canvas = Image.new("RGB", (_WIDTH_PX, _HEIGHT_PX), look.PAPER)
    lay_card(canvas, _CARD, look.CARD)
    middle = _WIDTH_PX // 2
    inset = (_CARD.width_px - 2 * _CHIP_PX - _GAP_PX) // 2
    for chip, left in zip(comparison.chips, (_CARD.left_px + inset, middle + _GAP_PX // 2), strict=True):
        if not chip.size:
            continue
        portrait = cropped(chip, None, (_CHIP_PX, _CHIP_PX))
        canvas.paste(portrait, (left, _CARD.top_px + inset), rounded(_CHIP_PX, _CHIP_PX, 12))
    bottom = _CARD.bottom_px
    write(canvas, score.word, (middle, bottom - 98), _WORD, colour=look.ACCENTS[score.word], align="centre")
    write(canvas, measure, (middle, bottom - 36), _MEASURE, colour=look.INK, align="centre")
    at = (middle, _HEIGHT_PX - MARGIN_PX)
    write(canvas, _FOOTER, at, look.NOTE, colour=look.MUTED, align="centre")
    words = f"Two faces side by side. Their resemblance: {score.word}, {measure}. {_FOOTER}"
    return encoded(canvas, words, max_bytes)
