"""`rvs bench`: how fast everything is, on this machine, and how far from what the bare networks take."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rvs.cli.terminal import IndexOption, JsonOption, PipelineOption, out, progress_bar
from rvs.errors import ConfigError
from rvs.photo import read_photo
from rvs.settings import load_settings


def bench(
    photo: Annotated[Path, typer.Argument(help="A portrait; the photos to ask with are made from it.")],
    repeat: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many times each photo is asked with.")
    ] = 50,
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", help="openvino, tensorflow, or both. [default: all that are installed]"),
    ] = None,
    growth: Annotated[
        bool,
        typer.Option("--growth", help="Also the search over ever more vectors: minutes, and gigabytes."),
    ] = False,
    sizes: Annotated[
        str | None,
        typer.Option("--sizes", help="For --growth. [default: the index's own size, and 100k,1M,3M]"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write benchmark.json, benchmark.md and plots into this folder."),
    ] = None,
    index: IndexOption = None,
    pipeline: PipelineOption = None,
    as_json: JsonOption = False,
) -> None:
    """How fast a question, a build and the service are here, stage by stage, and what they need."""
    # Imported here: no other command needs what measures.
    from rvs.cli.bench_run import (  # noqa: PLC0415
        measure,
        measure_growth,
        parse_runtimes,
        parse_sizes,
        real_vectors,
    )
    from rvs.cli.bench_tables import print_benchmark  # noqa: PLC0415
    from rvs.evaluation.bench_folder import PAGE, benchmark_in, write_benchmark  # noqa: PLC0415
    from rvs.evaluation.bench_plots import check_plots  # noqa: PLC0415
    from rvs.evaluation.benchmark import benchmark_json  # noqa: PLC0415

    settings = load_settings(index=index, pipeline=pipeline)
    runtimes = parse_runtimes(runtime)
    if sizes is not None and not growth:
        raise ConfigError("--sizes says how far a gallery grows.", hint="Use it together with --growth.")
    chosen_sizes = parse_sizes(sizes, real_vectors(settings)) if growth else ()
    pixels = read_photo(photo, settings.photo_limits()).pixels
    before = None
    if report is not None:
        check_plots()
        before = benchmark_in(report)
    with progress_bar() as progress:
        benchmark = measure(pixels, settings, runtimes, repeat, progress)
        grown = measure_growth(settings, chosen_sizes, progress) if growth else None
    benchmark = replace(benchmark, growth=grown or (before.growth if before else None))
    if report is not None:
        write_benchmark(benchmark, report)
    if as_json:
        typer.echo(benchmark_json(benchmark), nl=False)
        return
    print_benchmark(out(), benchmark)
    if report is not None:
        out().print(f"Written to {report / PAGE}.", soft_wrap=True)
