"""One question from start to end: the bytes of a photo in, everything that a reply needs out.

Whatever answers questions, a chat bot or a web page, stands on this. It is synchronous and keeps nothing: it
has not heard of event loops, and a photo is gone when its answer is.
"""

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from rvs.conversion import convert_apart
from rvs.engine import GalleryPhotos, gallery_photos, load_engine
from rvs.faces.face import Face
from rvs.faces.quality import Quality
from rvs.heap import keep_freed_memory
from rvs.photo import Photo, PhotoLimits, read_photo
from rvs.render import Picture, grid, overview, pair
from rvs.render.jpeg import encoded
from rvs.result import FaceResult, Match, Score
from rvs.scoring import score
from rvs.search import Embedded, FaceSelection, Lookalike
from rvs.searching import Searching
from rvs.settings import Settings
from rvs.sniff import read_header
from rvs.stages import Stages

# The largest photo that is worked on has about 1.3 MB at the best quality, noise excepted. And together with
# the grid's 8 MB it stays below the 10 MiB that a chat takes at once.
_MOST_KEPT_BYTES = 2_000_000
# Start and JFIF header as libjpeg writes them: a longer one has a preview inside, perhaps of what was cut off.
_PLAIN_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
_WARM_UP_SIDE_PX = 640


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a photo.

    Attributes:
        people: how many to name, at least 1.
        face: which face is meant, counted from 1, the largest first.
        max_bytes: the most bytes the grid's file may have.
        keep_photo: also give the photo back, small enough to be asked with again.
        grid: draw the grid.
        overview: draw the overview, where the photo has several faces.
    """

    people: int
    face: int = 1
    max_bytes: int = 8_000_000
    keep_photo: bool = False
    grid: bool = True
    overview: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a photo, without any of its pixels: it can be sent on as it is.

    Attributes:
        width_px, height_px: the frame of the faces.
        faces: every face, the largest first; none when the pipeline embeds the whole image.
        face: the one that was searched; None for the whole image.
        quality: of that face; None likewise.
        matches: the people it resembles, best first.
        index_version: the version of the index that answered.
    """

    width_px: int
    height_px: int
    faces: tuple[Face, ...]
    face: Face | None
    quality: Quality | None
    matches: tuple[Match, ...]
    index_version: str


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Everything that a reply needs. Printed, it shows nothing of the photo.

    Attributes:
        found: the face that was searched, and the people it resembles.
        faces: how many faces the photo has; 0 when the pipeline embeds the whole image.
        face: which of them was searched, counted from 1.
        picture: the grid; None when it was not asked for.
        overview: the photo, small, with numbered faces; None when it has fewer than two, or likewise.
        photo: when asked for, the photo as a JPEG without metadata, of at most 2 MB.
    """

    found: Found = field(repr=False)
    faces: int
    face: int
    picture: Picture | None = field(repr=False)
    overview: Picture | None = field(repr=False)
    photo: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The answer about two photos; like `Answer` it shows nothing of them when it is printed.

    Attributes:
        score: how alike their largest faces are, with the word of a pair.
        qualities: of the two faces; None where the pipeline embeds the whole image.
        picture: the two faces side by side; None when it was not asked for.
    """

    score: Score
    qualities: tuple[Quality | None, Quality | None]
    picture: Picture | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Served:
    """What answers. It is replaced as a whole, so that no answer mixes two indexes.

    Attributes:
        engine: the engine over one version of the index.
        pictures: the gallery's photos.
        limits: which photos are read.
    """

    engine: Lookalike
    pictures: GalleryPhotos
    limits: PhotoLimits


def answer(served: Served, data: bytes, question: Question, stages: Stages) -> Answer:
    """Answer one question. Safe to call from several threads at once, with stages of their own.

    Args:
        served: what answers.
        data: the photo's file.
        question: what is asked.
        stages: told of "decode", "search" and "grid", and of "overview" and "keep" where there are such.

    Raises:
        PhotoError: the bytes are not a photo that can be used.
        NoFaceError: no face was found.
        PoorPhotoError: the face cannot be turned upright.
        ConfigError: there is no face of that number; fewer than 1 person, or hardly any bytes, are asked for.
    """
    with stages.stage("decode"):
        photo = read_photo(data, served.limits)
    stages.note("photo", format=photo.format, width=photo.source_width_px, height=photo.source_height_px)
    with stages.stage("search"):
        result = served.engine.find(photo, question.people, face=question.face)
    faces = len(result.faces)
    chosen = question.face if faces else 1
    found = result.searched[0]
    picture = None
    if question.grid:
        with stages.stage("grid"):
            picture = grid(found, served.pictures.load, max_bytes=question.max_bytes)
    small = None
    if question.overview and faces > 1:
        with stages.stage("overview"):
            small = overview(photo.pixels, result.faces, chosen)
    kept = None
    if question.keep_photo:
        with stages.stage("keep"):
            kept = _kept(photo, data)
    stages.note("answer", faces=faces, face=chosen, people=len(found.matches))
    plain = Found(
        width_px=result.width_px,
        height_px=result.height_px,
        faces=result.faces,
        face=found.face,
        quality=found.quality,
        matches=found.matches,
        index_version=served.engine.version.manifest.version,
    )
    return Answer(plain, faces, chosen, picture, small, kept)


