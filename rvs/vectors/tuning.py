"""How wide to search: the narrowest width that finds as many true neighbours as asked for."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache


def narrowest(steps: Sequence[int], recall: Callable[[int], float], target: float) -> tuple[int, float]:
    """The smallest step whose recall reaches the target.

    Args:
        steps: widths to choose from, rising; at least one.
        recall: measures one. A wider search sees all that a narrower one sees, so it only rises with the steps.
        target: 0 to 1.

    Returns:
        the step and its recall; the last step when none reaches the target.
    """
    measured = cache(recall)
    chosen = steps[min(bisect_left(steps[:-1], target, key=measured), len(steps) - 1)]
    return chosen, measured(chosen)
