"""What the log tells of a query."""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from rvs.errors import NoFaceError, TruncatedError
from rvs.stages import Stages


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, logger="rvs.query")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "rvs.query"]


def test_a_stage_is_one_event_with_its_milliseconds(lines: Callable[[], list[str]]) -> None:
    clock = Clock()
    stages = Stages("1a2b3c4d", clock)
    with stages.stage("decode"):
        clock.now += 0.0051
    with stages.stage("search"):
        clock.now += 0.2
    assert lines() == ["query=1a2b3c4d stage=decode ms=5.1", "query=1a2b3c4d stage=search ms=200.0"]
    assert dict(stages.milliseconds) == pytest.approx({"decode": 5.1, "search": 200.0})
    assert list(stages.milliseconds) == ["decode", "search"]


def test_a_stage_entered_twice_is_added_up() -> None:
    clock = Clock()
    stages = Stages(clock=clock)
    for _ in range(2):
        with stages.stage("decode"):
            clock.now += 0.01
    assert dict(stages.milliseconds) == pytest.approx({"decode": 20.0})


@pytest.mark.parametrize(
    ("error", "code", "level"),
    [
        (TruncatedError("cut"), "photo.truncated", logging.INFO),
        (NoFaceError("none of Anna's"), "no_face", logging.INFO),
        (asyncio.CancelledError(), "cancelled", logging.INFO),
        (ZeroDivisionError("secret"), "ZeroDivisionError", logging.ERROR),
    ],
)
def test_the_stage_where_it_stopped_is_told_without_the_words_of_the_error(
    lines: Callable[[], list[str]],
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
    code: str,
    level: int,
) -> None:
    clock = Clock()
    stages = Stages("1a2b3c4d", clock)

    def stop() -> None:
        with stages.stage("decode"):
            clock.now += 0.003
            raise error

    with pytest.raises(type(error)) as caught:
        stop()
    assert caught.value is error
    assert lines() == [f"query=1a2b3c4d stopped=decode error={code} ms=3.0"]
    assert caplog.records[-1].levelno == level
    assert caplog.records[-1].exc_info is None
    assert dict(stages.milliseconds) == pytest.approx({"decode": 3.0})


def test_a_note_has_no_duration(lines: Callable[[], list[str]]) -> None:
    stages = Stages("1a2b3c4d")
    stages.note("photo", format="JPEG", width=640, share=0.25)
    assert lines() == ["query=1a2b3c4d note=photo format=JPEG width=640 share=0.2"]
    assert not stages.milliseconds


@pytest.mark.parametrize("value", ["two words", "a=b", 'quo"ted', "line\nquery=forged", "", "\u2028"])
def test_a_value_cannot_pretend_to_be_another_event(lines: Callable[[], list[str]], value: str) -> None:
    Stages("1a2b3c4d").note("photo", format=value)
    (line,) = lines()
    assert len(line.splitlines()) == 1
    assert re.fullmatch(r'query=1a2b3c4d note=photo format="([^"\\]|\\.)*"', line)


def test_each_query_has_an_id_of_its_own() -> None:
    ids = {Stages().query_id for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{8}", one) for one in ids)


def test_what_was_measured_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Stages().milliseconds["decode"] = 1.0  # type: ignore[index]


def test_from_the_loop_to_a_worker() -> None:
    stages = Stages()

    def work() -> None:
        with stages.stage("search"):
            pass

    with stages.stage("queue"):
        pass
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert list(stages.milliseconds) == ["queue", "search"]


def test_whoever_observes_is_told_of_every_stage_in_seconds() -> None:
    clock = Clock()
    seen: list[tuple[str, float]] = []
    stages = Stages(clock=clock, observe=lambda name, seconds: seen.append((name, seconds)))
    with stages.stage("decode"):
        clock.now += 0.25
    stages.note("photo", width=640)

    def stop() -> None:
        with stages.stage("search"):
            clock.now += 0.5
            raise NoFaceError("none")

    with pytest.raises(NoFaceError):
        stop()
    assert [name for name, _ in seen] == ["decode", "search"]
    assert [seconds for _, seconds in seen] == pytest.approx([0.25, 0.5])


def test_an_event_carries_its_facts_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="rvs.query")
    clock = Clock()
    stages = Stages("1a2b3c4d", clock)
    with stages.stage("decode"):
        clock.now += 0.25
    stages.note("photo", format="two words", width=640)
    timed, noted = (vars(record)["fields"] for record in caplog.records)
    assert timed == {"query": "1a2b3c4d", "stage": "decode", "ms": pytest.approx(250.0)}
    assert noted == {"query": "1a2b3c4d", "note": "photo", "format": "two words", "width": 640}
