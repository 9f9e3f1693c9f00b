"""The files of a benchmark: a document, a page, and every plot that the page shows."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from rvs.errors import ConfigError
from rvs.evaluation.bench_folder import benchmark_in, write_benchmark
from rvs.evaluation.bench_plots import check_plots, parts_of
from rvs.evaluation.bench_report import bench_report
from tests.evaluation.figures import at, benchmark, query


@pytest.mark.parametrize("with_growth", [True, False])
def test_the_page_shows_what_is_there(tmp_path: Path, with_growth: bool) -> None:
    one = benchmark(with_growth=with_growth)
    write_benchmark(one, tmp_path / "docs")
    assert benchmark_in(tmp_path / "docs") == one
    page = (tmp_path / "docs" / "benchmark.md").read_text(encoding="utf-8")
    assert page == bench_report(one)
    shown = set(re.findall(r"\]\((\S+\.png)\)", page))
    assert {path.name for path in (tmp_path / "docs").glob("*.png")} == shown
    assert len(shown) == (4 if with_growth else 2)
    for name in shown:
        with Image.open(tmp_path / "docs" / name) as plot:
            assert plot.format == "PNG"


def test_a_folder_without_a_benchmark(tmp_path: Path) -> None:
    assert benchmark_in(tmp_path) is None
    assert benchmark_in(tmp_path / "nowhere") is None


def test_the_parts_of_a_bar_are_the_sum_of_the_stages() -> None:
    for speed in (query("1 MP"), query("group photo", several=True)):
        parts = parts_of(speed)
        assert sum(parts.values()) == pytest.approx(sum(one.median_ms for one in speed.stages.values()))
        assert parts["the networks (the floor)"] == 11.0
        assert parts["detect, around the network"] == 3.0


def test_a_network_that_was_slower_alone_takes_nothing_from_the_others() -> None:
    speed = replace(query("1 MP"), networks={"detector": at(12.0), "embedder": at(4.0)})
    assert parts_of(speed)["detect, around the network"] == 0.0
    assert min(parts_of(speed).values()) >= 0


def test_without_matplotlib_it_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    check_plots()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="matplotlib"):
        check_plots()
