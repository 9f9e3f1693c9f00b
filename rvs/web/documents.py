"""What the service sends: the documents of its three questions, of pictures and of errors.

They are models of pydantic, so that the OpenAPI document describes what is sent, and a client reads the same.
"""

import base64
from typing import Literal

from pydantic import Field

from rvs.answer import Answer, Compared
from rvs.photo import Photo
from rvs.pipeline import Pipeline
from rvs.render import Picture
from rvs.report import (
    Document,
    FaceDocument,
    MatchDocument,
    QualityDocument,
    ScoreDocument,
    face_document,
    match_document,
    quality_document,
    score_document,
)
from rvs.search import Embedded


class PictureDocument(Document):
    """A picture."""

    media_type: Literal["image/jpeg"] = "image/jpeg"
    base64: str = Field(json_schema_extra={"contentEncoding": "base64"})
    alt_text: str = Field(description="What it shows, in words.")
    width_px: int
    height_px: int


class SearchedDocument(Document):
    """The face that was searched, and the people it resembles."""

    face: int | None = Field(description='Number in "faces", from 1; null for a whole-image pipeline.')
    quality: QualityDocument | None
    grid: PictureDocument | None = Field(description="The picture, when it was asked for.")
    matches: list[MatchDocument] = Field(description="The most alike first.")


class FindDocument(Document):
    """Whom the face of a photo resembles."""

    format: Literal[1] = 1
    index: str
    pipeline: str
    width_px: int
    height_px: int
    index_version: str
    milliseconds: float
    faces: list[FaceDocument] = Field(description="Every face found, the largest first.")
    searched: list[SearchedDocument]
    overview: PictureDocument | None
    photo_jpeg: str | None = Field(
        description="The photo, when it was asked for.", json_schema_extra={"contentEncoding": "base64"}
    )


class CompareDocument(Document):
    """How alike the largest faces of two photos are."""

    format: Literal[1] = 1
    pipeline: str
    score: ScoreDocument
    first: QualityDocument | None
    second: QualityDocument | None
    picture: PictureDocument | None


class EmbeddedDocument(Document):
    """A face as a vector."""

    face: int | None = Field(description='Number in "faces", from 1; null for a whole-image pipeline.')
    quality: QualityDocument | None
    vector: list[float] = Field(description="Of unit length; as many numbers as `dimension` says.")


class EmbedDocument(Document):
    """The faces of a photo as vectors. Compare only vectors whose fingerprints are equal."""

    format: Literal[1] = 1
    pipeline: str
    fingerprint: str
    dimension: int
    width_px: int
    height_px: int
    faces: list[FaceDocument]
    embedded: list[EmbeddedDocument]


class ErrorText(Document):
    """What went wrong."""

    code: str = Field(description="For programs; docs/json.md lists them.")
    message: str
    hint: str


class ErrorDocument(Document):
    """What is sent in place of an answer."""

    error: ErrorText


def find_document(answer: Answer, *, index: str, pipeline: str, milliseconds: float) -> FindDocument:
    """An answer, with the pictures it has."""
    found = answer.found
    return FindDocument(
        index=index,
        pipeline=pipeline,
        width_px=found.width_px,
        height_px=found.height_px,
        index_version=found.index_version,
        milliseconds=round(milliseconds, 1),
        faces=[face_document(face) for face in found.faces],
        searched=[
            SearchedDocument(
                face=None if found.face is None else answer.face,
                quality=quality_document(found.quality),
                grid=_picture(answer.picture),
                matches=[match_document(match) for match in found.matches],
            )
        ],
        overview=_picture(answer.overview),
        photo_jpeg=None if answer.photo is None else _text(answer.photo),
    )


def compare_document(compared: Compared, *, pipeline: str) -> CompareDocument:
    """A comparison, with its picture if it has one."""
    first, second = (quality_document(quality) for quality in compared.qualities)
    return CompareDocument(
        pipeline=pipeline,
        score=score_document(compared.score),
        first=first,
        second=second,
        picture=_picture(compared.picture),
    )


def embed_document(photo: Photo, embedded: Embedded, pipeline: Pipeline) -> EmbedDocument:
    """Faces as vectors, of numbers exact to a hundred-millionth, which is beyond what float32 has."""
    faces = embedded.faces
    return EmbedDocument(
        pipeline=str(pipeline.name),
        fingerprint=pipeline.fingerprint,
        dimension=embedded.vectors.shape[1],
        width_px=photo.width_px,
        height_px=photo.height_px,
        faces=[face_document(face) for face in faces],
        embedded=[
            EmbeddedDocument(
                face=None if face is None else faces.index(face) + 1,
                quality=quality_document(quality),
                vector=[round(value, 8) for value in vector.tolist()],
            )
            for face, quality, vector in zip(
                embedded.chosen, embedded.qualities, embedded.vectors, strict=True
            )
        ],
    )


def _picture(picture: Picture | None) -> PictureDocument | None:
    if picture is None:
        return None
    return PictureDocument(
        base64=_text(picture.jpeg),
        alt_text=picture.alt_text,
        width_px=picture.width_px,
        height_px=picture.height_px,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
