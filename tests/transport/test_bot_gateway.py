"""A gateway that sends the bot away, drops it, refuses it and talks nonsense: it comes back, and nothing is lost."""

from pathlib import Path
from typing import Literal

import pytest

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import (
    FETCHES,
    PRIVATE_FETCHES,
    ask,
    ask_by_slash,
    assert_answers,
    assert_grid,
    start,
    started,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
MALFORMED = '{"op": 0, "t": "MESSAGE_CREATE", "s": 9999, "d": {}}'


async def lose(discord: FakeDiscord, how: str) -> None:
    """End the connection, and see that it has ended."""
    ended = len(discord.gateway.closes)
    if how == "op 7":
        await discord.gateway.reconnect()
    elif how == "close":
        await discord.gateway.close(4000)
    else:
        discord.gateway.drop()
    await discord.wait_until(lambda: len(discord.gateway.closes) > ended)


@pytest.mark.parametrize("how", ["op 7", "close", "drop"])
async def test_a_lost_connection_is_resumed_and_what_came_meanwhile_answered_once(
    how: str, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    identified, resumed = len(town.gateway.identifies), len(town.gateway.resumes)
    await lose(town, how)
    question = await ask(town, portrait)
    assert_grid(await town.wait_for_reply(question))
    await assert_answers(town, portrait)
    assert len(town.replies_to(question)) == 1
    assert (len(town.gateway.identifies), len(town.gateway.resumes)) == (identified, resumed + 1)


@pytest.mark.parametrize("how", ["op 7", "close", "drop"])
async def test_a_question_under_way_is_answered_once_although_the_connection_was_lost(
    how: str, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetch = town.faults.add("GET", FETCHES, hold=True)
    question = await ask(town, portrait)
    await town.wait_until(lambda: fetch.used)
    resumed = len(town.gateway.resumes)
    await lose(town, how)
    await town.wait_until(lambda: len(town.gateway.resumes) > resumed)
    fetch.release()
    assert_grid(await town.wait_for_reply(question))
    await assert_answers(town, portrait)
    assert len(town.replies_to(question)) == 1


async def test_an_event_that_makes_no_sense_costs_a_new_connection_and_no_question(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetch = town.faults.add("GET", FETCHES, hold=True)
    private = town.faults.add("GET", PRIVATE_FETCHES, hold=True)
    question, command = await ask(town, portrait), await ask_by_slash(town, portrait)
    await town.wait_until(lambda: fetch.used and private.used)
    identified = len(town.gateway.identifies)
    await town.gateway.send_raw(MALFORMED)
    await bot.line("the connection to Discord broke")
    fetch.release()
    private.release()
    assert_grid(await town.wait_for_reply(question))
    assert_grid(await town.wait_for_reply(command))
    await town.wait_until(lambda: len(town.gateway.identifies) > identified and town.gateway.connected)
    await assert_answers(town, portrait)
    assert len(town.replies_to(question)) == 1


async def test_a_frame_that_is_no_json_costs_a_new_connection_and_no_more(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    identified = len(town.gateway.identifies)
    await town.gateway.send_raw("this is no JSON")
    await town.wait_until(lambda: len(town.gateway.identifies) > identified and town.gateway.connected)
    await assert_answers(town, portrait)


# aiohttp tries once more by itself where a connection was dropped.
@pytest.mark.parametrize(("how", "times"), [("503", 1), ("drop", 2)])
async def test_first_connections_that_are_refused_are_tried_again(
    how: Literal["503", "drop"], times: int, cache_dir: Path, tmp_path: Path, portrait: bytes
) -> None:
    async with FakeDiscord() as discord:
        discord.gateway.refuse(times, how)
        async with start(discord, tmp_path, cache_dir) as bot:
            await started(bot)
            await assert_answers(discord, portrait)
        assert "the connection to Discord failed" in bot.log
