"""A benchmark as a page of Markdown. A pure function of the document: the same JSON, the same text."""

from collections.abc import Callable, Mapping, Sequence

from rvs.evaluation.bench_cells import (
    count,
    crossings,
    mebibytes,
    milliseconds,
    query_rows,
    runtime_title,
)
from rvs.evaluation.bench_photos import GROUP
from rvs.evaluation.benchmark import Benchmark, Growth, RuntimeFigures
from rvs.evaluation.growth import TARGETS, TunedSpeed
from rvs.evaluation.machine import in_words
from rvs.evaluation.markdown_table import table

STAGES_PLOT = "benchmark-stages.png"
SERVICE_PLOT = "benchmark-service.png"
GROWTH_PLOT = "benchmark-growth.png"
RECALL_PLOT = "benchmark-recall.png"


def bench_report(benchmark: Benchmark) -> str:
    """The page, with a line feed at its end; its plots are expected beside it."""
    parts = [_opening(benchmark), _photos(benchmark), _queries(benchmark), _cold(benchmark.runtimes)]
    parts += [_batch(benchmark.runtimes), _service(benchmark.runtimes)]
    if benchmark.growth is not None:
        parts.append(_growth(benchmark.growth))
    parts.append(_missing(benchmark))
    return "\n".join(line for part in parts for line in (*part, "")).rstrip("\n") + "\n"


def _opening(benchmark: Benchmark) -> list[str]:
    index = benchmark.index
    pictures = (
        "The photos of its gallery are on this machine, so the grid shows them."
        if index.photos_here
        else "The photos of its gallery are not on this machine, so the grid shows cards with names."
    )
    return [
        "# Benchmark",
        "",
        "Written by `rvs bench PHOTO --report FOLDER`; `benchmark.json` beside it has all figures.",
        "",
        f"Machine: {in_words(benchmark.machine)}.",
        "",
        f"Index: {index.name} {index.version}, {index.photos:,} photos of {index.people:,} people, "
        f"{index.pipeline}, {index.search} search. {pictures} An answer names {benchmark.people} people.",
        "",
        f"Each photo is asked with {benchmark.repeat} times, after a few times that do not count. Times are "
        "milliseconds, and medians where nothing else is said; 95 of 100 stay below the p95. Each runtime is "
        "measured in processes of its own.",
    ]


def _photos(benchmark: Benchmark) -> list[str]:
    rows = [
        [one.name, f"{one.width_px:,} x {one.height_px:,}", f"{one.bytes / 1e3:,.0f}", str(one.faces)]
        for one in benchmark.photos
    ]
    return [
        "## The photos",
        "",
        "All are made from one photo, with a little noise, as JPEGs of quality 90.",
        "",
        *table(["photo", "pixels", "kB", "faces"], rows),
    ]


def _queries(benchmark: Benchmark) -> list[str]:
    lines = [
        "## One question, warm",
        "",
        "`whole` is what the bot does: from the photo's bytes to the bytes of the grid, and of the picture with "
        "numbered faces where there are several. The stages are timed in a second pass, so they need not add up "
        "to it. `floor` is the networks alone, on the very arrays they are given in the question: nothing that "
        "uses them can be faster.",
    ]
    for figures in benchmark.runtimes:
        names = [speed.photo for speed in figures.queries]
        rows = [[name, *cells] for name, cells in query_rows(figures)]
        lines += ["", f"### {runtime_title(figures)}", "", *table(["ms", *names], rows)]
    if any(speed.photo == GROUP for figures in benchmark.runtimes for speed in figures.queries):
        lines += ["", "Of the group photo, the largest face is searched for, as when the bot is asked."]
    return [*lines, "", f"![Where the time of a question goes]({STAGES_PLOT})"]


def _cold(runtimes: Sequence[RuntimeFigures]) -> list[str]:
    rows = _by_runtime(
        runtimes,
        {
            "ready after, s": lambda one: f"{one.cold.ready_s:.2f}",
            "first answer, ms": lambda one: milliseconds(one.cold.first_ms),
            "memory when loaded, MiB": lambda one: mebibytes(one.cold.memory_mib),
            "memory after all questions, MiB": lambda one: mebibytes(one.memory.after_queries_mib),
            "memory at most, MiB": lambda one: mebibytes(one.memory.peak_mib),
        },
    )
    starts = runtimes[0].cold.starts
    return [
        "## Cold start and memory",
        "",
        f"A fresh process, until its engine is loaded, and its first answer (1 MP); the median of {starts}. The "
        "networks were converted before, and the files are in the system's cache.",
        "",
        *table(["", *(runtime_title(one) for one in runtimes)], rows),
    ]


