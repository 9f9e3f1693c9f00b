"""The plots of a benchmark, beside its report."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rvs.errors import ConfigError
from rvs.evaluation.bench_cells import exact_until
from rvs.evaluation.bench_report import GROWTH_PLOT, RECALL_PLOT, SERVICE_PLOT, STAGES_PLOT
from rvs.evaluation.benchmark import Benchmark, Growth, RuntimeFigures
from rvs.evaluation.charts import Axis, Series, draw_bars, draw_lines
from rvs.evaluation.growth import TARGETS
from rvs.evaluation.queries import QuerySpeed


def check_plots() -> None:
    """Whether plots can be drawn; for before hours of measuring.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError(
            "The plots of a report need matplotlib, which is not installed.",
            hint="Install the extra: pip install lookalike[report].",
        )


def draw_plots(benchmark: Benchmark, folder: Path) -> None:
    """Write all plots that the report shows.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: a file cannot be written.
    """
    _stages(benchmark, folder / STAGES_PLOT)
    _service(benchmark.runtimes, folder / SERVICE_PLOT)
    if benchmark.growth is not None:
        _growth(benchmark.growth, folder / GROWTH_PLOT)
        _recall(benchmark.growth, folder / RECALL_PLOT)


def parts_of(speed: QuerySpeed) -> dict[str, float]:
    """The milliseconds of a question in parts that add up: the networks first, then what is around them."""

    def stage(name: str) -> float:
        return speed.stages[name].median_ms if name in speed.stages else 0.0

    def network(name: str) -> float:
        return speed.networks[name].median_ms if name in speed.networks else 0.0

    # A network alone can by chance have been slower than in its stage.
    detector, embedder = min(network("detector"), stage("detect")), min(network("embedder"), stage("embed"))
    return {
        "the networks (the floor)": detector + embedder,
        "decode": stage("decode"),
        "detect, around the network": stage("detect") - detector,
        "align, embed, quality": stage("align") + stage("embed") - embedder + stage("quality"),
        "search, group": stage("search") + stage("group"),
        "grid": stage("render"),
        "numbered faces": stage("overview"),
    }


def _stages(benchmark: Benchmark, path: Path) -> None:
    bars = [
        (f"{figures.runtime}, {speed.photo}", parts_of(speed))
        for figures in benchmark.runtimes
        for speed in figures.queries
    ]
    names = list(bars[0][1])
    draw_bars(
        path,
        "Where the time of a question goes",
        Axis("ms, medians of the stages"),
        [label for label, _ in bars],
        [(name, [parts[name] for _, parts in bars]) for name in names],
        stacked=True,
    )


def _service(runtimes: Sequence[RuntimeFigures], path: Path) -> None:
    series = []
    for figures in runtimes:
        askers = [one.askers for one in figures.service]
        medians = [one.latency.median_ms for one in figures.service]
        notes = [f"{one.per_second:.0f}/s" for one in figures.service]
        series.append(Series(f"{figures.runtime}, median", askers, medians, "both", notes))
        p95 = [one.latency.p95_ms for one in figures.service]
        series.append(Series(f"{figures.runtime}, p95", askers, p95, "dashed"))
    title = "The service: time to the answer, and answers a second"
    draw_lines(path, title, Axis("people who ask at once"), Axis("ms", low=0), series)


def _growth(growth: Growth, path: Path) -> None:
    steps = growth.steps
    all_sizes, exact = [step.vectors for step in steps], [step.exact.search.median_ms for step in steps]
    series = [Series("exact", all_sizes, exact, "both")]
    crossed: list[tuple[int, float]] = []
    for number, target in enumerate(TARGETS):
        found = [(step.vectors, one) for step in steps if (one := step.tuned[number].found)]
        times = [one.speed.search.median_ms for _, one in found]
        series.append(Series(f"Annoy, recall {target:g}", [size for size, _ in found], times, "both"))
        sizes, at = exact_until(steps, number)
        if at is not None and at > sizes[0]:
            crossed.append((at, float(np.exp(np.interp(np.log(at), np.log(all_sizes), np.log(exact))))))
    if crossed:
        notes = [f"{float(f'{size:.2g}'):,.0f}" for size, _ in crossed]
        label = "exact stops being cheaper"
        series.append(Series(label, [at for at, _ in crossed], [ms for _, ms in crossed], "dots", notes))
    title = "One search as the gallery grows"
    draw_lines(path, title, Axis("vectors", log=True), Axis("ms, median", log=True), series)


def _recall(growth: Growth, path: Path) -> None:
    series = [
        Series(
            f"{step.vectors:,} vectors",
            [one.speed.search.median_ms for one in step.curve],
            [one.speed.recall for one in step.curve],
            "both",
        )
        for step in growth.steps
    ]
    title = "Annoy: what a wider search finds, and what it costs"
    draw_lines(path, title, Axis("ms, median", log=True), Axis("recall@10", high=1.01), series)
