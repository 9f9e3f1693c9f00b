"""TIFF directories, which EXIF blocks are too: read without trust, and written anew with only what pixels need.

It knows numbers and offsets. Decoding is Pillow's business.
"""

import struct
from typing import TypeAlias

from rvs.sniff import Header, exotic

_Entry: TypeAlias = tuple[int, int, bytes]  # of a TIFF directory: type, count, four bytes of value or offset
# TIFF tags that say how pixels are stored, and the most values each may have: tables have one per strip.
_TIFF_TAGS = dict.fromkeys((256, 257, 259, 262, 266, 277, 278, 284, 317, 322, 323, 332), 1)
_TIFF_TAGS |= {258: 8, 273: 65_536, 279: 65_536, 320: 196_608, 324: 65_536, 325: 65_536, 338: 8, 339: 8}
_TIFF_TAGS |= {347: 65_536, 529: 3, 530: 2, 532: 6}
_TIFF_BYTES = {1: 1, 3: 2, 4: 4, 5: 8, 7: 1}  # per value of type BYTE, SHORT, LONG, RATIONAL, UNDEFINED
_TIFF_COMPRESSIONS = {1, 5, 7, 8, 32773, 32946}  # none, LZW, JPEG, deflate, PackBits; no fax, no relics


def orientation_of(exif: bytes) -> int:
    """The orientation that an EXIF block names, 1..8; 1 (upright) where it is absent or corrupt.

    `exif` is a TIFF structure, with or without the word Exif before it. Pillow could read it too, but warns
    about corrupt blocks, and warnings cannot be held back in one thread only.
    """
    try:
        order, entries = _tiff_entries(exif.removeprefix(b"Exif\x00\x00"))
        turn = _tiff_number(order, entries[0x0112])
    except (struct.error, KeyError):
        return 1
    return turn if 1 <= turn <= 8 else 1


def _tiff_entries(tiff: bytes) -> tuple[str, dict[int, _Entry]]:
    order = {b"II*\x00": "<", b"MM\x00*": ">"}[tiff[:4]]
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (length,) = struct.unpack_from(order + "H", tiff, start)
    raw = (struct.unpack_from(order + "HHI4s", tiff, start + 2 + 12 * number) for number in range(length))
    return order, {tag: (kind, count, value) for tag, kind, count, value in raw}


def _tiff_number(order: str, entry: _Entry) -> int:
    kind, _, value = entry
    return int(struct.unpack_from(order + {1: "B", 3: "H", 4: "I"}[kind], value)[0])


def read_tiff(data: bytes) -> Header:
    """The header of a TIFF, with an essence that has no metadata but how its pixels are stored.

    Its directory mixes both. So it is written anew after the end of the file, with the latter only; what its
    entries point at stays where it is.

    Raises:
        UnsupportedError: a rare kind of compression.
        struct.error, KeyError, ValueError: the directory is damaged.
    """
    order, entries = _tiff_entries(data)
    kept: dict[int, _Entry] = {}
    for tag, (kind, count, value) in sorted(entries.items()):
        if kind in _TIFF_BYTES and 1 <= count <= _TIFF_TAGS.get(tag, 0):
            size = count * _TIFF_BYTES[kind]
            if size <= 4 or struct.unpack(order + "I", value)[0] + size <= len(data):
                kept[tag] = (kind, count, value)
    if 259 in kept and _tiff_number(order, kept[259]) not in _TIFF_COMPRESSIONS:
        raise exotic("TIFF", "a rare kind of compression")
    directory = struct.pack(order + "H", len(kept))
    directory += b"".join(struct.pack(order + "HHI4s", tag, *entry) for tag, entry in kept.items()) + bytes(4)
    start = len(data) + len(data) % 2
    essence = data[:4] + struct.pack(order + "I", start) + data[8:].ljust(start - 8, b"\x00") + directory
    widths = [_tiff_number(order, kept[tag]) for tag in (256, 322) if tag in kept]  # a tile is decoded whole,
    heights = [_tiff_number(order, kept[tag]) for tag in (257, 323) if tag in kept]  # however large it is
    return Header("TIFF", max(widths), max(heights), essence, data)
