"""How fast any index of vectors answers, and how much of the truth it finds: one measure for all kinds."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rvs.arrays import Ids, Vectors
from rvs.evaluation.spread import Spread, spread
from rvs.vectors.annoy_index import recall_at_k
from rvs.vectors.index import VectorIndex

_TIMED = 100  # probes


@dataclass(frozen=True, slots=True)
class IndexSpeed:
    """What was measured: the share of the true neighbours found, and the time of one search for one probe."""

    recall: float
    search: Spread


def measure_index(index: VectorIndex, probes: Vectors, truth: Ids) -> IndexSpeed:
    """Search for probes: all together for the recall, then the first hundred one by one for the time.

    Args:
        index: any; it is warm when the time is taken, for the same probes have been searched before.
        probes: (n, dimension), at least one.
        truth: (n, k) rows of the exact neighbours; k are asked for.
    """
    k = truth.shape[1]
    found, _ = index.search(probes, k)
    times = []
    for number in range(min(_TIMED, len(probes))):
        started = time.perf_counter()
        index.search(probes[number : number + 1], k)
        times.append((time.perf_counter() - started) * 1000)
    return IndexSpeed(round(recall_at_k(found, truth), 4), spread(times))


def crossing(sizes: Sequence[int], first: Iterable[float], second: Iterable[float]) -> int | None:
    """The size from which on the second is cheaper than the first; None when it never is.

    Between two sizes both are taken to grow as powers do, which is a straight line on logarithmic axes. When the
    second is cheaper from the start on, that is the smallest size.

    Args:
        sizes: in ascending order.
        first, second: what each costs at those sizes, above 0.
    """
    before: tuple[int, float] | None = None
    for size, a, b in zip(sizes, first, second, strict=True):
        ratio = a / b  # above 1 where the second is cheaper
        if ratio > 1:
            if before is None:
                return size
            size_before, ratio_before = before
            share = -math.log(ratio_before) / (math.log(ratio) - math.log(ratio_before))
            return round(size_before * math.pow(size / size_before, share))
        before = (size, ratio)
    return None
