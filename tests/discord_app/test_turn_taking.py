"""Answers come in the order of the questions, unless one takes too long."""

import asyncio

from rvs.discord_app.turn_taking import TurnTaking

CHANNEL, OTHER = 1, 2


async def answers(taking: TurnTaking, questions: list[tuple[str, int, asyncio.Event]]) -> list[str]:
    """Each question is computed until its event, then comes; in what order are they answered?"""
    order: list[str] = []
    asked = asyncio.Event()

    async def ask(name: str, channel_id: int, computed: asyncio.Event) -> None:
        async with taking.place(channel_id) as place:
            asked.set()
            await computed.wait()
            await place.come()
            order.append(name)

    tasks = []
    for question in questions:
        asked.clear()
        tasks.append(asyncio.create_task(ask(*question)))
        await asked.wait()
    for event in reversed([event for _, _, event in questions]):
        event.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return order


def named(names: str, channel_id: int = CHANNEL) -> list[tuple[str, int, asyncio.Event]]:
    return [(name, channel_id, asyncio.Event()) for name in names]


async def test_who_is_done_first_waits_for_whoever_asked_before() -> None:
    assert await answers(TurnTaking(patience_s=30), named("abcd")) == list("abcd")


async def test_without_patience_nobody_is_held_up() -> None:
    assert await answers(TurnTaking(patience_s=0), named("abcd")) == list("dcba")


async def test_channels_do_not_wait_for_each_other() -> None:
    assert await answers(TurnTaking(patience_s=30), named("a") + named("x", OTHER)) == ["x", "a"]


async def test_a_question_that_fails_or_is_cancelled_lets_the_next_one_go() -> None:
    taking = TurnTaking(patience_s=30)

    async def fails() -> None:
        async with taking.place(CHANNEL):
            await asyncio.Event().wait()

    first = asyncio.create_task(fails())
    await asyncio.sleep(0)
    async with taking.place(CHANNEL) as place:
        first.cancel()
        await place.come()
    assert first.cancelled()


async def test_nothing_is_kept_of_channels_that_are_done() -> None:
    taking = TurnTaking()
    for channel_id in range(100):
        async with taking.place(channel_id) as place:
            await place.come()
    assert taking._newest == {}
