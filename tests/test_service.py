"""Many people, few threads: order, limits, deadlines, and that nothing is ever lost."""

import asyncio
import contextlib
import gc
import logging
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rvs.answer import Question, Served, answer, load_served
from rvs.arrays import Pixels
from rvs.errors import BusyError, DeadlineError, GalleryMissingError, TruncatedError
from rvs.service import Service, ServiceLimits
from rvs.settings import load_settings
from rvs.stages import Stages
from tests.test_answer import file_of, small_served

PATIENCE_S = 20


class Slow:
    """A job that takes until it is told to end."""

    def __init__(self, outcome: object = "done") -> None:
        self.outcome = outcome
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.ended = threading.Event()

    def __call__(self, served: Served) -> object:
        self.begun.set()
        self.may_end.wait(PATIENCE_S)
        self.ended.set()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return small_served(tmp_path_factory.mktemp("service"), 3)


@pytest.fixture
def slow() -> Iterator[Slow]:
    job = Slow()
    yield job
    job.may_end.set()


@contextlib.asynccontextmanager
async def _started(served: Served, clock: Clock | None = None, **limits: float) -> AsyncIterator[Service]:
    bounds = ServiceLimits(**limits)  # type: ignore[arg-type]
    service = Service(lambda: served, bounds, clock=clock) if clock else Service(lambda: served, bounds)
    await service.start()
    try:
        yield service
    finally:
        await service.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


async def _ask(service: Service, job: Callable[[Served], Any], stages: Stages | None = None) -> Any:
    async with service.turn(stages or Stages()) as turn:
        return await turn.run(job)


def _nothing(served: Served) -> None:
    return None


class TestStart:
    async def test_it_loads_and_warms_up_in_a_thread(self, served: Served) -> None:
        names: list[str] = []

        def load() -> Served:
            names.append(threading.current_thread().name)
            return served

        network: Any = served.engine.pipeline.embedder.network
        before = network.shown
        service = Service(load, ServiceLimits())
        states = [service.ready]
        await service.start()
        assert [*states, service.ready] == [False, True]
        assert names[0].startswith("rvs-worker")
        assert network.shown == before + 1
        assert await _ask(service, lambda given: given) is served
        await service.close()

    async def test_until_then_people_are_told(self, served: Served) -> None:
        service = Service(lambda: served, ServiceLimits())
        with pytest.raises(BusyError, match=r"still starting.*few seconds"):
            await _ask(service, _nothing)
        assert service.open_turns == 0
        await service.start()
        await _ask(service, _nothing)
        await service.close()

    async def test_what_loading_raises_comes_through(self) -> None:
        error = GalleryMissingError("not there")

        def load() -> Served:
            raise error

        service = Service(load, ServiceLimits())
        with pytest.raises(GalleryMissingError) as caught:
            await service.start()
        assert caught.value is error
        assert not service.ready
        with pytest.raises(BusyError):
            await _ask(service, _nothing)
        await service.close()

    def test_limits_are_the_settings(self) -> None:
        settings = load_settings(workers=3, queue=5, photos_in_memory=7, work_seconds=1.5)
        assert ServiceLimits.from_settings(settings) == ServiceLimits(3, 5, 7, 1.5)
        assert ServiceLimits.from_settings(load_settings()) == ServiceLimits()


class TestTurns:
    async def test_first_come_first_served(self, served: Served) -> None:
        order: list[int] = []

        async def ask(service: Service, number: int) -> None:
            async with service.turn(Stages()) as turn:
                order.append(number)
                await turn.run(_nothing)

        async with _started(served, workers=1, photos_in_memory=1) as service:
            await asyncio.gather(*(ask(service, number) for number in range(30)))
        assert order == list(range(30))

    async def test_jobs_are_computed_in_threads_of_ours(self, served: Served) -> None:
        async with _started(served) as service:
            name = await _ask(service, lambda _: threading.current_thread().name)
        assert name.startswith("rvs-worker")

    async def test_what_a_job_raises_comes_through(self, served: Served) -> None:
        error = TruncatedError("cut off")

        def fail(_: Served) -> None:
            raise error

        async with _started(served, workers=1, photos_in_memory=1) as service:
            for _ in range(3):
                with pytest.raises(TruncatedError) as caught:
                    await _ask(service, fail)
                assert caught.value is error
            assert (service.open_turns, service.running) == (0, 0)

    async def test_an_exception_that_no_future_can_carry(self, served: Served) -> None:
        async with _started(served, workers=1, photos_in_memory=1) as service:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await _ask(service, lambda _: next(iter(())))
            assert (service.open_turns, service.running) == (0, 0)

    async def test_what_the_asker_raises_gives_the_place_back(self, served: Served) -> None:
        async with _started(served) as service:

            async def ask_and_fail() -> None:
                async with service.turn(Stages()):
                    assert service.open_turns == 1
                    raise LookupError

            with pytest.raises(LookupError):
                await ask_and_fail()
            assert service.open_turns == 0

    async def test_several_jobs_in_one_turn(self, served: Served) -> None:
        async with _started(served, workers=1, photos_in_memory=1) as service:
            async with service.turn(Stages()) as turn:
                assert await turn.run(lambda _: 1) == 1
                assert service.open_turns == 1
                results = await asyncio.gather(*(turn.run(lambda _: 2) for _ in range(3)))
                assert results == [2, 2, 2]
            assert service.open_turns == 0

    async def test_a_turn_ends(self, served: Served) -> None:
        async with _started(served) as service:
            async with service.turn(Stages()) as turn:
                pass
            with pytest.raises(RuntimeError, match="after the end"):
                await turn.run(_nothing)
            assert (service.open_turns, service.running) == (0, 0)


