"""The reports in docs/ and the README's figures are what the committed documents say, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rvs.evaluation.bench_report import bench_report
from rvs.evaluation.eval_markdown import markdown as eval_page
from tools.figures import (
    END,
    SEARCH_PAGE,
    START,
    Measured,
    figures,
    read_measured,
    with_engines,
    with_figures,
)
from tools.peers.report import markdown as peers_page

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def measured() -> Measured:
    return read_measured(DOCS)


@pytest.mark.parametrize("name", ["evaluation", "benchmark", "peers"])
def test_a_page_is_made_from_its_document(name: str, measured: Measured) -> None:
    made = {
        "evaluation": lambda: eval_page(measured.evaluation),
        "benchmark": lambda: bench_report(measured.benchmark),
        "peers": lambda: peers_page(measured.peers),
    }[name]()
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == made, "run make figures"


@pytest.mark.parametrize("name", ["evaluation.md", "benchmark.md", "peers.md"])
def test_the_plots_of_a_page_are_there(name: str) -> None:
    plots = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (DOCS / name).read_text(encoding="utf-8"))
    assert plots
    assert all((DOCS / plot).read_bytes().startswith(b"\x89PNG") for plot in plots)


def test_the_readme_has_the_figures_of_the_documents(measured: Measured) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_figures(readme, figures(measured)) == readme, "run make figures"


def test_the_page_about_servers_has_the_figures_of_its_document(measured: Measured) -> None:
    page = SEARCH_PAGE.read_text(encoding="utf-8")
    assert with_engines(page, measured.engines) == page, "run make figures"
    million = {row.speed.engine: row.speed for row in measured.engines if row.speed.vectors == 1_000_000}
    assert {"annoy, 40 trees", "exact", "milvus, hnsw", "pgvector, hnsw"} <= set(million)
    assert all(speed.speed.recall >= 0.95 for speed in million.values())
    assert all(speed.memory_mib for speed in million.values())


def test_another_measurement_makes_another_table(measured: Measured) -> None:
    worse = replace(measured, load=measured.load | {"reply_ms_median": 12345.0})
    assert "12345 ms" in figures(worse)
    assert "12345 ms" not in figures(measured)


def test_only_the_table_is_replaced() -> None:
    readme = f"before\n{START}\nold\n{END}\nafter\n"
    assert with_figures(readme, f"{START}\nnew\n{END}") == f"before\n{START}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="has no"):
        with_figures("no place", "")
