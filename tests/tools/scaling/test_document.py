"""The tables of docs/scaling.md are what the tool makes of the committed figures."""

import json
import re

import pytest

from tools.scaling.cells import two_digits
from tools.scaling.document import DOCUMENT, FIGURES, all_tables, written
from tools.scaling.measured import read_measured
from tools.traffic import PLOT

TEXT = DOCUMENT.read_text(encoding="utf-8")
FOUND = json.loads(FIGURES.read_text(encoding="utf-8"))
MEASURED = read_measured(DOCUMENT.parent)


def test_the_tables_are_made_from_the_figures() -> None:
    assert written(TEXT, FOUND, MEASURED) == TEXT, "run make traffic"


def test_every_table_is_in_the_document_once() -> None:
    assert sorted(re.findall(r"^<!-- ([a-z-]+) -->$", TEXT, re.MULTILINE)) == sorted(
        all_tables(FOUND, MEASURED)
    )
    assert f"({PLOT.name})" in TEXT
    assert PLOT.is_file()


def test_other_figures_make_other_tables() -> None:
    other = json.loads(FIGURES.read_text(encoding="utf-8"))
    other["replicas"][0]["day"]["p99_s"] = 123.4
    assert "123.4 s" in written(TEXT, other, MEASURED)


def test_measured_cells_are_bold_and_no_others() -> None:
    table = all_tables(FOUND, MEASURED)["latency"]
    rows = {tuple(row.split(" | ")[:2]): row for row in table.splitlines()}
    (exact,) = (
        row.speed for row in MEASURED.engines if (row.speed.engine, row.speed.vectors) == ("exact", 1_000_000)
    )
    assert f"**{two_digits(exact.speed.search.median_ms)} ms**" in rows["| 1,000,000", "128"]
    assert "**" not in rows["| 1,000,000", "512"]
    assert "?" in rows["| 1,000,000", "128"], "what nobody measured is not made up"


def test_a_mark_without_a_table() -> None:
    with pytest.raises(KeyError):
        written("<!-- nothing -->\n<!-- /nothing -->", FOUND, MEASURED)
