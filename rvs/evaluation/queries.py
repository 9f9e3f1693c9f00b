"""How long one question takes, warm: as a whole, stage by stage, and how much of it the bare networks are.

The whole is what the bot does (`rvs.answer.answer`). The stages are timed in a second pass through the same
parts, so they need not add up to it to the last digit.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rvs.answer import Answer, Question, Served, answer
from rvs.arrays import Distances, Ids, Vectors
from rvs.evaluation.bench_photos import BenchPhoto
from rvs.evaluation.spread import Laps, Spread
from rvs.faces.quality import assess
from rvs.faces.retinaface_mobilenet import RetinaFaceMobileNet
from rvs.inference import Network
from rvs.photo import read_photo
from rvs.pipeline import Pipeline
from rvs.render import grid, overview
from rvs.result import FaceResult
from rvs.scoring import score
from rvs.stages import Stages
from rvs.vectors.index import VectorIndex

_WARM_UPS = 3  # OpenVINO compiles for a shape the first time it meets it, TensorFlow the first two times


@dataclass(frozen=True, slots=True)
class QuerySpeed:
    """One photo's times.

    Attributes:
        photo: its name.
        whole: from the photo's bytes to those of the grid, and of the overview where there are several faces.
        path: the stages that `rvs.answer` itself tells of, within `whole`.
        stages: finer ones, one by one: decode, detect, align, embed, search, group, quality, render, overview.
        networks: the bare networks' calls, "detector" and "embedder", on the very arrays they were shown.
        network_calls: how many those are.
        floor: all of them; None where the detector's network cannot be called alone.
        overhead: how many times the floor the whole takes, by the medians.
    """

    photo: str
    whole: Spread
    path: Mapping[str, Spread] = field(hash=False)
    stages: Mapping[str, Spread] = field(hash=False)
    networks: Mapping[str, Spread] = field(hash=False)
    network_calls: int
    floor: Spread | None
    overhead: float | None


@dataclass(frozen=True, slots=True)
class NetworkCall:
    """A network, and an array that it was given in a query."""

    role: str
    network: Network
    batch: NDArray[np.uint8]


def measure_query(
    served: Served, photo: BenchPhoto, people: int, repeat: int, tick: Callable[[], None]
) -> QuerySpeed:
    """Ask `repeat` times with one photo.

    Args:
        served: what answers.
        photo: what is asked with.
        people: how many each answer names.
        repeat: how many times, at least 1, after a few that do not count.
        tick: called after each time, those that do not count included: `repeat_in_all(repeat)` times.

    Raises:
        PhotoError, NoFaceError, PoorPhotoError: the photo cannot be used.
    """
    question = Question(people)
    calls = network_calls(served, photo.jpeg, question)
    whole, path, parts, bare = Laps(), Laps(), Laps(), Laps()
    for _ in range(repeat_in_all(repeat)):
        stages = Stages()
        whole.start()
        given = answer(served, photo.jpeg, question, stages)
        whole.lap("whole")
        for name, elapsed_ms in stages.milliseconds.items():
            path.add(name, elapsed_ms)
        _by_parts(served, photo.jpeg, question, given, parts)
        _bare(calls, bare)
        tick()
    bare_spreads = dict(bare.spreads(skip=_WARM_UPS))
    everything = bare_spreads.pop("all")
    floor = everything if can_be_recorded(served.engine.pipeline) else None
    whole_spread = whole.spreads(skip=_WARM_UPS)["whole"]
    return QuerySpeed(
        photo=photo.name,
        whole=whole_spread,
        path=path.spreads(skip=_WARM_UPS),
        stages=parts.spreads(skip=_WARM_UPS),
        networks=bare_spreads,
        network_calls=len(calls),
        floor=floor,
        overhead=round(whole_spread.median_ms / floor.median_ms, 2) if floor else None,
    )


def repeat_in_all(repeat: int) -> int:
    """How many times `measure_query` asks so that `repeat` count."""
    return repeat + _WARM_UPS


def network_calls(served: Served, photo: bytes, question: Question) -> tuple[NetworkCall, ...]:
    """What the networks are given in one query, in order.

    A detector that is not `retinaface-mobilenet` keeps its calls to itself: then the embedder's alone are here.
    """
    calls: list[NetworkCall] = []
    pipeline = served.engine.pipeline
    detector, embedder = pipeline.detector, pipeline.embedder
    if isinstance(detector, RetinaFaceMobileNet):
        detector = replace(detector, network=_Recorder("detector", detector.network, calls))
    embedder = replace(embedder, network=_Recorder("embedder", embedder.network, calls))
    told = replace(pipeline, detector=detector, embedder=embedder)
    answer(replace(served, engine=replace(served.engine, pipeline=told)), photo, question, Stages())
    return tuple(calls)


def can_be_recorded(pipeline: Pipeline) -> bool:
    """Whether `network_calls` has all of a pipeline's calls."""
    return pipeline.detector is None or isinstance(pipeline.detector, RetinaFaceMobileNet)


class _Recorder:
    """A network that keeps a copy of whatever it is given."""

    def __init__(self, role: str, network: Network, calls: list[NetworkCall]) -> None:
        self._role, self._network, self._calls = role, network, calls

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        self._calls.append(NetworkCall(self._role, self._network, batch.copy()))
        return self._network(batch)


class _TimedIndex:
    """An index that adds up how long its searches take."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self.elapsed_ms = 0.0

    def __len__(self) -> int:
        return len(self._index)

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        started = time.perf_counter()
        found = self._index.search(vectors, k)
        self.elapsed_ms += (time.perf_counter() - started) * 1000
        return found


def _by_parts(served: Served, data: bytes, question: Question, given: Answer, laps: Laps) -> None:
    """The query once more, each part timed; drawing uses what was found before."""
    engine = served.engine
    laps.start()
    photo = read_photo(data, served.limits)
    laps.lap("decode")
    faces = engine.pipeline.faces(photo.pixels)
    laps.lap("detect")
    face = faces[0] if faces else None
    chip = engine.pipeline.chip(photo.pixels, face)
    laps.lap("align")
    vector = engine.pipeline.embed([chip])
    laps.lap("embed")

    index = _TimedIndex(engine.index)
    ranking = Laps()
    for candidate in replace(engine, index=index).rank_people(vector, question.people):
        score(engine.calibration, candidate.distance)
    laps.add("search", index.elapsed_ms)
    laps.add("group", ranking.lap("ranked") - index.elapsed_ms)

    laps.start()
    if face is not None:
        assess(photo.pixels, face, photo.reduction)
        laps.lap("quality")
    found = given.found
    drawn = FaceResult(found.face, found.quality, chip, found.matches)
    grid(drawn, served.pictures.load, max_bytes=question.max_bytes)
    laps.lap("render")
    if len(faces) > 1:
        overview(photo.pixels, faces, given.face)
        laps.lap("overview")


def _bare(calls: tuple[NetworkCall, ...], laps: Laps) -> None:
    sums: dict[str, float] = {}
    one = Laps()
    for call in calls:
        one.start()
        call.network(call.batch)
        sums[call.role] = sums.get(call.role, 0.0) + one.lap("call")
    for role, elapsed_ms in sums.items():
        laps.add(role, elapsed_ms)
    laps.add("all", sum(sums.values()))
