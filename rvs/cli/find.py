"""`rvs find` and `rvs compare`."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from rvs.cli.report import comparison_json, result_json
from rvs.cli.terminal import (
    DetectorWeightsOption,
    IndexOption,
    JsonOption,
    PipelineOption,
    WeightsOption,
    err,
    out,
    print_json,
    say_error,
)
from rvs.engine import gallery_photos, load_engine
from rvs.errors import ConfigError, LookalikeError
from rvs.faces.quality import Quality
from rvs.photo import Photo, PhotoLimits, read_photo
from rvs.render import closer_text, grid, percentile_text
from rvs.result import FaceResult, Result
from rvs.search import FaceSelection
from rvs.settings import load_settings
from rvs.whole_files import write_whole

_COLOURS = {"uncanny": "bold magenta", "strong": "dark_orange3", "fair": "green", "faint": "dim"}


def find(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Image files; - reads standard input.")
    ],
    people: Annotated[
        int | None, typer.Option("-k", "--people", min=1, max=100, help="How many to name.")
    ] = None,
    face: Annotated[
        str, typer.Option(help="largest, all, or a number counted from the largest.")
    ] = "largest",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the picture grid (JPEG) here.")
    ] = None,
    exclude_self: Annotated[
        bool, typer.Option("--exclude-self", help="Leave out the photo itself where the gallery has it.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every photo instead of asking Annoy.")
    ] = False,
    index: IndexOption = None,
    pipeline: PipelineOption = None,
    weights: WeightsOption = None,
    detector_weights: DetectorWeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whom do the faces in these photos resemble?"""
    settings = load_settings(
        index=index,
        pipeline=pipeline,
        weights=weights,
        detector_weights=detector_weights,
        people=people,
        search="exact" if exact else None,
    )
    chosen = face_selection(face)
    engine = load_engine(settings)
    pictures = gallery_photos(settings)
    failed: LookalikeError | None = None
    documents = []
    written = _numbered(output, several=len(photos) > 1 or chosen == "all")
    for name in photos:
        started = time.perf_counter()
        try:
            photo = read(name, settings.photo_limits())
            result = engine.find(photo, settings.people, face=chosen, exclude_self=exclude_self)
        except LookalikeError as error:
            # The other photos still get their answer; the first failure decides the exit code.
            failed = failed or error
            documents.append({"photo": name, "error": _error_json(error)})
            if len(photos) > 1 and not as_json:
                say_error(f"{name}: {error.message}", error.hint)
            continue
        grids = []
        for found in result.searched if output else ():
            path = next(written)
            write_whole(path, grid(found, pictures.load).jpeg)
            grids.append(str(path))
        milliseconds = (time.perf_counter() - started) * 1000
        documents.append({"photo": name, **result_json(result, engine, grids, milliseconds)})
        if not as_json:
            _print_result(name, result, grids, milliseconds)
    if as_json:
        print_json({"format": 1, "index": settings.index, "pipeline": settings.pipeline, "photos": documents})
    if failed is not None:
        raise failed if len(photos) == 1 else _Reported(failed)


class _Reported(typer.Exit):
    """Ends the command with the exit code of an error that was reported already."""

    def __init__(self, error: LookalikeError) -> None:
        from rvs.cli.app import exit_code  # noqa: PLC0415

        super().__init__(exit_code(error))


def compare(
    first: Annotated[str, typer.Argument(help="Image file, or - for standard input.")],
    second: Annotated[str, typer.Argument(help="Image file.")],
    index: IndexOption = None,
    pipeline: PipelineOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """How alike are the largest faces of two photos?"""
    settings = load_settings(index=index, pipeline=pipeline, weights=weights)
    engine = load_engine(settings)
    limits = settings.photo_limits()
    comparison = engine.compare(read(first, limits), read(second, limits))
    if as_json:
        print_json({"format": 1, "pipeline": settings.pipeline, **comparison_json(comparison)})
        return
    score = comparison.score
    console = out()
    console.print(Text(f"{score.word}", style=_COLOURS[score.word]) + Text(" resemblance"))
    console.print(f"{closer_text(score.percentile)} (distance {score.distance:.3f})")
    if score.probability is not None:
        console.print(
            f"probability of one person, if that were as likely as not beforehand: {score.probability:.1%}"
        )
    for name, quality in zip((first, second), comparison.qualities, strict=True):
        _print_problems(name, quality)


def read(name: str, limits: PhotoLimits) -> Photo:
    """The photo in a file, or in standard input for "-".

    Raises:
        PhotoError: it cannot be used.
    """
    if name == "-":
        # One byte more than allowed is enough to know that it is too much.
        return read_photo(sys.stdin.buffer.read(limits.max_bytes + 1), limits)
    return read_photo(Path(name), limits)


def face_selection(text: str) -> FaceSelection:
    """What `--face` means.

    Raises:
        ConfigError: none of the words and not a number.
    """
    if text == "largest":
        return None
    if text == "all":
        return "all"
    if text.isascii() and text.isdigit():
        return int(text)
    raise ConfigError(f'"{text}" is not a face.', hint="Use largest, all, or a number such as 2.")


def _numbered(output: Path | None, *, several: bool) -> Iterator[Path]:
    """The files the grids go to: the one named, or grid-1.jpg, grid-2.jpg ... when there are several."""
    number = 0
    while output is not None:
        number += 1
        yield output.with_stem(f"{output.stem}-{number}") if several else output


def _error_json(error: LookalikeError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _print_result(name: str, result: Result, grids: list[str], milliseconds: float) -> None:
    console = out()
    for number, found in enumerate(result.searched):
        console.print(_headline(name, result, found), soft_wrap=True, markup=False)
        console.print(_table(found))
        _print_problems(name, found.quality)
        if grids:
            console.print(f"[dim]grid:[/] {grids[number]}", soft_wrap=True)
    if (
        result.searched
        and result.searched[0].matches[:1]
        and all(found.matches[0].score.word == "faint" for found in result.searched)
    ):
        console.print("No good match: nobody in this gallery looks much like it.")
    err().print(f"[dim]{milliseconds:.0f} ms[/]")


def _headline(name: str, result: Result, found: FaceResult) -> str:
    if found.face is None:
        return f"{name}: the whole image resembles"
    which = (
        "the face"
        if len(result.faces) == 1
        else f"face {result.faces.index(found.face) + 1} of {len(result.faces)}"
    )
    x, y = found.face.box.centre_px
    where = f" (at {x:.0f}, {y:.0f}; {found.face.box.width_px:.0f} px wide)" if len(result.faces) > 1 else ""
    return f"{name}: {which}{where} resembles"


def _table(found: FaceResult) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", justify="right")
    table.add_column("person")
    table.add_column("")
    table.add_column("closer than", justify="right")
    table.add_column("photos", justify="right")
    for match in found.matches:
        table.add_row(
            str(match.rank),
            Text(match.person),
            Text(match.score.word, style=_COLOURS[match.score.word]),
            percentile_text(match.score.percentile),
            f"{match.photos_agreeing} of {match.photos_total}",
        )
    return table


def _print_problems(name: str, quality: Quality | None) -> None:
    if quality is not None and quality.problems:
        word = "take the answer with care" if quality.usable else "the answer means little"
        out().print(f"[yellow]{name}:[/] {'; '.join(quality.problems)}: {word}.", soft_wrap=True)
