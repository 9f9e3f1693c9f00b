"""The comparison as a page and a chart: a pure function of the document, so that a page can be checked against it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rvs.evaluation.bench_photos import ONE_MEGAPIXEL
from rvs.evaluation.charts import Axis, draw_bars
from rvs.evaluation.machine import in_words
from rvs.whole_files import write_whole
from tools.peers.comparison import Comparison, Ratio, Row, Timing, to_json
from tools.peers.contenders import FACE_RECOGNITION, INDEX, WITH_GRID

DOCUMENT, PAGE, CHART = "peers.json", "peers.md", "benchmark-peers.png"
_CLAIM_TIMES = 10


def markdown(comparison: Comparison) -> str:
    """The page."""
    return "\n".join(_lines(comparison)) + "\n"


def claim(comparison: Comparison) -> str:
    """Whether a photo of 1 megapixel is answered ten times as fast as by face_recognition, in one sentence."""
    timing = _timing(comparison.rows, FACE_RECOGNITION, ONE_MEGAPIXEL)
    if timing is None or timing.like_for_like is None or timing.with_grid is None:
        return f"{FACE_RECOGNITION} could not be measured with the photo of {ONE_MEGAPIXEL}."
    reached = "" if timing.like_for_like.median >= _CLAIM_TIMES else "not "
    even_so = "" if timing.with_grid.median >= _CLAIM_TIMES else "not "
    return (
        f"To name people from the photo of {ONE_MEGAPIXEL}, {FACE_RECOGNITION} takes {_times(timing.like_for_like)} "
        f"as long as rvs: the aim of {_CLAIM_TIMES} times is {reached}reached. Against rvs with its picture, which "
        f"{FACE_RECOGNITION} does not draw, it is {_times(timing.with_grid)}: {even_so}reached."
    )


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write all files; the document first, so that it is there whatever becomes of the chart.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / DOCUMENT, to_json(comparison))
    write_whole(folder / PAGE, markdown(comparison).encode())
    draw(folder / CHART, comparison)


def draw(path: Path, comparison: Comparison) -> None:
    """Write the chart: milliseconds of every contender that has any, for every photo.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    # A bar of no length where a photo failed would have no place on a logarithmic axis.
    drawn = [row for row in comparison.rows if not row.failed]
    draw_bars(
        path,
        "One photo, rvs and what people use today",
        Axis("median milliseconds, logarithmic", log=True, low=1),
        [row.name for row in drawn],
        [(photo.name, [_of(row, photo.name).median_ms for row in drawn]) for photo in comparison.photos],
        stacked=False,
    )


def _lines(comparison: Comparison) -> Iterator[str]:
    yield "# rvs against what people use today"
    yield ""
    yield claim(comparison)
    yield ""
    yield "Made by `make bench-peers`, from `peers.json`. Time only: how good the answers are is in the evaluation."
    yield ""
    yield f"![Median milliseconds of each, on a logarithmic axis]({CHART})"
    yield ""
    yield from _how(comparison)
    for photo in comparison.photos:
        yield f"## {photo.name}"
        yield ""
        yield "| | median ms | p95 ms | faces | times rvs, like for like | times rvs with its picture |"
        yield "|---|---:|---:|---:|---:|---:|"
        for row in comparison.rows:
            yield _row(row, photo.name)
        yield ""
    yield from _like_for_like(comparison.rows)
    yield from _parts(comparison.rows)
    yield from _batch(comparison)
    yield from _who(comparison)


def _how(comparison: Comparison) -> Iterator[str]:
    yield "## How it was measured"
    yield ""
    yield (
        f"On one machine, in one run: {in_words(comparison.machine)}. rvs computes on {comparison.runtime} in "
        f"{comparison.precision}, the others in f32. Every program uses as many threads as it does by itself."
    )
    yield ""
    yield (
        "Each program is a process of its own; one works at a time, the others wait. "
        f"{comparison.rounds} rounds over all of them and all photos in a shuffled order (seed {comparison.seed}); "
        "slow ones take part in every second round. Everything is warm: models are loaded, files are in memory. A "
        "time begins with a path and ends with the result in memory. A ratio is taken within a round, against rvs in "
        "the same round; the tables give its median and, in brackets, its quartiles."
    )
    yield ""
    yield (
        f"Those that search faces search the same {comparison.vectors:,} vectors of 128 numbers. "
        + (
            "LFW's photos were on the machine: rvs draws them, and deepface looks through a folder of links to them."
            if comparison.gallery_here
            else "LFW's photos were not on the machine: rvs draws cards with names in their place, and deepface was "
            "told not to look through their folder (`refresh_database=False`)."
        )
    )
    yield ""
    yield "The photos, made from a NASA portrait by resizing, with a little noise, as JPEGs of quality 90:"
    yield ""
    for photo in comparison.photos:
        yield f"- {photo.name}: {photo.width_px} x {photo.height_px}, {photo.bytes / 1000:,.0f} kB"
    yield ""


