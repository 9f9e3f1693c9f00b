"""What all commands share of the terminal: where words go, how progress looks, and the common options."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rvs.gallery.embed import Progress as Report

IndexOption: TypeAlias = Annotated[
    str | None, typer.Option("--index", help="Which index to use. [default: RVS_INDEX or lfw]")
]
PipelineOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--pipeline",
        help='Detector + embedder, e.g. "whole-image + resnet50", or detector + crop + embedder; see `rvs models`.',
    ),
]
WeightsOption: TypeAlias = Annotated[
    Path | None, typer.Option("--weights", help="Keras weight file of an ImageNet embedder.")
]
DetectorWeightsOption: TypeAlias = Annotated[
    Path | None, typer.Option("--detector-weights", help="ONNX file of retinaface-resnet50.")
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of a table.")
]


def configure_logging(*, debug: bool) -> None:
    """Send our own log lines to standard error: what is going on, or with `debug` every step."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s" if debug else "%(message)s"))
    logger = logging.getLogger("rvs")
    logger.handlers = [handler]
    logger.propagate = False  # TensorFlow gives the root logger a handler of its own: each line came twice
    logger.setLevel(logging.DEBUG if debug else logging.INFO)


def out() -> Console:
    """Standard output, for answers."""
    return Console(highlight=False)


def err() -> Console:
    """Standard error, for everything about the answers."""
    return Console(stderr=True, highlight=False)


def say_error(message: str, hint: str) -> None:
    """One sentence on standard error, and what to do about it."""
    console = err()
    console.print(Text("error: ", style="bold red") + Text(message), soft_wrap=True)
    if hint:
        console.print(Text("       " + hint, style="dim"), soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


_STAGES = {
    "hash": "reading",
    "embed": "embedding",
    "index": "growing the forest",
    "verify": "verifying",
    "publish": "filling the server",
}


class _Rate(ProgressColumn):
    """Photos per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progress_bar() -> Iterator[Report]:
    """A function to report progress to, shown as a bar per stage with rate and remaining time."""
    columns = (
        TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    )  # fmt: skip
    bars = Progress(*columns, console=err())
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int) -> None:
        if not tasks:
            bars.start()  # not before there is something to show
        if stage not in tasks:
            # What was done before this run must not count towards the rate.
            tasks[stage] = bars.add_task(_STAGES.get(stage, stage), total=total or None, completed=done)
        bars.update(tasks[stage], completed=done, total=total or None)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()
