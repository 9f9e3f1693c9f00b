"""How much may be asked at once and in a row, and what people hear when it is too much."""

import asyncio

import pytest

from rvs.discord_app.errors import RESTARTING
from rvs.discord_app.limits import Rate
from rvs.service import ServiceLimits
from tests.conversation.photos import Photos
from tests.conversation.talk import ANSWER_SECONDS, TYPING_AFTER_S, Setup, Talk

ONE_AT_A_TIME = Setup(service=ServiceLimits(workers=1, queue=0, photos_in_memory=1))
STILL_ASKING = "Your last question is still being answered. Wait for it, then ask again."


async def _arrive(talk: Talk) -> None:
    """The photos that are on their way arrive."""
    assert talk.cdn.gate is not None
    talk.cdn.gate.set()
    talk.cdn.gate = None
    await talk.env.settle()


class TestOnePerson:
    async def test_a_second_question_has_to_wait_for_the_first(self, talk: Talk, photos: Photos) -> None:
        talk.cdn.gate = asyncio.Event()
        assert await talk.ask("!lookalike", ("me.jpg", photos.portrait)) == []
        (refused,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert refused.words == STILL_ASKING
        (answer,) = await talk.replies(lambda: _arrive(talk))
        assert answer.people == 8
        assert talk.desk.open_questions == 0

    async def test_whichever_way_it_is_asked(self, talk: Talk, photos: Photos) -> None:
        talk.cdn.gate = asyncio.Event()
        await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        assert result.ephemeral
        assert talk.answer(result).words == STILL_ASKING
        await _arrive(talk)

    async def test_a_double_press_is_one_question(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        talk.cdn.gate = asyncio.Event()
        await talk.press(talk.alice, answer, "Fewer")
        second = await talk.press(talk.alice, answer, "Fewer")
        assert second.ephemeral
        assert talk.answer(second).words == STILL_ASKING
        await _arrive(talk)
        assert talk.again(answer).people == 5

    async def test_others_need_not_wait(self, talk: Talk, photos: Photos) -> None:
        talk.cdn.gate = asyncio.Event()
        await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        gate, talk.cdn.gate = talk.cdn.gate, None
        (answer,) = await talk.ask("!lookalike 3", ("me.jpg", photos.portrait), by=talk.bob)
        assert answer.people == 3
        talk.cdn.gate = gate
        await _arrive(talk)

    @pytest.mark.parametrize("setup", [Setup(person=Rate(2, 60))], ids=["two a minute"])
    async def test_messages_slash_commands_and_buttons_share_one_allowance(
        self, talk: Talk, photos: Photos
    ) -> None:
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        (refused,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert refused.words.startswith("You have asked often enough for now: ask again in ")
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        assert result.ephemeral
        assert "often enough" in talk.answer(result).words
        pressed = await talk.press(talk.alice, answer, "Fewer")
        assert pressed.ephemeral
        assert "often enough" in talk.answer(pressed).words
        assert talk.again(answer).people == 8

    @pytest.mark.parametrize("setup", [Setup(person=Rate(1, 60))], ids=["one a minute"])
    async def test_everybody_has_their_own(self, talk: Talk, photos: Photos) -> None:
        await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=talk.bob)
        assert answer.people == 8

    @pytest.mark.parametrize("setup", [Setup(person=Rate(1, 60))], ids=["one a minute"])
    async def test_a_message_with_several_photos_is_one_question(self, talk: Talk, photos: Photos) -> None:
        both = (("a.jpg", photos.portrait), ("b.jpg", photos.portrait))
        assert [answer.people for answer in await talk.ask("!lookalike 1", *both)] == [1, 1]


@pytest.mark.parametrize("setup", [Setup(channel=Rate(1, 60))], ids=["one a minute"])
async def test_a_channel_has_an_allowance_too(talk: Talk, photos: Photos) -> None:
    await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    (refused,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=talk.bob)
    assert refused.words.startswith("This channel has asked often enough for now: ask again in ")
    elsewhere = talk.guild.create_text_channel("elsewhere")
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=talk.bob, channel=elsewhere)
    assert answer.people == 8


@pytest.mark.parametrize("setup", [ONE_AT_A_TIME], ids=["no queue"])
async def test_when_there_is_no_room_left_to_wait_people_are_told_when_to_come_back(
    talk: Talk, photos: Photos
) -> None:
    talk.cdn.gate = asyncio.Event()
    await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    (refused,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=talk.bob)
    assert refused.words == "Too many people are asking right now: ask again in about 1 second."
    assert len(talk.cdn.fetched) == 1
    await _arrive(talk)
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=talk.bob)
    assert answer.people == 8


