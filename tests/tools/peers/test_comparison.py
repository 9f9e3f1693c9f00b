"""From turns to figures."""

from pathlib import Path

import pytest

from tests.tools.peers.figures import comparison, turn
from tools.peers.comparison import Ratio, Timing, ratio, read_comparison, rows, to_json
from tools.peers.contenders import BATCH, CONTENDERS, FACES, INDEX, PEOPLE, WITH_GRID, Contender
from tools.peers.race import Race

OURS = Contender(PEOPLE, ("ours",), "project", "people", "", against=PEOPLE)
GRID = Contender(WITH_GRID, ("ours",), "project", "grid", "", against=WITH_GRID)
PEER = Contender("peer", ("peer",), "peers", "people", "", against=PEOPLE)


def test_a_round_in_which_everything_is_slow_changes_no_ratio() -> None:
    ours = [turn(0, "ours", "p", 10.0), turn(1, "ours", "p", 30.0), turn(2, "ours", "p", 10.0)]
    theirs = [turn(0, "peer", "p", 50.0), turn(1, "peer", "p", 150.0)]
    assert ratio(theirs, ours) == Ratio(5.0, 5.0, 5.0)


def test_a_ratio_is_the_median_over_rounds_of_medians_over_calls() -> None:
    ours = [turn(number, "ours", "p", 10.0, 10.0, 90.0) for number in range(5)]
    theirs = [turn(number, "peer", "p", 10.0 * (number + 1)) for number in range(5)]
    assert ratio(theirs, ours) == Ratio(3.0, 2.0, 4.0)


def test_rounds_that_only_one_took_part_in_do_not_count() -> None:
    ours = [turn(0, "ours", "p", 10.0), turn(1, "ours", "p", 1000.0)]
    assert ratio([turn(0, "peer", "p", 20.0)], ours) == Ratio(2.0, 2.0, 2.0)
    assert ratio([turn(7, "peer", "p", 20.0)], ours) is None


def test_a_row_has_a_timing_for_each_photo_and_a_reason_for_those_that_failed() -> None:
    turns = (
        turn(0, PEOPLE, "small", 10.0, 12.0),
        turn(0, PEOPLE, "large", 20.0),
        turn(0, WITH_GRID, "small", 25.0),
        turn(0, "peer", "small", 100.0, 110.0, found=2),
        turn(1, PEOPLE, "small", 10.0, 12.0),
        turn(1, "peer", "small", 130.0, 140.0, found=2),
    )
    ours, peer = rows(
        (OURS, PEER),
        Race(turns, {("peer", "large"): "It died.", ("another", "small"): "Not this one."}),
        ("small", "large"),
        {"peer": {"dlib": "20"}},
        {"peer": {"unpacking": 3.0}},
    )
    assert ours.failed == {}
    assert [timing.photo for timing in ours.timings] == ["small", "large"]
    assert ours.timings[0].like_for_like is None
    assert ours.timings[0].with_grid == Ratio(0.44, 0.44, 0.44)
    assert ours.timings[1].with_grid is None
    assert peer.failed == {"large": "It died."}
    assert peer.versions == {"dlib": "20"}
    assert peer.once_ms == {"unpacking": 3.0}
    assert peer.timings == (
        Timing(
            photo="small",
            median_ms=120.0,
            p95_ms=138.5,
            calls=4,
            rounds=2,
            found=2,
            parts_ms={"detect": 86.25},
            like_for_like=Ratio(10.909, 10.227, 11.591),
            with_grid=Ratio(4.2, 4.2, 4.2),
        ),
    )


def test_everybody_is_compared_with_one_of_ours_that_is_measured() -> None:
    ours = {one.name for one in CONTENDERS if one.environment == "project"}
    assert {WITH_GRID, PEOPLE, FACES} <= ours
    assert {one.against for one in CONTENDERS} <= ours
    assert {one.against for one in BATCH} == {INDEX}
    names = [one.name for one in (*CONTENDERS, *BATCH)]
    assert len(set(names)) == len(names)


def test_the_document_gives_back_what_was_written(tmp_path: Path) -> None:
    one = comparison(failed={("VGG16 + Annoy", "1 MP"): "It died."})
    path = tmp_path / "peers.json"
    path.write_bytes(to_json(one))
    assert read_comparison(path) == one
    path.write_bytes(to_json(one).replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(ValueError, match="format"):
        read_comparison(path)
