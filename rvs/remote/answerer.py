"""An engine elsewhere as an answerer: the same turns, line and words as those of the service in this process."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from rvs.admission import Admission
from rvs.answer import Answer, Compared, Question
from rvs.remote.reading import read_answer, read_compared
from rvs.remote.replicas import Replicas
from rvs.service import ServiceLimits
from rvs.stages import Stages

_OCTETS = "application/octet-stream"
_Read = TypeVar("_Read")


class RemoteAnswerer:
    """Answers by asking the engine. It belongs to the event loop in which it was opened."""

    def __init__(
        self, replicas: Replicas, limits: ServiceLimits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare.

        Args:
            replicas: the engine.
            limits: how many photos are held at once, each of which may be asked about, and how many people wait.
            clock: in seconds, measures how long the engine takes.
        """
        self._replicas = replicas
        self._clock = clock
        self._admission = Admission(limits.photos_in_memory, limits.queue, at_once=limits.photos_in_memory)
        self._running = 0

    @property
    def ready(self) -> bool:
        """Whether the engine was ready when it was last asked, and we were not told to stop."""
        return self._replicas.any_up and not self._admission.stopping

    @property
    def waiting(self) -> int:
        """How many people wait for their turn."""
        return self._admission.waiting

    @property
    def open_turns(self) -> int:
        """How many photos may be in memory now."""
        return self._admission.taken

    @property
    def running(self) -> int:
        """How many the engine is asked about now."""
        return self._running

    def expected_wait_seconds(self) -> float:
        """How long somebody who came now would wait until the engine is asked."""
        return self._admission.expected_wait_seconds()

    def check(self) -> None:
        """Whether a question that came now would be taken.

        Raises:
            BusyError: as `turn` would.
        """
        self._admission.check()

    @asynccontextmanager
    async def turn(self, stages: Stages) -> AsyncIterator["RemoteTurn"]:
        """Wait for a turn, first come first served; the stage "queue" measures how long.

        Raises:
            BusyError: at once, when there is no room to wait or when it stops.
        """
        with stages.stage("queue"):
            self._admission.check()
            await self._admission.enter()
        try:
            yield RemoteTurn(self, stages)
        finally:
            self._admission.leave()

    def stop(self) -> None:
        """Take no new questions from now on."""
        self._admission.stop()

    async def close(self) -> None:
        """Send away who waits."""
        self._admission.close()

    async def watch(self, every_s: float) -> None:
        """Look whether the engine is ready, again and again, until cancelled."""
        while True:
            await self._replicas.look()
            await asyncio.sleep(every_s)

    async def _ask(
        self,
        path: str,
        query: Mapping[str, str],
        body: Callable[[], Any],
        headers: Mapping[str, str],
        read: Callable[[bytes], _Read],
        stages: Stages,
    ) -> _Read:
        self._admission.check_open(although_stopping=True)
        started = self._clock()
        self._running += 1
        try:
            with stages.stage("engine"):
                sent = {"X-Query-Id": stages.query_id, **headers}
                answered = await self._replicas.post(path, query, body, sent)
                # In a thread: pictures are large, and others wait.
                return await asyncio.to_thread(read, answered)
        finally:
            self._running -= 1
            self._admission.took(self._clock() - started)


class RemoteTurn:
    """See `rvs.answerer.AnswererTurn`."""

    def __init__(self, answerer: RemoteAnswerer, stages: Stages) -> None:
        self._answerer = answerer
        self._stages = stages

    async def answer(self, data: bytes, question: Question) -> Answer:
        """Answer about the photo in `data`.

        Raises:
            EngineUnreachableError: the engine cannot be reached.
            BusyError, DeadlineError: it has too much to do, or took too long.
            LookalikeError: as `rvs.answer.answer`.
        """
        query = {
            "people": str(question.people),
            "face": str(question.face),
            "max_bytes": str(question.max_bytes),
            "keep_photo": _flag(question.keep_photo),
            "grid": _flag(question.grid),
            "overview": _flag(question.overview),
        }
        return await self._answerer._ask(
            "/v1/find", query, lambda: io.BytesIO(data), {"Content-Type": _OCTETS}, read_answer, self._stages
        )

    async def compare(self, first: bytes, second: bytes) -> Compared:
        """Compare two photos, with the picture.

        Raises:
            LookalikeError: as `answer` and `rvs.answer.compare`.
        """

        def body() -> aiohttp.FormData:
            form = aiohttp.FormData()
            for name, data in (("first", first), ("second", second)):
                form.add_field(name, io.BytesIO(data), filename=name, content_type=_OCTETS)
            return form

        return await self._answerer._ask(
            "/v1/compare", {"picture": "true"}, body, {}, read_compared, self._stages
        )


def _flag(value: bool) -> str:
    return "true" if value else "false"
