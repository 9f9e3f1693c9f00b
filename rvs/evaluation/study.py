"""The study's experiment as one table: every embedding network over every crop, one index each.

It began with a comparison of networks that were trained on ImageNet's objects, over whole photos and face crops of
LFW. Here every row is an index like any other, so that it can be asked, resumes after a kill, and is incremental.
Where weights come from, where indexes are kept and how progress is shown is for the caller to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rvs.embedding.imagenet import weights_at_hand
from rvs.embedding.spec import Crop, embedder_spec
from rvs.errors import GalleryMismatchError
from rvs.evaluation.embedding_speed import PhotoTimes
from rvs.evaluation.machine import Machine
from rvs.evaluation.neighbours import Neighbours, compare_neighbours
from rvs.evaluation.pairs import pair_distances
from rvs.evaluation.retrieval import leave_one_out
from rvs.evaluation.verification import verify
from rvs.faces.detector import RETINAFACE_MOBILENET
from rvs.gallery.lfw import Pair
from rvs.gallery.version import Version
from rvs.pipeline import DEFAULT_PIPELINE, PipelineName

EMBEDDERS = ("vgg16", "mobilenet", "inceptionv3", "resnet50", "xception", "mobilenetv2", "face-resnet")
CROPS: tuple[Crop, ...] = ("whole", "face", "aligned")
_MOST_PROBES = 1000


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row before anything is measured.

    Attributes:
        pipeline: its name.
        index: what its index is called.
        weights: the file given for its embedder, None where the package or Keras has them.
        weights_here: whether they are on this machine.
    """

    pipeline: PipelineName
    index: str
    weights: Path | None
    weights_here: bool


@dataclass(frozen=True, slots=True)
class RowFigures:
    """What was measured of a row.

    Attributes:
        version: of the index.
        runtime, precision: what computed its vectors and the times.
        photos, misses: in the index, and not.
        accuracy, accuracy_sd: of verification, ten folds; None where the index lacks photos of the pairs.
        precision_at_1, hit_at_5, mean_average_precision: of identification, leave one out.
        times: milliseconds for a photo.
        index_bytes: all files of the version.
        neighbours: exact search and Annoy side by side.
        measured_at: UTC, ISO 8601.
    """

    version: str
    runtime: str
    precision: str
    photos: int
    misses: int
    accuracy: float | None
    accuracy_sd: float | None
    precision_at_1: float
    hit_at_5: float
    mean_average_precision: float
    times: PhotoTimes
    index_bytes: int
    neighbours: Neighbours
    measured_at: str


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One pipeline of the table.

    Attributes:
        pipeline, embedder, crop: what it is.
        index: what its index is called.
        dimension: length of its vectors.
        figures: None where its weights are not on this machine.
        random_embed_ms: milliseconds for embedding a photo with random weights, which take as long; where that was
            asked for and the weights are missing.
    """

    pipeline: str
    embedder: str
    crop: Crop
    index: str
    dimension: int
    figures: RowFigures | None
    random_embed_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """The table, and what it was measured on."""

    machine: Machine
    rows: tuple[StudyRow, ...]


def planned_rows(weights: Mapping[str, Path], default_index: str) -> list[PlannedRow]:
    """All rows, embedder by embedder.

    Args:
        weights: files by name of the embedder.
        default_index: the index of the default pipeline, whose row uses it.
    """
    rows = []
    for embedder in EMBEDDERS:
        spec, given = embedder_spec(embedder), weights.get(embedder)
        for crop in CROPS:
            name = PipelineName(None if crop == "whole" else RETINAFACE_MOBILENET, spec, crop)
            index = default_index if str(name) == DEFAULT_PIPELINE else study_index(name)
            rows.append(PlannedRow(name, index, given, weights_at_hand(spec, given)))
    return rows


def study_index(name: PipelineName) -> str:
    """What the index of a row is called, such as "study-vgg16-face"."""
    return f"study-{name.embedder.name}-{name.crop}"


def row_of(planned: PlannedRow, figures: RowFigures | None, random_embed_ms: float | None = None) -> StudyRow:
    """A row of the table."""
    name = planned.pipeline
    spec = name.embedder
    return StudyRow(str(name), spec.name, name.crop, planned.index, spec.dimension, figures, random_embed_ms)


def measure_row(
    version: Version, pairs: Sequence[Pair], times: PhotoTimes, workers: int, measured_at: str
) -> RowFigures:
    """The figures of a row, read off its index.

    Args:
        version: the index.
        pairs: LFW's pairs; left out where the index lacks their photos.
        times: measured beforehand.
        workers: threads.
        measured_at: UTC, ISO 8601.

    Raises:
        ValueError: nobody in it has two photos.
    """
    accuracy = accuracy_sd = None
    try:
        distances, same = pair_distances(version, pairs)
    except GalleryMismatchError:
        pass  # a gallery that is part of LFW
    else:
        verification = verify(distances, same, np.array([pair.fold for pair in pairs]))
        accuracy, accuracy_sd = verification.accuracy, verification.accuracy_sd
    found = leave_one_out(version.vectors, version.person_of)
    manifest = version.manifest
    return RowFigures(
        version=manifest.version,
        runtime=manifest.runtime,
        precision=manifest.precision,
        photos=manifest.photos,
        misses=manifest.misses,
        accuracy=accuracy,
        accuracy_sd=accuracy_sd,
        precision_at_1=found.precision_at_1,
        hit_at_5=found.hit_at_5,
        mean_average_precision=found.mean_average_precision,
        times=times,
        index_bytes=sum(file.bytes for file in manifest.files.values()),
        neighbours=compare_neighbours(version, _MOST_PROBES, workers),
        measured_at=measured_at,
    )