def compare(
    served: Served, first: bytes, second: bytes, stages: Stages, *, max_bytes: int | None = 1_000_000
) -> Compared:
    """How alike the largest faces of two photos are.

    Args:
        served: what answers.
        first: a photo's file.
        second: another one.
        stages: told of "decode", once for each photo, of "compare" and of "pair".
        max_bytes: the most bytes the picture's file may have; None: there is none.

    Raises:
        PhotoError: one of them is not a photo that can be used.
        NoFaceError: one of them has no face; the sentence says which.
        PoorPhotoError: a face cannot be turned upright.
    """
    photos = []
    for data in (first, second):
        with stages.stage("decode"):
            photos.append(read_photo(data, served.limits))
    with stages.stage("compare"):
        comparison = served.engine.compare(*photos)
    picture = None
    if max_bytes is not None:
        with stages.stage("pair"):
            picture = pair(comparison, max_bytes=max_bytes)
    return Compared(comparison.score, comparison.qualities, picture)


def embed(served: Served, data: bytes, face: FaceSelection, stages: Stages) -> tuple[Photo, Embedded]:
    """The vectors of a photo's faces, and the photo as it was read.

    Args:
        served: what answers.
        data: the photo's file.
        face: which faces.
        stages: told of "decode" and "embed".

    Raises:
        PhotoError, NoFaceError, PoorPhotoError, ConfigError: as `answer`.
    """
    with stages.stage("decode"):
        photo = read_photo(data, served.limits)
    with stages.stage("embed"):
        return photo, served.engine.embed(photo, face=face)


def load_served(settings: Settings, searching: Searching | None = None) -> Served:
    """What the settings describe, loaded; takes seconds, and more where networks have to be converted first.

    This process keeps freed memory from now on (`rvs.heap`).

    Args:
        settings: what is loaded.
        searching: as for `load_engine`.

    Raises:
        GalleryError: the index or the gallery is missing, damaged, or of another pipeline.
        WeightsError: weights are missing or damaged.
        ConfigError: a setting makes no sense.
    """
    keep_freed_memory()
    convert_apart(settings)
    engine = load_engine(settings, searching)
    return Served(engine, gallery_photos(settings), settings.photo_limits(responsive=True))


def warm_up(served: Served) -> None:
    """Do everything once, so that the first person does not wait for what is loaded at first use.

    The picture is grey noise in which nobody has a face, so the steps are taken one by one.
    """
    engine, version = served.engine, served.engine.version
    noise = np.random.default_rng(1).integers(0, 256, (_WARM_UP_SIDE_PX, _WARM_UP_SIDE_PX), dtype=np.uint8)
    photo = read_photo(_jpeg(Image.fromarray(noise).convert("RGB")))
    faces = engine.pipeline.faces(photo.pixels)
    chip = engine.pipeline.chip(photo.pixels, faces[0] if faces else None)
    matches = []
    for rank, candidate in enumerate(engine.rank_people(engine.pipeline.embed([chip]), 1), start=1):
        person, nearest = version.people[candidate.person], version.photos[candidate.row]
        alike = score(engine.calibration, candidate.distance)
        matches.append(Match(rank, person, nearest.file, nearest.face_box, alike, candidate.photos, 1))
    grid(FaceResult(None, None, chip, tuple(matches)), served.pictures.load)


def _kept(photo: Photo, data: bytes) -> bytes:
    """The photo as a file of ours; the one that was sent when it is such a file: each copy loses a little."""
    if photo.format == "JPEG" and photo.reduction == 1.0 and len(data) <= _MOST_KEPT_BYTES:
        bare = read_header("JPEG", data).essence == data
        if bare and data.startswith(_PLAIN_JPEG):
            return data
    return encoded(Image.fromarray(photo.pixels), "", _MOST_KEPT_BYTES).jpeg


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()
