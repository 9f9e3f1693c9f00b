"""What `rvs find --json` and `rvs compare --json` print: results as documents, and the files that were written."""

from typing import Any

from rvs.report import QualityDocument, face_document, match_document, quality_document, score_document
from rvs.result import Result
from rvs.search import Comparison, Lookalike


def result_json(result: Result, engine: Lookalike, grids: list[str], milliseconds: float) -> dict[str, Any]:
    """The answer to one photo."""
    return {
        "width_px": result.width_px,
        "height_px": result.height_px,
        "index_version": engine.version.manifest.version,
        "milliseconds": round(milliseconds, 1),
        "faces": [face_document(face).model_dump() for face in result.faces],
        "searched": [
            {
                "face": None if found.face is None else result.faces.index(found.face) + 1,
                "quality": _dumped(quality_document(found.quality)),
                "grid": grids[number] if grids else None,
                "matches": [match_document(match).model_dump() for match in found.matches],
            }
            for number, found in enumerate(result.searched)
        ],
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The answer to a pair of photos."""
    first, second = (_dumped(quality_document(quality)) for quality in comparison.qualities)
    return {"score": score_document(comparison.score).model_dump(), "first": first, "second": second}


def _dumped(quality: QualityDocument | None) -> dict[str, Any] | None:
    return None if quality is None else quality.model_dump()
