"""Everything `rvs eval` found, as one JSON document and back again."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from rvs.evaluation.annoy_sweep import AnnoySweep
from rvs.evaluation.calibration import CalibrationCheck
from rvs.evaluation.coverage import Coverage
from rvs.evaluation.detection import Detection
from rvs.evaluation.machine import Machine
from rvs.evaluation.neighbours import Neighbours
from rvs.evaluation.retrieval import Retrieval
from rvs.evaluation.study import Study
from rvs.evaluation.subgroups import Subgroups
from rvs.evaluation.verification import Verification

FORMAT = 1
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of one index over LFW.

    Attributes:
        index, version: which index.
        pipeline, runtime, precision, dimension: what made its vectors.
        machine: what all but `study` was measured on.
        pairs: of LFW's protocol.
        verification, identification, detection, calibration: see their types; detection is None for a pipeline that
            looks for no faces, calibration where the pairs have no folds 6-10.
        neighbours: exact search and Annoy side by side.
        annoy: the number of trees and the search width; None when that was not asked for.
        coverage: who is in the gallery.
        subgroups: for whom it works better and worse.
        study: the experiment over all pipelines, with the machine and time of its own; None when there is none.
    """

    index: str
    version: str
    pipeline: str
    runtime: str
    precision: str
    dimension: int
    machine: Machine
    pairs: int
    verification: Verification
    identification: Retrieval
    detection: Detection | None
    calibration: CalibrationCheck | None
    neighbours: Neighbours
    annoy: AnnoySweep | None
    coverage: Coverage
    subgroups: Subgroups
    study: Study | None


def to_document(evaluation: Evaluation) -> dict[str, Any]:
    """As JSON, floats to six digits. The figures that come first are those from before there were sections."""
    found: dict[str, Any] = _rounded(asdict(evaluation))
    verification, identification = found["verification"], found["identification"]
    headline = {
        **{
            name: verification[name]
            for name in ("accuracy", "accuracy_sd", "auc", "tar_at_far_1e3", "threshold")
        },
        **{
            name: identification[name]
            for name in ("probes", "precision_at_1", "hit_at_5", "mean_average_precision")
        },
        "annoy_recall_at_10": found["neighbours"]["recall_at_10"],
    }
    return {"format": FORMAT} | headline | found


def to_json(evaluation: Evaluation) -> str:
    """The document as text."""
    return json.dumps(to_document(evaluation), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Evaluation:
    """From `to_json`.

    Raises:
        ValueError: it is not such a document.
    """
    return TypeAdapter(Evaluation).validate_json(text)


def study_from_json(text: str) -> Study | None:
    """The study alone, whatever the other figures of that document were.

    Raises:
        ValueError: it is not such a document.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or "study" not in document:
        raise ValueError("it has no place for a study")
    # Like JSON, so that lists may stand for tuples.
    return TypeAdapter(Study | None).validate_json(json.dumps(document["study"]))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