@pytest.mark.parametrize("setup", [ONE_AT_A_TIME], ids=["no queue"])
async def test_a_refusal_by_a_busy_bot_is_seen_by_the_asker_alone(talk: Talk, photos: Photos) -> None:
    talk.cdn.gate = asyncio.Event()
    await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    result = await talk.bob.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
    assert result.ephemeral
    assert talk.answer(result).words.startswith("Too many people are asking right now")
    await _arrive(talk)


async def test_a_photo_that_does_not_arrive_is_given_up(talk: Talk, photos: Photos) -> None:
    talk.cdn.gate = asyncio.Event()
    await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    (refused,) = await talk.replies(lambda: talk.env.advance_time(ANSWER_SECONDS + 1))
    assert refused.words == "This took too long. Try again in a minute."
    assert talk.desk.open_questions == 0
    assert talk.workshop.service.open_turns == 0


@pytest.mark.parametrize("setup", [Setup(started=False)], ids=["not started"])
async def test_who_asks_before_the_engine_is_loaded_is_told_so(talk: Talk, photos: Photos) -> None:
    (refused,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    assert refused.words == "I am still starting: ask again in a few seconds."
    result = await talk.bob.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
    assert result.ephemeral
    assert talk.answer(result).words == "I am still starting: ask again in a few seconds."
    await talk.workshop.service.start()
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    assert answer.people == 8


class TestStopping:
    async def test_open_questions_are_told_that_the_bot_restarts(self, talk: Talk, photos: Photos) -> None:
        talk.cdn.gate = asyncio.Event()
        await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        result = await talk.bob.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        assert talk.desk.open_questions == 2
        (told,) = [
            message for message in await talk.replies(lambda: talk.desk.close(2.0)) if message.words != ""
        ]
        assert told.words == RESTARTING
        assert talk.answer(result).words == RESTARTING
        assert talk.desk.open_questions == 0

    async def test_new_questions_are_refused(self, talk: Talk, photos: Photos) -> None:
        await talk.desk.close(2.0)
        (refused,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert refused.words == "I am being restarted: ask again in a minute."

    async def test_a_question_that_is_done_in_time_gets_its_answer(self, talk: Talk, photos: Photos) -> None:
        talk.cdn.gate = asyncio.Event()
        await talk.ask("!lookalike 3", ("me.jpg", photos.portrait))
        closing = asyncio.create_task(talk.desk.close(60.0))
        (answer,) = await talk.replies(lambda: _arrive(talk))
        await closing
        assert answer.people == 3


async def test_while_an_answer_takes_long_the_bot_types(talk: Talk, photos: Photos) -> None:
    talk.cdn.gate = asyncio.Event()
    await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    assert talk.requests("POST", "/typing") == 0
    await talk.env.advance_time(TYPING_AFTER_S + 1)
    assert talk.requests("POST", "/typing") == 1
    await _arrive(talk)
    assert talk.requests("POST", "/typing") == 1


async def test_a_quick_answer_costs_no_typing(talk: Talk, photos: Photos) -> None:
    await talk.ask("!lookalike", ("me.jpg", photos.noise))
    assert talk.requests("POST", "/typing") == 0
