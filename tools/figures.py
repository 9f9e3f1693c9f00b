"""Pages, plots, and tables of figures in other pages, made again from the documents in docs/. `make figures` runs it.

The documents are what the measuring commands wrote; nothing is measured here. Tests compare the committed pages
and the README with what this makes of the committed documents.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvs.evaluation.bench_cells import milliseconds
from rvs.evaluation.bench_folder import write_benchmark
from rvs.evaluation.bench_photos import ONE_MEGAPIXEL
from rvs.evaluation.benchmark import Benchmark, RuntimeFigures, read_benchmark
from rvs.evaluation.document import Evaluation, from_json
from rvs.evaluation.engine_report import EngineRow, rows_in
from rvs.evaluation.engine_report import markdown as engines_table
from rvs.evaluation.eval_report import write_report
from rvs.evaluation.markdown_table import percent, table
from rvs.evaluation.queries import QuerySpeed
from rvs.whole_files import write_whole
from tools.peers.comparison import Comparison, read_comparison
from tools.peers.contenders import FACE_RECOGNITION
from tools.peers.report import write_report as write_comparison

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SEARCH_PAGE = ROOT / "docs" / "search.md"
START, END = "<!-- figures -->", "<!-- /figures -->"
ENGINES_START, ENGINES_END = "<!-- engines -->", "<!-- /engines -->"


@dataclass(frozen=True, slots=True)
class Measured:
    """The documents of `make eval`, `bench`, `bench-engines`, `bench-peers`, `load` and `load-rebuild`."""

    evaluation: Evaluation
    benchmark: Benchmark
    engines: tuple[EngineRow, ...]
    peers: Comparison
    load: dict[str, Any]
    rebuild: dict[str, Any]


def read_measured(folder: Path) -> Measured:
    """The documents in a folder.

    Raises:
        FileNotFoundError: one is missing.
        ValueError: one is not what it should be.
    """

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    return Measured(
        from_json(text("evaluation.json")),
        read_benchmark(folder / "benchmark.json"),
        rows_in(folder),
        read_comparison(folder / "peers.json"),
        json.loads(text("load.json")),
        json.loads(text("load-rebuild.json")),
    )


def figures(measured: Measured) -> str:
    """The table, between its two marks."""
    rows = [*_accuracy(measured.evaluation), *_speed(measured.benchmark), *_engines(measured.engines)]
    rows += [*_peers(measured.peers), *_bot(measured.load), *_rebuild(measured.rebuild)]
    machine = measured.benchmark.machine
    where = f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:.0f} GiB, without a GPU:"
    return "\n".join([START, where, "", *table(("what", "figure", "by"), rows), END])


def with_figures(readme: str, block: str) -> str:
    """The README with another table.

    Raises:
        ValueError: it has no place for one.
    """
    return _replaced(readme, START, END, block)


def with_engines(page: str, rows: tuple[EngineRow, ...]) -> str:
    """The page about servers with another table, which is made from the rows of `rvs bench --search`.

    Raises:
        ValueError: it has no place for one.
    """
    machines = dict.fromkeys(
        f"{one.processor}, {one.cores} cores, {one.memory_gib:.0f} GiB"
        for one in (row.machine for row in rows)
    )
    block = "\n".join([ENGINES_START, f"{'; '.join(machines)}:", "", engines_table(rows), ENGINES_END])
    return _replaced(page, ENGINES_START, ENGINES_END, block)


def _replaced(page: str, start: str, end: str, block: str) -> str:
    before, found_start, rest = page.partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise ValueError(f"the page has no {start} ... {end}")
    return before + block + after


_Row = tuple[str, str, str]


def _accuracy(one: Evaluation) -> Iterator[_Row]:
    by = "`make eval`"
    pairs, found, people = one.verification, one.identification, one.identification.by_person
    yield (
        f"verification, {one.pairs:,} pairs, ten folds; true pairs accepted at 1 false in 1,000",
        f"{percent(pairs.accuracy)} ± {percent(pairs.accuracy_sd)}; {percent(pairs.tar_at_far_1e3, 1)}",
        by,
    )
    yield (
        f"identification, leave one out, {found.probes:,} probes: the same person first (P@1)",
        f"{found.precision_at_1:.3f}",
        by,
    )
    yield "the same person among the first five people", f"{people.hit_at_5:.3f}", by
    near = one.neighbours
    yield "Annoy with exact re-ranking: recall@10", f"{near.recall_at_10:.4f}", by
    if one.calibration is not None and one.calibration.expected_calibration_error is not None:
        yield (
            f"expected calibration error of the probability, {one.calibration.held_out_pairs:,} held-out pairs",
            f"{one.calibration.expected_calibration_error:.3f}",
            by,
        )


def _speed(one: Benchmark) -> Iterator[_Row]:
    by = "`make bench`"
    for figures_ in one.runtimes:
        name = f"{figures_.runtime} {figures_.precision}"
        query = _one_megapixel(figures_)
        floor = f"; {query.overhead:.1f} times the bare networks" if query.overhead else ""
        yield (
            f"a 1-megapixel photo, bytes to grid bytes, warm ({name}): median; p95",
            f"{query.whole.median_ms:.0f} ms; {query.whole.p95_ms:.0f} ms{floor}",
            by,
        )
    ready = "; ".join(f"{one_.cold.ready_s:.1f} s, {one_.memory.peak_mib:,.0f} MiB" for one_ in one.runtimes)
    names = "; ".join(one_.runtime for one_ in one.runtimes)
    yield f"a fresh process is ready after; its memory at most ({names})", ready, by
    batch = "; ".join(f"{one_.batch.per_second:,.0f}" for one_ in one.runtimes)
    yield f"photos a second while an index is built ({names})", batch, by


def _engines(rows: tuple[EngineRow, ...]) -> Iterator[_Row]:
    largest = max((row.speed.vectors for row in rows), default=0)
    speeds = [row.speed for row in rows if row.speed.vectors == largest]
    if speeds:
        yield (
            f"a search among {largest:,} faces with a recall of {speeds[0].target:g}"
            f" ({'; '.join(speed.engine for speed in speeds)})",
            "; ".join(f"{milliseconds(speed.speed.search.median_ms)} ms" for speed in speeds),
            "`make bench-engines`",
        )


def _peers(one: Comparison) -> Iterator[_Row]:
    row = next((row for row in one.rows if row.name == FACE_RECOGNITION), None)
    timing = next((timing for timing in row.timings if timing.photo == ONE_MEGAPIXEL), None) if row else None
    if timing is None or timing.like_for_like is None or timing.with_grid is None:
        return
    yield (
        "the `face_recognition` pipeline, against ours without the picture; with it",
        f"{timing.like_for_like.median:.0f} times as long; {timing.with_grid.median:.0f} times",
        "`make bench-peers`",
    )


def _bot(one: dict[str, Any]) -> Iterator[_Row]:
    by = "`make load`"
    yield (
        "the bot, from message to reply, 1 megapixel, against our own Discord on loopback: median; p95",
        f"{one['reply_ms_median']:.0f} ms; {one['reply_ms_p95']:.0f} ms",
        by,
    )
    yield (
        f"30 people who ask within a second: answered{', in order' if one['crowd_in_order'] else ''}; the last after",
        f"{one['crowd_answered']}; {one['crowd_last_answer_s']:.1f} s",
        by,
    )
    memory = one["memory_mib_by_tenths"]
    yield (
        f"the bot's memory: at first; after {one['photos']:,} mixed photos; at most",
        f"{memory[0]}; {memory[-1]}; {one['memory_peak_mib']} MB",
        by,
    )
    yield "the bot's event loop was late by at most", f"{one['loop_lag_worst_ms']} ms", by


def _rebuild(one: dict[str, Any]) -> Iterator[_Row]:
    phases = [one[name] for name in ("before", "during", "after")]
    medians = " / ".join(f"{phase['median_ms']:.0f}" for phase in phases)
    yield (
        f"message to reply before / during / after a rebuild of all of LFW ({one['rebuild_s']:.0f} s); failed",
        f"{medians} ms; "
        f"{sum(phase['failed'] for phase in phases)} of {sum(phase['questions'] for phase in phases):,}",
        "`make load-rebuild`",
    )


def _one_megapixel(figures_: RuntimeFigures) -> QuerySpeed:
    return next(speed for speed in figures_.queries if speed.photo == ONE_MEGAPIXEL)


def main() -> None:
    """Write pages and plots in docs/, and the tables in the README and in docs/search.md."""
    docs = ROOT / "docs"
    measured = read_measured(docs)
    write_report(docs, measured.evaluation)
    write_benchmark(measured.benchmark, docs)
    write_comparison(measured.peers, docs)
    block = figures(measured)
    write_whole(README, with_figures(README.read_text(encoding="utf-8"), block).encode())
    write_whole(SEARCH_PAGE, with_engines(SEARCH_PAGE.read_text(encoding="utf-8"), measured.engines).encode())


if __name__ == "__main__":
    main()