def _batch(runtimes: Sequence[RuntimeFigures]) -> list[str]:
    first = runtimes[0].batch
    source = (
        f"The first {first.photos:,} photos of the gallery"
        if first.source == "gallery"
        else f"{first.photos:,} photos of 250 px, made from the one given,"
    )

    def stage(name: str) -> Callable[[RuntimeFigures], str]:
        return lambda one: f"{milliseconds(one.batch.stage_ms[name])} ({one.batch.shares[name]:.0%})"

    rows = _by_runtime(
        runtimes,
        {
            "photos per second": lambda one: f"{one.batch.per_second:,.0f}",
            "workers": lambda one: str(one.batch.workers),
            **{f"{name}, ms a photo (share)": stage(name) for name in first.stage_ms},
        },
    )
    return [
        "## Many photos",
        "",
        f"{source} become vectors as in a build of an index, on all cores. The stages are timed one photo after "
        "the other, the embedder in batches.",
        "",
        *table(["", *(runtime_title(one) for one in runtimes)], rows),
    ]


def _service(runtimes: Sequence[RuntimeFigures]) -> list[str]:
    rows = [
        [
            runtime_title(figures) if not number else "",
            str(one.askers),
            f"{one.per_second:,.1f}",
            milliseconds(one.latency.median_ms),
            milliseconds(one.latency.p95_ms),
        ]
        for figures in runtimes
        for number, one in enumerate(figures.service)
    ]
    return [
        "## The service",
        "",
        "People who ask again as soon as they are answered (1 MP), and a service that computes "
        f"{count(runtimes[0].service_workers, 'photo')} at once. The time is from asking to the answer, waiting "
        "included.",
        "",
        *table(["", "askers", "answers a second", "ms", "p95"], rows),
        "",
        f"![Time to the answer by the number of askers]({SERVICE_PLOT})",
    ]


def _growth(growth: Growth) -> list[str]:
    steps, first = growth.steps, growth.steps[0]
    threads = count(first.search_threads, "thread") if first.search_threads else "as many threads as it likes"
    columns = [
        *("vectors", "exact, ms", *(f"Annoy {target:g}, ms (search_k)" for target in TARGETS)),
        *("build, s", "file, MiB", "exact, MiB", "Annoy, MiB", "build, MiB"),
    ]
    rows = [
        [
            f"{step.vectors:,}",
            milliseconds(step.exact.search.median_ms),
            *(_tuned(one) for one in step.tuned),
            milliseconds(step.build_s),
            *(mebibytes(mib) for mib in (step.file_mib, step.exact_mib, step.annoy_mib, step.build_peak_mib)),
        ]
        for step in steps
    ]
    return [
        "## A growing gallery",
        "",
        f"Machine: {in_words(growth.machine)}. Vectors of index {growth.index_version}.",
        "",
        f"Up to {growth.real_vectors:,} vectors are real; the others are real ones moved by the difference of two "
        "others, so that they lie among them as further faces would. "
        f"{first.probes} probes, near a vector as far as two photos of one person are; ten neighbours; one probe at "
        f"a time, warm. Annoy has {count(first.trees, 'tree')}, its candidates are ranked exactly, and its search "
        "is as wide as the recall needs. Exact search has "
        f"{threads}, float32. Memory: what exact search holds, what Annoy had mapped after the probes, and the most "
        "that the building process had.",
        "",
        *table(columns, rows),
        "",
        *(f"- {sentence}" for sentence in crossings(steps)),
        "",
        f"![Time of a search by the number of vectors]({GROWTH_PLOT})",
        "",
        f"![Recall against time, by the number of vectors]({RECALL_PLOT})",
    ]


def _missing(benchmark: Benchmark) -> list[str]:
    lines = ["## What is not measured", ""]
    if benchmark.growth is None:
        lines.append("- A growing gallery: `rvs bench PHOTO --growth`, which takes some minutes.")
    if not benchmark.index.photos_here:
        lines.append("- The grid with photos: they would have to be read and cropped.")
    if any(speed.floor is None for figures in benchmark.runtimes for speed in figures.queries):
        lines.append("- The floor: this detector's network cannot be called alone.")
    missing = [
        name for name in ("openvino", "tensorflow") if name not in {f.runtime for f in benchmark.runtimes}
    ]
    if missing:
        lines.append(f"- The runtime {missing[0]}.")
    lines += [
        "- The network: a photo's way from and to Discord. `make load` measures the bot as a whole.",
        "- A start with cold disks.",
        "- Other programs, here: [peers.md](peers.md) compares with what people use today.",
    ]
    return lines


def _by_runtime(
    runtimes: Sequence[RuntimeFigures], rows: Mapping[str, Callable[[RuntimeFigures], str]]
) -> list[list[str]]:
    return [[name, *(cell(one) for one in runtimes)] for name, cell in rows.items()]


def _tuned(one: TunedSpeed) -> str:
    if one.found is None:
        return "not reached"
    return f"{milliseconds(one.found.speed.search.median_ms)} ({one.found.search_k:,})"
