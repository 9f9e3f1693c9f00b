"""The real bot with its engine elsewhere: real replicas, the same answers, and what happens when they die."""

import asyncio
import json
import re
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.remote.broken import nobody
from tests.transport.fake_discord import FakeDiscord
from tests.transport.people import Option
from tests.transport.process import BotProcess
from tests.transport.questions import ask, ask_by_slash, assert_grid, start, started
from tests.transport.things import Interaction, Message
from tests.web.process import serving

KEY = "a-key-that-nobody-guesses"
UNREACHABLE = "Photos cannot be looked at right now: the engine cannot be reached. Try again in a minute."
ELSEWHERE = "The index is looked after where the engine runs."


def with_engine(*urls: str, key: str = "") -> dict[str, str]:
    """Settings of a bot that finds nothing of an engine on its own machine."""
    return {
        "RVS_ENGINE_URL": ",".join(urls),
        "RVS_ENGINE_KEY": key,
        "RVS_ENGINE_POLL_SECONDS": "0.1",
        "RVS_INDEX_DIR": "nowhere",
        "RVS_DISCORD_CHANNEL_ASKS": "100000",
    }


async def connected(bot: BotProcess) -> BotProcess:
    """A bot that is connected and whose engine is ready."""
    await bot.line(r"the engine at \S+ is ready")
    await bot.ready()
    return bot


def seen_of(answer: Message) -> tuple[str, list[tuple[str, bytes, str | None]]]:
    """What people see of an answer."""
    return answer.text, [(file.filename, file.data, file.description) for file in answer.files]


async def test_answers_are_the_same_as_those_of_an_engine_in_the_bot(
    portrait: bytes, group: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    seen = []
    async with serving(tmp_path, cache_dir, {"RVS_SERVE_KEY": KEY}) as engine:
        await engine.ready()
        for elsewhere in (False, True):
            settings = with_engine(engine.url, key=KEY) if elsewhere else {}
            folder = tmp_path / str(elsewhere)
            folder.mkdir()
            async with FakeDiscord() as discord, start(discord, folder, cache_dir, settings) as bot:
                await (connected(bot) if elsewhere else started(bot))
                asked: list[Message | Interaction] = [
                    await ask(discord, portrait),
                    await ask(discord, group, content="!lookalike 3"),
                    await ask_by_slash(discord, group, private=True),
                ]
                person = discord.add_user("somebody")
                options: dict[str, Option] = {"a": ("a.jpg", portrait), "b": ("b.jpg", group)}
                asked.append(await discord.slash(discord.channel, person, "compare", options))
                asked.append(await ask(discord, b"no photo"))
                seen.append([seen_of(await discord.wait_for_reply(question)) for question in asked])
                bot.terminate()
                assert await bot.wait() == 0
                assert "Traceback" not in bot.log
    assert seen[0] == seen[1]
    assert [len(files) for _, files in seen[1]] == [1, 2, 3, 1, 0]
    assert KEY not in bot.log


async def test_such_a_bot_is_small_and_loads_no_engine(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    async with serving(tmp_path, cache_dir) as engine:
        await engine.ready()
        empty = tmp_path / "empty"
        empty.mkdir()
        async with start(discord, tmp_path, empty, with_engine(engine.url)) as bot:
            await connected(bot)
            assert_grid(await discord.wait_for_reply(await ask(discord, portrait)))
            maps = Path(f"/proc/{bot.pid}/maps").read_text(encoding="utf-8")
            assert not re.search(r"openvino|tensorflow|onnxruntime", maps)
            assert bot.rss_bytes() < 200 * 2**20
    assert list(empty.iterdir()) == []  # no network was converted


async def test_a_copy_that_is_killed_under_load_costs_no_answer(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    async with (
        serving(tmp_path, cache_dir) as one,
        serving(tmp_path, cache_dir) as other,
    ):
        await asyncio.gather(one.ready(), other.ready())
        async with start(discord, tmp_path, cache_dir, with_engine(one.url, other.url)) as bot:
            await connected(bot)
            await bot.line(rf"the engine at {re.escape(other.url)} is ready")
            asked = []
            for number in range(40):
                asked.append(await ask(discord, portrait))
                if number == 12:
                    await bot.line("stage=engine")
                    one.send(signal.SIGKILL)
                await asyncio.sleep(0.02)
            for question in asked:
                assert_grid(await discord.wait_for_reply(question, 60))
                assert len(discord.replies_to(question)) == 1
            assert await one.wait() == -signal.SIGKILL
            assert "stage=search" in one.log
            assert "stage=search" in other.log
            assert "Traceback" not in bot.log


async def test_readiness_follows_the_engine_and_people_are_told(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ops = free.getsockname()[1]
    url = nobody()
    settings = with_engine(url) | {"RVS_OPS_PORT": str(ops)}

    async def failing_once(status: int) -> list[str]:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{ops}/readyz") as response:
                    document = json.loads(await response.read())
                    if response.status == status and "gateway" not in document["failing"]:
                        failing: list[str] = document["failing"]
                        return failing
                await asyncio.sleep(0.05)

    async with start(discord, tmp_path, cache_dir, settings) as bot:
        await bot.ready()
        assert await failing_once(503) == ["engine"]
        assert (await discord.wait_for_reply(await ask(discord, portrait))).text == UNREACHABLE
        port = url.rpartition(":")[2]
        async with serving(tmp_path, cache_dir, {"RVS_SERVE_PORT": port}) as engine:
            await engine.ready()
            assert await failing_once(200) == []
            assert_grid(await discord.wait_for_reply(await ask(discord, portrait)))
            engine.send(signal.SIGTERM)
            assert await engine.wait() == 0
        assert await failing_once(503) == ["engine"]
        assert (await discord.wait_for_reply(await ask(discord, portrait))).text == UNREACHABLE
        bot.terminate()
        assert await bot.wait() == 0
    assert "Traceback" not in bot.log


async def test_a_wrong_key_is_the_owners_business(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    async with serving(tmp_path, cache_dir, {"RVS_SERVE_KEY": KEY}) as engine:
        await engine.ready()
        async with start(discord, tmp_path, cache_dir, with_engine(engine.url, key="another-key")) as bot:
            await connected(bot)
            answer = await discord.wait_for_reply(await ask(discord, portrait))
            assert answer.text == "Something is wrong on my side. The owner of this bot finds it in the log."
            assert "The engine refuses the key. RVS_ENGINE_KEY has to be its RVS_SERVE_KEY." in bot.log


@pytest.mark.parametrize(
    ("command", "options"),
    [("index status", {}), ("index rebuild", {}), ("index activate", {"version": "x"})],
)
async def test_admins_are_told_where_the_index_is(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path, command: str, options: dict[str, str]
) -> None:
    async with start(discord, tmp_path, cache_dir, with_engine(nobody())) as bot:
        await bot.ready()
        owner = discord.world.application.owner
        answer = await discord.wait_for_reply(
            await discord.slash(discord.channel, owner, command, dict(options))
        )
        assert answer.text.startswith(ELSEWHERE)
        assert "Traceback" not in bot.log


@pytest.mark.parametrize("url", ["engine:8080", "http://user:password@engine"])
async def test_an_address_that_is_none_is_a_sentence(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path, url: str
) -> None:
    async with start(discord, tmp_path, cache_dir, with_engine(url)) as bot:
        assert await bot.wait() == 2
    assert "RVS_ENGINE_URL" in bot.log
    assert "password@" not in bot.log
