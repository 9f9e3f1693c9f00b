"""Results as documents: the shapes that `--json` prints and the HTTP service sends (described in docs/json.md).

Each shape stands here once: it is written from a result, described in OpenAPI, and read again by a client. Who
asked, and what else belongs to an answer there, is not known here.
"""

from decimal import ROUND_DOWN, Decimal

from pydantic import BaseModel, ConfigDict, Field

from rvs.faces.face import Box, Face
from rvs.faces.quality import Quality
from rvs.result import Match, Score, Word

BoxPx = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""

_PERCENTILE_STEP = Decimal("0.00001")


class Document(BaseModel):
    """A part of an answer. Fields are added, never renamed or removed, while `format` is 1."""

    model_config = ConfigDict(frozen=True)


class FaceDocument(Document):
    """A face of a photo."""

    box_px: BoxPx = Field(description="x0, y0, x1, y1.")
    landmarks_px: list[tuple[float, float]] = Field(
        description="Eye at the left of the image, eye at the right, nose, mouth corner left, right.",
        min_length=5,
        max_length=5,
    )
    score: float = Field(description="The detector's confidence, 0..1.")


class QualityDocument(Document):
    """How good a face is for a comparison."""

    width_px: float
    sharpness: float
    brightness: float
    yaw_deg: float
    roll_deg: float
    problems: list[str]
    usable: bool = Field(description="False: the answer means little.")


class ScoreDocument(Document):
    """How alike two faces are."""

    distance: float = Field(description="Euclidean distance of the unit vectors, 0..2.")
    percentile: float = Field(description="Share of pairs of strangers that are further apart, 0..100.")
    probability: float | None = Field(
        description="That two photos show one person, if that were as likely as not beforehand; 0..1."
    )
    word: Word


class MatchDocument(Document):
    """A person of the gallery."""

    rank: int
    person: str
    photo: str = Field(description="Their most alike photo, relative to the gallery.")
    face_box_px: BoxPx | None = Field(description="The face in that photo.")
    score: ScoreDocument
    photos_agreeing: int = Field(description="How many of their photos are among the candidates.")
    photos_total: int


def face_document(face: Face) -> FaceDocument:
    """A face, rounded to tenths of a pixel."""
    return FaceDocument(
        box_px=_box(face.box),
        landmarks_px=[(round(x, 1), round(y, 1)) for x, y in face.landmarks],
        score=round(face.score, 4),
    )


def quality_document(quality: Quality | None) -> QualityDocument | None:
    """A face's quality; None where no face was looked for."""
    if quality is None:
        return None
    return QualityDocument(
        width_px=round(quality.width_px, 3),
        sharpness=round(quality.sharpness, 3),
        brightness=round(quality.brightness, 3),
        yaw_deg=round(quality.yaw_deg, 3),
        roll_deg=round(quality.roll_deg, 3),
        problems=list(quality.problems),
        usable=quality.usable,
    )


def score_document(score: Score) -> ScoreDocument:
    """A score. The percentile is cut, not rounded: as in words, nothing is closer than it is."""
    return ScoreDocument(
        distance=round(score.distance, 5),
        percentile=float(Decimal(str(score.percentile)).quantize(_PERCENTILE_STEP, rounding=ROUND_DOWN)),
        probability=None if score.probability is None else round(score.probability, 5),
        word=score.word,
    )


def match_document(match: Match) -> MatchDocument:
    """A person with their score."""
    return MatchDocument(
        rank=match.rank,
        person=match.person,
        photo=match.photo_file,
        face_box_px=_box(match.face_box) if match.face_box else None,
        score=score_document(match.score),
        photos_agreeing=match.photos_agreeing,
        photos_total=match.photos_total,
    )


def _box(box: Box) -> BoxPx:
    return round(box.x0_px, 1), round(box.y0_px, 1), round(box.x1_px, 1), round(box.y1_px, 1)
