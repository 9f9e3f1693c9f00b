"""A benchmark on the terminal, in compact tables."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from rvs.evaluation.bench_cells import crossings, milliseconds, query_rows, runtime_title
from rvs.evaluation.benchmark import Benchmark, Growth, RuntimeFigures

_STRONG = ("whole", "floor", "whole / floor")


def print_benchmark(console: Console, benchmark: Benchmark) -> None:
    """Everything that was measured."""
    for figures in benchmark.runtimes:
        _print_runtime(console, figures)
        console.print()
    if benchmark.growth is not None:
        _print_growth(console, benchmark.growth)
        console.print()
    index = benchmark.index
    cards = "" if index.photos_here else "; its photos are not here, so the grid shows cards"
    console.print(
        f"[dim]{benchmark.machine.processor}, {benchmark.machine.cores} cores; index {index.name} {index.version}"
        f"{cards}. Times are milliseconds, medians of {benchmark.repeat}.[/]",
        soft_wrap=True,
    )


def _print_runtime(console: Console, figures: RuntimeFigures) -> None:
    console.print(f"[bold]{runtime_title(figures)}[/]")
    rows = [
        (f"[bold]{name}[/]", *(f"[bold]{cell}[/]" for cell in cells)) if name in _STRONG else (name, *cells)
        for name, cells in query_rows(figures)
    ]
    console.print(compact_table(["ms", *(speed.photo for speed in figures.queries)], rows))
    cold, memory, batch = figures.cold, figures.memory, figures.batch
    shares = ", ".join(f"{stage} {share:.0%}" for stage, share in batch.shares.items())
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_row(
        "[dim]cold start[/]",
        f"ready after {cold.ready_s:.1f} s, first answer {milliseconds(cold.first_ms)} ms",
    )
    facts.add_row(
        "[dim]memory[/]",
        f"{memory.loaded_mib:,.0f} MiB loaded, {memory.after_queries_mib:,.0f} after all questions, "
        f"{memory.peak_mib:,.0f} at most",
    )
    facts.add_row("[dim]batch[/]", f"{batch.per_second:,.0f} photos/s, {_at_once(batch.workers)}: {shares}")
    console.print(facts)
    service = [
        ("answers/s", *(f"{one.per_second:.1f}" for one in figures.service)),
        ("ms", *(milliseconds(one.latency.median_ms) for one in figures.service)),
        ("ms, p95", *(milliseconds(one.latency.p95_ms) for one in figures.service)),
    ]
    console.print(compact_table(["service", *(f"{one.askers} asking" for one in figures.service)], service))


def _print_growth(console: Console, growth: Growth) -> None:
    console.print(f"[bold]a growing gallery, {growth.steps[0].trees} trees[/]")
    targets = [one.target for one in growth.steps[0].tuned]
    rows = [
        (
            f"{step.vectors:,}",
            milliseconds(step.exact.search.median_ms),
            *(milliseconds(one.found.speed.search.median_ms) if one.found else "-" for one in step.tuned),
            f"{step.build_s:,.1f}",
            f"{step.file_mib:,.0f}",
        )
        for step in growth.steps
    ]
    header = ["vectors", "exact ms", *(f"Annoy {target:g} ms" for target in targets), "build s", "file MiB"]
    console.print(compact_table(header, rows))
    for sentence in crossings(growth.steps):
        console.print(sentence, soft_wrap=True)


def _at_once(workers: int) -> str:
    return f"{workers} at once" if workers > 1 else "one by one"


def compact_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table without lines; the first column is text, the others are numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, title in enumerate(header):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
