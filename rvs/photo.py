"""Untrusted bytes in, an upright RGB array within limits out: the only place that trusts nobody.

Everything that can be wrong with a photo becomes one of our errors here, before anything costly happens. No
state, safe in threads; it has never heard of faces, chat or the command line.
"""

import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import Transpose
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from rvs.arrays import Pixels
from rvs.errors import ConfigError, EmptyPhotoError, PhotoError, TooLargeError, TooManyPixelsError
from rvs.sniff import Header, damaged, exotic, read_header, recognise
from rvs.tiff import orientation_of, read_tiff

# Pillow's plugins by format. They are called directly: `Image.open` would load all others, and warn.
_PLUGINS: dict[str, Callable[[BytesIO], ImageFile]] = {"AVIF": AvifImageFile, "BMP": BmpImageFile}
_PLUGINS |= {"GIF": GifImageFile, "JPEG": JpegImageFile, "PNG": PngImageFile}
_PLUGINS |= {"TIFF": TiffImageFile, "WEBP": WebPImageFile}
_MOST_PIXELS = 89_000_000  # with a little more, Pillow writes warnings
_SMALLER = "Send a smaller version of it."

_UPRIGHT = {2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM}
_UPRIGHT |= {5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270}
_UPRIGHT |= {7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90}  # what undoes each EXIF orientation


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """How much of a photo is accepted, and how much of it is kept.

    Attributes:
        max_bytes: 25 MiB, because photos of phones have 2 to 12, and chats rarely take more than 25.
        max_pixels: 50 million, because phones take 48; decoded they fill 200 MB. At most 89 million.
        max_held_pixels: 89 million, the same for WebP and AVIF. Their decoders copy the whole picture while they hold
            Python's lock (2.5 ms for each million pixels): a service that has to stay responsive sets less.
        working_side_px: larger photos are reduced until the longer side is under twice this, and no less than
            this. 1280, because the faces of a group photo stay large enough to be compared, and what follows
            has a known cost.

    Raises:
        ConfigError: a limit below 1, or more pixels than can be promised.
    """

    max_bytes: int = 25 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_held_pixels: int = _MOST_PIXELS
    working_side_px: int = 1280

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_pixels, self.max_held_pixels, self.working_side_px) < 1:
            raise ConfigError("The limits for photos have to be 1 or more.")
        if self.max_pixels > _MOST_PIXELS:
            raise ConfigError(f"Photos can have at most {_MOST_PIXELS:,} pixels.", hint="Lower max_pixels.")


DEFAULT_LIMITS = PhotoLimits()
"""The limits used where none are given."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo, decoded and upright.

    Attributes:
        pixels: (height, width, 3) uint8, RGB, C-contiguous, read-only.
        format: "JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF" or "HEIF".
        source_width_px: width of the photo as it was sent, upright, before any reduction.
        source_height_px: height, likewise.
        sha256: of the bytes that were sent, in hex.
    """

    pixels: Pixels = field(repr=False)
    format: str
    source_width_px: int
    source_height_px: int
    sha256: str

    @property
    def width_px(self) -> int:
        """Width of `pixels`."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height of `pixels`."""
        return int(self.pixels.shape[0])

    @property
    def reduction(self) -> float:
        """How many pixels of the source, along a side, one of `pixels` stands for: 1.0 or more."""
        return self.source_width_px / self.width_px


def read_photo(source: bytes | Path, limits: PhotoLimits = DEFAULT_LIMITS) -> Photo:
    """Decode a photo: JPEG, PNG, WebP, GIF, AVIF, BMP, TIFF or HEIC, of which the first picture.

    Transparent parts become white. Photos larger than `limits.working_side_px` allows are reduced by 2, 4, 8.

    Args:
        source: the bytes of the file, or where it is.
        limits: checked before pixels are decoded: first the bytes, then the size the header announces.

    Raises:
        EmptyPhotoError: no bytes, or a picture of no width or height.
        TooLargeError: more bytes than the limit.
        TooManyPixelsError: more pixels than the limit, or than there is memory for.
        NotAnImageError: not a picture at all.
        UnsupportedError: a picture of another format, or a rare variant.
        TruncatedError: a picture that ends early or is damaged.
        PhotoError: the file cannot be read.
    """
    data = _read_file(source, limits) if isinstance(source, Path) else source
    check_bytes(len(data), limits)
    kind = recognise(data)
    try:
        return _decode(kind, data, limits)
    except PhotoError:
        raise
    except MemoryError as error:
        raise TooManyPixelsError("There is not enough memory for this picture.", hint=_SMALLER) from error
    except Exception as error:  # decoders raise whatever they like about bytes they do not like
        raise damaged(kind) from error


