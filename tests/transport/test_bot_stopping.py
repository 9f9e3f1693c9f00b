"""The bot is told to stop, at every bad moment: open questions are answered or told so, and it ends with 0.

What has to happen in time is only that it ends at all, before containers lose their patience.
"""

from pathlib import Path

from tests.transport.fake_discord import FakeDiscord
from tests.transport.questions import (
    FETCHES,
    POSTS,
    PRIVATE_FETCHES,
    ask,
    ask_by_slash,
    assert_answers,
    assert_grid,
    start,
    started,
)
from tests.transport.things import Interaction, Message

PATIENCE_S = 15
APOLOGY = "I am being restarted. Ask again in a minute."
NOT_NOW = "I am being restarted: ask again in a minute."
SHORT = {"RVS_DISCORD_SHUTDOWN_SECONDS": "6"}  # of which one is for the work


async def test_sigterm_in_the_middle_of_work_apologises_for_each_open_question(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    fetch = discord.faults.add("GET", FETCHES, hold=True)
    private = discord.faults.add("GET", PRIVATE_FETCHES, hold=True)
    async with start(discord, tmp_path, cache_dir, SHORT | {"RVS_PHOTOS_IN_MEMORY": "2"}) as bot:
        await started(bot)
        questions: list[Message | Interaction] = [
            await ask(discord, portrait),
            await ask_by_slash(discord, portrait),
        ]
        await discord.wait_until(lambda: fetch.used and private.used)
        questions += [
            await ask(discord, portrait),
            await ask_by_slash(discord, portrait),
        ]  # these wait in line
        await discord.wait_until(lambda: bot.log.count("stage=find") == 4)
        bot.terminate()
        assert await bot.wait(PATIENCE_S) == 0
        for question in questions:
            assert [answer.text for answer in discord.replies_to(question)] == [APOLOGY]
        assert "stopping: 4 questions open" in bot.log
        assert "Traceback" not in bot.log
        assert discord.gateway.connected == []


async def test_sigterm_even_twice_lets_quick_work_finish(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    fetch = discord.faults.add("GET", FETCHES, hold=True)
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        question = await ask(discord, portrait)
        await discord.wait_until(lambda: fetch.used)
        bot.terminate()
        await bot.line("stopping: 1 questions open")
        bot.terminate()
        fetch.release()
        assert await bot.wait(PATIENCE_S) == 0
        (answer,) = discord.replies_to(question)
        assert_grid(answer)
        assert "Traceback" not in bot.log


async def test_questions_that_come_while_it_stops_are_refused(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    fetch = discord.faults.add("GET", FETCHES, hold=True)
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        question = await ask(discord, portrait)
        await discord.wait_until(lambda: fetch.used)
        bot.terminate()
        await bot.line("stopping")
        late, command = await ask(discord, portrait), await ask_by_slash(discord, portrait)
        assert (await discord.wait_for_reply(late)).text == NOT_NOW
        told = await discord.wait_for_reply(command)
        assert (told.text, told.ephemeral) == (NOT_NOW, True)
        fetch.release()
        assert await bot.wait(PATIENCE_S) == 0
        assert_grid(discord.replies_to(question)[0])


async def test_sigterm_while_an_answer_cannot_be_sent_ends_all_the_same(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    post = discord.faults.add("POST", POSTS, hold=True, times=9)
    async with start(discord, tmp_path, cache_dir, SHORT) as bot:
        await started(bot)
        question = await ask(discord, portrait)
        await discord.wait_until(lambda: post.used)
        bot.terminate()
        assert await bot.wait(PATIENCE_S) == 0
        assert discord.replies_to(question) == []


async def test_ctrl_c_ends_an_idle_bot_and_its_connection(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        await assert_answers(discord, portrait)
        bot.interrupt()
        assert await bot.wait(PATIENCE_S) == 0
        assert "stopped" in bot.lines[-1]
        assert "Traceback" not in bot.log
    assert discord.gateway.sessions == {}  # it said goodbye: people see it offline at once


async def test_sigterm_while_the_engine_is_loading_ends_it(
    discord: FakeDiscord, portrait: bytes, tmp_path: Path
) -> None:
    # Networks that have to be converted first: that takes seconds, and the connection is there long before.
    async with start(discord, tmp_path, tmp_path / "cache") as bot:
        await bot.ready()
        answer = await discord.wait_for_reply(await ask(discord, portrait))
        assert answer.text == "I am still starting: ask again in a few seconds."
        bot.terminate()
        assert await bot.wait(PATIENCE_S) == 0
        assert "ready to answer" not in bot.log
        assert "Traceback" not in bot.log


async def test_sigterm_while_discord_does_not_answer_ends_it(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    login = discord.faults.add("GET", "/oauth2/applications/@me", hold=True)
    async with start(discord, tmp_path, cache_dir) as bot:
        await discord.wait_until(lambda: login.used)
        bot.terminate()
        assert await bot.wait(PATIENCE_S) == 0
        assert "Traceback" not in bot.log
        login.release()


async def test_sigterm_between_two_tries_to_connect_ends_it(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    discord.faults.add("GET", "/oauth2/applications/@me", status=503, times=99)
    async with start(discord, tmp_path, cache_dir) as bot:
        await bot.line("the connection to Discord failed")
        bot.terminate()
        assert await bot.wait(PATIENCE_S) == 0
        assert "Traceback" not in bot.log
