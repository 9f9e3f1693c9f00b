"""From a distance to honest numbers: a percentile among strangers, a calibrated probability, a word.

Both numbers are read off a calibration that was fitted once on people who are in no reported test; this is
the only place that has thresholds for words. We say "resembles", never "is".
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from rvs.arrays import Ids, Vectors
from rvs.result import Score, Word

CALIBRATIONS = Path(__file__).parent / "embedding" / "calibrations"
"""Where the packaged calibrations are."""

# Shares of strangers at which their distances are kept: finer towards 0, where lookalikes are.
_TAIL = tuple(float(share) for share in np.unique(np.concatenate([
    np.logspace(-6, -2, 33), np.linspace(0.01, 0.99, 99), 1 - np.logspace(-2, -4, 9)
])))  # fmt: skip
_LARGEST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """How distances of one pipeline are read.

    Attributes:
        pipeline: its name.
        stranger_shares: rising, 0..1.
        stranger_distances: the distance below which that share of pairs of strangers lies.
        slope, intercept: probability = 1 / (1 + exp(-(slope * distance + intercept))) that two photos show
            one person when both answers are equally likely beforehand; None when too few people had two
            photos to fit it.
        stranger_pairs, genuine_pairs: how many pairs it was fitted on.
        source: where they came from, in words.
    """

    pipeline: str
    stranger_shares: tuple[float, ...]
    stranger_distances: tuple[float, ...]
    slope: float | None
    intercept: float | None
    stranger_pairs: int
    genuine_pairs: int
    source: str

    def to_json(self) -> str:
        """As a JSON document."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """From `to_json`."""
        return TypeAdapter(cls).validate_json(text)


def percentile(calibration: Calibration, distance: float) -> float:
    """0..100: the share of pairs of strangers that are further apart than `distance`."""
    shares, distances = calibration.stranger_shares, calibration.stranger_distances
    # Between two kept points the share grows by a constant factor, as tails of distances nearly do.
    share = np.exp(np.interp(distance, distances, np.log(shares)))
    if distance < distances[0]:
        share = _LARGEST_SHARE if calibration.stranger_pairs >= 1 / _LARGEST_SHARE else shares[0]
    return float(100 * (1 - share))


def distance_at(calibration: Calibration, among_strangers: float) -> float:
    """The distance that has this percentile; the inverse of `percentile` within what was kept of the tail."""
    shares, distances = calibration.stranger_shares, calibration.stranger_distances
    share = max(1 - among_strangers / 100, shares[0])
    return float(np.interp(np.log(share), np.log(shares), distances))


def probability(calibration: Calibration, distance: float) -> float | None:
    """0..1: see `Calibration.slope`; None where it could not be fitted."""
    if calibration.slope is None or calibration.intercept is None:
        return None
    return float(1 / (1 + np.exp(-(calibration.slope * distance + calibration.intercept))))


def score(calibration: Calibration, distance: float) -> Score:
    """All there is to say of a distance."""
    among_strangers = percentile(calibration, distance)
    same = probability(calibration, distance)
    return Score(distance, among_strangers, same, word(among_strangers))


def word(among_strangers: float) -> Word:
    """A percentile in one word.

    The thresholds are about searching, not about one pair: among thousands of people somebody is always
    quite alike. Of LFW's photos, the person's own left out, 1 in 20 has an `uncanny` stranger, half have a
    `strong` one and nearly all a `fair` one; two photos of one person are mostly `uncanny`.
    """
    if among_strangers >= 99.999:
        return "uncanny"
    if among_strangers >= 99.98:
        return "strong"
    return "fair" if among_strangers >= 99.8 else "faint"


def pair_word(among_strangers: float) -> Word:
    """The percentile of two photos that somebody picked, in one word.

    Nobody was searched for, so less is remarkable than in `word`: of strangers, 1 in 1,000 pairs is `uncanny`,
    1 in 100 `strong`, 1 in 10 `fair`.
    """
    if among_strangers >= 99.9:
        return "uncanny"
    if among_strangers >= 99:
        return "strong"
    return "fair" if among_strangers >= 90 else "faint"


def fit_calibration(
    pipeline: str, vectors: NDArray[np.floating], people: Ids, *, source: str, most_people: int = 3000
) -> Calibration:
    """Fit a calibration on photos of known people.

    Strangers: the first photo of each of at most `most_people` people against each other. Genuine pairs:
    up to ten pairs of each person, so that the often photographed do not decide alone. The probability is
    a logistic regression on distance (Platt, 1999) with both kinds weighing the same.

    Args:
        pipeline: name to record.
        vectors: (n, dimension) of unit length.
        people: (n,) who is on each photo.
        source: where the photos came from, in words.
        most_people: bounds the memory: 3000 people are 4.5 million pairs.

    Raises:
        ValueError: fewer than two people.
    """
    unit: Vectors = np.asarray(vectors, np.float32)
    strangers = np.sort(stranger_distances(unit, people, most_people))
    if not len(strangers):
        raise ValueError("strangers need at least two people")
    genuine = genuine_distances(unit, people)
    shares = [share for share in _TAIL if share >= 1 / len(strangers)] or [0.5]
    slope, intercept = (None, None) if len(genuine) < 30 else _logistic(genuine, strangers)
    quantiles = np.quantile(strangers, shares)
    return Calibration(
        pipeline=pipeline,
        stranger_shares=tuple(float(f"{share:.6g}") for share in shares),
        stranger_distances=tuple(float(f"{value:.5f}") for value in np.maximum.accumulate(quantiles)),
        slope=slope,
        intercept=intercept,
        stranger_pairs=len(strangers),
        genuine_pairs=len(genuine),
        source=source,
    )


def stranger_distances(vectors: Vectors, people: Ids, most_people: int = 3000) -> NDArray[np.float32]:
    """Distances of all pairs of strangers among the first photos of at most so many people, drawn with a fixed seed.

    3000 people are 4.5 million pairs; none when there are fewer than two people.
    """
    _, first = np.unique(people, return_index=True)
    chosen = np.random.default_rng(0).permutation(first)[:most_people]
    unit = vectors[chosen]
    rows = np.triu_indices(len(unit), 1)
    squared = 2 - 2 * (unit @ unit.T)[rows]
    result: NDArray[np.float32] = np.sqrt(np.maximum(squared, 0))
    return result


def genuine_distances(vectors: Vectors, people: Ids, most_per_person: int = 10) -> NDArray[np.float32]:
    """Distances of pairs of photos of one person, at most so many of each, drawn with a fixed seed."""
    draw = np.random.default_rng(0)
    distances = []
    order = np.argsort(people, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(people[order])) + 1):
        first, second = np.triu_indices(len(rows), 1)
        chosen = draw.permutation(len(first))[:most_per_person]
        distances.append(np.linalg.norm(vectors[rows[first[chosen]]] - vectors[rows[second[chosen]]], axis=1))
    return np.concatenate(distances)


def packaged_calibration(pipeline: str) -> Calibration | None:
    """The calibration that travels with the package for that pipeline, if there is one."""
    path = CALIBRATIONS / calibration_file(pipeline)
    return Calibration.from_json(path.read_text()) if path.is_file() else None


def calibration_file(pipeline: str) -> str:
    """The file name of a pipeline's calibration."""
    return pipeline.replace(" + ", "+") + ".json"


def _logistic(genuine: NDArray[np.float32], strangers: NDArray[np.float32]) -> tuple[float, float]:
    """Slope and intercept by Newton's method; each kind weighs one half."""
    # Far more strangers than are needed for two numbers: every 100th of the sorted ones says the same.
    strangers = strangers[:: max(1, len(strangers) // 50_000)]
    x = np.concatenate([genuine, strangers]).astype(np.float64)
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(strangers))])
    weight = np.concatenate(
        [np.full(len(genuine), 0.5 / len(genuine)), np.full(len(strangers), 0.5 / len(strangers))]
    )
    features = np.column_stack([x, np.ones_like(x)])
    beta = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(features @ beta, -50, 50)))
        gradient = (
            features.T @ (weight * (y - p)) - 1e-6 * beta
        )  # a trace of ridge: separable data stay finite
        hessian = (features * (weight * p * (1 - p))[:, None]).T @ features + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[0]), float(beta[1])
