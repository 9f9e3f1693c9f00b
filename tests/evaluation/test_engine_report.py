"""The rows of engines: what is kept of before, what a row shows, and documents that are none."""

from dataclasses import replace
from pathlib import Path

import pytest

from rvs.errors import ConfigError
from rvs.evaluation.engine_report import (
    DOCUMENT,
    SHORT_TITLES,
    TITLES,
    EngineRow,
    cells,
    markdown,
    merged,
    rows_in,
    write_rows,
)
from rvs.evaluation.engine_speed import EngineSpeed
from rvs.evaluation.index_speed import IndexSpeed
from rvs.evaluation.spread import Spread
from tests.evaluation.figures import MACHINE, OTHER_MACHINE

SPEED = EngineSpeed(
    engine="milvus, hnsw",
    vectors=1_000_000,
    dimension=128,
    probes=200,
    build_s=1234.56,
    build_cpu_s=2345.6,
    target=0.95,
    width=96,
    speed=IndexSpeed(0.9537, Spread(2.345, 12.25)),
    memory_mib=1234.5,
    disk_mib=None,
)
ROW = EngineRow(MACHINE, SPEED)


def test_a_row_has_a_cell_for_every_title() -> None:
    assert len(TITLES) == len(SHORT_TITLES) == len(cells(ROW))
    assert cells(ROW) == (
        "milvus, hnsw", "1,000,000", "1,235", "2,346", "0.954", "2.3", "12.2", "1,234", "-",
    )  # fmt: skip
    assert markdown([ROW]).splitlines()[2] == f"| {' | '.join(cells(ROW))} |"


def test_a_new_row_replaces_its_like_and_no_other() -> None:
    annoy = EngineRow(OTHER_MACHINE, replace(SPEED, engine="annoy, 40 trees"))
    small = EngineRow(OTHER_MACHINE, replace(SPEED, vectors=20_000))
    stricter = EngineRow(OTHER_MACHINE, replace(SPEED, target=0.99))
    again = EngineRow(OTHER_MACHINE, replace(SPEED, build_s=1.0))
    assert merged([ROW, annoy, stricter], [again, small]) == (small, annoy, again, stricter)


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert rows_in(folder) == ()
    write_rows((ROW,), folder)
    assert rows_in(folder) == (ROW,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "rows": []}', '{"format": 1, "rows": [{}]}'])
def test_another_document_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / DOCUMENT).write_text(text)
    with pytest.raises(ConfigError, match="not a measurement"):
        rows_in(tmp_path)
