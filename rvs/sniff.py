"""What untrusted bytes are, how large a picture they announce, and the part of them a decoder needs.

Reads headers with plain byte arithmetic: no pixel is decoded here, nothing is allocated because a header
asks for it, and Pillow is unknown. Metadata stays behind, all but EXIF, which says which way is up: comments,
colour profiles and maker notes only serve to make decoders stumble, warn or swell.
"""

import codecs
import re
import struct
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from rvs.errors import NotAnImageError, TruncatedError, UnsupportedError

NAMES = {k: k for k in ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF")} | {"HEIF": "HEIC", "WEBP": "WebP"}
"""The formats that are read, and what a person calls them."""

_Key = TypeVar("_Key")
_Parts: TypeAlias = tuple[int, int, bytes, bytes]  # width, height, essence, EXIF: see Header

_SEND_A_PHOTO = "Send a photo as JPEG, PNG, WebP or HEIC."
_SEND_A_FRAME = "Send a single frame as JPEG or PNG."
_SEND_THE_PICTURE = "Send the picture itself as JPEG or PNG."
_CONVERT = "Save it as JPEG or PNG and send that."
_SEND_AGAIN = "Send the original file again, or open it and save it anew as JPEG or PNG."

# How files begin.
_READ_HERE = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\x00", b"MM\x00*"),
}
_OTHER_PICTURES = {
    "an icon (ICO)": (b"\x00\x00\x01\x00", b"icns"),
    "a mouse pointer (CUR)": (b"\x00\x00\x02\x00",),
    "a Photoshop document (PSD)": (b"8BPS",),
    "a GIMP document (XCF)": (b"gimp xcf",),
    "a JPEG XL picture": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    "a JPEG 2000 picture": (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"),
    "a JPEG XR picture": (b"II\xbc\x01",),
    "a BigTIFF picture": (b"II+\x00", b"MM\x00+"),
    "a raw camera picture": (b"IIU\x00", b"IIRO", b"FUJIFILMCCD-RAW"),
    "an HDR picture": (b"v/1\x01", b"#?RADIANCE"),
    "a DDS, QOI, MNG or Netpbm picture": (b"DDS ", b"qoif", b"\x8aMNG", b"P4\n", b"P5\n", b"P6\n"),
    "a Windows metafile (WMF)": (b"\xd7\xcd\xc6\x9a",),
}
_NOT_PICTURES = {
    ("a video", _SEND_A_FRAME): (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"FLV\x01", b"0&\xb2u", b"RIFF"),
    ("a sound file", _SEND_A_PHOTO): (b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"fLaC"),
    ("a PDF document", _SEND_THE_PICTURE): (b"%PDF",),
    ("a document", _SEND_THE_PICTURE): (b"%!PS", b"{\\rtf", b"\xd0\xcf\x11\xe0"),
    ("an archive or office document", _SEND_THE_PICTURE): (
        b"PK\x03\x04",
        b"Rar!",
        b"7z\xbc\xaf",
        b"\x1f\x8b",
    ),
    ("a program", _SEND_A_PHOTO): (b"\x7fELF", b"MZ"),
}
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_PICTURE_BRANDS = {b"mif1", b"mif2", b"mif3", b"msf1", b"miaf"}  # the other brands say of which kind
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"M4P "}
_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}

