"""An answer that is hard to deliver: the real bot, and a Discord that limits, fails, drops and refuses."""

import io

import pytest
from PIL import Image

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import (
    EDITS,
    FETCHES,
    FOLLOW_UPS,
    GRID,
    POSTS,
    PRIVATE_FETCHES,
    ask,
    ask_by_slash,
    assert_answers,
    assert_grid,
    from_the_bot,
    statuses,
)
from tests.transport.things import Permission

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSING = [
    pytest.param(500, True, id="500 after the work"),
    pytest.param(503, False, id="503"),
    pytest.param(503, True, id="503 after the work"),
    pytest.param(None, False, id="dropped"),
    pytest.param(None, True, id="dropped after the work"),
]


async def test_a_rate_limit_is_waited_for_and_makes_one_answer(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("POST", POSTS, status=429)
    question = await ask(town, portrait)
    assert_grid(await town.wait_for_reply(question))
    assert statuses(town, "POST", POSTS) == [429, 200]
    assert len(town.replies_to(question)) == 1


@pytest.mark.parametrize(("status", "after_body"), PASSING)
async def test_a_reply_that_fails_once_is_sent_again_and_seen_once(
    status: int | None, after_body: bool, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    before = len(from_the_bot(town))
    town.faults.add("POST", POSTS, status=status, drop=status is None, after_body=after_body)
    question = await ask(town, portrait)
    await town.wait_until(lambda: 200 in statuses(town, "POST", POSTS))
    assert statuses(town, "POST", POSTS) == [status or -1, 200]
    (answer,) = town.replies_to(question)
    assert_grid(answer)
    assert len(from_the_bot(town)) == before + 1


@pytest.mark.parametrize(("status", "after_body"), PASSING)
async def test_an_answer_to_a_command_that_fails_once_is_seen_once(
    status: int | None, after_body: bool, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    before = len(from_the_bot(town))
    town.faults.add("PATCH", EDITS, status=status, drop=status is None, after_body=after_body)
    question = await ask_by_slash(town, portrait)
    await town.wait_until(lambda: 200 in statuses(town, "PATCH", EDITS))
    assert statuses(town, "PATCH", EDITS) == [status or -1, 200]
    assert_grid(await town.wait_for_reply(question))
    assert len(from_the_bot(town)) == before + 1
    assert town.calls("POST", POSTS) == []


async def test_a_reply_that_never_arrives_is_given_up_and_the_next_question_answered(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    broken = town.faults.add("POST", POSTS, status=503, times=1000)
    question = await ask(town, portrait)
    await town.wait_until(lambda: bot.log.count("reply=failed: Discord says 503") == 2)
    await bot.line("stage=reply")
    assert broken.used == 2
    assert "Traceback" not in bot.log
    town.faults.clear()
    await assert_answers(town, portrait)
    assert town.replies_to(question) == []


async def test_a_command_whose_token_expired_is_answered_in_the_channel(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetch = town.faults.add("GET", PRIVATE_FETCHES, hold=True)
    question = await ask_by_slash(town, portrait)
    await town.wait_until(lambda: fetch.used)
    town.expire(question)
    before = from_the_bot(town)
    fetch.release()
    await town.wait_until(lambda: len(from_the_bot(town)) > len(before))
    assert_grid(from_the_bot(town)[-1])
    assert statuses(town, "PATCH", EDITS) == [401]
    assert statuses(town, "POST", POSTS) == [200]


async def test_a_private_answer_whose_token_expired_is_dropped_and_logged(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetch = town.faults.add("GET", PRIVATE_FETCHES, hold=True)
    question = await ask_by_slash(town, portrait, private=True)
    await town.wait_until(lambda: fetch.used)
    town.expire(question)
    fetch.release()
    await bot.line("reply=expired: it was private, so it is dropped")
    await assert_answers(town, portrait)
    assert statuses(town, "POST", POSTS) == [200]  # that of the question just asked


async def test_a_command_that_was_deferred_too_late_is_answered_in_the_channel(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    before = len(from_the_bot(town))
    town.world.callback_seconds = 0
    try:
        question = await ask_by_slash(town, portrait)
        await town.wait_until(lambda: statuses(town, "POST", POSTS) == [200])
    finally:
        town.world.callback_seconds = 3.0
    assert statuses(town, "POST", "/interactions/*/callback") == [404]
    assert town.replies_to(question) == []
    assert len(from_the_bot(town)) == before + 1
    assert_grid(from_the_bot(town)[-1])
    await bot.line(r"an interaction could not be deferred: Discord says 404 \(10062\)")


async def test_an_upload_that_is_too_large_is_sent_smaller(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    await town.wait_for_reply(await ask(town, portrait))
    full = dict(town.calls("POST", POSTS)[-1].files)[GRID]
    town.requests.clear()
    usual, town.guild.upload_bytes = town.guild.upload_bytes, full - 1
    try:
        question = await ask(town, portrait)
        answer = await town.wait_for_reply(question)
    finally:
        town.guild.upload_bytes = usual
    assert statuses(town, "POST", POSTS) == [413, 200]
    assert len(answer.file(GRID).data) < full
    assert_grid(answer)
    assert town.replies_to(question) == [answer]


async def test_a_channel_where_the_bot_may_not_attach_files_is_told_in_words(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    await town.deny(town.channel, Permission.ATTACH_FILES)
    try:
        answer = await town.wait_for_reply(await ask(town, portrait))
    finally:
        town.channel.denied = Permission.NOTHING
        await town.gateway.tell_channel(town.channel)
    assert answer.text == "I may not attach files in this channel: give me that permission."
    assert town.calls("GET", FETCHES) == []
    await assert_answers(town, portrait)


async def test_a_channel_where_the_bot_may_not_write_is_a_line_in_the_log(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    await town.deny(town.channel, Permission.SEND_MESSAGES)
    try:
        await ask(town, portrait)
        await bot.line("no permission to send messages")
    finally:
        town.channel.denied = Permission.NOTHING
        await town.gateway.tell_channel(town.channel)
    assert town.requests == []
    await assert_answers(town, portrait)


async def test_a_permission_that_was_taken_unheard_is_a_line_in_the_log(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    await town.deny(town.channel, Permission.SEND_MESSAGES, silently=True)
    try:
        await ask(town, portrait)
        await bot.line(r"reply=refused: Discord says 403 \(50013\)")
    finally:
        town.channel.denied = Permission.NOTHING
    assert statuses(town, "POST", POSTS) == [403]
    assert "Traceback" not in bot.log
    await assert_answers(town, portrait)


async def test_a_question_deleted_while_its_answer_is_sent_is_answered_without_a_reference(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    post = town.faults.add("POST", POSTS, hold=True)
    question = await ask(town, portrait)
    await town.wait_until(lambda: post.used)
    await town.delete(question)
    post.release()
    answer = await town.wait_for_reply(question)
    assert_grid(answer)
    assert answer.reply_to is None
    assert statuses(town, "POST", POSTS) == [200]


async def test_a_question_deleted_while_its_photo_is_fetched_is_told_so_without_a_reference(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    fetch = town.faults.add("GET", FETCHES, hold=True)
    question = await ask(town, portrait)
    await town.wait_until(lambda: fetch.used)
    await town.delete(question)  # and with it the photo
    fetch.release()
    answer = await town.wait_for_reply(question)
    assert (answer.text, answer.reply_to) == ("The photo is no longer there. Post it again.", None)
    assert len(town.replies_to(question)) == 1


async def test_a_layout_that_discord_refuses_becomes_a_sentence(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    town.faults.add("POST", POSTS, status=400, code=50035)
    question = await ask(town, portrait)
    answer = await town.wait_for_reply(question)
    assert (
        answer.text == "There is an answer, but Discord does not accept it here. Try it in another channel."
    )


async def test_typing_that_fails_stops_no_answer(town: FakeDiscord, bot: BotProcess, portrait: bytes) -> None:
    typing = town.faults.add("POST", "/channels/*/typing", status=503, times=10)
    fetch = town.faults.add("GET", FETCHES, hold=True)
    question = await ask(town, portrait)
    await town.wait_until(lambda: typing.used)
    fetch.release()
    answer = await town.wait_for_reply(question)
    assert_grid(answer)
    with Image.open(io.BytesIO(answer.file(GRID).data)) as grid:
        assert min(grid.size) > 100


@pytest.mark.parametrize("after_body", [False, True], ids=["before the work", "after the work"])
async def test_a_further_answer_that_fails_is_never_seen_twice(
    after_body: bool, town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    person = town.add_user("somebody")
    files = [("a.jpg", portrait), ("b.jpg", portrait)]
    posted = await town.post(town.channel, person, "look at us", attachments=files)
    before = len(from_the_bot(town))
    further = town.faults.add("POST", FOLLOW_UPS, drop=True, after_body=after_body)
    question = await town.message_menu(town.channel, person, "Find lookalikes", posted)
    assert_grid(await town.wait_for_reply(question))
    await bot.line("reply=failed: ServerDisconnectedError")
    await assert_answers(town, portrait)
    # It cannot be known whether it arrived, and Discord does not recognise it when it comes again.
    assert (further.used, len(town.calls("POST", FOLLOW_UPS))) == (1, 1)
    assert len(from_the_bot(town)) == before + 1 + after_body + 1
