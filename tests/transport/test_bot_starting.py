"""Starting: what is missing or refused becomes an exit code and one sentence for a person; the rest works."""

import json
import socket
from pathlib import Path

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import ask, assert_answers, assert_grid, start, started

SECRET = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.secret-secret-secret-secret"  # noqa: S105 - opens nothing


async def ended(bot: BotProcess) -> tuple[int, str]:
    """The exit code, and the only error in the log, which is its last line."""
    async with bot:
        code = await bot.wait()
    assert "Traceback" not in bot.log
    events = [json.loads(line) for line in bot.lines]
    assert [event["level"] == "ERROR" for event in events] == [False] * (len(events) - 1) + [True]
    return code, events[-1]["message"]


async def test_a_refused_token_ends_it_with_3_and_is_not_in_the_log(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    bot = start(discord, tmp_path, cache_dir, {"DISCORD_TOKEN": SECRET})
    assert await ended(bot) == (
        3,
        "Discord does not accept the token. Copy it again from the developer portal (Bot, Reset Token).",
    )
    assert SECRET not in bot.log
    assert SECRET.rpartition(".")[2] not in bot.log
    assert [request.status for request in discord.requests] == [401]


async def test_a_token_that_the_gateway_refuses_ends_it_with_3(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    bot = start(discord, tmp_path, cache_dir)
    async with bot:
        await started(bot)
        await assert_answers(discord, portrait)
        discord.world.token = SECRET  # it was reset in the portal, which ends the connection
        await discord.gateway.close(4004)
        assert await bot.wait() == 3
    assert json.loads(bot.lines[-1])["message"] == "Discord does not accept the token."


async def test_no_token_ends_it_with_2(discord: FakeDiscord, cache_dir: Path, tmp_path: Path) -> None:
    code, words = await ended(start(discord, tmp_path, cache_dir, {"DISCORD_TOKEN": "  "}))
    assert (code, words.startswith("There is no Discord token. Put DISCORD_TOKEN=... into .env")) == (2, True)
    assert discord.requests == []


async def test_a_setting_that_makes_no_sense_ends_it_with_2_and_is_named(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    code, words = await ended(start(discord, tmp_path, cache_dir, {"RVS_QUEUE": "many"}))
    assert (code, words.startswith("The setting RVS_QUEUE makes no sense")) == (2, True)


async def test_message_content_that_is_wanted_but_not_allowed_ends_it_with_4(
    cache_dir: Path, tmp_path: Path
) -> None:
    async with FakeDiscord(message_content="no") as discord:
        bot = start(discord, tmp_path, cache_dir, {"RVS_DISCORD_MESSAGE_CONTENT": "on"})
        assert await ended(bot) == (
            4,
            "The message content intent is not allowed for this bot. Switch it on in the developer portal (Bot, "
            "Message Content Intent), or set RVS_DISCORD_MESSAGE_CONTENT=auto.",
        )


async def test_without_message_content_mentions_work_and_the_prefix_gets_nothing(
    portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    async with (
        FakeDiscord(message_content="no") as discord,
        start(discord, tmp_path, cache_dir) as bot,
    ):
        await started(bot)
        await bot.line("without the message content intent, !lookalike works only as @mention lookalike")
        by_prefix = await ask(discord, portrait)
        by_mention = await ask(discord, portrait, content=f"{discord.bot.mention} lookalike")
        assert_grid(await discord.wait_for_reply(by_mention))
        direct = discord.add_user("somebody")
        by_letter = await discord.post(
            discord.dm(direct), direct, "!lookalike", attachments=[("me.jpg", portrait)]
        )
        assert_grid(await discord.wait_for_reply(by_letter))
        assert discord.replies_to(by_prefix) == []
        assert bot.log.count("stage=find") == 2


async def test_discord_out_of_reach_ends_it_with_6(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}/api/v10"
        settings = {"RVS_DISCORD_API": nowhere, "RVS_DISCORD_CONNECT_TRIES": "1"}
        code, words = await ended(start(discord, tmp_path, cache_dir, settings))
    assert (code, words) == (
        6,
        "Discord could not be reached. Check the network, then start the bot again.",
    )


async def test_a_missing_index_ends_it_with_5(discord: FakeDiscord, cache_dir: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    code, words = await ended(start(discord, tmp_path, cache_dir, {"RVS_INDEX_DIR": str(empty)}))
    assert code == 5
    assert words.startswith(f"There is no index in {empty}")
    assert discord.gateway.connected == []


async def test_a_damaged_list_of_consents_ends_it_with_2(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "discord").mkdir()
    (tmp_path / "discord" / "consents.json").write_text("[", encoding="ascii")
    code, words = await ended(start(discord, tmp_path, cache_dir))
    assert (code, "is damaged" in words) == (2, True)


async def test_the_token_can_be_in_a_file(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(discord.world.token + "\n", encoding="utf-8")
    settings = {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(file)}
    async with start(discord, tmp_path, cache_dir, settings) as bot:
        await started(bot)
        await assert_answers(discord, portrait)


async def test_after_a_restart_commands_are_not_sent_again_and_buttons_still_work(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    person = discord.add_user("somebody")
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        await bot.line(r"sent \d+ commands to Discord")
        answer = await discord.wait_for_reply(await ask(discord, portrait, person))
        bot.terminate()
        assert await bot.wait() == 0
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        await bot.line(r"Discord knows the \d+ commands already")
        assert await discord.wait_for_reply(await discord.click(answer, "Fewer (5)", person)) is answer
        assert_grid(answer)
        assert ", 6 " not in answer.text
    assert len(discord.calls("PUT", "/applications/*/commands")) == 1


async def test_commands_that_could_not_be_sent_are_sent_at_the_next_start_and_stop_nothing(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path
) -> None:
    discord.faults.add("PUT", "/applications/*/commands", status=403, code=50001)
    async with start(discord, tmp_path, cache_dir) as bot:
        await bot.ready("ready to answer")
        await bot.line(r"the commands could not be sent to Discord: Discord says 403 \(50001\)")
        await discord.wait_until(lambda: discord.gateway.connected)
        await assert_answers(discord, portrait)
    async with start(discord, tmp_path, cache_dir) as bot:
        await started(bot)
        await bot.line(r"sent \d+ commands to Discord")
