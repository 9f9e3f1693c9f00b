"""The engine for many people at once: it computes in threads, and everything it holds is bounded.

Who comes is let in, told to wait in line, or told at once that there is no room. It knows event loops and
threads; who asks, and what a job does, is not its business.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rvs.admission import Admission, restarting
from rvs.answer import Served, warm_up
from rvs.errors import BusyError, DeadlineError, SearchUnavailableError
from rvs.settings import Settings
from rvs.stages import Stages
from rvs.waiting_line import WaitingLine

_log = logging.getLogger(__name__)

_Done = TypeVar("_Done")

_LATER = "Ask again later, or with a smaller version of it."


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """How much is done and held at once; the settings of the same names say why.

    Attributes:
        workers: jobs computed at once.
        queue: people who wait for their turn.
        photos_in_memory: turns open at once, each of which holds a photo.
        work_seconds: the longest time that one job may be computed.
    """

    workers: int = 2
    queue: int = 64
    photos_in_memory: int = 8
    work_seconds: float = 20.0

    @classmethod
    def from_settings(cls, settings: Settings) -> "ServiceLimits":
        """The limits that the settings name."""
        return cls(settings.workers, settings.queue, settings.photos_in_memory, settings.work_seconds)


class Turn:
    """Somebody's turn: the right to hold one photo in memory and to have jobs computed about it."""

    def __init__(self, service: "Service", stages: Stages) -> None:
        self._service = service
        self._stages = stages
        self._holders = (
            1  # the turn itself and each of its jobs: the photo is in memory until the last is gone
        )

    async def run(self, job: Callable[[Served], _Done]) -> _Done:
        """Compute a job in one of the service's threads.

        When it takes too long, or the caller is cancelled, the thread cannot be stopped: its worker, and the
        place of this turn, come back when it ends.

        Args:
            job: given what answers; what it raises comes through unchanged.

        Raises:
            DeadlineError: it takes longer than the limit, or no worker became free in the time that all the
                turns before it may take.
            BusyError: the service was closed.
        """
        return await self._service._compute(job, self, self._stages)

    def _hold(self) -> None:
        if not self._holders:
            raise RuntimeError("a job was begun after the end of its turn")
        self._holders += 1

    def _release(self) -> None:
        self._holders -= 1
        if not self._holders:
            self._service._admission.leave()


