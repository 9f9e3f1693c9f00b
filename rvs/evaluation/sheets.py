"""Which retrievals are worth looking at: confident mistakes, people that were lost, and the hardest that were right.

It chooses and puts into words; `contact_sheet` draws.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.evaluation.contact_sheet import Cell, Sheet
from rvs.evaluation.detection import Detection
from rvs.evaluation.retrieval import Ranks
from rvs.gallery.version import Version

_ROWS = 12
_NEAREST = 5
_MISSES = 60
_MISSES_A_ROW = 6


def retrieval_sheets(version: Version, ranks: Ranks) -> list[Sheet]:
    """Three sheets of the most instructive probes, each person at most once on each; without the empty ones."""
    wrong, right = ranks.mate_rank > 1, ranks.mate_rank == 1
    how = "Framed black: the probe. Green: the same person. Orange: another, by the names that LFW gives."
    last = "The last of a row is the nearest photo of the probe's person, with its rank and distance."
    chosen = [
        Sheet(
            "confident-mistakes",
            "Wrong and sure of it: somebody else is nearest, and very near",
            (how, last),
            _rows(version, ranks, _first(version, ranks, ranks.nearest_distance, wrong)),
        ),
        Sheet(
            "lost-people",
            "Lost: the nearest photo of the same person comes last",
            (how, last),
            _rows(version, ranks, _first(version, ranks, -ranks.mate_rank, wrong)),
        ),
        Sheet(
            "hardest-right",
            "Right all the same: the same person is nearest, though far away",
            (how,),
            _rows(version, ranks, _first(version, ranks, -ranks.mate_distance, right)),
        ),
    ]
    return [sheet for sheet in chosen if sheet.rows]


def miss_sheet(detection: Detection) -> Sheet | None:
    """The photos whose centre face was not found; None when there are none."""
    cells = [
        Cell(missed.file, None, _person(missed.file), missed.reason, "plain")
        for missed in detection.missed[:_MISSES]
    ]
    if not cells:
        return None
    return Sheet(
        "detection-misses",
        "No face that holds the centre of the photo",
        (f"{len(cells)} of {len(detection.missed)} such photos, of {detection.photos:,}.",),
        tuple(tuple(cells[start : start + _MISSES_A_ROW]) for start in range(0, len(cells), _MISSES_A_ROW)),
    )


def _first(version: Version, ranks: Ranks, key: NDArray[Any], which: NDArray[np.bool_]) -> list[int]:
    """Numbers of the probes with the smallest key among those wanted, one of each person."""
    found: dict[int, int] = {}
    for number in np.argsort(key, kind="stable"):
        if which[number] and len(found) < _ROWS:
            found.setdefault(int(version.person_of[ranks.probes[number]]), int(number))
    return list(found.values())


def _rows(version: Version, ranks: Ranks, numbers: list[int]) -> tuple[tuple[Cell, ...], ...]:
    if not numbers:
        return ()
    probes = ranks.probes[numbers]
    nearest, distances = _others(np.asarray(version.vectors, np.float32), probes)
    rows = []
    for probe, number, photos, far in zip(probes, numbers, nearest, distances, strict=True):
        cells = [_cell(version, int(probe), "probe", "probe")]
        for rank, (photo, distance) in enumerate(zip(photos, far, strict=True), start=1):
            same = version.person_of[photo] == version.person_of[probe]
            note = f"{rank}. {'same' if same else 'another'}, {distance:.3f}"
            cells.append(_cell(version, int(photo), note, "same" if same else "other"))
        if ranks.mate_rank[number] > 1:
            note = f"rank {ranks.mate_rank[number]:,}, {ranks.mate_distance[number]:.3f}"
            cells.append(_cell(version, int(ranks.mate[number]), note, "same"))
        rows.append(tuple(cells))
    return tuple(rows)


def _others(vectors: Vectors, probes: Ids) -> tuple[Ids, Vectors]:
    """The five nearest other photos of each, and their distances."""
    distances = np.stack([np.linalg.norm(vectors - vectors[probe], axis=1) for probe in probes])
    distances[np.arange(len(probes)), probes] = np.inf
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :_NEAREST]
    return nearest, np.take_along_axis(distances, nearest, axis=1)


def _cell(version: Version, row: int, note: str, kind: Literal["probe", "same", "other"]) -> Cell:
    photo = version.photos[row]
    return Cell(photo.file, photo.face_box, photo.person, note, kind)


def _person(file: str) -> str:
    return file.split("/", maxsplit=1)[0].replace("_", " ")
