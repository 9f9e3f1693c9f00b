"""A share that was counted, with how sure one can be of it."""

import math
from dataclasses import dataclass

_Z_95 = 1.959964  # two-sided, 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with its 95 % interval.

    Attributes:
        share: 0..1.
        low, high: the interval (see `share_of`), 0..1.
        of: out of how many, at least 1.
    """

    share: float
    low: float
    high: float
    of: int


def share_of(count: int, of: int) -> Share | None:
    """`count` of `of` with the interval of Wilson, "Probable inference" (1927), eq. 6; None of nothing.

    The interval takes the cases for independent. Photos of one person are not, so that what a new sample would
    give lies outside somewhat more often than once in twenty.
    """
    if of == 0:
        return None
    share, square = count / of, _Z_95**2 / of
    middle = (share + square / 2) / (1 + square)
    half = _Z_95 * math.sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    return Share(share, max(0.0, middle - half), min(1.0, middle + half), of)
