"""`rvs bench --search`: engines of the search over the same vectors, each measured in a process of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter
from rich.console import Console

from rvs.cli.apart import run_apart
from rvs.cli.bench_tables import compact_table
from rvs.errors import ConfigError
from rvs.evaluation.engine_report import SHORT_TITLES, EngineRow, cells
from rvs.evaluation.engine_speed import EngineSpeed
from rvs.evaluation.machine import this_machine
from rvs.gallery.embed import Progress
from rvs.gallery.store import Store
from rvs.searching import publisher_for
from rvs.settings import Search, Settings


def parse_engines(text: str, settings: Settings) -> tuple[Search, ...]:
    """The engines named, in that order.

    Raises:
        ConfigError: one that does not exist, or a server of which it is not said where it is.
        RebuildFailedError: a server does not answer.
    """
    engines: list[Search] = []
    for name in dict.fromkeys(part.strip() for part in text.split(",")):
        known = next((one for one in get_args(Search) if one == name), None)
        if known is None:
            raise ConfigError(
                f'There is no engine "{name}".', hint=f"Use some of {', '.join(get_args(Search))}."
            )
        publisher = publisher_for(settings.model_copy(update={"search": known}))
        if publisher is not None:
            publisher.greet()
        engines.append(known)
    return tuple(engines)


def measure_engines(
    settings: Settings,
    engines: Sequence[Search],
    sizes: Sequence[int],
    target: float,
    place: tuple[int | None, Path | None],
    report: Progress,
) -> tuple[EngineRow, ...]:
    """Every engine over every size of vectors made of those of the index in use.

    Args:
        settings: say where servers are.
        engines: what is measured.
        sizes: how many vectors.
        target: recall@10 to reach.
        place: of a server on this machine its process and the folder in which it keeps everything.
        report: told the progress.

    Raises:
        GalleryError: the index is missing or damaged.
        SearchUnavailableError: a server failed.
        OSError: the disk is full.
    """
    # Checked before hours are spent, and the same trees that a build would make.
    trees = Store(settings.index_dir / settings.index).open_current().manifest.forest.trees
    server_pid, server_data = place
    rows = []
    for size in sizes:
        for engine in engines:
            request = {
                "part": "engine",
                "size": size,
                "trees": trees,
                "target": target,
                "server_pid": server_pid,
                "server_data": None if server_data is None else str(server_data),
            }
            result, _ = run_apart(request, settings.model_copy(update={"search": engine}), report)
            speed = TypeAdapter(EngineSpeed).validate_python(result)
            rows.append(EngineRow(this_machine(), speed))
    return tuple(rows)


def print_engines(console: Console, rows: Sequence[EngineRow]) -> None:
    """The table, and what to know of it."""
    console.print(compact_table(SHORT_TITLES, [cells(row) for row in rows]))
    machine, one = rows[-1].machine, rows[-1].speed
    console.print(
        f"[dim]{machine.processor}, {machine.cores} cores; vectors of {one.dimension} numbers. Times (ms) are of one "
        f"search for ten, exact re-ranking included, at the least width with a recall@10 of {one.target:g}.[/]",
        soft_wrap=True,
    )
