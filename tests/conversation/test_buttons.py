"""What can be done with an answer: another face, fewer or more people, delete; by whom, and until when."""

import discord
import pytest

from rvs.discord_app.errors import EXPIRED, NOT_YOURS
from tests.conversation.photos import Photos
from tests.conversation.seen import Seen
from tests.conversation.talk import Talk


async def _portrait_answer(talk: Talk, photos: Photos, words: str = "!lookalike") -> Seen:
    (answer,) = await talk.ask(words, ("me.jpg", photos.portrait))
    return answer


class TestFewerAndMore:
    async def test_the_steps_go_up_and_down_in_place(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        counts = []
        for button in ("Fewer", "Fewer", "Fewer", "More", "More", "More", "More"):
            await talk.press(talk.alice, answer, button)
            answer = talk.again(answer)
            counts.append(answer.people)
        assert counts == [5, 3, 1, 3, 5, 8, 12]
        assert len(talk.said()) == 1

    async def test_the_grid_is_drawn_anew(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.again(answer).grid_size == (960, 850)

    async def test_there_is_no_fewer_than_one(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos, "!lookalike 1")
        assert answer.buttons["Fewer"].disabled
        assert not answer.buttons["More"].disabled

    async def test_there_is_no_more_than_twelve(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos, "!lookalike 12")
        assert answer.buttons["More"].disabled
        assert not answer.buttons["Fewer"].disabled

    async def test_a_number_between_two_steps_goes_to_the_next_one(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos, "!lookalike 4")
        assert answer.buttons["Fewer"].label == "Fewer (3)"
        assert answer.buttons["More"].label == "More (5)"

    async def test_the_photo_in_the_answer_stays_in_it(self, talk: Talk, photos: Photos) -> None:
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        for _ in range(2):
            await talk.press(talk.alice, talk.answer(result), "Fewer")
        assert talk.answer(result).people == 3
        assert talk.answer(result).pictures["photo.jpg"].image.size == (512, 512)


class TestAnotherFace:
    async def test_the_chosen_face_is_searched(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike 3", ("us.jpg", photos.group))
        assert answer.select is not None
        await talk.alice.select(answer.message, ["3"])
        changed = talk.again(answer)
        assert changed.face == 3
        assert changed.people == 3
        assert changed.select is not None
        assert [option.default for option in changed.select.options] == [False, False, True]

    async def test_fewer_people_are_of_the_same_face(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike 3", ("us.jpg", photos.group))
        await talk.alice.select(answer.message, ["2"])
        await talk.press(talk.alice, talk.again(answer), "Fewer")
        assert talk.again(answer).face == 2
        assert talk.again(answer).people == 1

    async def test_the_second_photo_of_a_message_is_found_again(self, talk: Talk, photos: Photos) -> None:
        posted = (("notes.txt", b"hello"), ("me.jpg", photos.portrait), ("us.jpg", photos.group))
        alone, group = await talk.ask("!lookalike 3", *posted)
        await talk.alice.select(group.message, ["2"])
        await talk.press(talk.alice, alone, "Fewer")
        assert talk.again(group).face == 2
        assert talk.again(alone).faces == 1


class TestOtherMembers:
    async def test_a_press_gives_them_an_answer_of_their_own(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        result = await talk.press(talk.bob, answer, "Fewer")
        assert result.ephemeral
        assert talk.answer(result).people == 5
        assert talk.again(answer).people == 8

    async def test_the_buttons_of_their_own_answer_change_that_one(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        first = await talk.press(talk.bob, answer, "Fewer")
        await talk.press(talk.bob, talk.answer(first), "Fewer")
        assert talk.answer(first).people == 3
        assert talk.again(answer).people == 8

    async def test_a_photo_in_a_slash_answer_serves_them_too(self, talk: Talk, photos: Photos) -> None:
        asked = await talk.alice.slash(talk.channel, "lookalike", image=("us.jpg", photos.group), people=3)
        result = await talk.bob.select(talk.answer(asked).message, ["2"])
        assert result.ephemeral
        assert talk.answer(result).face == 2
        assert talk.answer(asked).face == 1


class TestDelete:
    async def test_whoever_asked_can_delete(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        await talk.press(talk.alice, answer, "Delete")
        assert talk.said() == []

    async def test_a_moderator_can_delete(self, talk: Talk, photos: Photos) -> None:
        mods = talk.guild.create_role("mods", permissions=discord.Permissions(manage_messages=True))
        carol = talk.guild.add_member(talk.env.create_user("carol"), roles=[mods])
        answer = await _portrait_answer(talk, photos)
        await talk.press(carol, answer, "Delete")
        assert talk.said() == []

    async def test_others_cannot(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        result = await talk.press(talk.bob, answer, "Delete")
        assert result.ephemeral
        assert talk.answer(result).words == NOT_YOURS
        assert talk.again(answer).people == 8

    async def test_a_slash_answer_can_be_deleted(self, talk: Talk, photos: Photos) -> None:
        asked = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        await talk.press(talk.alice, talk.answer(asked), "Delete")
        assert asked.response is None

    async def test_deleting_is_not_a_question(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        before = len(talk.cdn.fetched)
        await talk.press(talk.alice, answer, "Delete")
        assert len(talk.cdn.fetched) == before

    async def test_a_failure_is_told(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        talk.env.inject_error("DELETE", "/webhooks/*", status=500)
        result = await talk.press(talk.alice, answer, "Delete")
        assert [talk.see(one.message).words for one in result.followups] == [
            "The answer could not be deleted. Try again in a minute."
        ]
        assert talk.again(answer).people == 8


class TestExpiry:
    async def test_a_deleted_photo_is_told_and_the_answer_stays(self, talk: Talk, photos: Photos) -> None:
        question = await talk.alice.send(
            talk.channel, "!lookalike", attachments=[("me.jpg", photos.portrait)]
        )
        answer = talk.see(talk.said()[-1])
        await talk.alice.delete(question)
        result = await talk.press(talk.alice, answer, "Fewer")
        assert [(one.ephemeral, one.content) for one in result.followups] == [(True, EXPIRED)]
        assert talk.again(answer).people == 8

    async def test_a_deleted_photo_is_told_to_others_in_private(self, talk: Talk, photos: Photos) -> None:
        question = await talk.alice.send(
            talk.channel, "!lookalike", attachments=[("me.jpg", photos.portrait)]
        )
        answer = talk.see(talk.said()[-1])
        await talk.alice.delete(question)
        result = await talk.press(talk.bob, answer, "Fewer")
        assert result.ephemeral
        assert talk.answer(result).words == EXPIRED

    @pytest.mark.parametrize(
        "custom_id",
        [
            "look:2:fewer:a:1:8:5",
            "look:1:fewer:a:0:8:5",
            "look:1:fewer:a:1:99:5",
            "look:",
            "look:1:dance:a:1:8:5",
        ],
    )
    async def test_a_button_of_another_version_is_told_politely(
        self, talk: Talk, photos: Photos, custom_id: str
    ) -> None:
        answer = await _portrait_answer(talk, photos)
        _relabel(talk, answer, custom_id)
        result = await talk.alice.click(answer.message, custom_id=custom_id)
        assert result.ephemeral
        assert talk.answer(result).words == EXPIRED

    async def test_a_component_of_somebody_else_is_left_alone(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        _relabel(talk, answer, "somebody:else")
        result = await talk.alice.click(answer.message, custom_id="somebody:else")
        assert not result.acknowledged

    async def test_the_answer_without_its_photo_has_expired(self, talk: Talk, photos: Photos) -> None:
        answer = await _portrait_answer(talk, photos)
        _relabel(talk, answer, f"look:1:fewer:a:1:8:{talk.alice.id}")
        result = await talk.alice.click(answer.message, custom_id=f"look:1:fewer:a:1:8:{talk.alice.id}")
        assert [one.content for one in result.followups] == [EXPIRED]


def _relabel(talk: Talk, answer: Seen, custom_id: str) -> None:
    """The message as if another version had sent it."""
    stored = talk.env.backend.get_message(talk.channel.id, answer.message.id)
    container = stored.components[0]
    container["components"][-1]["components"][0]["custom_id"] = custom_id
