"""A finished canvas as a file that can be sent, never larger than it may be, with the words for it.

It knows how far quality and size may fall. What is on the canvas is none of its business.
"""

import io
from dataclasses import dataclass

from PIL import Image

from rvs.errors import ConfigError

_QUALITIES = (88, 80, 70, 58, 45, 30, 18, 10)
_NARROWEST_PX = 100


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that can be sent.

    Attributes:
        jpeg: the file's bytes.
        alt_text: what the picture shows, in words, at most 1024 characters.
        width_px: width of the picture; less than was drawn when it had to shrink to fit `max_bytes`.
        height_px: height of the picture.
    """

    jpeg: bytes
    alt_text: str
    width_px: int
    height_px: int


def encoded(canvas: Image.Image, words: str, max_bytes: int) -> Picture:
    """The canvas as a JPEG of at most `max_bytes`, in the best quality that fits, else half as large.

    Args:
        canvas: RGB; at least 1x1.
        words: the picture's `alt_text`.
        max_bytes: the most bytes the JPEG may have.

    Raises:
        ConfigError: `max_bytes` is too small for any picture.
    """
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            canvas.save(buffer, "JPEG", quality=quality)
            if buffer.tell() <= max_bytes:
                return Picture(buffer.getvalue(), words, canvas.width, canvas.height)
        if canvas.width < 2 * _NARROWEST_PX:
            break
        canvas = canvas.reduce(2)
    raise ConfigError(f"No picture fits into {max_bytes} bytes.", hint="Allow at least 100,000 bytes.")


def shrunk(jpeg: bytes, max_bytes: int) -> bytes:
    """A picture of ours again, as a JPEG of at most `max_bytes`.

    Raises:
        ConfigError: `max_bytes` is too small for any picture.
    """
    with Image.open(io.BytesIO(jpeg)) as picture:
        return encoded(picture.convert("RGB"), "", max_bytes).jpeg
