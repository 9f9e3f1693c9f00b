"""What a chat needs of whatever answers: turns, in each of which one photo is answered or two are compared.

The service in this process is one such thing, an engine elsewhere another (`rvs.remote`). Whoever asks cannot tell
them apart.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

from rvs.answer import Answer, Compared, Question, Served, answer, compare
from rvs.service import Service, Turn
from rvs.stages import Stages


class AnswererTurn(Protocol):
    """Somebody's turn: the right to hold photos in memory and to have them looked at."""

    async def answer(self, data: bytes, question: Question) -> Answer:
        """Answer about the photo in `data`; raises as `rvs.answer.answer`, or BusyError, DeadlineError."""

    async def compare(self, first: bytes, second: bytes) -> Compared:
        """Compare two photos, with the picture; raises likewise, as `rvs.answer.compare`."""


class Answerer(Protocol):
    """Whatever answers questions about photos, for many people at once, within bounds."""

    @property
    def ready(self) -> bool:
        """Whether new questions are answered now."""

    def check(self) -> None:
        """Whether a question that came now would be taken; raises BusyError."""

    def turn(self, stages: Stages) -> AbstractAsyncContextManager[AnswererTurn]:
        """Wait for a turn, first come first served; raises BusyError."""

    def stop(self) -> None:
        """Take no new questions from now on."""


class LocalAnswerer:
    """The service in this process as an answerer."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def ready(self) -> bool:
        """As of the service."""
        return self._service.ready

    def check(self) -> None:
        """As of the service."""
        self._service.check()

    @asynccontextmanager
    async def turn(self, stages: Stages) -> AsyncIterator[AnswererTurn]:
        """As of the service."""
        async with self._service.turn(stages) as turn:
            yield _LocalTurn(turn, stages)

    def stop(self) -> None:
        """As of the service."""
        self._service.stop()


class _LocalTurn:
    def __init__(self, turn: Turn, stages: Stages) -> None:
        self._turn = turn
        self._stages = stages

    async def answer(self, data: bytes, question: Question) -> Answer:
        return await self._turn.run(partial(_answer, data=data, question=question, stages=self._stages))

    async def compare(self, first: bytes, second: bytes) -> Compared:
        return await self._turn.run(partial(_compare, first=first, second=second, stages=self._stages))


def _answer(served: Served, *, data: bytes, question: Question, stages: Stages) -> Answer:
    return answer(served, data, question, stages)


def _compare(served: Served, *, first: bytes, second: bytes, stages: Stages) -> Compared:
    return compare(served, first, second, stages)
