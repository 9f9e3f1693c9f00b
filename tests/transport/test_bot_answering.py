"""The real bot answers over real HTTP: what it sends, and in which order."""

import pytest

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import (
    EDITS,
    FETCHES,
    GRID,
    POSTS,
    PRIVATE_FETCHES,
    ask,
    ask_by_slash,
    assert_grid,
    from_the_bot,
    payload,
    statuses,
)
from tests.transport.things import Flag

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLBACKS = "/interactions/*/callback"


async def test_a_message_with_a_photo_is_answered_once_by_a_reply_with_a_grid(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    question = await ask(town, portrait)
    answer = await town.wait_for_reply(question)
    assert_grid(answer)
    assert answer.reply_to is question
    assert Flag.COMPONENTS_V2 in answer.flags
    assert answer.file(GRID).description
    assert town.replies_to(question) == [answer]
    assert [(call.method, call.status) for call in town.requests] == [("GET", 200), ("POST", 200)]


async def test_an_answer_pings_nobody_and_a_repeated_post_would_be_the_same_message(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    await town.wait_for_reply(await ask(town, portrait))
    sent = payload(town, "POST", POSTS)
    assert sent["allowed_mentions"]["parse"] == []
    assert not sent["allowed_mentions"].get("replied_user")
    assert sent["enforce_nonce"] is True
    assert sent["nonce"]
    assert sent["message_reference"]["fail_if_not_exists"] is False


async def test_a_mention_works_like_the_prefix(town: FakeDiscord, bot: BotProcess, portrait: bytes) -> None:
    question = await ask(town, portrait, content=f"{town.bot.mention} lookalike 1")
    assert_grid(await town.wait_for_reply(question))


async def test_direct_messages_are_answered(town: FakeDiscord, bot: BotProcess, portrait: bytes) -> None:
    person = town.add_user("somebody")
    question = await town.post(town.dm(person), person, "!lookalike", attachments=[("me.jpg", portrait)])
    assert_grid(await town.wait_for_reply(question))


async def test_a_slash_command_is_deferred_before_anything_is_fetched(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    question = await ask_by_slash(town, portrait)
    answer = await town.wait_for_reply(question)
    assert_grid(answer)
    assert town.replies_to(question) == [answer]
    (deferred,), (fetched,), (edited,) = (
        town.calls("POST", CALLBACKS),
        town.calls("GET", PRIVATE_FETCHES),
        town.calls("PATCH", EDITS),
    )
    assert deferred.payload["type"] == 5
    assert town.requests == [deferred, fetched, edited]


async def test_more_shows_more_people_in_place(town: FakeDiscord, bot: BotProcess, portrait: bytes) -> None:
    person = town.add_user("somebody")
    question = await ask(town, portrait, person, "!lookalike 3")
    answer = await town.wait_for_reply(question)
    before = answer.text
    pressed = await town.click(answer, "More (5)", person)
    assert await town.wait_for_reply(pressed) is answer
    assert_grid(answer)
    assert answer.text.startswith(before.split(", 3 ")[0])
    assert ", 5 " in answer.text
    assert len(answer.files) == 1
    assert payload(town, "POST", CALLBACKS)["type"] == 6


async def test_delete_deletes_the_answer_for_the_asker_alone(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    person = town.add_user("somebody")
    answer = await town.wait_for_reply(await ask(town, portrait, person))
    other = await town.click(answer, "Delete", town.add_user("another"))
    assert (await town.wait_for_reply(other)).ephemeral
    assert answer in from_the_bot(town)
    await town.click(answer, "Delete", person)
    await town.wait_until(lambda: answer.deleted)


async def test_another_face_is_found_in_the_answers_own_photo(
    town: FakeDiscord, bot: BotProcess, group: bytes
) -> None:
    person = town.add_user("somebody")
    answer = await town.wait_for_reply(await ask_by_slash(town, group, person))
    assert "**3 faces** are in the photo. This was number **1**" in answer.text
    # Every file is shown by a component; Discord then lists none of them among the attachments.
    assert {file.id for file in answer.files} == answer.shown
    kept = answer.file("photo.jpg")
    chosen = await town.select(answer, ["Face 3"], person)
    assert await town.wait_for_reply(chosen) is answer
    assert "This was number **3**" in answer.text
    assert_grid(answer)
    fetched = town.calls("GET", FETCHES)[-1]
    assert fetched.path.endswith(f"/{kept.id}/photo.jpg")
    assert fetched.status == 200


async def test_another_face_is_found_in_the_message_that_was_asked_with(
    town: FakeDiscord, bot: BotProcess, group: bytes
) -> None:
    person = town.add_user("somebody")
    question = await ask(town, group, person)
    answer = await town.wait_for_reply(question)
    assert "photo.jpg" not in [file.filename for file in answer.files]
    chosen = await town.select(answer, ["Face 2"], person)
    await town.wait_for_reply(chosen)
    assert "This was number **2**" in answer.text
    assert statuses(town, "GET", f"/channels/*/messages/{question.id}") == [200]


async def test_a_button_of_an_answer_whose_photo_is_gone_says_so(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    person = town.add_user("somebody")
    question = await ask(town, portrait, person)
    answer = await town.wait_for_reply(question)
    await town.delete(question)
    pressed = await town.click(answer, "More (12)", person)
    told = await town.wait_for_reply(pressed)
    assert (told.text, told.ephemeral) == (
        "This answer has expired, or its photo is gone. Ask again with the photo.",
        True,
    )
    assert_grid(answer)


async def test_private_answers_are_seen_by_the_asker_alone(
    town: FakeDiscord, bot: BotProcess, portrait: bytes
) -> None:
    answer = await town.wait_for_reply(await ask_by_slash(town, portrait, private=True))
    assert_grid(answer)
    assert answer.ephemeral
