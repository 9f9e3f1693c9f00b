"""`rvs bench`: how fast everything is, on this machine, and how far from what the bare networks take."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rvs.cli.terminal import IndexOption, JsonOption, PipelineOption, out, progress_bar
from rvs.errors import ConfigError
from rvs.photo import read_photo
from rvs.settings import Settings, load_settings


def bench(
    photo: Annotated[
        Path | None,
        typer.Argument(help="A portrait; the photos to ask with are made from it. Not with --search."),
    ] = None,
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
        typer.Option(
            "--sizes",
            help="For --growth [default: the index's own size, and 100k,1M,3M] and --search [default: 100k].",
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            help="Instead of all else: engines of the search over as many vectors, each built and tuned anew; "
            "some of annoy,exact,milvus,pgvector. Servers are where RVS_MILVUS_URI and RVS_PGVECTOR_DSN say.",
        ),
    ] = None,
    recall: Annotated[
        float, typer.Option("--recall", min=0, max=1, help="For --search: the recall@10 to reach.")
    ] = 0.95,
    server_pid: Annotated[
        int | None,
        typer.Option("--server-pid", min=1, help="For --search: the server's process, to see what it needs."),
    ] = None,
    server_data: Annotated[
        Path | None,
        typer.Option("--server-data", help="For --search: the server's folder, to see how large it gets."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write benchmark.json, benchmark.md and plots into this folder; with --search, engines.json.",
        ),
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
    if search is not None:
        if photo is not None or growth:
            raise ConfigError("--search measures nothing else.", hint="Leave the photo and --growth away.")
        place = (server_pid, server_data)
        _bench_search(settings, search, sizes or "100k", recall, place, report, as_json=as_json)
        return
    if photo is None:
        raise ConfigError("There is no photo to ask with.", hint="Name one: rvs bench PHOTO.")
    runtimes = parse_runtimes(runtime)
    if sizes is not None and not growth:
        raise ConfigError(
            "--sizes says how large a gallery is.", hint="Use it together with --growth or --search."
        )
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


def _bench_search(
    settings: Settings,
    engines: str,
    sizes: str,
    recall: float,
    place: tuple[int | None, Path | None],
    report: Path | None,
    *,
    as_json: bool,
) -> None:
    from rvs.cli.bench_run import parse_sizes, real_vectors  # noqa: PLC0415
    from rvs.cli.bench_search import measure_engines, parse_engines, print_engines  # noqa: PLC0415
    from rvs.evaluation.engine_report import DOCUMENT, merged, rows_in, rows_json, write_rows  # noqa: PLC0415

    chosen = parse_engines(engines, settings)
    chosen_sizes = parse_sizes(sizes, real_vectors(settings))
    before = () if report is None else rows_in(report)
    with progress_bar() as progress:
        rows = measure_engines(settings, chosen, chosen_sizes, recall, place, progress)
    if report is not None:
        write_rows(merged(before, rows), report)
    if as_json:
        typer.echo(rows_json(rows), nl=False)
        return
    print_engines(out(), rows)
    if report is not None:
        out().print(f"Written to {report / DOCUMENT}.", soft_wrap=True)
