"""What a search answers, as plain data: the same for the command line, the grid, the bot and the tests."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rvs.arrays import Pixels
from rvs.faces.face import Box, Face
from rvs.faces.quality import Quality

Word: TypeAlias = Literal["uncanny", "strong", "fair", "faint"]


@dataclass(frozen=True, slots=True)
class Score:
    """How alike two faces are.

    Attributes:
        distance: Euclidean distance of the unit vectors, 0 (same) .. 2.
        percentile: 0..100, the share of pairs of strangers that are further apart than this pair.
        probability: 0..1, calibrated probability of the same person when both answers are equally likely
            beforehand (so it is about one pair, not about the best of thousands); None where the gallery
            was too small to fit it.
        word: the percentile in one word (see `rvs.scoring.word`, and `pair_word` for two photos).
    """

    distance: float
    percentile: float
    probability: float | None
    word: Word


@dataclass(frozen=True, slots=True)
class Match:
    """One person of the gallery who resembles the probe.

    Attributes:
        rank: 1 for the most alike.
        person: the name as people read it ("Abel Pacheco").
        photo_file: the person's most alike photo, relative to the gallery's folder, with "/".
        face_box: the face in that photo, in its pixel frame; None when the whole image was embedded.
        score: how alike that photo is.
        photos_agreeing: how many photos of the person are among the candidates.
        photos_total: how many photos of the person the gallery has.
    """

    rank: int
    person: str
    photo_file: str
    face_box: Box | None
    score: Score
    photos_agreeing: int
    photos_total: int


@dataclass(frozen=True, slots=True, eq=False)
class FaceResult:
    """One face of the probe photo and the people it resembles, best first.

    `face` and `quality` are None when the pipeline embeds the whole image. `chip` is what the network
    saw: the aligned face (or the face crop, or the image), RGB.
    """

    face: Face | None
    quality: Quality | None
    chip: Pixels
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The answer to one photo.

    Attributes:
        width_px, height_px: the frame of every box and landmark below.
        faces: every face found, the largest first.
        searched: a ranking for each face that was searched.
    """

    width_px: int
    height_px: int
    faces: tuple[Face, ...]
    searched: tuple[FaceResult, ...]
