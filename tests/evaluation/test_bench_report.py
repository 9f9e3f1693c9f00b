"""The page says what the document has, and nothing else."""

import re
from dataclasses import replace

from rvs.evaluation.bench_cells import query_rows
from rvs.evaluation.bench_report import bench_report
from tests.evaluation.figures import benchmark, growth, runtime, step


def test_the_same_document_the_same_page() -> None:
    page = bench_report(benchmark())
    assert page == bench_report(benchmark())
    assert page.endswith("\n")
    assert not page.endswith("\n\n")


def test_every_table_is_whole() -> None:
    """Each line of a table has as many cells as its header."""
    for table in re.findall(r"(?:^\|.*\n)+", bench_report(benchmark()), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_figures_are_where_they_belong() -> None:
    page = bench_report(benchmark())
    assert "| whole | 40.0 | 48.0 |" in page
    assert "| floor | 11.0 | 11.0 |" in page
    assert "| whole / floor | 3.6 | 3.6 |" in page
    assert "| overview | - | 8.0 |" in page
    assert "| ready after, s | 1.25 | 1.25 |" in page
    assert "| detect, ms a photo (share) | 5.0 (50%) | 5.0 (50%) |" in page
    assert "| openvino f32, 2 threads | 1 | 30.0 | 33.0 | 66.0 |" in page
    assert "| 100,000 | 1.0 | 0.60 (1,000) | 2.0 (2,000) | 12.0 | 99 | 49 | 88 | 500 |" in page


def test_growth_has_a_machine_of_its_own() -> None:
    page = bench_report(benchmark())
    before, after = page.split("## A growing gallery")
    assert "A processor" in before
    assert "Another one" in after


def test_what_was_not_measured_is_said() -> None:
    everything = bench_report(benchmark())
    assert "`rvs bench PHOTO --growth`" not in everything
    assert "The runtime" not in everything
    assert "peers.md" in everything
    less = replace(benchmark(with_growth=False), runtimes=(runtime("openvino"),))
    page = bench_report(replace(less, index=replace(less.index, photos_here=False)))
    missing = page.split("## What is not measured")[1]
    assert "`rvs bench PHOTO --growth`" in missing
    assert "The runtime tensorflow" in missing
    assert "The grid with photos" in missing
    assert "benchmark-growth.png" not in page


def test_a_floor_that_is_not_known() -> None:
    figures = runtime("openvino")
    blind = tuple(replace(speed, floor=None, overhead=None) for speed in figures.queries)
    rows = dict(query_rows(replace(figures, queries=blind)))
    assert rows["floor"] == rows["whole / floor"] == ["-", "-"]
    assert "The floor" in bench_report(replace(benchmark(), runtimes=(replace(figures, queries=blind),)))


def test_a_width_that_was_never_enough() -> None:
    page = bench_report(replace(benchmark(), growth=growth(step(1000, 1.0, 0.5, None))))
    assert "| 1,000 | 1.0 | 0.50 (1,000) | not reached |" in page