def _read_file(path: Path, limits: PhotoLimits) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device may never end
            raise PhotoError(f"{path} is a folder or a device, not a photo.", hint="Name a photo inside it.")
        check_bytes(status.st_size, limits)
        with path.open("rb") as file:
            return file.read(limits.max_bytes + 1)  # it may have grown since
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a valid path"
        raise PhotoError(f"{path} cannot be read: {reason}.", hint="Check path and permissions.") from error


def check_bytes(count: int, limits: PhotoLimits) -> None:
    """Whether a file of so many bytes would be read; `read_photo` checks it itself.

    Raises:
        EmptyPhotoError: there are none.
        TooLargeError: more than the limit.
    """
    if count == 0:
        raise EmptyPhotoError("This file is empty.", hint="Send the photo again.")
    if count > limits.max_bytes:
        raise TooLargeError(
            f"This file has {count / 2**20:,.1f} MB; at most {limits.max_bytes / 2**20:,.4g} MB are read.",
            hint=_SMALLER,
        )


def _check_pixels(width: int, height: int, kind: str, limits: PhotoLimits) -> None:
    if width < 1 or height < 1:
        raise EmptyPhotoError(f"This picture has no pixels ({width} x {height}).", hint="Send another one.")
    held = kind in ("WEBP", "AVIF")
    most = min(limits.max_pixels, limits.max_held_pixels) if held else limits.max_pixels
    if width * height > most:
        raise TooManyPixelsError(
            f"This picture has {width:,} x {height:,} pixels, {width * height / 1e6:,.1f} million;"
            f" at most {most / 1e6:,.4g} million are read{f' of {kind}' if held else ''}.",
            hint=_SMALLER,
        )


def _decode(kind: str, data: bytes, limits: PhotoLimits) -> Photo:
    header = read_tiff(data) if kind == "TIFF" else read_header(kind, data)
    _check_pixels(header.width_px, header.height_px, kind, limits)
    image = _open_heif(header, limits) if kind == "HEIF" else _PLUGINS[kind](BytesIO(header.essence))
    width, height = image.size
    _check_pixels(width, height, kind, limits)  # again, because headers lie
    if (factor := _factor(image, limits)) > 1 and isinstance(image, JpegImageFile):
        # Decodes at 1/2, 1/4 or 1/8 at once, which saves most of the time and memory.
        image.draft(None, (max(1, width // factor), max(1, height // factor)))
    image.load()
    picture = _averageable(image)
    if (factor := _factor(image, limits)) > 1:
        picture = picture.reduce(factor)
    if picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    turn = orientation_of(header.exif or image.info.get("exif", b""))
    if turn in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[turn])
    if turn >= 5:
        width, height = height, width
    pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    return Photo(pixels, kind, width, height, hashlib.sha256(data).hexdigest())


def _factor(image: Image.Image, limits: PhotoLimits) -> int:
    # The power of two that brings the longer side under twice the working side. Reducing rounds up.
    factor = 1
    while -(-max(image.size) // factor) >= 2 * limits.working_side_px:
        factor *= 2
    return factor


def _open_heif(header: Header, limits: PhotoLimits) -> Image.Image:
    # Imported here: it costs 35 ms and a library of codecs, and most photos are JPEG. Used without
    # registering it with Pillow. It turns pictures upright by itself.
    import pillow_heif  # noqa: PLC0415

    file = pillow_heif.open_heif(header.essence)
    picture = file[file.primary_index]
    _check_pixels(picture.size[0], picture.size[1], "HEIF", limits)
    pixels = picture.data  # decodes; stride, and perhaps size, are known only afterwards
    return Image.frombuffer(picture.mode, picture.size, pixels, "raw", picture.mode, picture.stride, 1)


def _averageable(image: Image.Image) -> Image.Image:
    # To L, RGB or RGBA of 8 bits: the modes whose neighbouring pixels may be averaged.
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _to_grey(image)
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode[:-1] + "A")
    if image.mode == "LAB":
        raise exotic("TIFF", "Lab colours")
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)  # a conversion to itself would copy


def _to_grey(image: Image.Image) -> Image.Image:
    # 16 bits have a known range. 32 bits and floats have none: 0..1, 0..255 or 0..65535, whichever is the
    # least that holds the values, else from the least to the largest.
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    values = np.where(np.isfinite(values), values, 0).astype(np.float32)
    low, high = min(0.0, float(values.min())), float(values.max())
    ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    top = next((limit for limit in ranges if high <= limit), high)
    scale = 255 / (top - low)
    return Image.fromarray((values * scale - low * scale).clip(0, 255).round().astype(np.uint8))
