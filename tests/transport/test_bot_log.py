"""The whole log of a bot that was asked, pressed and stopped: it tells what happened, and nothing about people."""

import re
from pathlib import Path

from tests.transport.components import walk
from tests.transport.fake_discord import FakeDiscord
from tests.transport.questions import ask, ask_by_slash, start, started

STAGES = ("find", "queue", "download", "worker", "decode", "search", "grid", "reply")


async def test_the_log_tells_stages_and_times_and_nothing_about_people(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        person = discord.add_user("Zebulon")
        question = await ask(discord, portrait, person, "!lookalike 4 quetzalcoatl")
        answer = await discord.wait_for_reply(question)
        slash = await ask_by_slash(discord, portrait, discord.add_user("Wilhelmina"))
        await discord.wait_for_reply(slash)
        bot.terminate()
        assert await bot.wait() == 0
    queries = re.findall(r"query=([0-9a-f]{8}) ", bot.log)
    assert len(set(queries)) == 2
    for stage in STAGES:
        assert len(re.findall(rf"stage={stage} ms=\d+\.\d", bot.log)) == 2, stage
    url = next(part["items"][0]["media"]["url"] for part in walk(answer.components) if part["type"] == 12)
    names = re.findall(r"[A-Z][a-z]+ [A-Z][a-z]+", answer.text.replace("Resembles", ""))
    assert len(names) >= 4
    unwanted = (
        *("Zebulon", "Wilhelmina", "quetzalcoatl", "me.jpg", "#photos", "test server"),
        *(str(person.id), str(question.id), slash.token, discord.world.token),
        *("http", "hm=", url, "JFIF", "\\xff", "/9j/", *names),
    )
    assert [word for word in unwanted if word in bot.log] == []


async def test_the_log_of_troubles_has_neither_links_nor_names_nor_tokens(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    discord.faults.add("GET", "/attachments/*", status=500, times=2)
    discord.faults.add("PATCH", "/webhooks/*", drop=True, times=4)
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        person = discord.add_user("Zebulon")
        refused = await discord.wait_for_reply(await ask(discord, portrait, person))
        assert refused.text == "The photo could not be fetched from Discord. Try again in a minute."
        slash = await ask_by_slash(discord, portrait, person)
        await bot.line("reply=failed")
        bot.terminate()
        assert await bot.wait() == 0
    assert "a photo could not be fetched from Discord: status 500" in bot.log
    unwanted = (
        "http",
        "hm=",
        "/webhooks",
        "/attachments",
        slash.token,
        discord.world.token,
        "Zebulon",
        "me.jpg",
    )
    assert [word for word in unwanted if word in bot.log] == []
