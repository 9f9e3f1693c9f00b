"""Charts are pictures that show what they are given."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from rvs.evaluation.charts import Axis, Series, _figure, _logarithmic, draw_bars, draw_lines


def picture(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def test_a_chart_is_a_png_and_the_same_each_time(tmp_path: Path) -> None:
    series = [
        Series("ours", [1, 10, 100], [0.5, 0.8, 0.9], "both", ("a", "b", "c")),
        Series("", [1, 100], [0.4, 0.4]),
    ]
    for name in ("a.png", "b.png"):
        draw_lines(
            tmp_path / "deep" / name, "A title", Axis("size", log=True), Axis("share", low=0, high=1), series
        )
    first, second = (tmp_path / "deep" / name for name in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")


def test_other_values_make_another_picture(tmp_path: Path) -> None:
    for name, top in (("a.png", 0.9), ("b.png", 0.2)):
        draw_lines(tmp_path / name, "", Axis("x"), Axis("y", low=0, high=1), [Series("", [0, 1], [0, top])])
    assert ImageChops.difference(picture(tmp_path / "a.png"), picture(tmp_path / "b.png")).getbbox()


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0.13, 3.2, ["0.2", "0.5", "1", "2"]),
        (13_000, 120_000, ["20,000", "50,000", "100,000"]),
        (0.05, 4_000_000, ["0.1", "1", "10", "100", "1,000", "10,000", "100,000", "1,000,000"]),
    ],
)
def test_logarithmic_axes_have_plain_numbers(low: float, high: float, written: list[str]) -> None:
    figure, axes = _figure("")
    axes.plot([1, 2], [low, high])
    axes.set_ylim(low, high)
    _logarithmic(axes, "y")
    figure.draw_without_rendering()
    labels = axes.yaxis.get_ticklabels(which="both")
    shown = [(tick.get_position()[1], tick.get_text()) for tick in labels if tick.get_text()]
    assert [text for place, text in sorted(shown) if low <= place <= high] == written


@pytest.mark.parametrize("stacked", [True, False])
def test_bars_grow_with_their_values(tmp_path: Path, stacked: bool) -> None:
    draw_bars(
        tmp_path / "bars.png",
        "t",
        Axis("ms"),
        ["one", "two"],
        [("a", [10, 1]), ("b", [10, 1])],
        stacked=stacked,
    )
    pixels = np.asarray(picture(tmp_path / "bars.png")).astype(int)
    first_part = abs(pixels - (0x0F, 0x6B, 0x63)).sum(axis=2) < 12
    rows = np.flatnonzero(first_part.sum(axis=1) > 40)
    long = rows[rows < rows.mean()]
    assert len(long), "the first bar is at the top"
    assert first_part[long[0]].sum() > 5 * max(1, first_part[rows[-1]].sum()) or len(rows) == len(long)


def test_bars_begin_where_the_axis_does(tmp_path: Path) -> None:
    for name, low in (("a.png", 1.0), ("b.png", 10.0)):
        axis = Axis("ms", log=True, low=low, high=1000.0)
        draw_bars(tmp_path / name, "t", axis, ["one"], [("a", [100.0])], stacked=False)
    lengths = []
    for name in ("a.png", "b.png"):
        pixels = np.asarray(picture(tmp_path / name)).astype(int)
        lengths.append((abs(pixels - (0x0F, 0x6B, 0x63)).sum(axis=2) < 12).sum(axis=1).max())
    assert lengths[0] > 1.2 * lengths[1], "two thirds of the axis, and half of it"
