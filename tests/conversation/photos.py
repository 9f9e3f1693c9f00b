"""The photos that people post in these tests, each as a file."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from rvs.arrays import Pixels

GROUP_SIDES_PX = (220, 320, 480)
"""The sides of the three portraits in the group, from the left."""


@dataclass(frozen=True, slots=True)
class Photos:
    """One photo of each kind.

    Attributes:
        portrait: one good face.
        group: the same face three times, in three sizes.
        blurred: a face that cannot be told from others.
        noise: no face.
        bomb: a small PNG of 100 megapixels.
    """

    portrait: bytes
    group: bytes
    blurred: bytes
    noise: bytes
    bomb: bytes


def make_photos(pixels: Pixels) -> Photos:
    """All of them, from the pixels of a portrait."""
    portrait = Image.fromarray(pixels)
    group = Image.new("RGB", (sum(GROUP_SIDES_PX), max(GROUP_SIDES_PX)), "gray")
    left = 0
    for side in GROUP_SIDES_PX:
        group.paste(portrait.resize((side, side)), (left, 0))
        left += side
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    return Photos(
        portrait=file_of(portrait),
        group=file_of(group),
        blurred=file_of(portrait.filter(ImageFilter.GaussianBlur(6))),
        noise=file_of(Image.fromarray(noise)),
        bomb=_bomb(10_000),
    )


def file_of(picture: Image.Image, kind: str = "JPEG") -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def _bomb(side_px: int) -> bytes:
    """A black square PNG, made without ever holding its pixels."""
    header = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    row = bytes(1 + (side_px + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side_px)) + packer.flush()
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