_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # those that have a length, and the end
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_FRAMES_READ = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # the others are lossless or hierarchical
_JPEG_METADATA = (set(range(0xE1, 0xF0)) - {0xEE}) | {0xFE}  # APP0 and APP14 stay: they tell the colours
_MAX_SCANS = 100  # a progressive photo has about ten, and each costs a pass over the whole picture
_MAX_PARTS = 100_000  # segments or chunks; a file with more of them is made to cost time
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_ISPE = re.compile(rb"\x00\x00\x00\x14ispe\x00\x00\x00\x00(.{4})(.{4})", re.DOTALL)  # width, height
_EXIF_ITEM = re.compile(rb"(infe\x02.{7}|infe\x03.{9})Exif", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself, and the file without its metadata.

    Attributes:
        format: one of `NAMES`.
        width_px: announced width as stored, before EXIF turns the picture; 0 or more, and it may lie.
        height_px: announced height, likewise.
        essence: a file of the same format with what it takes to decode its first picture.
        exif: the EXIF block; empty where there is none, and where the decoder finds it by itself.
    """

    format: str
    width_px: int
    height_px: int
    essence: bytes
    exif: bytes = b""


def damaged(kind: str) -> TruncatedError:
    """The error for a picture of format `kind` (one of `NAMES`) that cannot be decoded."""
    return TruncatedError(f"This {NAMES[kind]} picture ends early or is damaged.", hint=_SEND_AGAIN)


def exotic(kind: str, what: str) -> UnsupportedError:
    """The error for a picture of format `kind` that has `what`, which is not read here."""
    return UnsupportedError(f"This {NAMES[kind]} picture has {what}, which is not read here.", hint=_CONVERT)


def _not_a_photo(what: str, hint: str) -> NotAnImageError:
    return NotAnImageError(f"This is {what}, not a photo.", hint=hint)


def _lookup(data: bytes, table: dict[_Key, tuple[bytes, ...]]) -> _Key | None:
    return next((key for key, magics in table.items() if data.startswith(magics)), None)


def recognise(data: bytes) -> str:
    """Tell the format of `data` from how it begins: one of `NAMES`.

    Raises:
        NotAnImageError: video, sound, document, archive, program, text, drawing, noise.
        UnsupportedError: a picture of another format.
        TruncatedError: fewer bytes than it takes to tell.
    """
    if name := _lookup(data, _READ_HERE):
        return name
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        raise _not_a_photo("a sound file", _SEND_A_PHOTO)
    if data[4:8] in _BOXES:
        return _recognise_container(data)
    if other := _lookup(data, _OTHER_PICTURES):
        raise UnsupportedError(f"This is {other}, which is not read here.", hint=_CONVERT)
    if what_and_hint := _lookup(data, _NOT_PICTURES):
        raise _not_a_photo(*what_and_hint)
    for name, magics in _READ_HERE.items():
        if any(magic.startswith(data) for magic in magics):
            raise damaged(name)
    raise _text_or_noise(data[:1024])


def _recognise_container(data: bytes) -> str:
    # One layout of boxes carries HEIC, AVIF, MP4 and QuickTime; brands of four letters tell them apart.
    major = data[8:12]
    brands = {major}
    if major in _PICTURE_BRANDS:
        end = min(int.from_bytes(data[:4], "big"), 512)
        brands |= {data[pos : pos + 4] for pos in range(16, end, 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & (_HEIF_BRANDS | _PICTURE_BRANDS):
        return "HEIF"
    if major == b"crx ":
        raise UnsupportedError("This is a raw camera picture, which is not read here.", hint=_CONVERT)
    if major in _SOUND_BRANDS:
        raise _not_a_photo("a sound file", _SEND_A_PHOTO)
    raise _not_a_photo("a video", _SEND_A_FRAME)


def _text_or_noise(head: bytes) -> NotAnImageError:
    noise = NotAnImageError("This is not a picture of any known kind.", hint=_SEND_A_PHOTO)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:  # incremental, because `head` may end in the middle of a character
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return noise
    text = text.lstrip("\ufeff \t\r\n").lower()
    if any(letter < " " and not letter.isspace() for letter in text):
        return noise
    if "<svg" in text:
        return _not_a_photo("a drawing (SVG)", _SEND_A_PHOTO)
    if text.startswith(("<!doctype html", "<html")):
        return _not_a_photo("a web page", "Save the picture itself and send that.")
    return _not_a_photo("text", _SEND_A_PHOTO)


def read_header(kind: str, data: bytes) -> Header:
    """Read the header of `data`, which `recognise` called `kind`.

    Raises:
        TruncatedError: it ends before the header does, or makes no sense.
        UnsupportedError: a rare variant that is not read here.
    """
    readers = {"AVIF": _container, "HEIF": _container, "BMP": _bmp, "GIF": _gif, "JPEG": _jpeg, "PNG": _png}
    readers |= {"WEBP": _webp}
    try:
        return Header(kind, *readers[kind](data))
    except (ValueError, IndexError, struct.error) as error:
        raise damaged(kind) from error


def _jpeg(data: bytes) -> _Parts:
    size: tuple[int, int] | None = None
    exif, scans, pos = b"", 0, 2
    parts = [data[:2]]
    for _ in range(_MAX_PARTS):
        marker = _JPEG_MARKER.search(data, pos)
        if scans:  # what lies between two markers is the picture itself
            parts.append(data[pos : marker.start() if marker else len(data)])
        if marker is None or marker[0] == b"\xff\xd9":  # after the end: a second picture (MPO), a clip
            parts.append(b"\xff\xd9" if marker else b"")
            break
        code, pos = marker[0][1], marker.end()
        (length,) = struct.unpack_from(">H", data, pos)
        segment = data[pos : pos + length]
        pos += length
        if code == 0xE1 and segment[2:8] == b"Exif\x00\x00":
            exif = exif or segment[2:]
        if code in _JPEG_FRAMES:
            bits, height, width, layers = struct.unpack_from(">BHHB", segment, 2)
            size = size or (width, height)
            if bits != 8 or layers not in (1, 3, 4) or code not in _JPEG_FRAMES_READ:
                raise exotic("JPEG", "a rare kind of compression")
        scans += code == 0xDA
        if scans > _MAX_SCANS:
            raise exotic("JPEG", "too many scans")
        if code not in _JPEG_METADATA:
            parts.append(marker[0] + segment)
    else:
        raise exotic("JPEG", "too many segments")
    if size is None:
        raise ValueError("no frame header")
    return (*size, b"".join(parts), exif)


def _png(data: bytes) -> _Parts:
    if data[12:16] != b"IHDR":
        raise ValueError("the header is not the first chunk")
    width, height = struct.unpack_from(">II", data, 16)
    exif, pos = b"", 8
    parts = [data[:8]]
    for _ in range(_MAX_PARTS):
        length, chunk = struct.unpack_from(">I4s", data, pos)
        end = pos + 12 + length
        if chunk == b"eXIf":
            exif = data[pos + 8 : end - 4]
        elif chunk in _PNG_CHUNKS:
            parts.append(data[pos:end])
        pos = end
        if chunk == b"IEND" or pos >= len(data):
            return width, height, b"".join(parts), exif
    raise exotic("PNG", "too many chunks")


def _webp(data: bytes) -> _Parts:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif chunk == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ValueError("unknown first chunk")
    return width, height, data, b""


def _gif(data: bytes) -> _Parts:
    start = pos = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    control = b""
    while data[pos] == 0x21:  # an extension: label, then blocks that begin with their length, then a zero
        block, label = pos, data[pos + 1]
        pos += 2
        while length := data[pos]:
            pos += 1 + length
        pos += 1
        if label == 0xF9:  # the one that names the transparent colour
            control = data[block:pos]
    if data[pos] != 0x2C:
        raise ValueError("no picture after the extensions")
    screen_width, screen_height = struct.unpack_from("<HH", data, 6)
    left, top, width, height = struct.unpack_from("<4H", data, pos + 1)
    # A picture may reach beyond the screen that the file announces; the screen then grows.
    size = (max(screen_width, left + width), max(screen_height, top + height))
    return (*size, data[:6] + struct.pack("<HH", *size) + data[10:start] + control + data[pos:], b"")


def _bmp(data: bytes) -> _Parts:
    width, height = struct.unpack_from("<HH" if data[14] == 12 else "<Ii", data, 18)
    return width, abs(height), data, b""  # a negative height: the rows go from top to bottom


def _container(data: bytes) -> _Parts:
    # The largest item is the picture; the others are its tiles, thumbnail or depth.
    sizes = [struct.unpack(">II", match[1] + match[2]) for match in _ISPE.finditer(data)]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    # These formats say by other means which way is up, so their EXIF item gets a name that nobody reads.
    return width, height, _EXIF_ITEM.sub(rb"\1skip", data), b""
