"""Reading photos: every format, every orientation, every mode, every refusal. All pictures are made here."""

import hashlib
import io
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import (
    ConfigError,
    EmptyPhotoError,
    LookalikeError,
    NotAnImageError,
    PhotoError,
    TooLargeError,
    TooManyPixelsError,
    TruncatedError,
    UnsupportedError,
)
from rvs.photo import Photo, PhotoLimits, read_photo
from rvs.tiff import orientation_of

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
QUARTERS = [[RED, GREEN], [BLUE, WHITE]]  # of `quarters`, upright


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red and green over blue and white: no turn or flip leaves it as it is."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for row in (0, 1):
        for column in (0, 1):
            rows = slice(row * height // 2, (row + 1) * height // 2)
            pixels[rows, column * width // 2 : (column + 1) * width // 2] = QUARTERS[row][column]
    return Image.fromarray(pixels)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, **{"quality": 90} | options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = "Somebody & Sons"
    return block.tobytes()


def quarters_seen(pixels: Pixels) -> list[list[tuple[int, ...]]]:
    """The colours in the middles of the four quarters, each channel made 0 or 255."""
    height, width = pixels.shape[:2]
    return [
        [tuple(255 * (int(c) > 127) for c in pixels[y, x]) for x in (width // 4, 3 * width // 4)]
        for y in (height // 4, 3 * height // 4)
    ]


def check(photo: Photo) -> None:
    """What holds for every photo that is read."""
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == (photo.height_px, photo.width_px, 3)
    assert photo.pixels.flags.c_contiguous
    assert not photo.pixels.flags.writeable
    assert photo.source_width_px >= photo.width_px >= 1
    assert photo.source_height_px >= photo.height_px >= 1
    assert photo.reduction >= 1


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_announcing(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + png_chunk(b"IEND", b"")


def announcing(kind: str, width: int, height: int) -> bytes:
    """A small file of each format whose header claims another size."""
    if kind == "PNG":
        return png_announcing(width, height)
    data = encode(quarters(), kind)
    if kind in ("AVIF", "HEIF"):
        size = struct.pack(">II", width, height)
        return re.sub(rb"(\x14ispe\x00{4}).{8}", lambda m: m[1] + size, data, flags=re.DOTALL)
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]
    if kind == "TIFF":
        for tag, side in ((256, width), (257, height)):
            entry = struct.pack("<HHI", tag, 4, 1)
            data = re.sub(
                struct.pack("<H", tag) + rb"[\x03\x04]\x00\x01\x00\x00\x00....", b"@@@@@@@@@@@@", data
            )
            data = data.replace(b"@@@@@@@@@@@@", entry + struct.pack("<I", side))
        return data
    at, layout = {"BMP": (18, "<II"), "GIF": (6, "<HH"), "WEBP": (26, "<HH")}[kind]
    return data[:at] + struct.pack(layout, width, height) + data[at + struct.calcsize(layout) :]


# --- What is read


@pytest.mark.parametrize("kind", FORMATS)
def test_reads_every_format(kind: str) -> None:
    data = encode(quarters(), kind)
    photo = read_photo(data)
    check(photo)
    assert photo.format == kind
    assert (photo.width_px, photo.height_px) == (64, 48)
    assert (photo.source_width_px, photo.source_height_px) == (64, 48)
    assert photo.reduction == 1
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert quarters_seen(photo.pixels) == QUARTERS


@pytest.mark.parametrize("kind", ["BMP", "GIF", "PNG", "TIFF"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    image = quarters()
    assert np.array_equal(read_photo(encode(image, kind)).pixels, np.asarray(image))


def test_reads_lossless_webp_exactly() -> None:
    image = quarters()
    assert np.array_equal(read_photo(encode(image, "WEBP", lossless=True)).pixels, np.asarray(image))


def test_reads_progressive_jpeg() -> None:
    assert quarters_seen(read_photo(encode(quarters(), "JPEG", progressive=True)).pixels) == QUARTERS


def test_reads_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a photo.bin"  # the name says nothing: only the bytes count
    path.write_bytes(encode(quarters(), "PNG"))
    assert read_photo(path).format == "PNG"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP", "AVIF"])
def test_of_several_pictures_reads_the_first(kind: str) -> None:
    others = [Image.new("RGB", (64, 48), BLACK)] * 2
    data = encode(quarters(), kind, save_all=True, append_images=others)
    assert quarters_seen(read_photo(data).pixels) == QUARTERS


def test_of_a_phones_double_jpeg_reads_the_first() -> None:
    data = encode(quarters(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    photo = read_photo(data)
    assert photo.format == "JPEG"
    assert quarters_seen(photo.pixels) == QUARTERS


def test_a_clip_behind_a_jpeg_is_ignored() -> None:
    clip = b"\x00\x00\x00\x18ftypmp42" + b"\xff\xda\xff\xc0" * 1000
    assert quarters_seen(read_photo(encode(quarters(), "JPEG") + clip).pixels) == QUARTERS


def test_gif_picture_beyond_its_screen() -> None:
    data = encode(quarters(), "GIF")
    photo = read_photo(data[:6] + struct.pack("<HH", 1, 1) + data[10:])
    assert quarters_seen(photo.pixels) == QUARTERS


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_reads_compressed_tiff(compression: str) -> None:
    assert quarters_seen(read_photo(encode(quarters(), "TIFF", compression=compression)).pixels) == QUARTERS


def test_reads_big_endian_tiff() -> None:
    pixels = bytes(range(12))
    values = ((256, 2), (257, 2), (258, 8), (259, 1), (262, 2), (273, 8), (277, 3), (278, 2), (279, 12))
    directory = struct.pack(">H", len(values)) + b"".join(
        struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in values
    )
    photo = read_photo(b"MM\x00*" + struct.pack(">I", 20) + pixels + directory + bytes(4))
    assert photo.pixels.ravel().tolist() == list(range(12))


# --- Which way is up


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_photos_upright(kind: str, orientation: int) -> None:
    turn, flip = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (3, 0), 7: (1, 1), 8: (1, 0)}[
        orientation
    ]
    expected = np.rot90(np.array(QUARTERS), turn)
    expected = expected[:, ::-1] if flip else expected
    photo = read_photo(encode(quarters(), kind, exif=exif(orientation)))
    assert quarters_seen(photo.pixels) == [[tuple(c) for c in row] for row in expected.tolist()]
    sides = (48, 64) if orientation >= 5 else (64, 48)
    assert (photo.width_px, photo.height_px) == sides
    assert (photo.source_width_px, photo.source_height_px) == sides


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_containers_turn_once_and_ignore_their_exif(kind: str) -> None:
    data = encode(quarters(), kind, exif=exif(6))
    upright = read_photo(data).pixels
    assert b"irot" in data
    # The format's own rotation counts; whatever orientation the EXIF names must make no difference.
    for value in range(1, 9):
        entry = struct.pack(">HHIHH", 0x0112, 3, 1, value, 0)
        maker = data.index(b"\x01\x0f\x00\x02")  # the entry that gives way
        told = data[:maker] + entry + data[maker + len(entry) :]
        assert np.array_equal(read_photo(told).pixels, upright)


CORRUPT_EXIF = {
    "noise": b"\x07\xff\x00" * 40,
    "empty": b"",
    "no such orientation": exif(99),
    "cut": exif(6)[:20],
    "far away directory": b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
    "endless directory": b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\x00" * 30,
    "text beyond the end": b"Exif\x00\x00II*\x00" + struct.pack("<IHHHII", 8, 1, 0x010F, 2, 65535, 65535),
}


@pytest.mark.parametrize("block", CORRUPT_EXIF.values(), ids=CORRUPT_EXIF)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_corrupt_exif_does_not_cost_the_photo(kind: str, block: bytes) -> None:
    assert orientation_of(block) == 1
    plain = encode(quarters(), kind)
    body = block.removeprefix(b"Exif\x00\x00")
    if kind == "JPEG":
        body = b"Exif\x00\x00" + body
        data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]
    elif kind == "PNG":
        data = plain[:33] + png_chunk(b"eXIf", body) + plain[33:]
    else:
        body += bytes(len(body) % 2)
        chunks = b"VP8X" + struct.pack("<IIHBHB", 10, 8, 63, 0, 47, 0)
        chunks += plain[12:] + b"EXIF" + struct.pack("<I", len(body)) + body
        data = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
    assert quarters_seen(read_photo(data).pixels) == QUARTERS


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_corrupt_exif_does_not_cost_a_container(kind: str) -> None:
    data = encode(quarters(), kind, exif=exif(1))
    start, end = data.index(b"MM\x00*"), data.index(b"Somebody")
    broken = data[:start] + b"\xff" * (end - start) + data[end:]
    assert quarters_seen(read_photo(broken).pixels) == QUARTERS


@pytest.mark.parametrize(
    "segment", [b"JFIF\x00", b"Photoshop 3.0\x008BIM\x03\xed\x00", b"ICC_PROFILE\x00", b"MPF\x00II*\x00", b""]
)
@pytest.mark.parametrize("marker", [b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xfe"])
def test_corrupt_metadata_does_not_cost_a_jpeg(marker: bytes, segment: bytes) -> None:
    plain = encode(quarters(), "JPEG")
    data = plain[:2] + marker + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
    assert quarters_seen(read_photo(data).pixels) == QUARTERS


def test_corrupt_metadata_does_not_cost_a_png() -> None:
    plain = encode(quarters(), "PNG")
    for chunk in (b"acTL", b"iCCP", b"zTXt", b"iTXt", b"pHYs", b"gAMA"):
        data = plain[:33] + png_chunk(chunk, b"\x00\x01\xff")[:-1] + b"?" + plain[33:]
        assert quarters_seen(read_photo(data).pixels) == QUARTERS


def test_corrupt_metadata_does_not_cost_a_tiff() -> None:
    data = encode(quarters(), "TIFF", description="Somebody", software="Something")
    for tag in (270, 305):
        entry = struct.pack("<HH", tag, 2)
        assert entry in data
        data = data.replace(entry + data[data.index(entry) + 4 :][:8], entry + b"\xff" * 8)
    assert quarters_seen(read_photo(data).pixels) == QUARTERS


# --- Modes


def grey_ramp(dtype: str, top: float) -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, top, 64), (48, 1)).astype(dtype))


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("PNG", grey_ramp("uint8", 255)),
        ("PNG", grey_ramp("uint16", 65535)),
        ("TIFF", grey_ramp("uint16", 65535)),
        ("TIFF", grey_ramp("int32", 255)),
        ("TIFF", grey_ramp("int32", 65535)),
        ("TIFF", grey_ramp("int32", 2**31 - 1)),
        ("TIFF", grey_ramp("float32", 1)),
        ("TIFF", grey_ramp("float32", 255)),
        ("TIFF", grey_ramp("float32", 65535)),
        ("TIFF", grey_ramp("float32", 3e38)),
        ("JPEG", grey_ramp("uint8", 255)),
        ("WEBP", grey_ramp("uint8", 255)),
        ("AVIF", grey_ramp("uint8", 255)),
        ("HEIF", grey_ramp("uint8", 255)),
    ],
)
def test_grey_of_any_depth_keeps_its_range(kind: str, image: Image.Image) -> None:
    pixels = read_photo(encode(image, kind)).pixels.astype(int)
    assert np.abs(pixels - np.linspace(0, 255, 64)[None, :, None]).max() <= 4


def test_negative_and_missing_values_are_scaled_too() -> None:
    values = np.array([[-1.0, 0.0], [1.0, np.nan]], np.float32)
    assert read_photo(encode(Image.fromarray(values), "TIFF")).pixels[:, :, 0].tolist() == [
        [0, 128],
        [255, 128],
    ]


def test_sixteen_bits_a_colour() -> None:
    rows = np.array([[[0, 0, 0], [65535, 0, 0]], [[32768, 65535, 0], [65535] * 3]], ">u2")
    raw = b"".join(b"\x00" + row.tobytes() for row in rows)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(raw)) + png_chunk(b"IEND", b"")
    assert np.array_equal(read_photo(data).pixels, rows >> 8)


def test_one_bit() -> None:
    image = Image.fromarray(np.eye(16, dtype=bool))
    for kind in ("PNG", "TIFF", "BMP"):
        assert np.array_equal(read_photo(encode(image, kind)).pixels[:, :, 1], 255 * np.eye(16, dtype=int))


def test_palette() -> None:
    image = quarters().quantize(4)
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        assert quarters_seen(read_photo(encode(image, kind)).pixels) == QUARTERS


def test_cmyk() -> None:
    for kind in ("JPEG", "TIFF"):
        assert quarters_seen(read_photo(encode(quarters().convert("CMYK"), kind)).pixels) == QUARTERS


def test_fax_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="compression"):
        read_photo(encode(Image.new("1", (8, 8)), "TIFF", compression="group4"))


def test_lab_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="Lab"):
        read_photo(encode(Image.new("LAB", (8, 8)), "TIFF"))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_transparency_becomes_white(kind: str, mode: str) -> None:
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 32, 24))
    image.paste((0, 0, 0, 128), (32, 0, 64, 24))
    pixels = read_photo(encode(image.convert(mode), kind)).pixels.astype(int)
    for (y, x), grey in {(12, 16): 255, (12, 48): 127, (36, 16): 0, (36, 48): 0}.items():
        assert np.abs(pixels[y, x] - grey).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entry_becomes_white(kind: str) -> None:
    image = quarters().quantize(4)
    red = image.getpixel((0, 0))
    seen = quarters_seen(read_photo(encode(image, kind, transparency=red)).pixels)
    assert seen == [[WHITE, GREEN], [BLUE, WHITE]]


