"""How many questions the service answers when several people ask at once, and how long each waits."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rvs.answer import Question, Served, answer
from rvs.evaluation.spread import Spread, spread
from rvs.service import Service, ServiceLimits
from rvs.stages import Stages

ASKERS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class ServiceSpeed:
    """What was measured with so many askers.

    Attributes:
        askers: people each of whom asks again as soon as they are answered.
        questions: how many were answered in all.
        per_second: answers per second, all together.
        latency: from asking to having the answer, waiting included.
    """

    askers: int
    questions: int
    per_second: float
    latency: Spread


def measure_service(
    served: Served,
    limits: ServiceLimits,
    photo: bytes,
    people: int,
    *,
    questions: int,
    askers: Sequence[int] = ASKERS,
    tick: Callable[[], None],
) -> tuple[ServiceSpeed, ...]:
    """Let 1, 2, 4, 8 people ask in a closed loop, in an event loop of its own.

    Args:
        served: what answers.
        limits: the service's; room for all askers is made where they have less.
        photo: what everybody asks with.
        people: how many each answer names.
        questions: how many are asked with each number of askers, rounded up to the same for everybody.
        askers: the numbers of askers.
        tick: called once for each number of askers.

    Raises:
        PhotoError, NoFaceError, PoorPhotoError: the photo cannot be used.
    """
    roomy = replace(limits, queue=max(limits.queue, *askers))
    return asyncio.run(_measure(served, roomy, photo, people, questions, askers, tick))


async def _measure(
    served: Served,
    limits: ServiceLimits,
    photo: bytes,
    people: int,
    questions: int,
    askers: Sequence[int],
    tick: Callable[[], None],
) -> tuple[ServiceSpeed, ...]:
    service = Service(lambda: served, limits)
    await service.start()
    try:
        await asyncio.gather(*(_ask(service, photo, people, 1) for _ in range(limits.workers)))  # warms up
        speeds = []
        for count in askers:
            each = -(-questions // count)
            started = time.perf_counter()
            rounds = await asyncio.gather(*(_ask(service, photo, people, each) for _ in range(count)))
            seconds = time.perf_counter() - started
            times = [elapsed_ms for one in rounds for elapsed_ms in one]
            speeds.append(ServiceSpeed(count, len(times), round(len(times) / seconds, 2), spread(times)))
            tick()
        return tuple(speeds)
    finally:
        await service.close()


async def _ask(service: Service, photo: bytes, people: int, times: int) -> list[float]:
    """Ask, wait for the answer, ask again; the milliseconds of each."""
    waited = []
    for _ in range(times):
        started = time.perf_counter()
        stages = Stages()
        async with service.turn(stages) as turn:
            await turn.run(lambda now, stages=stages: answer(now, photo, Question(people), stages))  # type: ignore[misc]
        waited.append((time.perf_counter() - started) * 1000)
    return waited