class TestLimits:
    async def test_200_askers(self, served: Served) -> None:
        most_open = most_running = 0
        lock = threading.Lock()
        computing = most_computing = 0

        def job(_: Served) -> None:
            nonlocal computing, most_computing
            with lock:
                computing += 1
                most_computing = max(most_computing, computing)
            threading.Event().wait(0.001)
            with lock:
                computing -= 1

        inside = most_inside = 0

        async def ask(service: Service) -> None:
            nonlocal most_open, most_running, inside, most_inside
            async with service.turn(Stages()) as turn:
                inside += 1
                most_inside = max(most_inside, inside)
                await asyncio.sleep(0)
                most_open = max(most_open, service.open_turns)
                most_running = max(most_running, service.running)
                await turn.run(job)
                inside -= 1

        async with _started(served, workers=3, photos_in_memory=8, queue=200) as service:
            await asyncio.gather(*(ask(service) for _ in range(200)))
            assert (service.open_turns, service.running, service.waiting) == (0, 0, 0)
        assert (most_inside, most_open) == (8, 8)
        assert (most_computing, most_running) == (3, 3)

    async def test_who_finds_no_room_is_told_at_once(self, served: Served, slow: Slow) -> None:
        async with _started(served, workers=1, photos_in_memory=1, queue=2) as service:
            asked = [asyncio.create_task(_ask(service, slow)) for _ in range(3)]
            await _until(lambda: service.waiting == 2)
            with pytest.raises(BusyError, match=r"^Too many people .* again in about \d+ seconds?\.$"):
                await _ask(service, slow)
            assert (service.open_turns, service.waiting) == (1, 2)
            slow.may_end.set()
            assert await asyncio.gather(*asked) == ["done"] * 3
            assert await _ask(service, slow) == "done"

    async def test_the_seconds_are_those_of_the_jobs_before(self, served: Served, slow: Slow) -> None:
        clock = Clock()

        def minute(_: Served) -> None:
            clock.now += 60

        async with _started(served, clock, workers=2, photos_in_memory=2, queue=1) as service:
            assert service.expected_wait_seconds() == 0
            for _ in range(50):
                await _ask(service, minute)
            assert service.expected_wait_seconds() == 0
            asked = [asyncio.create_task(_ask(service, slow)) for _ in range(3)]
            await _until(lambda: service.running == 2)
            # Of two workers each takes a minute, so one is free every half; two of three jobs come before.
            assert service.expected_wait_seconds() == pytest.approx(60, rel=0.01)
            seconds = math.ceil(service.expected_wait_seconds())
            with pytest.raises(BusyError, match=f"about {seconds} seconds"):
                await _ask(service, slow)
            slow.may_end.set()
            await asyncio.gather(*asked)

    async def test_at_least_a_second(self, served: Served, slow: Slow) -> None:
        async with _started(served, Clock(), workers=1, photos_in_memory=1, queue=1) as service:
            for _ in range(50):
                await _ask(service, _nothing)
            asked = [asyncio.create_task(_ask(service, slow)) for _ in range(2)]
            await _until(lambda: service.waiting == 1)
            with pytest.raises(BusyError, match=r"about 1 second\."):
                await _ask(service, slow)
            slow.may_end.set()
            await asyncio.gather(*asked)


class TestDeadline:
    async def test_the_asker_is_told_and_the_place_comes_back_with_the_thread(
        self, served: Served, slow: Slow, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="rvs.query")
        async with _started(served, workers=1, photos_in_memory=1, queue=1, work_seconds=0.5) as service:
            with pytest.raises(DeadlineError, match=r"0\.5 seconds"):
                await _ask(service, slow, Stages("1a2b3c4d"))
            assert not slow.may_end.is_set()
            assert (service.running, service.open_turns) == (1, 1)
            assert "query=1a2b3c4d note=deadline" in caplog.text
            slow.may_end.set()
            await _until(lambda: service.running == 0)
            assert service.open_turns == 0
            assert await _ask(service, lambda _: "next") == "next"

    async def test_who_waits_for_a_stuck_thread_is_told_too(self, served: Served, slow: Slow) -> None:
        async with _started(served, workers=1, photos_in_memory=2, work_seconds=0.05) as service:
            stuck = asyncio.create_task(_ask(service, slow))
            await _until(slow.begun.is_set)
            with pytest.raises(DeadlineError, match="not reached"):
                await _ask(service, _nothing)
            assert service.open_turns == 1
            with pytest.raises(DeadlineError):
                await stuck
            slow.may_end.set()


