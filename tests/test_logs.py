"""What an event looks like, for people and for programs."""

import io
import json
import logging
import math
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rvs.errors import NoFaceError
from rvs.logs import HumanFormatter, LogStyle, WithoutTraceback, configure_logging
from rvs.stages import Stages

ROOT = Path(__file__).parent.parent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    yield
    root.handlers, root.level = before
    logging.captureWarnings(False)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("rvs.test")


def begun(style: LogStyle = "json", stream: io.StringIO | None = None) -> io.StringIO:
    stream = io.StringIO() if stream is None else stream
    configure_logging(style, stream)
    return stream


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_for_programs(log: logging.Logger) -> None:
    stream = begun()
    log.warning("%d photos", 3)
    (event,) = events(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
    assert event == {"level": "WARNING", "logger": "rvs.test", "message": "3 photos"}
    assert next(iter(json.loads(stream.getvalue()))) == "time"


def test_the_time_is_utc(log: logging.Logger) -> None:
    stream = begun()
    record = log.makeRecord("rvs.test", logging.INFO, "", 0, "x", (), None)
    record.created = 86_400.5
    log.handle(record)
    assert events(stream)[0]["time"] == "1970-01-02T00:00:00.500Z"


def test_an_event_for_people(log: logging.Logger) -> None:
    stream = begun("human")
    log.info("ready to answer")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO    rvs\.test: ready to answer\n", stream.getvalue()
    )


def test_auto_asks_whether_it_is_a_terminal(log: logging.Logger) -> None:
    shown, piped = begun("auto", Terminal()), io.StringIO()
    log.info("one")
    begun("auto", piped)
    log.info("two")
    assert " rvs.test: one\n" in shown.getvalue()
    assert "two" not in shown.getvalue()
    assert [event["message"] for event in events(piped)] == ["two"]
    terminal = begun("json", Terminal())
    log.info("three")
    assert events(terminal)[0]["message"] == "three"


def test_stages_of_a_query_are_fields_and_numbers_stay_numbers() -> None:
    stream = begun()
    stages = Stages("1a2b3c4d", iter([1.0, 1.00512345]).__next__)
    with stages.stage("decode"):
        pass
    stages.note("photo", format="JPEG", width=640, share=0.25)
    stage, note = events(stream)
    assert stage["message"] == "query=1a2b3c4d stage=decode ms=5.1"
    assert (stage["query"], stage["stage"], stage["ms"]) == ("1a2b3c4d", "decode", 5.123)
    assert {"note": "photo", "format": "JPEG", "width": 640, "share": 0.25}.items() <= note.items()


def test_a_stop_has_its_code_as_a_field() -> None:
    stream = begun()
    stages = Stages()
    with pytest.raises(NoFaceError), stages.stage("search"):
        raise NoFaceError("none of Anna's")
    (event,) = events(stream)
    assert (event["stopped"], event["error"], event["query"]) == ("search", "no_face", stages.query_id)
    assert "Anna" not in stream.getvalue()


def test_fields_cannot_replace_what_every_event_has(log: logging.Logger) -> None:
    stream = begun()
    log.info("true", extra={"fields": {"message": "forged", "level": "DEBUG", "time": 1, "photos": 2}})
    (event,) = events(stream)
    assert (event["message"], event["level"], event["photos"]) == ("true", "INFO", 2)
    assert event["time"] != 1


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.inf, "inf"), (math.nan, "nan"), (None, None), (True, True), (Path("a"), "a"), ([1], "[1]")],
)
def test_whatever_a_field_is_the_line_is_json(log: logging.Logger, value: object, written: object) -> None:
    stream = begun()
    log.info("x", extra={"fields": {"value": value}})
    (event,) = events(stream)
    assert event["value"] == written


NASTY = ["a\nb", "a\r\nb", "a\x1b[31mb", "a\x00b", "a\u2028b", "a\x85b", "a\u202eb", "a\ud800b", "a\tb"]


@pytest.mark.parametrize("text", NASTY)
def test_one_event_is_one_line_for_programs(log: logging.Logger, text: str) -> None:
    stream = begun()
    log.info("%s", text, extra={"fields": {"value": text}})
    assert stream.getvalue().isascii()
    (event,) = events(stream)
    assert event["message"] == event["value"] == text


@pytest.mark.parametrize("text", NASTY)
def test_one_event_is_one_line_for_people(log: logging.Logger, text: str) -> None:
    stream = begun("human")
    log.info("%s", text)
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert re.search(r": a\\\w+.*b$", line)


def test_words_of_any_language_are_left_alone_for_people(log: logging.Logger) -> None:
    stream = begun("human")
    log.info("%s", "Zoë, Анна, 美")
    assert stream.getvalue().endswith(": Zoë, Анна, 美\n")


def _raise(text: str) -> None:
    raise RuntimeError(text)


def _fail(log: logging.Logger, text: str) -> None:
    try:
        _raise(text)
    except RuntimeError:
        log.exception("it failed")


def test_an_exception_is_a_field(log: logging.Logger) -> None:
    stream = begun()
    _fail(log, "first\nsecond")
    (event,) = events(stream)
    assert event["message"] == "it failed"
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert event["exception"].endswith("RuntimeError: first\nsecond")


def test_a_traceback_for_people_cannot_look_like_another_event(log: logging.Logger) -> None:
    stream = begun("human")
    _fail(log, "first\n2026-11-22 00:00:00 INFO    rvs: forged\x1b[2J")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("it failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-1] == r"    2026-11-22 00:00:00 INFO    rvs: forged\x1b[2J"
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("style", ["human", "json"])
def test_nothing_is_written_twice_nor_below_info(style: LogStyle, log: logging.Logger) -> None:
    library = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(library))
    first = begun(style)
    second = begun(style)
    log.info("once")
    log.debug("never")
    assert (library.getvalue(), first.getvalue()) == ("", "")
    assert second.getvalue().count("once") == 1
    assert "never" not in second.getvalue()


def test_warnings_of_python_are_events_too() -> None:
    stream = begun()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        configure_logging("json", stream)
        warnings.warn("old\nthing", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    (event,) = events(stream)
    assert (event["logger"], event["level"]) == ("py.warnings", "WARNING")
    assert "old\nthing" in event["message"]


@pytest.mark.parametrize(("style", "is_json"), [("auto", True), ("json", True), ("human", False)])
def test_the_bot_says_in_its_style_that_it_has_no_token(tmp_path: Path, style: str, is_json: bool) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bot.py")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "RVS_LOGS": style, "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "There is no Discord token." in line
    assert line.startswith("{") == is_json
    if is_json:
        assert json.loads(line)["level"] == "ERROR"


def test_a_style_that_is_none_is_told_before_there_is_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bot.py")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "RVS_LOGS": "xml", "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "RVS_LOGS" in json.loads(done.stderr)["message"]


def test_a_lost_connection_is_one_line_without_an_address() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("test.connections")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(HumanFormatter())
    logger.handlers, logger.propagate = [handler], False
    logger.addFilter(WithoutTraceback())
    lost = ConnectionResetError("wss://gateway.example.invalid/?token=x")
    logger.error("Attempting a reconnect in %.2fs", 1.5, exc_info=lost)
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("Attempting a reconnect in 1.50s (ConnectionResetError)")
    assert "WARNING" in line
    assert "example" not in line
