"""Workers as real processes: what they answer, how they fail, and in which order they are asked."""

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tools.peers.contenders import Contender
from tools.peers.race import Worker, WorkerError, calls_in_a_turn, run
from tools.peers.worker import Setup

Start = Callable[..., Worker]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(str(tmp_path), str(tmp_path / "kept"), vectors="", photo_list="", lfw="", workers=1)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts honest workers, which end with the test."""
    logs = itertools.count()
    with ExitStack() as stack:

        def one(*arguments: str) -> Worker:
            command = (sys.executable, "-m", "tests.tools.peers.honest_worker", *arguments)
            return stack.enter_context(Worker(command, ROOT, tmp_path / f"log-{next(logs)}"))

        yield one


def contender(name: str, task: str, *, slow: bool = False) -> Contender:
    return Contender(name, (), "project", task, "", against=name, slow=slow)


def test_a_worker_answers_whatever_its_program_prints(start: Start, setup: Setup, tmp_path: Path) -> None:
    worker = start()
    worker.load(setup)
    assert worker.versions == {"numpy": np.__version__}
    assert worker.once_ms == {"unpacking": 12.5}
    for _ in range(2):
        reply = worker.ask("noted", ["a.jpg", "b.jpg"])
        assert reply.found == 2
        assert list(reply.parts) == ["first", "second"]
        assert reply.parts["first"] >= 2
        assert reply.parts["second"] >= 2
        assert sum(reply.parts.values()) <= reply.milliseconds
    printed = (tmp_path / "log-0").read_text()
    assert "a banner" in printed
    assert "progress" in printed


def test_a_function_of_a_program_can_be_timed_from_outside(start: Start, setup: Setup) -> None:
    worker = start()
    worker.load(setup)
    reply = worker.ask("timed", ["a.jpg"])
    assert reply.parts["first"] < reply.parts["called"] <= reply.milliseconds


def test_what_is_kept_is_there_whole(start: Start, setup: Setup) -> None:
    start().load(setup)
    assert [path.name for path in Path(setup.kept).iterdir()] == ["model"]


def test_a_failed_task_says_why_and_the_worker_goes_on(start: Start, setup: Setup) -> None:
    worker = start()
    worker.load(setup)
    with pytest.raises(WorkerError, match=r"^ValueError: no face in a.jpg$"):
        worker.ask("wrong", ["a.jpg"])
    assert worker.ask("noted", ["a.jpg"]).found == 1


def test_nothing_is_downloaded(start: Start, setup: Setup) -> None:
    worker = start()
    worker.load(setup)
    with pytest.raises(WorkerError, match=r"'weights.invalid' was asked for; nothing is downloaded here"):
        worker.ask("downloads", ["a.jpg"])


def test_a_package_that_is_not_installed(start: Start, setup: Setup) -> None:
    with pytest.raises(
        WorkerError, match=r"^ModuleNotFoundError: No module named 'a_package_that_nobody_has'$"
    ):
        start("absent").load(setup)


def test_a_worker_that_dies_and_its_last_words(start: Start, setup: Setup) -> None:
    worker = start()
    worker.load(setup)
    for _ in range(2):
        with pytest.raises(WorkerError, match=r"^Its process ended with code 3: out of luck\.$"):
            worker.ask("dies", ["a.jpg"])


def test_a_worker_that_does_not_answer_in_time(start: Start, setup: Setup) -> None:
    worker = start()
    worker.load(setup)
    with pytest.raises(WorkerError, match=r"^No answer within 0\.2 s\.$"):
        worker.ask("hangs", ["a.jpg"], limit_s=0.2)
    with pytest.raises(WorkerError, match="ended with code -9"):
        worker.ask("noted", ["a.jpg"])


def test_all_are_measured_in_turns_and_those_that_fail_are_left_out(
    start: Start, setup: Setup, tmp_path: Path
) -> None:
    first, second, third = (start() for _ in range(3))
    for worker in (first, second, third):
        worker.load(setup)
    contenders = {
        contender("fast", "noted"): first,
        contender("slow", "noted", slow=True): second,
        contender("doomed", "dies"): third,
        contender("wrong", "wrong"): first,
    }
    told: list[str] = []
    race = run(contenders, {"small": ["a.jpg"], "large": ["b.jpg", "c.jpg"]}, 4, 1, told.append)

    turns = [(turn.round, turn.contender, turn.photo, turn.found) for turn in race.turns]
    sizes = (("small", 1), ("large", 2))
    expected = {(number, "fast", *size) for number in range(4) for size in sizes}
    expected |= {(number, "slow", *size) for number in (0, 2) for size in sizes}
    assert len(turns) == len(expected)
    assert set(turns) == expected
    assert [turn[0] for turn in turns] == sorted(turn[0] for turn in turns)
    orders = {tuple(turn[1:3] for turn in turns if turn[0] == number) for number in (0, 2)}
    assert len(orders) == 2
    assert {len(turn.milliseconds) for turn in race.turns} <= {2, 3, 4, 5}

    assert set(race.failed) == {(name, photo) for name in ("doomed", "wrong") for photo in ("small", "large")}
    assert "out of luck" in race.failed["doomed", "small"]
    assert race.failed["wrong", "large"] == "ValueError: no face in b.jpg"
    assert told == ["warming up", *(f"round {number} of 4" for number in range(1, 5))]
    # One works at a time.
    diary = (tmp_path / "diary").read_text().splitlines()
    assert diary == ["begin", "end"] * (len(diary) // 2)
    # Three calls to warm each up with each photo, and one at the beginning of each turn that does not count.
    assert diary.count("begin") == 3 * 4 + sum(1 + len(turn.milliseconds) for turn in race.turns)


@pytest.mark.parametrize(("call_ms", "calls"), [(0.01, 5), (40, 5), (60, 3), (499, 2), (500, 1), (30_000, 1)])
def test_a_turn_of_a_fast_contender_is_several_calls(call_ms: float, calls: int) -> None:
    assert calls_in_a_turn(call_ms) == calls
