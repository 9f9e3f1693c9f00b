"""The photos a benchmark asks with, made from one: its face in the sizes people send, and a group.

Every photo is a JPEG of quality 90 with a little noise, as sensors have it: without, an enlarged photo is so
smooth that decoding it costs half of what real photos cost. The same photo gives the same files.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import NoFaceError
from rvs.faces.face import Face
from rvs.photo import PhotoLimits, read_photo
from rvs.pipeline import Pipeline

_QUALITY = 90
# Standard deviation in grey levels. The portrait of 12 megapixels then has 2.6 MB, as those of phones have 2 to 5;
# with half of it 1.6.
_NOISE = 6.0
_SMALL_PX = 250  # LFW's side
_MEGAPIXELS = (1, 4, 12)
_GROUP_PX = (1600, 1200)
_GROUP_GRID = (4, 3)
_GROUP_FACE_PX = 330  # height of each picture in the group; a face takes about half of it
_AROUND_FACE = 1.7  # the part that is pasted, in widths and heights of the face's box

ONE_MEGAPIXEL = "1 MP"
GROUP = "group photo"


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a report says of a photo that was asked with: its name, the picture's size, the file's, its faces."""

    name: str
    width_px: int
    height_px: int
    bytes: int
    faces: int


@dataclass(frozen=True, slots=True)
class BenchPhoto:
    """One photo to ask with.

    Attributes:
        name: "250 px", "1 MP", "4 MP", "12 MP" or "group photo".
        jpeg: the file.
        width_px, height_px: of the picture in it.
        faces: how many faces the pipeline finds; 0 when it looks for none.
    """

    name: str
    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int
    faces: int

    @property
    def facts(self) -> PhotoFacts:
        """What a report says of it."""
        return PhotoFacts(self.name, self.width_px, self.height_px, len(self.jpeg), self.faces)


def make_photos(pixels: Pixels, pipeline: Pipeline, limits: PhotoLimits) -> tuple[BenchPhoto, ...]:
    """A photo in every size, and a group in which its largest face is twelve times; the group comes last.

    A pipeline that looks for no faces gets no group.

    Raises:
        NoFaceError: there is no face in it, or none any more in one of the sizes.
    """
    faces = _faces(pixels, pipeline, "this photo")
    picture = Image.fromarray(pixels)
    sizes = {f"{_SMALL_PX} px": _within(picture, _SMALL_PX)}
    sizes |= {f"{count} MP": _of_area(picture, count * 1e6) for count in _MEGAPIXELS}
    made = [
        _made(name, picture.resize(size, Image.Resampling.LANCZOS), pipeline, limits, number)
        for number, (name, size) in enumerate(sizes.items())
    ]
    if faces:
        made.append(_made(GROUP, _group(picture, faces[0]), pipeline, limits, len(made)))
    return tuple(made)


def make_gallery(folder: Path, pixels: Pixels, count: int) -> None:
    """Write a gallery of `count` people with one photo each: the same one, as large as those of LFW, but for noise.

    Raises:
        OSError: the files cannot be written.
    """
    picture = Image.fromarray(pixels)
    small = picture.resize(_within(picture, _SMALL_PX), Image.Resampling.LANCZOS)
    for number in range(count):
        person = folder / f"Person_{number:05d}"
        person.mkdir(parents=True)
        (person / f"{person.name}_0001.jpg").write_bytes(_encoded(small, seed=1000 + number))


def _made(name: str, picture: Image.Image, pipeline: Pipeline, limits: PhotoLimits, seed: int) -> BenchPhoto:
    jpeg = _encoded(picture, seed)
    faces = _faces(read_photo(jpeg, limits).pixels, pipeline, f'the photo made of it ("{name}")')
    return BenchPhoto(name, jpeg, picture.width, picture.height, len(faces))


def _faces(pixels: Pixels, pipeline: Pipeline, where: str) -> list[Face]:
    faces = pipeline.faces(pixels)
    if not faces and pipeline.detector is not None:
        raise NoFaceError(f"No face was found in {where}.", hint="Use a portrait with one large face.")
    return faces


def _group(picture: Image.Image, face: Face) -> Image.Image:
    (x, y), half = face.box.centre_px, _AROUND_FACE / 2
    box = (
        max(0, x - half * face.box.width_px),
        max(0, y - half * face.box.height_px),
        min(picture.width, x + half * face.box.width_px),
        min(picture.height, y + half * face.box.height_px),
    )
    columns, rows = _GROUP_GRID
    width, height = _GROUP_PX
    across, down = width // columns, height // rows
    side = (min(across - 20, round(_GROUP_FACE_PX * (box[2] - box[0]) / (box[3] - box[1]))), _GROUP_FACE_PX)
    one = picture.resize(side, Image.Resampling.LANCZOS, box=box)
    group = Image.new("RGB", _GROUP_PX, (90, 110, 130))
    for number in range(columns * rows):
        left, top = across * (number % columns), down * (number // columns)
        group.paste(one, (left + (across - one.width) // 2, top + (down - one.height) // 2))
    return group


def _within(picture: Image.Image, side_px: int) -> tuple[int, int]:
    factor = side_px / max(picture.size)
    return max(1, round(picture.width * factor)), max(1, round(picture.height * factor))


def _of_area(picture: Image.Image, pixels: float) -> tuple[int, int]:
    width = max(1, round((pixels * picture.width / picture.height) ** 0.5))
    return width, max(1, round(pixels / width))


def _encoded(picture: Image.Image, seed: int) -> bytes:
    draw = np.random.default_rng(seed)
    noisy = np.asarray(picture.convert("RGB"), np.float32)
    noisy = noisy + _NOISE * draw.standard_normal(noisy.shape, np.float32)
    file = io.BytesIO()
    Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
