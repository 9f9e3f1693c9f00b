"""Results as JSON documents: the stable form that `--json` prints (described in docs/json.md)."""

from dataclasses import asdict
from typing import Any

from rvs.faces.face import Box, Face
from rvs.faces.quality import Quality
from rvs.result import Match, Result, Score
from rvs.search import Comparison, Lookalike


def result_json(result: Result, engine: Lookalike, grids: list[str], milliseconds: float) -> dict[str, Any]:
    """The answer to one photo."""
    return {
        "width_px": result.width_px,
        "height_px": result.height_px,
        "index_version": engine.version.manifest.version,
        "milliseconds": round(milliseconds, 1),
        "faces": [_face(face) for face in result.faces],
        "searched": [
            {
                "face": None if found.face is None else result.faces.index(found.face) + 1,
                "quality": _quality(found.quality),
                "grid": grids[number] if grids else None,
                "matches": [_match(match) for match in found.matches],
            }
            for number, found in enumerate(result.searched)
        ],
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The answer to a pair of photos."""
    first, second = (_quality(quality) for quality in comparison.qualities)
    return {"score": _score(comparison.score), "first": first, "second": second}


def _face(face: Face) -> dict[str, Any]:
    return {
        "box_px": _box(face.box),
        "landmarks_px": [[round(x, 1), round(y, 1)] for x, y in face.landmarks],
        "score": round(face.score, 4),
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "rank": match.rank,
        "person": match.person,
        "photo": match.photo_file,
        "face_box_px": _box(match.face_box) if match.face_box else None,
        "score": _score(match.score),
        "photos_agreeing": match.photos_agreeing,
        "photos_total": match.photos_total,
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "distance": round(score.distance, 5),
        "percentile": round(score.percentile, 5),
        "probability": None if score.probability is None else round(score.probability, 5),
        "word": score.word,
    }


def _box(box: Box) -> list[float]:
    return [round(value, 1) for value in (box.x0_px, box.y0_px, box.x1_px, box.y1_px)]


def _quality(quality: Quality | None) -> dict[str, Any] | None:
    if quality is None:
        return None
    return {
        key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(quality).items()
    }