class Service:
    """Answers many people with few threads. It belongs to the event loop in which it was started."""

    def __init__(
        self,
        load: Callable[[], Served],
        limits: ServiceLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a service; `start` loads it.

        Args:
            load: gives what answers, such as `answer.load_served` for certain settings; called in a thread.
            limits: how much is done and held at once.
            clock: in seconds, measures how long jobs take.
        """
        self._load = load
        self._limits = limits
        self._clock = clock
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="rvs-worker")
        self._admission = Admission(limits.photos_in_memory, limits.queue, at_once=limits.workers)
        self._workers = WaitingLine(limits.workers)
        self._threads: set[asyncio.Future[Any]] = set()  # those that compute, abandoned ones too
        self._served: Served | None = None

    async def start(self) -> None:
        """Load what answers and use it once, both in a thread.

        Raises:
            LookalikeError: whatever loading raises.
        """
        thread = self._begin(self._loaded)
        await asyncio.wait([thread])
        self._served = thread.result()

    @property
    def ready(self) -> bool:
        """Whether new questions are taken: loaded, and not told to stop."""
        return self._served is not None and not self._admission.stopping

    @property
    def served(self) -> Served | None:
        """What answers; None until it is loaded."""
        return self._served

    def swap(self, served: Served) -> None:
        """Let something else answer from the next job on; jobs that compute end with what they began with."""
        self._served = served

    @property
    def waiting(self) -> int:
        """How many people wait for their turn."""
        return self._admission.waiting

    @property
    def open_turns(self) -> int:
        """How many photos may be in memory now: open turns, and ended ones whose thread still computes."""
        return self._admission.taken

    @property
    def running(self) -> int:
        """How many workers compute."""
        return self._workers.taken

    def expected_wait_seconds(self) -> float:
        """How long somebody who came now would wait until their photo is computed; 0 when a worker is free."""
        return self._admission.expected_wait_seconds()

    def check(self) -> None:
        """Whether a question that came now would be taken.

        Raises:
            BusyError: as `turn` would.
        """
        self._admit()

    @asynccontextmanager
    async def turn(self, stages: Stages, *, checked: bool = False) -> AsyncIterator[Turn]:
        """Wait for a turn, first come first served; the stage "queue" measures how long.

        Args:
            stages: of the question.
            checked: the question has passed `check` before: it is let in also when `stop` came since then.

        Raises:
            BusyError: at once, when there is no room to wait, or while the service starts or stops.
        """
        with stages.stage("queue"):
            self._admit(although_stopping=checked)
            await self._admission.enter()
        turn = Turn(self, stages)
        try:
            yield turn
        finally:
            turn._release()

    def stop(self) -> None:
        """Take no new questions from now on. Those who wait already get their turn, until `close`."""
        self._admission.stop()

    async def close(self) -> None:
        """Send away who waits, wait for the threads that compute, and end them. May be called repeatedly.

        When it is cancelled, because a thread does not end, that thread is left to itself.
        """
        self._admission.close()
        self._workers.close(restarting)
        try:
            while self._threads:
                await asyncio.wait(self._threads)
        finally:
            self._pool.shutdown(wait=not self._threads, cancel_futures=True)

    def _loaded(self) -> Served:
        served = self._load()
        try:
            warm_up(served)
        except SearchUnavailableError as error:
            # Whoever asks is told so, until the server is there; then nothing has to be started again.
            _log.error("loaded, but there is no search: %s", error.why)
        return served

    def _admit(self, *, although_stopping: bool = False) -> None:
        self._admission.check_open(although_stopping=although_stopping)
        if self._served is None:
            raise _starting()
        self._admission.check(although_stopping=although_stopping)

    async def _compute(self, job: Callable[[Served], _Done], turn: Turn, stages: Stages) -> _Done:
        turn._hold()
        try:
            with stages.stage("worker"):
                await self._enter_worker()
            try:
                served = self._serving()
                thread = self._begin(lambda: _called(job, served))
            except BaseException:
                self._workers.leave()
                raise
        except BaseException:
            turn._release()
            raise
        started = self._clock()

        def ended(_: asyncio.Future[_Done]) -> None:
            self._admission.took(self._clock() - started)
            self._workers.leave()
            turn._release()

        thread.add_done_callback(ended)
        # Unlike `wait_for`, `wait` leaves the thread's future alone, also when the caller is cancelled here.
        done, _ = await asyncio.wait([thread], timeout=self._limits.work_seconds)
        if not done:
            stages.note("deadline", seconds=self._limits.work_seconds)
            raise DeadlineError(
                f"This photo took longer than {self._limits.work_seconds:g} seconds.", hint=_LATER
            )
        return thread.result()

    async def _enter_worker(self) -> None:
        self._serving()
        # As long as the jobs before this one may take at most; longer means that threads are stuck.
        longest_s = self._limits.work_seconds * self._limits.photos_in_memory / self._limits.workers
        try:
            async with asyncio.timeout(longest_s):
                await self._workers.enter()
        except TimeoutError as error:
            raise DeadlineError("This photo was not reached in time.", hint=_LATER) from error

    def _serving(self) -> Served:
        self._admission.check_open(although_stopping=True)
        if self._served is None:
            raise _starting()
        return self._served

    def _begin(self, work: Callable[[], _Done]) -> asyncio.Future[_Done]:
        thread = asyncio.get_running_loop().run_in_executor(self._pool, work)
        self._threads.add(thread)
        thread.add_done_callback(self._end)
        return thread

    def _end(self, thread: asyncio.Future[Any]) -> None:
        self._threads.discard(thread)
        if not thread.cancelled():
            thread.exception()  # looked at here, because the caller may have gone: asyncio would complain


def _called(job: Callable[[Served], _Done], served: Served) -> _Done:
    try:
        return job(served)
    except StopIteration as error:  # a future cannot carry it, and would never be done
        raise RuntimeError("a job raised StopIteration") from error


def _starting() -> BusyError:
    return BusyError("I am still starting: ask again in a few seconds.")
