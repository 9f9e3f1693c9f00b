"""The lines of a build: few enough to read, never too few to know where it is."""

import json
from typing import Any

import pytest

from rvs.cli.build_lines import ProgressLines, progress_lines, write_line
from rvs.errors import GalleryMissingError, SearchUnavailableError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _lines(*steps: tuple[float, str, int, int]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    clock = Clock()
    lines = ProgressLines(told.append, clock=clock)
    for seconds, stage, done, total in steps:
        clock.now += seconds
        lines(stage, done, total)
    return told


def test_the_first_and_the_last_step_of_a_stage_are_always_told() -> None:
    told = _lines((0, "hash", 0, 9), (0.01, "hash", 9, 9), (0.01, "embed", 3, 9), (0.01, "embed", 9, 9))
    assert [(one["stage"], one["done"]) for one in told] == [
        ("hash", 0),
        ("hash", 9),
        ("embed", 3),
        ("embed", 9),
    ]


def test_steps_in_quick_succession_are_not() -> None:
    told = _lines((0, "embed", 0, 1000), *((0.125, "embed", 10 * step, 1000) for step in range(1, 13)))
    assert [one["done"] for one in told] == [0, 40, 80, 120]


def test_speed_counts_only_what_was_done_in_this_run() -> None:
    told = _lines((0, "embed", 900, 1000), (2, "embed", 940, 1000))
    assert told[0]["per_second"] is None
    assert told[0]["eta_s"] is None
    assert (told[1]["per_second"], told[1]["eta_s"]) == (20.0, 3.0)


def test_an_error_of_ours_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GalleryMissingError), progress_lines():
        raise GalleryMissingError("It is gone.", hint="Look for it.")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"error": {"code": "gallery.missing", "message": "It is gone.", "hint": "Look for it."}}


def test_why_a_server_did_not_answer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SearchUnavailableError), progress_lines():
        raise SearchUnavailableError(why="Milvus at nowhere: refused.")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["error"]["hint"] == "Milvus at nowhere: refused."


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_line({"report": "first\nsecond é"})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"report": "first\nsecond é"}
