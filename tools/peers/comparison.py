"""Turns to figures: medians, and how many times as long as ours; the document that keeps them.

A ratio is taken within a round, of two turns that were seconds apart, so that what the machine did at the time
cancels out; given are the median over the rounds and the quartiles.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from rvs.evaluation.bench_photos import PhotoFacts
from rvs.evaluation.machine import Machine
from rvs.evaluation.spread import spread
from tools.peers.contenders import INDEX, WITH_GRID, Contender
from tools.peers.race import Race, Turn


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long as ours: median over the rounds, first and third quartile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Timing:
    """A contender with a photo, or with the photos of an index.

    Attributes:
        photo: its name.
        median_ms, p95_ms: over all calls that counted.
        calls, rounds: how many.
        found: faces found, or photos that went into the index.
        parts_ms: median of each part, in the order in which they come; they need not be all there is.
        like_for_like: against ours that does no more and no less; None for ours itself.
        with_grid: against ours from photo to picture; None for that itself, and for the index.
    """

    photo: str
    median_ms: float
    p95_ms: float
    calls: int
    rounds: int
    found: int
    parts_ms: Mapping[str, float] = field(hash=False)
    like_for_like: Ratio | None
    with_grid: Ratio | None


@dataclass(frozen=True, slots=True)
class Row:
    """A contender and all its timings.

    Attributes:
        name, against, does, made_up: see `Contender`.
        versions: of its packages.
        once_ms: what is not in its times, by name.
        failed: why there is no timing, by the photo's name.
        timings: one for each photo that did not fail.
    """

    name: str
    against: str
    does: str
    made_up: str
    versions: Mapping[str, str] = field(hash=False)
    once_ms: Mapping[str, float] = field(hash=False)
    failed: Mapping[str, str] = field(hash=False)
    timings: tuple[Timing, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was measured, as it is written to peers.json.

    Attributes:
        format: of this document.
        machine: where.
        runtime, precision: what computes our networks.
        rounds, batch_rounds, seed: how it was measured.
        vectors: how many are searched.
        gallery_here: whether LFW's photos were on the machine: in the grid, and for deepface to look through.
        photos: what was asked with.
        rows: a contender each, ours first.
        batch_photos: how many were made into an index.
        batch_source: where they come from.
        batch: a contender each, ours first.
    """

    format: Literal[1]
    machine: Machine
    runtime: str
    precision: str
    rounds: int
    batch_rounds: int
    seed: int
    vectors: int
    gallery_here: bool
    photos: tuple[PhotoFacts, ...]
    rows: tuple[Row, ...]
    batch_photos: int
    batch_source: Literal["LFW", "the portrait"]
    batch: tuple[Row, ...]


def rows(
    contenders: Iterable[Contender],
    race: Race,
    photos: Sequence[str],
    versions: Mapping[str, Mapping[str, str]],
    once_ms: Mapping[str, Mapping[str, float]],
) -> tuple[Row, ...]:
    """A row for each contender.

    Args:
        contenders: in order.
        race: their turns.
        photos: the names of the photos, in order.
        versions, once_ms: by the contender's name.
    """
    turns: dict[tuple[str, str], list[Turn]] = {}
    for turn in race.turns:
        turns.setdefault((turn.contender, turn.photo), []).append(turn)
    made = []
    for one in contenders:
        failed = {photo: race.failed[one.name, photo] for photo in photos if (one.name, photo) in race.failed}
        timings = tuple(_timing(one, photo, turns) for photo in photos if photo not in failed)
        made.append(
            Row(
                one.name,
                one.against,
                one.does,
                one.made_up,
                dict(versions.get(one.name, {})),
                dict(once_ms.get(one.name, {})),
                failed,
                timings,
            )
        )
    return tuple(made)


def ratio(theirs: Sequence[Turn], ours: Sequence[Turn]) -> Ratio | None:
    """How many times as long theirs took, over the rounds in which both had a turn; None when there are none."""
    of_round = {turn.round: float(np.median(turn.milliseconds)) for turn in ours}
    times = [
        float(np.median(turn.milliseconds)) / of_round[turn.round]
        for turn in theirs
        if turn.round in of_round
    ]
    if not times:
        return None
    low, median, high = (round(float(one), 3) for one in np.quantile(times, (0.25, 0.5, 0.75)))
    return Ratio(median, low, high)


def _timing(one: Contender, photo: str, turns: Mapping[tuple[str, str], Sequence[Turn]]) -> Timing:
    own = turns[one.name, photo]
    milliseconds = [call for turn in own for call in turn.milliseconds]
    whole = spread(milliseconds)
    parts = {
        name: round(float(np.median([turn.parts[name] for turn in own if name in turn.parts])), 3)
        for name in own[-1].parts
    }

    def against(name: str) -> Ratio | None:
        return None if name == one.name else ratio(own, turns.get((name, photo), ()))

    return Timing(
        photo=photo,
        median_ms=whole.median_ms,
        p95_ms=whole.p95_ms,
        calls=len(milliseconds),
        rounds=len(own),
        found=own[-1].found,
        parts_ms=parts,
        like_for_like=against(one.against),
        with_grid=None if one.against == INDEX else against(WITH_GRID),
    )


def to_json(comparison: Comparison) -> bytes:
    """The document, as it is committed."""
    return TypeAdapter(Comparison).dump_json(comparison, indent=1) + b"\n"


def read_comparison(path: Path) -> Comparison:
    """The comparison of a document.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a document.
    """
    found: Comparison = TypeAdapter(Comparison).validate_json(path.read_bytes())
    return found
