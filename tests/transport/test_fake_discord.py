"""The fake does what Discord does, seen by discord.py in a process of its own."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from tests.transport.fake_discord import FakeDiscord
from tests.transport.payloads import interaction_json
from tests.transport.people import Option
from tests.transport.process import BotProcess
from tests.transport.things import Permission

ECHO_BOT = Path(__file__).with_name("echo_bot.py")
MESSAGES = "/channels/*/messages"


def png(width: int = 8, height: int = 4) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(data, "PNG")
    return data.getvalue()


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake
        assert fake.unknown_routes == []


@pytest.fixture
async def bot(discord: FakeDiscord, tmp_path: Path) -> AsyncIterator[BotProcess]:
    async with BotProcess(ECHO_BOT, discord, tmp_path) as process:
        await process.ready()
        yield process


async def test_a_posted_picture_is_read_and_answered(discord: FakeDiscord, bot: BotProcess) -> None:
    asked = await discord.post(discord.channel, discord.person, "!echo", attachments=[("a b.png", png())])
    answer = await discord.wait_for_reply(asked)
    assert answer.content == f"read [{len(png())}]"
    assert discord.replies_to(asked) == [answer]
    assert discord.world.typing == [discord.channel]
    assert discord.calls("GET", "/attachments/*/a_b.png")[0].status == 200


async def test_replied_to_and_forwarded_messages_come_along(discord: FakeDiscord, bot: BotProcess) -> None:
    first = await discord.post(discord.channel, discord.owner, "look", attachments=[("a.png", png())])
    forwarded = await discord.post(discord.dm(discord.person), discord.person, "!echo", forward_of=first)
    assert (await discord.wait_for_reply(forwarded)).content == f"read [{len(png())}]"
    reply = await discord.post(discord.channel, discord.person, "!echo", reply_to=first)
    assert (await discord.wait_for_reply(reply)).content == "read []"


async def test_slash_command_shows_the_picture_in_components(discord: FakeDiscord, bot: BotProcess) -> None:
    asked = await discord.slash(discord.channel, discord.person, "echo", {"image": ("me.png", png())})
    answer = await discord.wait_for_reply(asked)
    assert answer.text == f"{len(png())} bytes"
    assert answer.file("echo.png").data == png()
    assert answer.file("echo.png").description == "the same"
    assert answer.buttons == ["Again", "Follow up"]
    assert [call.payload["type"] for call in discord.calls("POST", "/interactions/*/callback")] == [5]
    edit = discord.calls("PATCH", "/webhooks/*/messages/@original")[0]
    assert edit.files == [("echo.png", len(png()))]


async def test_media_are_links_and_no_attachments(discord: FakeDiscord, bot: BotProcess) -> None:
    asked = await discord.slash(discord.channel, discord.person, "echo", {"image": ("me.png", png())})
    answer = await discord.wait_for_reply(asked)
    again = await discord.message_menu(discord.channel, discord.person, "Echo message", answer)
    assert (await discord.wait_for_reply(again)).content.strip() == "0"
    media = answer.components[0]["components"][1]["items"][0]["media"]
    assert media["url"].startswith(f"{discord.world.origin}/attachments/")
    assert (media["width"], media["height"], media["content_type"]) == (8, 4, "image/png")


async def test_private_answers_stay_private(discord: FakeDiscord, bot: BotProcess) -> None:
    options: dict[str, Option] = {"image": ("me.png", png()), "private": True}
    asked = await discord.slash(discord.channel, discord.person, "echo", options)
    assert (await discord.wait_for_reply(asked)).ephemeral


async def test_menu_of_a_person_reads_the_avatar(discord: FakeDiscord, bot: BotProcess) -> None:
    shown = discord.add_user("grace", avatar=png(16, 16))
    asked = await discord.user_menu(discord.channel, discord.person, "Echo person", shown)
    assert (await discord.wait_for_reply(asked)).content == f"grace {len(png(16, 16))}"


async def test_buttons_and_selects_change_the_message(discord: FakeDiscord, bot: BotProcess) -> None:
    asked = await discord.slash(
        discord.dm(discord.person), discord.person, "echo", {"image": ("me.png", png())}
    )
    answer = await discord.wait_for_reply(asked)
    old = answer.file("echo.png")
    clicked = await discord.click(answer, "Again", discord.person)
    assert await discord.wait_for_reply(clicked) is answer
    assert answer.text == "pressed ['again']"
    assert answer.file("echo.png").data == b"pressed"
    assert old.id not in discord.world.attachments
    chosen = await discord.select(answer, ["One"], discord.person)
    await discord.wait_for_reply(chosen)
    assert answer.text == "pressed ['1']"
    followed = await discord.click(answer, "follow", discord.person)
    assert (await discord.wait_for_reply(followed)).content == "followed up"


@pytest.mark.parametrize("how", ["op 7", "close", "drop"])
async def test_a_lost_connection_is_resumed_and_nothing_missed(
    how: str, discord: FakeDiscord, bot: BotProcess
) -> None:
    if how == "op 7":
        await discord.gateway.reconnect()
    elif how == "close":
        await discord.gateway.close(4000)
    else:
        discord.gateway.drop()
    await discord.wait_until(lambda: not discord.gateway.connected)
    asked = await discord.post(discord.channel, discord.person, "!echo")
    assert (await discord.wait_for_reply(asked)).content == "read []"
    await bot.line("resumed")
    assert (len(discord.gateway.identifies), len(discord.gateway.resumes)) == (1, 1)


async def test_an_invalid_session_is_begun_anew(discord: FakeDiscord, bot: BotProcess) -> None:
    await discord.gateway.invalidate()
    await discord.wait_until(lambda: len(discord.gateway.identifies) == 2 and discord.gateway.connected)


async def test_refused_connections_end_a_client_that_never_had_one(
    discord: FakeDiscord, tmp_path: Path
) -> None:
    discord.gateway.refuse(1)
    async with BotProcess(ECHO_BOT, discord, tmp_path) as bot:
        assert await bot.wait() != 0


async def test_a_malformed_frame_ends_the_client(discord: FakeDiscord, bot: BotProcess) -> None:
    await discord.gateway.send_raw('{"op": 0, "t": "MESSAGE_CREATE", "s": 9, "d": {}}')
    assert await bot.wait() == 1


async def test_a_rate_limit_is_waited_for(discord: FakeDiscord, bot: BotProcess) -> None:
    discord.faults.add("POST", MESSAGES, status=429, times=2)
    asked = await discord.post(discord.channel, discord.person, "!echo")
    await discord.wait_for_reply(asked)
    assert [call.status for call in discord.calls("POST", MESSAGES)] == [429, 429, 200]


async def test_a_rate_limit_without_via_is_a_ban(discord: FakeDiscord, bot: BotProcess) -> None:
    discord.faults.add("POST", MESSAGES, status=429, via=False)
    await discord.post(discord.channel, discord.person, "!echo")
    await discord.wait_until(lambda: [call.status for call in discord.calls("POST", MESSAGES)] == [429, 200])


@pytest.mark.parametrize("after_body", [False, True])
async def test_a_dropped_connection_is_felt(after_body: bool, discord: FakeDiscord, bot: BotProcess) -> None:
    discord.faults.add("POST", MESSAGES, drop=True, after_body=after_body)
    asked = await discord.post(discord.channel, discord.person, "!echo")
    await bot.line("lost: ")
    assert [call.status for call in discord.calls("POST", MESSAGES)] == [-1]
    assert len(discord.replies_to(asked)) == after_body


@pytest.mark.parametrize(("word", "refusal"), [("!big", "413/40005"), ("!many", "400/50035")])
async def test_too_many_bytes_or_files_are_refused(
    word: str, refusal: str, discord: FakeDiscord, bot: BotProcess
) -> None:
    discord.guild.upload_bytes = 1000
    await discord.post(discord.channel, discord.person, word)
    await discord.wait_until(lambda: len(discord.world.messages) == 2)
    assert [message.content for message in discord.world.messages.values()] == [word, refusal]


async def test_missing_permissions_are_refused(discord: FakeDiscord, bot: BotProcess) -> None:
    await discord.deny(discord.channel, Permission.ATTACH_FILES, silently=True)
    await discord.post(discord.channel, discord.person, "!big")
    await discord.wait_until(lambda: len(discord.world.messages) == 2)
    assert [message.content for message in discord.world.messages.values()] == ["!big", "403/50013"]


async def test_an_expired_token_and_a_second_answer_are_refused(
    discord: FakeDiscord, bot: BotProcess
) -> None:
    asked = await discord.slash(discord.channel, discord.person, "echo", {"image": ("me.png", png())})
    answer = await discord.wait_for_reply(asked)
    hold = discord.faults.add("POST", "/webhooks/*", hold=True)
    clicked = await discord.click(answer, "follow", discord.person)
    await discord.wait_until(lambda: hold.used)
    discord.expire(clicked)
    hold.release()
    await bot.line("refused 401/50027")
    await discord.gateway.tell("INTERACTION_CREATE", interaction_json(discord.world, clicked))
    await bot.line("refused 400/40060")


async def test_a_late_callback_is_refused(discord: FakeDiscord, bot: BotProcess) -> None:
    asked = await discord.slash(discord.channel, discord.person, "echo", {"image": ("me.png", png())})
    answer = await discord.wait_for_reply(asked)
    discord.world.callback_seconds = 0
    await discord.click(answer, "Again", discord.person)
    await bot.line("refused 404/10062")


async def test_the_same_nonce_makes_one_message(discord: FakeDiscord, bot: BotProcess) -> None:
    asked = await discord.post(discord.channel, discord.person, "!twice")
    await bot.line("sent 1")
    assert len(discord.replies_to(asked)) == 1
    assert len(discord.calls("POST", MESSAGES)) == 2


@pytest.mark.parametrize(("word", "answer"), [("!late", "400/50035"), ("!alone", "to nobody")])
async def test_a_reply_to_a_deleted_message(
    word: str, answer: str, discord: FakeDiscord, bot: BotProcess
) -> None:
    hold = discord.faults.add("POST", MESSAGES, hold=True)
    asked = await discord.post(discord.channel, discord.person, word)
    await discord.wait_until(lambda: hold.used)
    await discord.delete(asked)
    hold.release()
    assert (await discord.wait_for_reply(asked)).content == answer


async def test_without_the_intent_only_what_is_for_the_bot_is_readable(
    discord: FakeDiscord, tmp_path: Path
) -> None:
    file = ("a.png", png())
    async with BotProcess(ECHO_BOT, discord, tmp_path, environment={"NO_MESSAGE_CONTENT": "1"}) as bot:
        await bot.ready()
        await discord.post(discord.channel, discord.person, "!echo", attachments=[file])
        await bot.line("seen '' with 0 files")
        named = await discord.post(
            discord.channel, discord.person, f"{discord.bot.mention} !echo", attachments=[file]
        )
        await discord.wait_for_reply(named)
        direct = await discord.post(discord.dm(discord.person), discord.person, "!echo", attachments=[file])
        assert (await discord.wait_for_reply(direct)).content == f"read [{len(png())}]"


async def test_an_intent_that_is_not_approved_is_refused(tmp_path: Path) -> None:
    async with FakeDiscord(message_content="no") as discord, BotProcess(ECHO_BOT, discord, tmp_path) as bot:
        await bot.line("not allowed: PrivilegedIntentsRequired")
        assert await bot.wait() == 3


async def test_a_wrong_token_is_refused(discord: FakeDiscord, tmp_path: Path) -> None:
    async with BotProcess(ECHO_BOT, discord, tmp_path, environment={"DISCORD_TOKEN": "wrong"}) as bot:
        await bot.line("not allowed: LoginFailure")
        assert await bot.wait() == 3
    assert [call.status for call in discord.requests] == [401]


async def test_the_process_can_be_measured_and_stopped(discord: FakeDiscord, bot: BotProcess) -> None:
    assert bot.peak_rss_bytes() >= bot.rss_bytes() > 1_000_000
    bot.terminate()
    assert await bot.wait() == 0
    assert discord.gateway.connected == []


async def test_a_bot_that_ends_is_not_waited_for(discord: FakeDiscord, tmp_path: Path) -> None:
    async with BotProcess(tmp_path / "missing.py", discord, tmp_path) as bot:
        with pytest.raises(AssertionError, match="the bot ended with 2 before readiness"):
            await bot.ready()


async def test_leaving_kills_what_still_runs(discord: FakeDiscord, tmp_path: Path) -> None:
    async with BotProcess(ECHO_BOT, discord, tmp_path) as bot:
        await bot.ready()
        pid = bot.pid
    assert not Path(f"/proc/{pid}").exists()
