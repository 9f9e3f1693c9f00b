"""The operations endpoint of a real bot: what it says while the bot answers, loses Discord, and ends."""

import asyncio
import json
import re
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.transport.fake_discord import FakeDiscord
from tests.transport.questions import ask, start, started


class Endpoint:
    def __init__(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.environment = {"RVS_OPS_PORT": str(self.port), "RVS_LOGS": "human"}

    async def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    async def number(self, sample: str) -> float | None:
        found = re.search(rf"^{re.escape(sample)} (\S+)$", (await self.get("/metrics"))[1], re.MULTILINE)
        return float(found[1]) if found else None

    async def failing_once(self, status: int) -> list[str]:
        """The checks that fail, as soon as /readyz answers with this status."""
        async with asyncio.timeout(60):
            while (reply := await self.get("/readyz"))[0] != status:
                await asyncio.sleep(0.02)
        failing: list[str] = json.loads(reply[1])["failing"]
        return failing


@pytest.mark.parametrize("sharded", ["false", "true"])
async def test_ready_until_discord_is_lost_and_again_when_it_is_back(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path, sharded: str
) -> None:
    endpoint = Endpoint()
    environment = endpoint.environment | {"RVS_DISCORD_SHARDED": sharded}
    async with start(discord, tmp_path, cache_dir, environment) as bot:
        await started(bot)
        assert await endpoint.failing_once(200) == []
        discord.gateway.refuse(2)
        discord.gateway.drop()
        assert await endpoint.failing_once(503) == ["gateway"]
        assert await endpoint.number("rvs_gateway_connected") == 0
        assert await endpoint.get("/livez") == (200, "alive\n")
        assert await endpoint.failing_once(200) == []
        assert await endpoint.number("rvs_gateway_connected") == 1
        bot.terminate()
        assert await bot.wait() == 0


async def test_questions_are_counted_and_nobody_is_named(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    endpoint = Endpoint()
    async with start(discord, tmp_path, cache_dir, endpoint.environment) as bot:
        await started(bot)
        person = discord.add_user("Zebulon")
        for photo in (portrait, b"no photo"):
            await discord.wait_for_reply(await ask(discord, photo, person))
        await bot.line("stage=reply")
        await bot.line("refused=photo.not_an_image")
        assert await endpoint.number('rvs_queries_total{code="",outcome="answered"}') == 1
        assert await endpoint.number('rvs_queries_total{code="photo.not_an_image",outcome="refused"}') == 1
        assert await endpoint.number('rvs_queries_total{code="unexpected",outcome="failed"}') == 0
        assert await endpoint.number('rvs_stage_seconds_count{stage="search"}') == 1
        assert await endpoint.number('rvs_stage_seconds_count{stage="decode"}') == 2
        assert await endpoint.number('rvs_index_photos{index="lfw"}') == 13233
        assert await endpoint.number("rvs_guilds") == 1
        text = (await endpoint.get("/metrics"))[1]
        unwanted = ("Zebulon", str(person.id), "me.jpg", discord.world.token, "test server")
        assert [word for word in unwanted if word in text] == []
        bot.terminate()
        assert await bot.wait() == 0


async def test_a_port_that_is_taken_is_a_sentence_and_an_exit_code(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    endpoint = Endpoint()
    with socket.socket() as other:
        other.bind(("127.0.0.1", endpoint.port))
        other.listen()
        async with start(discord, tmp_path, cache_dir, endpoint.environment) as bot:
            assert await bot.wait() == 2
    assert f"port {endpoint.port} is in use already" in bot.log
    assert "Traceback" not in bot.log
    assert discord.gateway.identifies == []
