"""What was measured of the search engines, as a document and as rows of a table. Nothing is measured here.

A document holds rows of several runs: a server is seldom there on the day that another one is measured.
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from rvs.errors import ConfigError
from rvs.evaluation.bench_cells import milliseconds
from rvs.evaluation.engine_speed import EngineSpeed
from rvs.evaluation.machine import Machine
from rvs.evaluation.markdown_table import table
from rvs.whole_files import write_whole

FORMAT = 1
DOCUMENT = "engines.json"
TITLES = ("engine", "vectors", "build s", "CPU s", "recall@10", "ms", "p95 ms", "memory MiB", "disk MiB")
SHORT_TITLES = ("engine", "vectors", "build s", "CPU s", "recall", "ms", "p95", "MiB", "disk")


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine at one size, and where and when that was measured."""

    machine: Machine
    speed: EngineSpeed


@dataclass(frozen=True, slots=True)
class EngineRows:
    """All of a document."""

    format: int
    rows: tuple[EngineRow, ...]


def merged(before: Iterable[EngineRow], new: Iterable[EngineRow]) -> tuple[EngineRow, ...]:
    """New rows, and those from before that none of them replaces; by size, then by engine."""
    rows = {_place(row): row for row in (*before, *new)}
    return tuple(rows[place] for place in sorted(rows))


def cells(row: EngineRow) -> tuple[str, ...]:
    """One row of the table, for `TITLES` or, on a terminal, `SHORT_TITLES`."""
    one = row.speed
    return (
        one.engine,
        f"{one.vectors:,}",
        _number(one.build_s),
        _number(one.build_cpu_s),
        f"{one.speed.recall:.3f}",
        milliseconds(one.speed.search.median_ms),
        milliseconds(one.speed.search.p95_ms),
        _number(one.memory_mib),
        _number(one.disk_mib),
    )


def markdown(rows: Iterable[EngineRow]) -> str:
    """The table, for a page."""
    return "\n".join(table(TITLES, map(cells, rows)))


def rows_json(rows: tuple[EngineRow, ...]) -> str:
    """The document as text, with a line feed at its end."""
    return json.dumps(asdict(EngineRows(FORMAT, rows)), indent=1, ensure_ascii=False) + "\n"


def rows_in(folder: Path) -> tuple[EngineRow, ...]:
    """The rows that were written into a folder before; none when there is no document.

    Raises:
        ConfigError: it is of another format.
        OSError: it cannot be read.
    """
    path = folder / DOCUMENT
    try:
        found: EngineRows = _reader().validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except ValueError as error:
        raise _unreadable(path) from error
    if found.format != FORMAT:
        raise _unreadable(path)
    return found.rows


def write_rows(rows: tuple[EngineRow, ...], folder: Path) -> None:
    """Write the document.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / DOCUMENT, rows_json(rows).encode())


def _place(row: EngineRow) -> tuple[int, int, str, float]:
    return row.speed.vectors, row.speed.dimension, row.speed.engine, row.speed.target


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 10 or not value else f"{value:.1f}"


def _unreadable(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not a measurement of engines that this program reads.",
        hint="Move it away, or report into another folder.",
    )


@functools.cache
def _reader() -> TypeAdapter[EngineRows]:
    return TypeAdapter(EngineRows)
