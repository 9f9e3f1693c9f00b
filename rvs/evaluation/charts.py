"""The plots of the reports, in one look: lines, points and bars as PNG files.

It knows how a chart looks and is written whole. What is plotted, and what it means, is for the reports to say.
Needs matplotlib, the extra `report`.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rvs.errors import ConfigError
from rvs.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The colours of the grid's words, then others that stay apart for colour-blind readers too.
COLOURS = ("#0f6b63", "#a8480a", "#30527c", "#9d1754", "#8a6d00", "#5b6470", "#56427a")
_PAPER, _INK, _QUIET = "#ffffff", "#1d2126", "#585e69"
_SIZE_INCH = (7.2, 4.2)
_DPI = 110
_LABEL_POINTS = 8.5


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        label: for the legend; "" leaves it out.
        x, y: the points, in order.
        style: "line", "dashed", "dots" (points alone) or "both" (a line with its points).
        notes: a short text for each point, or none at all.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: Literal["line", "dashed", "dots", "both"] = "line"
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what it measures, with the unit; logarithmic or not; its ends, where they are given."""

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None


def draw_lines(path: Path, title: str, x: Axis, y: Axis, series: Sequence[Series]) -> None:
    """Write a chart of lines and points.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    figure, axes = _figure(title)
    for colour, one in zip(_colours(len(series)), series, strict=True):
        line = {"line": "-", "dashed": "--", "dots": "none", "both": "-"}[one.style]
        marker = "o" if one.style in ("dots", "both") else None
        axes.plot(
            list(one.x),
            list(one.y),
            linestyle=line,
            marker=marker,
            markersize=4.5,
            color=colour,
            label=one.label or None,
        )
        for at_x, at_y, note in zip(one.x, one.y, one.notes, strict=False):
            axes.annotate(
                note, (at_x, at_y), xytext=(4, 4), textcoords="offset points", fontsize=7.5, color=colour
            )
    both: tuple[tuple[Axis, Literal["x", "y"]], ...] = ((x, "x"), (y, "y"))
    for axis, name in both:
        getattr(axes, f"set_{name}label")(axis.label)
        if axis.log:
            _logarithmic(axes, name)
        if axis.low is not None or axis.high is not None:
            getattr(axes, f"set_{name}lim")(axis.low, axis.high)
    if any(one.label for one in series):
        axes.legend(frameon=False, fontsize=8.5)
    _write(figure, path)


def draw_bars(
    path: Path,
    title: str,
    axis: Axis,
    bars: Sequence[str],
    parts: Sequence[tuple[str, Sequence[float]]],
    *,
    stacked: bool,
) -> None:
    """Write a chart of horizontal bars, the first at the top.

    Args:
        path: where.
        title: above the chart.
        axis: what the length of a bar measures.
        bars: a label for each.
        parts: (label, a length for each bar), stacked end to end, or side by side as a group.
        stacked: which of the two.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    figure, axes = _figure(
        title, height_inch=1.3 + 0.42 * len(bars) * (1 if stacked else max(1, len(parts) * 0.6))
    )
    start = [0.0] * len(bars)
    thick = 0.62 if stacked else 0.78 / len(parts)
    for number, (colour, (label, lengths)) in enumerate(zip(_colours(len(parts)), parts, strict=True)):
        shift = 0.0 if stacked else (number - (len(parts) - 1) / 2) * thick
        places = [place + shift for place in range(len(bars))]
        axes.barh(
            places, list(lengths), thick, left=start if stacked else None, color=colour, label=label or None
        )
        if stacked:
            start = [before + length for before, length in zip(start, lengths, strict=True)]
    axes.set_yticks(range(len(bars)), list(bars))
    axes.invert_yaxis()
    axes.set_xlabel(axis.label)
    if axis.log:
        _logarithmic(axes, "x")
    if axis.low is not None or axis.high is not None:
        axes.set_xlim(axis.low, axis.high)
    if any(label for label, _ in parts):
        axes.legend(frameon=False, fontsize=8.5)
    _write(figure, path)


def _figure(title: str, height_inch: float = _SIZE_INCH[1]) -> tuple[Any, "Axes"]:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (0.4 s, and only reports need it)
    except ImportError as error:
        raise ConfigError(
            "The plots of a report need matplotlib, which is not installed.",
            hint="Install the extra: pip install lookalike[report].",
        ) from error
    # Without pyplot, which would keep every figure, and a state that threads share.
    figure = Figure((_SIZE_INCH[0], height_inch), dpi=_DPI, facecolor=_PAPER, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold")
    axes.grid(visible=True, color="#e6e4df", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, labelsize=_LABEL_POINTS)
    axes.xaxis.label.set_color(_QUIET)
    axes.yaxis.label.set_color(_QUIET)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c9c6bf")
    return figure, axes


def _logarithmic(axes: "Axes", name: Literal["x", "y"]) -> None:
    getattr(axes, f"set_{name}scale")("log")
    axis = getattr(axes, f"{name}axis")

    def between(value: float, _: object) -> str:
        # Between the powers of ten 2 and 5 are written, where there is room; matplotlib would write 2 x 10^4.
        low, high = getattr(axes, f"get_{name}lim")()
        return _number(value) if f"{value:e}"[0] in "25" and high < 1000 * low else ""

    axis.set_major_formatter(lambda value, _: _number(value))
    axis.set_minor_formatter(between)
    axes.tick_params(name, which="minor", colors=_QUIET, labelsize=_LABEL_POINTS)


def _number(value: float) -> str:
    """0.1, 10, 1,000 instead of powers of ten."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _colours(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def _write(figure: Any, path: Path) -> None:
    file = io.BytesIO()
    # Without the version of matplotlib inside: the same figures give the same file.
    figure.savefig(file, format="png", metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, file.getvalue())