class TestCancelling:
    async def test_a_waiter_gives_its_room_back(self, served: Served, slow: Slow) -> None:
        async with _started(served, workers=1, photos_in_memory=1, queue=2) as service:
            first, second, third = (asyncio.create_task(_ask(service, slow)) for _ in range(3))
            await _until(lambda: service.waiting == 2)
            with pytest.raises(BusyError):
                await _ask(service, slow)
            second.cancel()
            await _until(second.done)
            assert service.waiting == 1
            fourth = asyncio.create_task(_ask(service, slow))
            await _until(lambda: service.waiting == 2)
            slow.may_end.set()
            assert [await one for one in (first, third, fourth)] == ["done"] * 3

    async def test_one_with_a_turn_who_waits_for_a_worker(self, served: Served, slow: Slow) -> None:
        async with _started(served, workers=1, photos_in_memory=2) as service:
            first, second = (asyncio.create_task(_ask(service, slow)) for _ in range(2))
            await _until(lambda: service.open_turns == 2 and slow.begun.is_set())
            second.cancel()
            await _until(second.done)
            assert (service.open_turns, service.running) == (1, 1)
            slow.may_end.set()
            assert await first == "done"
            assert (service.open_turns, service.running) == (0, 0)

    @pytest.mark.parametrize("outcome", ["done", ValueError("too late")])
    async def test_a_running_one_keeps_its_worker_until_the_thread_ends(
        self, served: Served, outcome: object
    ) -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        slow = Slow(outcome)
        async with _started(served, workers=1, photos_in_memory=1) as service:
            asked = asyncio.create_task(_ask(service, slow))
            await _until(slow.begun.is_set)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert (service.running, service.open_turns) == (1, 1)
            slow.may_end.set()
            await _until(lambda: service.running == 0)
            assert service.open_turns == 0
            assert await _ask(service, lambda _: "next") == "next"
        gc.collect()
        await asyncio.sleep(0)
        assert not complaints

    async def test_a_storm_loses_nothing(self, served: Served) -> None:
        async with _started(served, workers=2, photos_in_memory=4, queue=200) as service:
            tasks = [asyncio.create_task(_ask(service, _nothing)) for _ in range(150)]
            for task in tasks[::3]:
                await asyncio.sleep(0)
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
            await _until(lambda: service.running == 0)
            assert (service.open_turns, service.waiting) == (0, 0)


