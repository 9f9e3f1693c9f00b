"""Two hundred people within a second: everybody is answered once, and what the bot holds is bounded."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import (
    BUSY,
    FETCHES,
    GRID,
    POSTS,
    ask,
    ask_by_slash,
    assert_answers,
    assert_grid,
    file_of,
    from_the_bot,
)
from tests.transport.things import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = 200
QUEUE = 16
IN_MEMORY = 4
MIB = 2**20


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {
        "RVS_DISCORD_CHANNEL_ASKS": "100000",
        "RVS_QUEUE": str(QUEUE),
        "RVS_PHOTOS_IN_MEMORY": str(IN_MEMORY),
    }


@pytest.fixture(scope="module")
def heavy(portrait: bytes) -> bytes:
    """A photo of 3 MB: 200 of them at once would be 600 MB, not to speak of their pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 1200, 1200), dtype=np.uint8)
    data = file_of(Image.merge("RGB", [Image.fromarray(plane) for plane in noise]), "PNG")
    return portrait + data  # what follows the end of a JPEG is not looked at, but it is fetched and held


async def test_everybody_in_a_flood_is_answered_once_and_memory_stays_bounded(
    town: FakeDiscord, bot: BotProcess, portrait: bytes, heavy: bytes
) -> None:
    await assert_answers(town, heavy)
    town.requests.clear()
    before_bytes, before = bot.peak_rss_bytes(), len(from_the_bot(town))
    fetches = town.faults.add("GET", FETCHES, hold=True, times=PEOPLE)
    people = [town.add_user(f"person {number}") for number in range(PEOPLE)]
    questions = [await ask(town, heavy, person) for person in people]
    refused = PEOPLE - QUEUE - IN_MEMORY
    # Nothing is fetched to the end yet, so that everybody who found no room has to be told at once.
    await town.wait_until(lambda: len(from_the_bot(town)) == before + refused, 60)
    assert fetches.used == IN_MEMORY
    fetches.release()
    answers = [await town.wait_for_reply(question, 60) for question in questions]
    grids, words = sorted_out(answers)
    assert len(grids) == QUEUE + IN_MEMORY
    assert len(words) == refused
    assert all(re.fullmatch(BUSY, answer.text) for answer in words)
    for answer in grids:
        assert_grid(answer)
    await assert_answers(town, portrait)
    assert [len(town.replies_to(question)) for question in questions] == [1] * PEOPLE
    assert len(from_the_bot(town)) == before + PEOPLE + 1
    assert fetches.used == QUEUE + IN_MEMORY + 1
    assert bot.peak_rss_bytes() - before_bytes < 120 * MIB
    assert "Traceback" not in bot.log


async def test_who_comes_first_is_answered_first_and_never_more_photos_are_fetched_than_fit(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    held = [town.faults.add("GET", FETCHES, hold=True) for _ in range(QUEUE + IN_MEMORY)]
    questions = [await ask(town, portrait) for _ in range(QUEUE + IN_MEMORY)]
    for number, fetch in enumerate(held):
        most = min(number + IN_MEMORY, len(held))
        await town.wait_until(lambda most=most: sum(one.used for one in held) == most)  # type: ignore[misc]
        fetch.release()
        answer = await town.wait_for_reply(questions[number])
        assert_grid(answer)
    ids = [town.replies_to(question)[0].id for question in questions]
    assert ids == sorted(ids)


async def test_commands_in_a_flood_are_told_to_the_asker_alone(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetches = town.faults.add("GET", FETCHES, hold=True, times=IN_MEMORY)
    questions = [await ask(town, portrait) for _ in range(IN_MEMORY)]
    await town.wait_until(lambda: fetches.used == IN_MEMORY)
    waiting = [await ask(town, portrait) for _ in range(QUEUE)]
    refused = await ask(town, portrait)  # so that the line is known to be full
    assert re.fullmatch(BUSY, (await town.wait_for_reply(refused)).text)
    command = await ask_by_slash(town, portrait)
    answer = await town.wait_for_reply(command)
    assert re.fullmatch(BUSY, answer.text)
    assert answer.ephemeral
    fetches.release()
    for question in (*questions, *waiting):
        assert_grid(await town.wait_for_reply(question))


async def test_somebody_who_asks_five_times_at_once_is_answered_once_and_told_four_times(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetch = town.faults.add("GET", FETCHES, hold=True)
    person = town.add_user("impatient")
    questions = [await ask(town, portrait, person) for _ in range(5)]
    told = [(await town.wait_for_reply(question)).text for question in questions[1:]]
    assert told == ["Your last question is still being answered. Wait for it, then ask again."] * 4
    assert fetch.used == 1
    fetch.release()
    assert_grid(await town.wait_for_reply(questions[0]))
    await assert_answers(town, portrait)
    assert [len(town.replies_to(question)) for question in questions] == [1] * 5
    assert len(town.calls("POST", POSTS)) == 6


async def test_somebody_who_asks_too_often_is_told_for_how_long(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    person = town.add_user("busy")
    for _ in range(6):
        assert_grid(await town.wait_for_reply(await ask(town, portrait, person)))
    answer = await town.wait_for_reply(await ask(town, portrait, person))
    assert re.fullmatch(r"You have asked often enough for now: ask again in \d+ seconds?\.", answer.text)


def sorted_out(answers: list[Message]) -> tuple[list[Message], list[Message]]:
    """Those with a grid, and the others."""
    grids = [answer for answer in answers if any(file.filename == GRID for file in answer.files)]
    return grids, [answer for answer in answers if answer not in grids]