def _like_for_like(rows: Sequence[Row]) -> Iterator[str]:
    yield "Like for like means:"
    yield ""
    for ours in dict.fromkeys(row.against for row in rows):
        theirs = [row.name for row in rows if row.against == ours != row.name]
        if theirs:
            yield f"- against *{ours}*: {'; '.join(theirs)}"
    yield ""


def _parts(rows: Sequence[Row]) -> Iterator[str]:
    yield f"## Where the time goes ({ONE_MEGAPIXEL})"
    yield ""
    yield "Median milliseconds of the parts that can be told apart."
    yield ""
    for row in rows:
        timing = _timing(rows, row.name, ONE_MEGAPIXEL)
        if timing is not None and timing.parts_ms:
            parts = ", ".join(f"{name} {_ms(value)}" for name, value in timing.parts_ms.items())
            once = "".join(f"; not counted: {name} ({_ms(value)})" for name, value in row.once_ms.items())
            yield f"- {row.name}: {parts}{once}"
    yield ""


def _batch(comparison: Comparison) -> Iterator[str]:
    yield "## Building an index"
    yield ""
    source = "of LFW" if comparison.batch_source == "LFW" else "of the portrait, each with noise of its own"
    yield f"{comparison.batch_photos} photos {source}, 250 pixels, to vectors; {comparison.batch_rounds} rounds."
    yield ""
    yield "| | photos a second | with a face | times rvs |"
    yield "|---|---:|---:|---:|"
    for row in comparison.batch:
        yield _batch_row(row, comparison.batch_photos)
    yield ""


def _who(comparison: Comparison) -> Iterator[str]:
    yield "## What each does, and what was made up"
    yield ""
    for row in (*comparison.rows, *comparison.batch):
        versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        yield f"- **{row.name}**{f' ({versions})' if versions else ''}. {row.does}"
        if row.made_up:
            yield f"  *Made up:* {row.made_up.strip()}"
        for failed, why in row.failed.items():
            yield f"  *Not measured* with {failed}: {why}"


def _row(row: Row, photo: str) -> str:
    if photo in row.failed:
        return f"| {row.name} | not measured | | | | |"
    timing = _of(row, photo)
    like_for_like = "1" if row.against == row.name else _ratio(timing.like_for_like)
    with_grid = "1" if row.name == WITH_GRID else _ratio(timing.with_grid)
    return (
        f"| {row.name} | {_ms(timing.median_ms)} | {_ms(timing.p95_ms)} | {timing.found} | {like_for_like} "
        f"| {with_grid} |"
    )


def _batch_row(row: Row, photos: int) -> str:
    if not row.timings:
        return f"| {row.name} | not measured | | |"
    timing = row.timings[0]
    times = "1" if row.name == INDEX else _ratio(timing.like_for_like)
    return f"| {row.name} | {photos / timing.median_ms * 1000:,.3g} | {timing.found} | {times} |"


def _ratio(ratio: Ratio | None) -> str:
    return "" if ratio is None else f"{_number(ratio.median)} ({_number(ratio.low)} to {_number(ratio.high)})"


def _times(ratio: Ratio) -> str:
    return f"{_number(ratio.median)} times ({_number(ratio.low)} to {_number(ratio.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"


def _of(row: Row, photo: str) -> Timing:
    return next(timing for timing in row.timings if timing.photo == photo)


def _timing(rows: Sequence[Row], name: str, photo: str) -> Timing | None:
    return next(
        (timing for row in rows if row.name == name for timing in row.timings if timing.photo == photo), None
    )