class TestStopping:
    async def test_no_new_work_but_those_who_wait_are_served(self, served: Served, slow: Slow) -> None:
        async with _started(served, workers=1, photos_in_memory=1) as service:
            asked = [asyncio.create_task(_ask(service, slow)) for _ in range(2)]
            await _until(lambda: service.waiting == 1)
            service.stop()
            assert not service.ready
            with pytest.raises(BusyError, match="restarted"):
                await _ask(service, slow)
            slow.may_end.set()
            assert await asyncio.gather(*asked) == ["done"] * 2

    async def test_closing_waits_for_threads_and_sends_away_who_waits(
        self, served: Served, slow: Slow
    ) -> None:
        before = set(threading.enumerate())
        async with _started(served, workers=1, photos_in_memory=2) as service:
            running, for_worker, for_turn = (asyncio.create_task(_ask(service, slow)) for _ in range(3))
            await _until(lambda: service.waiting == 1 and slow.begun.is_set())
            closing = asyncio.create_task(service.close())
            for waiter in (for_worker, for_turn):
                with pytest.raises(BusyError, match="restarted"):
                    await waiter
            assert not closing.done()
            slow.may_end.set()
            assert await running == "done"
            await closing
            assert not [
                one for one in set(threading.enumerate()) - before if one.name.startswith("rvs-worker")
            ]
            await service.close()
            with pytest.raises(BusyError, match="restarted"):
                await _ask(service, _nothing)
            assert (service.open_turns, service.running) == (0, 0)

    async def test_an_open_turn_gets_no_more_jobs(self, served: Served) -> None:
        async with _started(served) as service:
            async with service.turn(Stages()) as turn:
                await service.close()
                with pytest.raises(BusyError, match="restarted"):
                    await turn.run(_nothing)
            assert (service.open_turns, service.running) == (0, 0)

    async def test_what_was_checked_before_it_stops_gets_its_turn_and_nothing_after_it_closed(
        self, served: Served
    ) -> None:
        async with _started(served) as service:
            service.check()
            service.stop()
            with pytest.raises(BusyError, match="restarted"):
                await _ask(service, _nothing)
            async with service.turn(Stages(), checked=True) as turn:
                await turn.run(_nothing)
            await service.close()
            with pytest.raises(BusyError, match="restarted"):
                async with service.turn(Stages(), checked=True):
                    pass
            assert service.open_turns == 0

    async def test_it_waits_for_an_abandoned_thread_too(self, served: Served, slow: Slow) -> None:
        async with _started(served, work_seconds=0.02) as service:
            with pytest.raises(DeadlineError):
                await _ask(service, slow)
            closing = asyncio.create_task(service.close())
            await asyncio.sleep(0.05)
            assert not closing.done()
            slow.may_end.set()
            await closing
            assert service.running == 0

    async def test_closing_may_be_given_up(self, served: Served, slow: Slow) -> None:
        async with _started(served, work_seconds=0.02) as service:
            with pytest.raises(DeadlineError):
                await _ask(service, slow)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await service.close()
            assert service.running == 1
            assert not slow.ended.is_set()  # the loop was not held up
            slow.may_end.set()

    async def test_who_waits_for_a_turn_is_not_kept_until_the_thread_ends(
        self, served: Served, slow: Slow
    ) -> None:
        async with _started(served, workers=1, photos_in_memory=1) as service:
            running, waiter = (asyncio.create_task(_ask(service, slow)) for _ in range(2))
            await _until(lambda: service.waiting == 1 and slow.begun.is_set())
            closing = asyncio.create_task(service.close())
            with pytest.raises(BusyError, match="restarted"):
                await waiter
            assert not slow.ended.is_set()
            slow.may_end.set()
            assert await running == "done"
            await closing

    async def test_a_job_that_cannot_be_begun(self, served: Served) -> None:
        async with _started(served) as service:
            service._pool.shutdown()  # as the interpreter does at its end
            with pytest.raises(RuntimeError, match="shutdown"):
                await _ask(service, _nothing)
            assert (service.open_turns, service.running) == (0, 0)

    async def test_closing_while_it_loads(self, served: Served) -> None:
        may_load = threading.Event()

        def load() -> Served:
            assert may_load.wait(PATIENCE_S)
            return served

        service = Service(load, ServiceLimits())
        starting = asyncio.create_task(service.start())
        await asyncio.sleep(0)
        closing = asyncio.create_task(service.close())
        await asyncio.sleep(0.01)
        assert not closing.done()
        may_load.set()
        await asyncio.gather(starting, closing)
        assert not service.ready


def test_one_loop_after_the_other(served: Served) -> None:
    async def life() -> list[int]:
        async with _started(served, workers=1, photos_in_memory=1) as service:
            return list(await asyncio.gather(*(_ask(service, lambda _: 1) for _ in range(5))))

    assert [asyncio.run(life()) for _ in range(3)] == [[1] * 5] * 3


async def test_the_log_has_the_wait_and_the_refusal(
    served: Served, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="rvs.query")
    stages = Stages("00000001")
    async with _started(served, workers=1, photos_in_memory=1, queue=1) as service:
        asked = [asyncio.create_task(_ask(service, slow, each)) for each in (stages, Stages())]
        await _until(lambda: service.waiting == 1)
        with pytest.raises(BusyError):
            await _ask(service, slow, Stages("00000003"))
        slow.may_end.set()
        await asyncio.gather(*asked)
    assert list(stages.milliseconds) == ["queue", "worker"]
    assert "query=00000001 stage=queue ms=" in caplog.text
    assert "query=00000003 stopped=queue error=busy ms=" in caplog.text


async def test_a_person_gets_the_same_answer_alone_and_in_a_crowd(cache_dir: Path, astronaut: Pixels) -> None:
    """The real engine over the committed index, asked by ten at once, some with a photo that is damaged."""
    real = load_served(load_settings(cache_dir=cache_dir))
    good = file_of(astronaut)
    alone = answer(real, good, Question(4), Stages())

    async def ask(service: Service, data: bytes) -> list[str]:
        async with service.turn(Stages()) as turn:
            stages = Stages()
            given = await turn.run(lambda now: answer(now, data, Question(4), stages))
            assert list(stages.milliseconds) == ["decode", "search", "grid"]
            return [match.person for match in given.found.matches]

    async with _started(real, workers=2, photos_in_memory=3) as service:
        photos = [good, good[:5000]] * 5
        answers = await asyncio.gather(*(ask(service, data) for data in photos), return_exceptions=True)
    assert answers[::2] == [[match.person for match in alone.found.matches]] * 5
    assert {type(one) for one in answers[1::2]} == {TruncatedError}
