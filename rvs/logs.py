"""How a service logs: lines for a person at a terminal, one JSON object a line for everything else.

One event is one line, whatever its text contains; only a traceback follows on lines of its own, indented. What
is logged, and that nothing private is among it, is up to those who log.

Numbers and codes become fields of the JSON object when they are logged with `extra={"fields": {...}}`.
"""

import json
import logging
import math
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

LogStyle: TypeAlias = Literal["auto", "human", "json"]


def configure_logging(style: LogStyle, stream: TextIO) -> None:
    """Send everything from INFO on to a stream, and nowhere else. May be called repeatedly.

    Args:
        style: "auto" is "human" where the stream is a terminal, else "json".
        stream: such as standard error.
    """
    human = stream.isatty() if style == "auto" else style == "human"
    handler = logging.StreamHandler(stream)
    handler.setFormatter(HumanFormatter() if human else JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]  # replaced, because libraries bring handlers of their own: each line came twice
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)  # they would be lines of another form


class WithoutTraceback(logging.Filter):
    """Turns errors that a library expects, and mends by itself, into a warning of one line.

    Put on discord.py's logger of connections: each lost one came with a traceback, and the gateway's address.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is always let through."""
        if record.exc_info and record.exc_info[0] is not None:
            record.msg = f"{record.getMessage()} ({record.exc_info[0].__name__})"
            record.args, record.exc_info = (), None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


class HumanFormatter(logging.Formatter):
    """`2026-11-22 19:52:22 INFO    rvs.query: query=1a2b3c4d stage=search ms=4.2`, in local time."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The event as text."""
        when = self.formatTime(record, self.datefmt)
        line = f"{when} {record.levelname:<7} {record.name}: {_one_line(record.getMessage())}"
        return "\n".join(
            [line, *(f"    {_one_line(part)}" for part in _exception(record).split("\n") if part)]
        )


class JsonFormatter(logging.Formatter):
    """`{"time": "2026-11-22T19:52:22.123Z", "level": "INFO", "logger": "rvs.query", "message": "...", ...}`.

    ASCII only, so that no reader takes a character inside for the end of the line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The event as a JSON object."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event: dict[str, object] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            event = event | {str(name): _json_value(value) for name, value in fields.items()} | event
        if exception := _exception(record):
            event["exception"] = exception
        return json.dumps(event, allow_nan=False)


def _json_value(value: object) -> object:
    if isinstance(value, float):  # JSON has no word for infinity
        return round(value, 3) if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    # Also what a terminal would act on, and what turns the direction of writing.
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _exception(record: logging.LogRecord) -> str:
    """The traceback, or the stack that was asked for; empty when there is neither."""
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)
