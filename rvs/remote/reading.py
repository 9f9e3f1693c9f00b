"""What an engine elsewhere sends, read back into what it was made of: answers, comparisons, errors."""

import base64
import json

from pydantic import ValidationError

from rvs import errors
from rvs.answer import Answer, Compared, Found
from rvs.errors import DeadlineError, EngineError, EngineUnreachableError, LookalikeError
from rvs.faces.face import Box, Face
from rvs.faces.quality import Quality
from rvs.render import Picture
from rvs.report import BoxPx, FaceDocument, MatchDocument, QualityDocument, ScoreDocument
from rvs.result import Match, Score
from rvs.web.documents import CompareDocument, FindDocument, PictureDocument

_OTHER_PROGRAM = "The engine answers in a way that is not understood here."
_OTHER_HINT = "Let bot and engine be of one version."


def read_answer(body: bytes) -> Answer:
    """The answer in a document of `/v1/find`.

    Raises:
        EngineError: it is no such document.
    """
    try:
        document = FindDocument.model_validate_json(body)
        searched = document.searched[0]
        faces = tuple(_face(face) for face in document.faces)
        found = Found(
            width_px=document.width_px,
            height_px=document.height_px,
            faces=faces,
            face=None if searched.face is None else faces[searched.face - 1],
            quality=_quality(searched.quality),
            matches=tuple(_match(match) for match in searched.matches),
            index_version=document.index_version,
        )
        photo = document.photo_jpeg
        return Answer(
            found=found,
            faces=len(faces),
            face=searched.face or 1,
            picture=_picture(searched.grid),
            overview=_picture(document.overview),
            photo=None if photo is None else base64.b64decode(photo, validate=True),
        )
    except (ValidationError, ValueError, IndexError) as error:
        raise EngineError(_OTHER_PROGRAM, hint=_OTHER_HINT) from error


def read_compared(body: bytes) -> Compared:
    """The comparison in a document of `/v1/compare`.

    Raises:
        EngineError: it is no such document.
    """
    try:
        document = CompareDocument.model_validate_json(body)
        return Compared(
            score=_score(document.score),
            qualities=(_quality(document.first), _quality(document.second)),
            picture=_picture(document.picture),
        )
    except (ValidationError, ValueError) as error:
        raise EngineError(_OTHER_PROGRAM, hint=_OTHER_HINT) from error


def read_error(status: int, body: bytes) -> LookalikeError:
    """The error that a response with this status means, for the person who asked.

    What is about their photo or the load comes as it was raised there; the rest is between bot and engine.
    """
    code, message, hint = _error_text(body)
    if status == 401:
        return EngineError("The engine refuses the key.", hint="RVS_ENGINE_KEY has to be its RVS_SERVE_KEY.")
    if status == 403 and message:
        return EngineError(f"The engine refuses us: {message}", hint=hint)
    kind = _kinds().get(code)
    if kind is not None and message:
        return kind(message, hint=hint)
    if status in (408, 504):
        return DeadlineError("This photo took too long.", hint="Try again in a minute.")
    if status in (502, 503):
        return unreachable()
    return EngineError(f"The engine answered with the status {status}.", hint=_OTHER_HINT)


def unreachable() -> EngineUnreachableError:
    """What is told while no engine can be reached."""
    return EngineUnreachableError(
        "Photos cannot be looked at right now: the engine cannot be reached.", hint="Try again in a minute."
    )


def _kinds() -> dict[str, type[LookalikeError]]:
    """The errors that an engine may raise about a question, by their codes."""
    return {
        kind.code: kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LookalikeError) and not issubclass(kind, EngineError)
    }


def _error_text(body: bytes) -> tuple[str, str, str]:
    try:
        told = json.loads(body)["error"]
        return str(told["code"]), str(told["message"]), str(told["hint"])
    except (ValueError, KeyError, TypeError):
        return "", "", ""


def _face(face: FaceDocument) -> Face:
    first, second, third, fourth, fifth = face.landmarks_px
    return Face(_box(face.box_px), (first, second, third, fourth, fifth), face.score)


def _match(match: MatchDocument) -> Match:
    return Match(
        rank=match.rank,
        person=match.person,
        photo_file=match.photo,
        face_box=None if match.face_box_px is None else _box(match.face_box_px),
        score=_score(match.score),
        photos_agreeing=match.photos_agreeing,
        photos_total=match.photos_total,
    )


def _score(score: ScoreDocument) -> Score:
    return Score(score.distance, score.percentile, score.probability, score.word)


def _quality(quality: QualityDocument | None) -> Quality | None:
    if quality is None:
        return None
    return Quality(
        width_px=quality.width_px,
        sharpness=quality.sharpness,
        brightness=quality.brightness,
        yaw_deg=quality.yaw_deg,
        roll_deg=quality.roll_deg,
        problems=tuple(quality.problems),
        usable=quality.usable,
    )


def _picture(picture: PictureDocument | None) -> Picture | None:
    if picture is None:
        return None
    jpeg = base64.b64decode(picture.base64, validate=True)
    return Picture(jpeg, picture.alt_text, picture.width_px, picture.height_px)


def _box(edges: BoxPx) -> Box:
    return Box(*edges)
