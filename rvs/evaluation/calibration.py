"""Are the percentile and the probability right? Held against people that they were not fitted on.

Folds 6-10 of LFW's ten are for the report. Everybody else is for the fit: the people of folds 1-5, and those who
are in no fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvs.evaluation.pairs import pair_distances
from rvs.gallery.lfw import Pair
from rvs.gallery.version import Version
from rvs.scoring import Calibration, distance_at, fit_calibration, probability, stranger_distances

_REPORTED_FOLDS = range(5, 10)
_BINS = 10
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pairs that were promised about the same probability of showing one person.

    Attributes:
        promised: mean of what was promised, 0..1.
        came_true: share of the pairs that do show one person, 0..1.
        pairs: how many.
    """

    promised: float
    came_true: float
    pairs: int


@dataclass(frozen=True, slots=True)
class PercentileCheck:
    """A percentile is right when as many strangers are beyond it as it says.

    Attributes:
        percentile: 0..100.
        promised: the share of pairs of strangers that should be closer, 0..1.
        found: the share that is.
    """

    percentile: float
    promised: float
    found: float


@dataclass(frozen=True, slots=True)
class CalibrationCheck:
    """How right a calibration is on people it was not fitted on.

    Attributes:
        source: whom it was fitted on, in words.
        stranger_pairs, genuine_pairs: how many pairs it was fitted on.
        held_out_pairs: pairs of folds 6-10.
        expected_calibration_error: of the probability on those pairs (see the function of that name); None where
            too few people had two photos to fit one, and so are the next two.
        brier_score: mean squared difference between probability and truth (Brier, 1950).
        bins: the reliability diagram.
        held_out_strangers: pairs of strangers among the people of those folds, one photo of each.
        percentiles: checked on them.
    """

    source: str
    stranger_pairs: int
    genuine_pairs: int
    held_out_pairs: int
    expected_calibration_error: float | None
    brier_score: float | None
    bins: tuple[ReliabilityBin, ...]
    held_out_strangers: int
    percentiles: tuple[PercentileCheck, ...]


def held_out_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that are for the report."""
    return [pair for pair in pairs if pair.fold in _REPORTED_FOLDS]


def fit_apart(version: Version, held_out: Sequence[Pair]) -> Calibration:
    """A calibration of the version's pipeline, fitted on everybody who is in none of those pairs.

    Raises:
        ValueError: fewer than two people are left.
    """
    free = ~_shown(version, held_out)
    source = "LFW, deep-funneled: people who are in none of the pairs of folds 6-10"
    return fit_calibration(
        version.manifest.pipeline, version.vectors[free], version.person_of[free], source=source
    )


def check_calibration(
    version: Version, held_out: Sequence[Pair], calibration: Calibration
) -> CalibrationCheck:
    """Hold a calibration against pairs, and strangers among their people, that it was not fitted on.

    Raises:
        GalleryMismatchError: the index is not over LFW.
    """
    distances, same = pair_distances(version, held_out)
    promised = np.array([probability(calibration, distance) for distance in distances], np.float64)
    fitted = calibration.slope is not None and len(held_out) > 0
    shown = _shown(version, held_out)
    strangers = stranger_distances(version.vectors[shown].astype(np.float32), version.person_of[shown])
    return CalibrationCheck(
        source=calibration.source,
        stranger_pairs=calibration.stranger_pairs,
        genuine_pairs=calibration.genuine_pairs,
        held_out_pairs=len(held_out),
        expected_calibration_error=expected_calibration_error(promised, same) if fitted else None,
        brier_score=float(np.mean((promised - same) ** 2)) if fitted else None,
        bins=reliability(promised, same) if fitted else (),
        held_out_strangers=len(strangers),
        percentiles=tuple(
            PercentileCheck(
                level,
                round(1 - level / 100, 6),
                float(np.mean(strangers < distance_at(calibration, level))),
            )
            for level in PERCENTILES
            if len(strangers)
        ),
    )


def reliability(
    probabilities: NDArray[np.floating], same: NDArray[np.bool_], bins: int = _BINS
) -> tuple[ReliabilityBin, ...]:
    """The reliability diagram in bins of equal width, without the empty ones (DeGroot and Fienberg, 1983)."""
    where = np.minimum((probabilities * bins).astype(int), bins - 1)
    return tuple(
        ReliabilityBin(
            promised=float(probabilities[where == number].mean()),
            came_true=float(same[where == number].mean()),
            pairs=int(np.count_nonzero(where == number)),
        )
        for number in range(bins)
        if (where == number).any()
    )


def expected_calibration_error(
    probabilities: NDArray[np.floating], same: NDArray[np.bool_], bins: int = _BINS
) -> float:
    """Mean gap between what was promised and what came true, in bins of equal width (Naeini et al., 2015)."""
    gaps = [one.pairs * abs(one.promised - one.came_true) for one in reliability(probabilities, same, bins)]
    return sum(gaps) / len(probabilities)


def _shown(version: Version, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    """(photos,) whether a photo is of somebody who is in one of the pairs."""
    people = {file.split("/")[0] for pair in pairs for file in (pair.first, pair.second)}
    return np.array([photo.file.split("/")[0] in people for photo in version.photos])
