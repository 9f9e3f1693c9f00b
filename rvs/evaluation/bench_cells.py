"""A benchmark's figures as cells of tables and as sentences, the same for the page and the terminal."""

from collections.abc import Sequence

from rvs.evaluation.benchmark import RuntimeFigures
from rvs.evaluation.growth import TARGETS, GrowthStep
from rvs.evaluation.index_speed import crossing
from rvs.evaluation.spread import Spread

STAGES = ("decode", "detect", "align", "embed", "search", "group", "quality", "render", "overview")
"""The stages of a question, in the order of the tables."""


def query_rows(figures: RuntimeFigures) -> list[tuple[str, list[str]]]:
    """The times of a runtime as a table: a name, and a cell for each photo."""
    seen = {stage for speed in figures.queries for stage in speed.stages}
    rows = [
        (stage, [_median(speed.stages.get(stage)) for speed in figures.queries])
        for stage in STAGES
        if stage in seen
    ]
    rows.append(("whole", [milliseconds(speed.whole.median_ms) for speed in figures.queries]))
    rows.append(("whole, p95", [milliseconds(speed.whole.p95_ms) for speed in figures.queries]))
    rows.append(("floor", [_median(speed.floor) for speed in figures.queries]))
    overheads = [speed.overhead for speed in figures.queries]
    rows.append(("whole / floor", ["-" if one is None else f"{one:.1f}" for one in overheads]))
    return rows


def runtime_title(figures: RuntimeFigures) -> str:
    """Which runtime, how precise, on how many threads."""
    return f"{figures.runtime} {figures.precision}, {count(figures.threads, 'thread')}"


def crossings(steps: Sequence[GrowthStep]) -> list[str]:
    """For each target a sentence: where exact search stops being cheaper."""
    sentences = []
    for number, target in enumerate(TARGETS):
        sizes, at = exact_until(steps, number)
        if not sizes:
            continue
        if at is None:
            words = f"exact search is the cheaper one at every size, up to {sizes[-1]:,} vectors"
        elif at == sizes[0]:
            words = f"Annoy is the cheaper one at every size, from {at:,} vectors on"
        else:
            words = f"exact search is the cheaper one up to about {float(f'{at:.2g}'):,.0f} vectors"
        sentences.append(f"At a recall of {target:g}, {words}.")
    return sentences


def exact_until(steps: Sequence[GrowthStep], number: int) -> tuple[list[int], int | None]:
    """The sizes at which Annoy reaches a target, and the one from which on it is then the cheaper one.

    Args:
        steps: in ascending order.
        number: of the target among `TARGETS`.
    """
    pairs = [(step, found) for step in steps if (found := step.tuned[number].found)]
    sizes = [step.vectors for step, _ in pairs]
    exact = [step.exact.search.median_ms for step, _ in pairs]
    annoy = [found.speed.search.median_ms for _, found in pairs]
    return sizes, crossing(sizes, exact, annoy)


def milliseconds(value: float) -> str:
    """A time with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def mebibytes(value: float) -> str:
    """Memory; 0 is what the system does not tell."""
    return f"{value:,.0f}" if value else "unknown"


def count(number: int, what: str) -> str:
    """1 photo, 2 photos."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _median(spread: Spread | None) -> str:
    return "-" if spread is None else milliseconds(spread.median_ms)
