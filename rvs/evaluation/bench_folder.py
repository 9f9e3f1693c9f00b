"""A benchmark's files in a folder: the document, and the page and the plots that are made from it."""

from pathlib import Path

from rvs.evaluation.bench_plots import draw_plots
from rvs.evaluation.bench_report import bench_report
from rvs.evaluation.benchmark import Benchmark, benchmark_json, read_benchmark
from rvs.whole_files import write_whole

DOCUMENT, PAGE = "benchmark.json", "benchmark.md"


def benchmark_in(folder: Path) -> Benchmark | None:
    """The benchmark that was written into a folder before; None when there is none.

    Raises:
        ConfigError: it is of another format.
        OSError: it cannot be read.
    """
    try:
        return read_benchmark(folder / DOCUMENT)
    except FileNotFoundError:
        return None


def write_benchmark(benchmark: Benchmark, folder: Path) -> None:
    """Write all files; the document first, so that it is there whatever becomes of the plots.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / DOCUMENT, benchmark_json(benchmark).encode())
    write_whole(folder / PAGE, bench_report(benchmark).encode())
    draw_plots(benchmark, folder)
