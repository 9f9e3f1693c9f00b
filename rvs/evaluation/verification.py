"""Verification: are two photos of the same person? LFW's ten-fold protocol on distances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids

_ROC_POINTS = 60


@dataclass(frozen=True, slots=True)
class Verification:
    """Figures of one run.

    Attributes:
        accuracy: mean over the folds of the share of pairs judged rightly, each fold with the threshold
            that is best on the other nine.
        accuracy_sd: standard deviation over the folds.
        auc: area under the ROC curve, 0..1.
        tar_at_far_1e2: share of true pairs accepted at the threshold that accepts 1 in 100 strangers.
        tar_at_far_1e3: the same where it accepts 1 in 1000.
        threshold: mean of the folds' distance thresholds.
        roc: the curve (see `roc_curve`).
    """

    accuracy: float
    accuracy_sd: float
    auc: float
    tar_at_far_1e2: float
    tar_at_far_1e3: float
    threshold: float
    roc: tuple[tuple[float, float], ...]


def verify(distances: NDArray[np.floating], same: NDArray[np.bool_], folds: Ids) -> Verification:
    """Judge pairs by distance (Huang et al., "Labeled Faces in the Wild", 2007, restricted protocol).

    Args:
        distances: (n,) of each pair.
        same: (n,) whether it is one person.
        folds: (n,) which fold it belongs to.
    """
    accuracies, thresholds = [], []
    for fold in np.unique(folds):
        test = folds == fold
        threshold = best_threshold(distances[~test], same[~test])
        accuracies.append(float(np.mean((distances[test] <= threshold) == same[test])))
        thresholds.append(threshold)
    impostors = np.sort(distances[~same])
    genuine = np.sort(distances[same])
    # The area is the chance that a true pair is closer than a false one, ties counting half.
    closer = np.searchsorted(impostors, genuine, side="right") + np.searchsorted(
        impostors, genuine, side="left"
    )
    return Verification(
        accuracy=float(np.mean(accuracies)),
        accuracy_sd=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
        auc=1 - float(closer.sum()) / (2 * len(impostors) * len(genuine)),
        tar_at_far_1e2=_accepted(genuine, impostors, int(len(impostors) * 1e-2)),
        tar_at_far_1e3=_accepted(genuine, impostors, int(len(impostors) * 1e-3)),
        threshold=float(np.mean(thresholds)),
        roc=roc_curve(genuine, impostors),
    )


def roc_curve(
    genuine: NDArray[np.floating], impostors: NDArray[np.floating]
) -> tuple[tuple[float, float], ...]:
    """Receiver operating characteristic: which share of true pairs is accepted when few strangers are.

    Args:
        genuine: (n,) distances of pairs of one person.
        impostors: (m,) distances of pairs of strangers, at least one.

    Returns:
        (false accept rate, true accept rate), both rising from where no stranger is accepted to (1, 1). At most
        some 60 points, closer together where few strangers are accepted.
    """
    near, far = np.sort(genuine), np.sort(impostors)
    steps = np.unique(np.concatenate([[0], np.geomspace(1, len(far), _ROC_POINTS).round().astype(int)]))
    return tuple((int(step) / len(far), _accepted(near, far, int(step))) for step in steps)


def _accepted(genuine: NDArray[np.floating], impostors: NDArray[np.floating], wrong: int) -> float:
    """The share of true pairs accepted when at most `wrong` strangers may be; `impostors` sorted."""
    if wrong >= len(impostors):
        return 1.0
    return float(np.mean(genuine < impostors[wrong]))


def best_threshold(distances: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """The distance up to which pairs are called the same so that most pairs are judged rightly."""
    order = np.argsort(distances, kind="stable")
    ordered = distances[order]
    right = np.cumsum(np.where(same[order], 1, -1))
    # Of pairs at one distance all are accepted or none.
    right[:-1][ordered[1:] == ordered[:-1]] = -len(right)
    best = int(np.argmax(right))
    if right[best] < 0:  # better to accept none
        return float(np.nextafter(ordered[0], -np.inf))
    after = ordered[min(best + 1, len(ordered) - 1)]
    return float((ordered[best] + after) / 2)
