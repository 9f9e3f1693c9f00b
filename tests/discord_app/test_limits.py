"""One question at a time, and only so many per minute: on a clock that the test turns."""

import asyncio
from contextlib import ExitStack

import pytest

from rvs.discord_app.limits import Limiter, Rate
from rvs.errors import AlreadyAskingError, BusyError, ConfigError, CooldownError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(Rate(2, 60), Rate(3, 10), clock)


def ask(limiter: Limiter, person_id: int, channel_id: int) -> None:
    with limiter.asking(person_id, channel_id):
        pass


def test_a_person_asks_as_often_as_the_rate_allows(limiter: Limiter, clock: Clock) -> None:
    ask(limiter, 1, 100)
    clock.now += 20
    ask(limiter, 1, 200)
    clock.now += 0.75
    with pytest.raises(
        CooldownError, match=r"^You have asked often enough for now: ask again in 40 seconds\.$"
    ):
        ask(limiter, 1, 300)


def test_the_window_slides(limiter: Limiter, clock: Clock) -> None:
    ask(limiter, 1, 100)
    clock.now += 50
    ask(limiter, 1, 100)
    clock.now += 10
    ask(limiter, 1, 100)  # the first is 60 s old, the second 10
    with pytest.raises(CooldownError, match="in 50 seconds"):
        ask(limiter, 1, 100)


def test_a_channel_has_a_rate_of_its_own(limiter: Limiter, clock: Clock) -> None:
    for person_id in (1, 2, 3):
        ask(limiter, person_id, 100)
    with pytest.raises(
        CooldownError, match=r"^This channel has asked often enough for now: ask again in 10 seconds\.$"
    ):
        ask(limiter, 4, 100)
    ask(limiter, 4, 200)
    clock.now += 10
    ask(limiter, 4, 100)


def test_the_last_moment_is_called_one_second(limiter: Limiter, clock: Clock) -> None:
    for _ in range(2):
        ask(limiter, 1, 100)
    clock.now += 59.99
    with pytest.raises(CooldownError, match=r"in 1 second\.$"):
        ask(limiter, 1, 100)


def test_a_person_has_one_question_at_a_time_whatever_the_channel(limiter: Limiter) -> None:
    with limiter.asking(1, 100):
        with pytest.raises(AlreadyAskingError) as caught:
            ask(limiter, 1, 200)
        ask(limiter, 2, 100)
    assert caught.value.message == "Your last question is still being answered."
    assert caught.value.hint == "Wait for it, then ask again."
    ask(limiter, 1, 200)


def test_refused_questions_count_towards_no_rate(limiter: Limiter, clock: Clock) -> None:
    with limiter.asking(1, 100):
        for _ in range(5):
            with pytest.raises(AlreadyAskingError):
                ask(limiter, 1, 100)
    ask(limiter, 1, 100)
    for _ in range(5):
        with pytest.raises(CooldownError, match="You have"):
            ask(limiter, 1, 100)
    ask(limiter, 2, 100)  # the third of the channel
    with pytest.raises(CooldownError, match="This channel"):
        ask(limiter, 3, 100)
    clock.now += 10
    for _ in range(2):  # the refusal by the channel took nothing from the person
        ask(limiter, 3, 100)


def test_the_place_is_given_back_when_the_answer_fails(limiter: Limiter) -> None:
    with pytest.raises(ZeroDivisionError), limiter.asking(1, 100):
        raise ZeroDivisionError
    ask(limiter, 1, 100)
    with pytest.raises(CooldownError):  # both counted
        ask(limiter, 1, 100)


async def test_the_place_is_given_back_when_the_answer_is_cancelled(limiter: Limiter) -> None:
    started = asyncio.Event()

    async def answer() -> None:
        with limiter.asking(1, 100):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(answer())
    await started.wait()
    with pytest.raises(AlreadyAskingError):
        ask(limiter, 1, 100)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ask(limiter, 1, 100)


async def test_of_many_questions_at_once_one_per_person_gets_in(limiter: Limiter) -> None:
    release = asyncio.Event()
    let_in: list[int] = []

    async def answer(person_id: int) -> None:
        with limiter.asking(person_id, person_id):
            let_in.append(person_id)
            await release.wait()

    tasks = [asyncio.create_task(answer(number % 3)) for number in range(30)]
    while sum(task.done() for task in tasks) < 27:
        await asyncio.sleep(0)
    release.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert let_in == [0, 1, 2]
    assert sum(isinstance(outcome, AlreadyAskingError) for outcome in outcomes) == 27


def test_people_and_channels_of_long_ago_are_forgotten(clock: Clock) -> None:
    limiter = Limiter(Rate(2, 60), Rate(3, 10), clock)
    for number in range(20_000):
        ask(limiter, number, number)
        clock.now += 1
    assert len(limiter._people) == 60
    assert len(limiter._channels) == 10


def test_someone_who_asks_again_and_again_keeps_nobody_else_remembered(clock: Clock) -> None:
    limiter = Limiter(Rate(20, 60), Rate(20, 60), clock)
    for number in range(1000):
        ask(limiter, 0, 0)
        clock.now += 5
        ask(limiter, 1 + number, 1 + number)
    assert len(limiter._people) <= 14
    assert len(limiter._channels) <= 14


def test_whoever_asks_again_is_not_forgotten_with_their_first_question(
    limiter: Limiter, clock: Clock
) -> None:
    ask(limiter, 1, 100)
    ask(limiter, 2, 200)
    clock.now += 30
    ask(limiter, 1, 100)
    clock.now += 30  # person 2 is forgotten now; of person 1 one question is left
    ask(limiter, 1, 100)
    with pytest.raises(CooldownError):
        ask(limiter, 1, 100)


def test_many_people_ask_at_once(clock: Clock) -> None:
    limiter = Limiter(Rate(1, 60), Rate(1, 60), clock)
    with ExitStack() as open_questions:
        for number in range(1000):
            open_questions.enter_context(limiter.asking(number, number))
    clock.now += 60
    for number in range(1000):
        ask(limiter, number, number)


@pytest.mark.parametrize(("asks", "seconds"), [(0, 60), (1, 0), (1, -1), (1, float("nan"))])
def test_rates_that_make_no_sense_are_refused(asks: int, seconds: float) -> None:
    with pytest.raises(ConfigError):
        Rate(asks, seconds)


def test_both_refusals_are_kinds_of_busy() -> None:
    assert issubclass(CooldownError, BusyError)
    assert issubclass(AlreadyAskingError, BusyError)
