"""A photo that is hard to get: gone, slow, endless, elsewhere, or cut off. The real bot over real HTTP."""

from pathlib import Path

import pytest
from yarl import URL

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import (
    FETCHES,
    ask,
    ask_by_slash,
    assert_answers,
    assert_grid,
    start,
    started,
    statuses,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
MOST_BYTES = 1_000_000
NOT_FETCHED = "The photo could not be fetched from Discord. Try again in a minute."


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    # A photo that is too large need not take a second to arrive.
    return {"RVS_DISCORD_CHANNEL_ASKS": "100000", "RVS_MAX_PHOTO_BYTES": str(MOST_BYTES)}


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_photo_that_is_gone_is_asked_for_once(
    status: int, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", FETCHES, status=status, times=9)
    answer = await town.wait_for_reply(await ask(town, portrait))
    assert answer.text == "The photo is no longer there. Post it again."
    assert statuses(town, "GET", FETCHES) == [status]


@pytest.mark.parametrize("status", [500, 503])
async def test_a_photo_that_fails_once_is_fetched_again(
    status: int, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", FETCHES, status=status)
    question = await ask(town, portrait)
    assert_grid(await town.wait_for_reply(question))
    assert statuses(town, "GET", FETCHES) == [status, 200]
    assert len(town.replies_to(question)) == 1


async def test_a_photo_that_keeps_failing_is_told_after_two_tries(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", FETCHES, status=500, times=9)
    question = await ask(town, portrait)
    assert (await town.wait_for_reply(question)).text == NOT_FETCHED
    assert statuses(town, "GET", FETCHES) == [500, 500]
    town.faults.clear()
    await assert_answers(town, portrait)


async def test_a_connection_that_drops_before_the_photo_is_made_again(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    # Two, because aiohttp repeats a GET once by itself when a connection that was kept drops.
    town.faults.add("GET", FETCHES, drop=True, times=2)
    assert_grid(await town.wait_for_reply(await ask(town, portrait)))


async def test_a_connection_that_drops_in_the_middle_of_the_photo_is_made_again(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    cut = town.faults.add("GET", FETCHES, announce_bytes=len(portrait) + 1)
    question = await ask(town, portrait)
    assert_grid(await town.wait_for_reply(question))
    assert (cut.used, len(town.calls("GET", FETCHES))) == (1, 2)
    assert len(town.replies_to(question)) == 1


async def test_a_photo_that_always_ends_early_is_not_taken_for_a_whole_one(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", FETCHES, announce_bytes=len(portrait) + 1, times=9)
    assert (await town.wait_for_reply(await ask(town, portrait))).text == NOT_FETCHED
    assert len(town.calls("GET", FETCHES)) == 2


async def test_a_photo_whose_message_says_that_it_is_too_large_is_not_fetched(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    files = [("me.jpg", portrait)]
    question = await town.post(
        town.channel, town.add_user("somebody"), "!lookalike", attachments=files, said_size=40 * 2**20
    )
    answer = await town.wait_for_reply(question)
    assert answer.text.startswith("The photo is too large: 40 MiB.")
    assert town.calls("GET", FETCHES) == []


async def test_a_photo_that_announces_too_much_is_not_read(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", FETCHES, announce_bytes=10**12)
    answer = await town.wait_for_reply(await ask(town, portrait))
    assert answer.text.startswith("This file is too large")
    assert len(town.calls("GET", FETCHES)) == 1


async def test_a_photo_larger_than_it_was_said_to_be_is_cut_off(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", FETCHES, extra_bytes=100 * MOST_BYTES)
    before = bot.peak_rss_bytes()
    question = await town.post(
        town.channel,
        town.add_user("somebody"),
        "!lookalike",
        attachments=[("me.jpg", portrait)],
        said_size=1000,
    )
    assert (await town.wait_for_reply(question)).text.startswith("This file is too large")
    assert bot.peak_rss_bytes() - before < 50 * MOST_BYTES


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_redirect_is_never_followed(
    host: str, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    port = URL(town.world.origin).port
    town.faults.add("GET", FETCHES, redirect_to=f"http://{host}:{port}/secret", times=9)
    assert (await town.wait_for_reply(await ask(town, portrait))).text == NOT_FETCHED
    assert statuses(town, "GET", FETCHES) == [302]
    assert {request.host for request in town.requests} == {f"127.0.0.1:{port}"}
    assert town.unknown_routes == []  # where /secret would be


async def test_a_photo_from_elsewhere_is_not_fetched(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    # The same server under another name: what a message claims to be Discord's, and is not.
    origin, town.world.origin = town.world.origin, town.world.origin.replace("127.0.0.1", "localhost")
    try:
        question = await ask(town, portrait)
    finally:
        town.world.origin = origin
    answer = await town.wait_for_reply(question)
    assert answer.text.startswith("Only photos that were posted in Discord can be used.")
    assert town.calls("GET", "*") == []


@pytest.mark.parametrize("data", [b"", b"this is no photo", b"\xff\xd8\xff\xe0" + b"\0" * 5000])
async def test_bytes_that_are_no_photo_are_told_so(
    data: bytes, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    question = await ask(town, data)
    answer = await town.wait_for_reply(question)
    assert answer.text
    assert not answer.files
    assert "Traceback" not in bot.log
    assert len(town.replies_to(question)) == 1


async def test_a_command_whose_photo_is_gone_is_told_so_in_its_own_answer(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("GET", "/ephemeral-attachments/*", status=404)
    question = await ask_by_slash(town, portrait)
    answer = await town.wait_for_reply(question)
    assert answer.text == "The photo is no longer there. Post it again."
    assert town.replies_to(question) == [answer]


async def test_a_photo_that_is_too_slow_is_not_waited_for(
    cache_dir: Path, tmp_path: Path, portrait: bytes
) -> None:
    async with FakeDiscord() as discord:
        discord.faults.add("GET", FETCHES, trickle_s=1.0)
        settings = {"RVS_DISCORD_DOWNLOAD_SECONDS": "1"}
        async with start(discord, tmp_path, cache_dir, settings) as bot:
            await started(bot)
            question = await ask(discord, portrait)
            answer = await discord.wait_for_reply(question)
            assert answer.text == "The photo did not arrive in time. Try again."
            await assert_answers(discord, portrait)