def test_palette_with_an_alpha_for_each_entry() -> None:
    image = quarters().quantize(4)
    alphas = bytearray(b"\xff" * 4)
    alphas[int(str(image.getpixel((63, 0))))] = 0
    assert quarters_seen(read_photo(encode(image, "PNG", transparency=bytes(alphas))).pixels) == [
        [RED, WHITE],
        [BLUE, WHITE],
    ]


@pytest.mark.parametrize(("mode", "colour"), [("RGB", RED), ("L", 76)])
def test_transparent_colour_becomes_white(mode: str, colour: Any) -> None:
    photo = read_photo(encode(quarters().convert(mode), "PNG", transparency=colour))
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]
    assert photo.pixels[0, 63].tolist() != [255, 255, 255]


# --- Reduction


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("side", [99, 100, 199, 200, 201, 399, 400, 1000, 1601])
def test_large_photos_are_reduced_to_the_working_side(kind: str, side: int, orientation: int) -> None:
    data = encode(quarters(side, side * 3 // 4), kind, exif=exif(orientation))
    photo = read_photo(data, PhotoLimits(working_side_px=100))
    check(photo)
    longer = max(photo.width_px, photo.height_px)
    assert longer < 200
    assert longer >= min(side, 100)
    assert max(photo.source_width_px, photo.source_height_px) == side
    assert photo.reduction == pytest.approx(photo.source_height_px / photo.height_px, rel=0.05)
    assert photo.width_px / photo.height_px == pytest.approx(
        photo.source_width_px / photo.source_height_px, rel=0.05
    )
    if orientation == 1:
        assert quarters_seen(photo.pixels) == QUARTERS


def test_every_format_is_reduced_alike() -> None:
    limits = PhotoLimits(working_side_px=50)
    sizes = {read_photo(encode(quarters(333, 221), kind), limits).pixels.shape for kind in FORMATS}
    assert sizes == {(56, 84, 3)}


def test_narrow_photos_keep_a_pixel_of_width() -> None:
    for kind in ("JPEG", "PNG"):
        photo = read_photo(encode(Image.new("RGB", (5000, 2)), kind), PhotoLimits(working_side_px=100))
        assert photo.pixels.shape == (1, 157, 3)


def test_a_large_jpeg_is_never_decoded_in_full() -> None:
    data = encode(Image.new("L", (8000, 6000), 90), "JPEG")
    tracemalloc.start()
    photo = read_photo(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert photo.pixels.shape == (1500, 2000, 3)
    assert peak < 4 * photo.pixels.nbytes


def test_colours_are_averaged_not_palette_numbers() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = RED
    for image in (Image.fromarray(stripes), Image.fromarray(stripes).quantize(4)):
        pixels = read_photo(encode(image, "PNG"), PhotoLimits(working_side_px=100)).pixels.astype(int)
        assert np.abs(pixels - (128, 0, 0)).max() <= 1


# --- Limits


def test_limits_make_sense() -> None:
    for limits in ({"max_bytes": 0}, {"max_pixels": -1}, {"working_side_px": 0}, {"max_pixels": 10**9}):
        with pytest.raises(ConfigError):
            PhotoLimits(**limits)


def test_too_many_bytes(tmp_path: Path) -> None:
    data = encode(quarters(), "BMP")
    path = tmp_path / "large.bmp"
    path.write_bytes(data)
    assert read_photo(data, PhotoLimits(max_bytes=len(data)))
    source: bytes | Path
    for source in (data, path):
        with pytest.raises(TooLargeError, match="MB") as refusal:
            read_photo(source, PhotoLimits(max_bytes=len(data) - 1))
        assert refusal.value.hint


@pytest.mark.parametrize("kind", FORMATS)
def test_pixels_are_counted_before_they_are_decoded(kind: str) -> None:
    width, height = (16_000, 16_000) if kind == "WEBP" else (50_000, 50_000)  # all that fits into its header
    data = announcing(kind, width, height)
    if kind == "HEIF":
        read_photo(encode(quarters(), "HEIF"))  # the import of the codecs would be counted too
    tracemalloc.start()
    with pytest.raises(TooManyPixelsError, match="million") as refusal:
        read_photo(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert f"{width:,} x {height:,}" in refusal.value.message


@pytest.mark.parametrize("kind", FORMATS)
def test_the_limit_itself_is_allowed(kind: str) -> None:
    data = encode(quarters(64, 64), kind)  # HEIC pads to multiples of 64, and counts what it pads
    assert read_photo(data, PhotoLimits(max_pixels=64 * 64))
    with pytest.raises(TooManyPixelsError):
        read_photo(data, PhotoLimits(max_pixels=64 * 64 - 1))


@pytest.mark.parametrize("kind", ["BMP", "GIF", "HEIF", "AVIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_without_pixels(kind: str) -> None:
    data = announcing(kind, 0, 48)
    if kind == "GIF":  # its screen grows with its picture, so that has to be empty too
        data = re.sub(rb",\x00{4}\x40\x00\x30\x00", b"," + bytes(8), data)
    with pytest.raises(EmptyPhotoError, match="no pixels"):
        read_photo(data)


def test_memory_that_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.Image.Image.convert", exhausted)
    with pytest.raises(TooManyPixelsError, match="memory") as refusal:
        read_photo(encode(quarters().quantize(4), "PNG"))
    assert isinstance(refusal.value.__cause__, MemoryError)


def test_a_jpeg_of_many_scans_is_refused() -> None:
    data = encode(quarters(), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    with pytest.raises(UnsupportedError, match="scans"):
        read_photo(data[:-2] + data[start:-2] * 200 + b"\xff\xd9")


def test_a_png_of_endless_chunks_is_refused() -> None:
    data = encode(quarters(), "PNG")
    with pytest.raises(UnsupportedError, match="chunks"):
        read_photo(data[:33] + png_chunk(b"tEXt", b"") * 150_000 + data[33:])


# --- Refusals

NOT_PHOTOS: dict[str, tuple[bytes, type[PhotoError], str]] = {
    "nothing": (b"", EmptyPhotoError, "empty"),
    "text": (b"Who do I look like?\n", NotAnImageError, "is text"),
    "text in another script": (("привет " * 300).encode(), NotAnImageError, "is text"),
    "UTF-16 text": ("\ufeffHello".encode("utf-16-le"), NotAnImageError, "is text"),
    "JSON": (b'{"error": "not found", "code": 404}', NotAnImageError, "is text"),
    "HTML": (b"\n<!DOCTYPE html><html><body>404</body></html>", NotAnImageError, "web page"),
    "SVG": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', NotAnImageError, "SVG"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", NotAnImageError, "PDF"),
    "MP4": (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + bytes(99), NotAnImageError, "video"),
    "MOV": (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + bytes(99), NotAnImageError, "video"),
    "old MOV": (b"\x00\x00\x00\x08wide\x00\x01\x00\x00mdat", NotAnImageError, "video"),
    "WebM": (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01webm", NotAnImageError, "video"),
    "AVI": (b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(99), NotAnImageError, "video"),
    "WAV": (b"RIFF\x00\x10\x00\x00WAVEfmt " + bytes(99), NotAnImageError, "sound"),
    "M4A": (b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00isom" + bytes(99), NotAnImageError, "sound"),
    "MP3": (b"ID3\x04\x00\x00" + bytes(99), NotAnImageError, "sound"),
    "ZIP": (b"PK\x03\x04\x14\x00" + bytes(99), NotAnImageError, "archive"),
    "program": (b"\x7fELF\x02\x01\x01" + bytes(99), NotAnImageError, "program"),
    "zeros": (bytes(1000), NotAnImageError, "not a picture"),
    "noise": (bytes(range(255, 0, -1)) * 9, NotAnImageError, "not a picture"),
    "Windows bitmap in name only": (b"BM is how this text begins", NotAnImageError, "is text"),
    "ICO": (b"\x00\x00\x01\x00\x01\x00" + bytes(99), UnsupportedError, "ICO"),
    "PSD": (b"8BPS\x00\x01" + bytes(99), UnsupportedError, "PSD"),
    "JPEG XL": (b"\xff\x0a" + bytes(99), UnsupportedError, "JPEG XL"),
    "JPEG XL in a container": (b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(99), UnsupportedError, "JPEG XL"),
    "JPEG 2000": (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(99), UnsupportedError, "JPEG 2000"),
    "BigTIFF": (b"II+\x00\x08\x00\x00\x00" + bytes(99), UnsupportedError, "BigTIFF"),
    "Canon raw": (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom" + bytes(9), UnsupportedError, "raw"),
    "PPM": (b"P6\n1 1\n255\n\x00\x00\x00", UnsupportedError, "Netpbm"),
    "beginning of a PNG": (b"\x89PN", TruncatedError, "PNG"),
    "12-bit JPEG": (
        b"\xff\xd8\xff\xc1\x00\x0b\x0c\x00\x08\x00\x08\x01\x01\x11\x00",
        UnsupportedError,
        "JPEG",
    ),
    "lossless JPEG": (
        b"\xff\xd8\xff\xc3\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00",
        UnsupportedError,
        "JPEG",
    ),
}


@pytest.mark.parametrize(("data", "error", "words"), NOT_PHOTOS.values(), ids=NOT_PHOTOS)
def test_each_refusal_has_its_own_sentence(data: bytes, error: type[PhotoError], words: str) -> None:
    with pytest.raises(PhotoError) as refusal:
        read_photo(data)
    assert type(refusal.value) is error
    assert words in refusal.value.message
    assert refusal.value.message.startswith("This ")
    assert refusal.value.message.endswith(".")
    assert refusal.value.hint.endswith(".")


def test_a_video_is_told_what_to_send() -> None:
    with pytest.raises(NotAnImageError) as refusal:
        read_photo(NOT_PHOTOS["MP4"][0])
    assert refusal.value.message == "This is a video, not a photo."
    assert refusal.value.hint == "Send a single frame as JPEG or PNG."


def test_refusals_do_not_quote_what_was_sent() -> None:
    for data in (b"top secret", b"{'secret': 1}", b"\x89PNG\r\n\x1a\n secret", b"\xff\xd8\xffsecret"):
        with pytest.raises(PhotoError) as refusal:
            read_photo(data)
        assert "secret" not in refusal.value.message + refusal.value.hint


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", FORMATS)
def test_pictures_that_end_early(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8))
    data = encode(noise, kind)
    with pytest.raises(TruncatedError, match="ends early or is damaged") as refusal:
        read_photo(data[: int(len(data) * share)])
    assert refusal.value.hint


def test_the_cause_is_kept_for_the_log() -> None:
    data = encode(quarters(), "PNG")
    with pytest.raises(TruncatedError) as refusal:
        read_photo(data[:60])
    assert refusal.value.__cause__ is not None


def test_paths_that_hold_no_photo(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    for path, words in (
        (tmp_path / "missing.jpg", "No such file"),
        (empty / "inside.jpg", "Not a directory"),
        (tmp_path, "folder"),
        (Path("zero\0byte"), "not a valid path"),
        (Path("long" * 2000), "too long"),
    ):
        with pytest.raises(PhotoError, match=words) as refusal:
            read_photo(path)
        assert str(path) in refusal.value.message
        assert refusal.value.hint
    with pytest.raises(EmptyPhotoError):
        read_photo(empty)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PhotoError, match="device"):
        read_photo(tmp_path / "pipe")


def test_a_path_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "private.jpg"
    path.write_bytes(b"?")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a test that runs as root may read everything
    with pytest.raises(PhotoError, match=r"private\.jpg cannot be read: Permission denied"):
        read_photo(path)


# --- Manners


def test_photos_do_not_print_their_pixels() -> None:
    assert "array" not in repr(read_photo(encode(quarters(), "PNG")))


def test_importing_it_is_cheap_and_leaves_pillow_as_it_was() -> None:
    code = (
        "import sys; from PIL import Image; before = Image.MAX_IMAGE_PIXELS; import rvs.photo;"
        "assert 'pillow_heif' not in sys.modules; assert before == Image.MAX_IMAGE_PIXELS"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_reading_heic_does_not_register_it_with_pillow() -> None:
    data = encode(quarters(), "HEIF")
    before = dict(Image.OPEN)  # other packages in the process may have registered it themselves
    read_photo(data)
    assert before == Image.OPEN


def test_threads_do_not_disturb_each_other() -> None:
    files = [encode(quarters(), kind) for kind in FORMATS] * 6
    broken = [data[: len(data) // 2] for data in files]

    def read(data: bytes) -> str | None:
        try:
            return hashlib.sha256(read_photo(data).pixels.tobytes()).hexdigest()
        except LookalikeError:
            return None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, files + broken)) == [read(data) for data in files + broken]


# --- Anything at all


@cache
def seeds() -> tuple[bytes, ...]:
    """Small valid files of every format and of their variants."""
    image = quarters(24, 16)
    alpha, palette = image.convert("RGBA"), image.quantize(4)
    alpha.putalpha(Image.linear_gradient("L").resize((24, 16)))
    variants: list[tuple[Image.Image, str, dict[str, Any]]] = [(image, kind, {}) for kind in FORMATS]
    variants += [(image, kind, {"exif": exif(6)}) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")]
    variants += [(alpha, kind, {}) for kind in ("PNG", "WEBP", "TIFF", "AVIF", "HEIF")]
    variants += [(palette, kind, {}) for kind in ("PNG", "GIF", "TIFF", "BMP")]
    variants += [
        (image, kind, {"save_all": True, "append_images": [palette]}) for kind in ("GIF", "PNG", "WEBP")
    ]
    variants += [
        (image, "TIFF", {"compression": name}) for name in ("tiff_lzw", "jpeg", "tiff_adobe_deflate")
    ]
    variants += [(image.convert("1"), "TIFF", {"compression": "group4"}), (image.convert("CMYK"), "JPEG", {})]
    variants += [
        (image, "JPEG", {"progressive": True}),
        (image, "MPO", {"save_all": True, "append_images": [image]}),
    ]
    variants += [(grey_ramp("uint16", 65535), "PNG", {}), (grey_ramp("float32", 1), "TIFF", {})]
    variants += [(image, "WEBP", {"lossless": True}), (palette, "GIF", {"transparency": 0})]
    return tuple(encode(picture, kind, **options) for picture, kind, options in variants)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file to which bad things happen: flips, cuts, insertions, deletions, splices."""
    data = bytearray(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 16))
        match draw(st.sampled_from(["flip", "set", "cut", "insert", "delete", "splice"])):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set":
                data[at : at + length] = draw(st.sampled_from([b"\x00", b"\xff", b"\x7f"])) * length
            case "cut":
                data = data[:at] if draw(st.booleans()) else data
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=16))
            case "delete":
                del data[at : at + length]
            case "splice":
                other = draw(st.sampled_from(seeds()))
                start = draw(st.integers(0, len(other)))
                data[at:] = other[start:]
    return bytes(data)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated() | st.binary(max_size=200))
@example(b"\xff\xd8\xff")
@example(b"RIFF\x00\x00\x00\x00WEBPVP8X")
@example(b"GIF89a")
@example(b"BM")
@example(b"\x00\x00\x00\x0cftypheic")
@example(b"II*\x00\x08\x00\x00\x00\x00\x00")
def test_whatever_is_sent_a_photo_or_one_of_our_errors(data: bytes) -> None:
    try:
        photo = read_photo(data, PhotoLimits(max_pixels=1_000_000))
    except LookalikeError:
        return
    check(photo)


@pytest.mark.parametrize(("kind", "read"), [("WEBP", False), ("AVIF", False), ("JPEG", True), ("PNG", True)])
def test_formats_whose_copying_holds_others_up_have_a_limit_of_their_own(kind: str, read: bool) -> None:
    file = io.BytesIO()
    Image.new("RGB", (50, 40), "teal").save(file, kind)
    limits = PhotoLimits(max_held_pixels=1999)
    if read:
        assert read_photo(file.getvalue(), limits).width_px == 50
    else:
        with pytest.raises(TooManyPixelsError, match=f"of {kind}"):
            read_photo(file.getvalue(), limits)
    assert read_photo(file.getvalue(), PhotoLimits(max_held_pixels=2000)).width_px == 50
