"""The stages of one query, by name: how long each took, and at which one it stopped.

One log event per stage, so that a log tells the story of each query. It holds names, numbers and codes;
photos, people and what they write never pass through here.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from rvs.errors import LookalikeError

log = logging.getLogger("rvs.query")


class Stages:
    """Names and times the stages of one query.

    Stages follow each other and do not lie within one another. They may be entered in one thread after the
    other: on the event loop first, then in the worker that computes.
    """

    def __init__(
        self,
        query_id: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
        *,
        observe: Callable[[str, float], None] | None = None,
    ) -> None:
        """Begin a query.

        Args:
            query_id: what its log events have in common; 8 random hexadecimal digits when None.
            clock: in seconds; only differences matter.
            observe: told the name of each stage that ends and how many seconds it took, also of the one that
                stops; called in whatever thread the stage is in.
        """
        self.query_id = query_id or secrets.token_hex(4)
        self._clock = clock
        self._observe = observe
        self._milliseconds: dict[str, float] = {}

    @property
    def milliseconds(self) -> Mapping[str, float]:
        """What was measured so far, by stage, in order; the sum where a stage was entered repeatedly."""
        return MappingProxyType(self._milliseconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside and log it, as a stop when it raises; the error passes through.

        Args:
            name: one word.
        """
        started = self._clock()
        try:
            yield
        except BaseException as error:
            ours = isinstance(error, LookalikeError | asyncio.CancelledError)
            level = logging.INFO if ours else logging.ERROR
            self._log(level, stopped=name, error=_code(error), ms=self._measured(name, started))
            raise
        self._log(logging.INFO, stage=name, ms=self._measured(name, started))

    def note(self, name: str, **facts: int | float | str) -> None:
        """Log one event that has no duration, such as what kind of photo it is."""
        self._log(logging.INFO, note=name, **facts)

    def _log(self, level: int, /, **facts: int | float | str) -> None:
        words = " ".join(f"{name}={_text(value)}" for name, value in facts.items())
        # Also as they are, for a log that is read by programs: there, numbers stay numbers.
        log.log(
            level, "query=%s %s", self.query_id, words, extra={"fields": {"query": self.query_id} | facts}
        )

    def _measured(self, name: str, started: float) -> float:
        seconds = self._clock() - started
        milliseconds = 1000 * seconds
        self._milliseconds[name] = self._milliseconds.get(name, 0.0) + milliseconds
        if self._observe is not None:
            self._observe(name, seconds)
        return milliseconds


def _code(error: BaseException) -> str:
    if isinstance(error, LookalikeError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__


def _text(value: int | float | str) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    # Quoted where it is not one word: an event stays one line whatever the value is.
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
