"""Right-click on a message or a person, and questions about avatars, for which their owner has to have agreed."""

import pytest
from simcord import InteractionResult

from tests.conversation.photos import Photos
from tests.conversation.talk import Setup, Talk

OF_MESSAGE = "Find lookalikes"
OF_PERSON = "Lookalikes of this avatar"


async def _agree(talk: Talk) -> InteractionResult:
    shown = talk.answer(await talk.bob.slash(talk.channel, "privacy"))
    return await talk.bob.click(shown.message, label="Let others search by my avatar")


class TestMessageMenu:
    async def test_the_photo_of_a_message_is_answered(self, talk: Talk, photos: Photos) -> None:
        posted = await talk.bob.send(talk.channel, "us", attachments=[("us.jpg", photos.group)])
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_MESSAGE, posted))
        assert answer.people == 8
        assert "photo.jpg" not in answer.pictures
        await talk.alice.select(answer.message, ["2"])
        assert talk.again(answer).face == 2

    async def test_each_photo_of_a_message_gets_an_answer_that_all_see(
        self, talk: Talk, photos: Photos
    ) -> None:
        both = [("a.jpg", photos.portrait), ("b.jpg", photos.group)]
        posted = await talk.bob.send(talk.channel, "us", attachments=both)
        result = await talk.alice.context_menu(talk.channel, OF_MESSAGE, posted)
        assert talk.answer(result).faces == 1
        (second,) = result.followups
        assert talk.see(second.message).faces == 3
        assert not second.ephemeral

    async def test_a_forwarded_photo_is_answered(self, talk: Talk, photos: Photos) -> None:
        posted = await talk.bob.send(talk.channel, "us", attachments=[("us.jpg", photos.group)])
        forwarded = await talk.bob.forward(posted, talk.channel)
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_MESSAGE, forwarded))
        assert answer.faces == 3

    async def test_a_message_without_a_photo_is_told_so(self, talk: Talk) -> None:
        posted = await talk.bob.send(talk.channel, "good morning")
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_MESSAGE, posted))
        assert answer.words == "That message has no photo. Use this on a message that has one."

    @pytest.mark.parametrize("setup", [Setup(message_content=False)], ids=["no message content"])
    async def test_a_photo_that_the_bot_cannot_read_again_is_kept_in_the_answer(
        self, talk: Talk, photos: Photos
    ) -> None:
        posted = await talk.bob.send(talk.channel, "us", attachments=[("us.jpg", photos.group)])
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_MESSAGE, posted))
        assert "photo.jpg" in answer.pictures
        await talk.alice.select(answer.message, ["2"])
        assert talk.again(answer).face == 2

    @pytest.mark.parametrize("installed_by_user", [True], ids=["user install"])
    async def test_a_photo_where_the_bot_is_no_member_is_kept_in_the_answer(
        self, talk: Talk, photos: Photos
    ) -> None:
        posted = await talk.bob.send(talk.channel, "us", attachments=[("us.jpg", photos.group)])
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_MESSAGE, posted))
        assert "photo.jpg" in answer.pictures


class TestOnesOwnAvatar:
    async def test_without_a_photo_the_avatar_is_meant(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.alice, photos.portrait)
        (answer,) = await talk.ask("!lookalike")
        assert answer.people == 8

    async def test_its_buttons_work(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.alice, photos.portrait)
        (answer,) = await talk.ask("!lookalike")
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.again(answer).people == 5

    async def test_who_has_none_is_told_so(self, talk: Talk) -> None:
        (answer,) = await talk.ask("!lookalike")
        assert answer.words == (
            f"{talk.alice.mention} has no avatar, only Discord's own. Attach a photo instead."
        )
        assert talk.pings() == []

    async def test_the_avatar_of_this_server_comes_first(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.alice, photos.noise)
        talk.give_avatar(talk.alice, photos.portrait, of_server=True)
        (answer,) = await talk.ask("!lookalike")
        assert answer.people == 8
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.again(answer).people == 5

    async def test_of_an_animated_one_the_still_picture_is_used(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.alice, photos.portrait, key="a_0123456789abcdef")
        (answer,) = await talk.ask("!lookalike")
        assert answer.people == 8

    async def test_a_mention_of_the_bot_itself_is_nobody_elses_avatar(
        self, talk: Talk, photos: Photos
    ) -> None:
        talk.give_avatar(talk.alice, photos.portrait)
        (answer,) = await talk.ask(f"{talk.mention} lookalike 3")
        assert answer.people == 3

    async def test_ones_own_needs_no_consent(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.alice, photos.portrait)
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_PERSON, talk.alice))
        assert answer.people == 8


class TestTheAvatarOfOthers:
    async def test_without_consent_a_mention_is_refused(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.bob, photos.portrait)
        (answer,) = await talk.ask(f"!lookalike {talk.bob.mention}")
        assert answer.words == (
            f"{talk.bob.mention} has not agreed that others search by their avatar. They can, with `/privacy`."
        )
        assert talk.cdn.fetched == []

    async def test_the_refusal_pings_nobody(self, talk: Talk, photos: Photos) -> None:
        await talk.ask(f"!lookalike {talk.bob.mention}")
        assert talk.pings() == []

    async def test_with_consent_a_mention_is_answered(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.bob, photos.portrait)
        await _agree(talk)
        (answer,) = await talk.ask(f"!lookalike {talk.bob.mention} 3")
        assert answer.people == 3

    async def test_the_menu_follows_the_same_rule(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.bob, photos.portrait)
        refused = talk.answer(await talk.alice.context_menu(talk.channel, OF_PERSON, talk.bob))
        assert "has not agreed" in refused.words
        await _agree(talk)
        answer = talk.answer(await talk.alice.context_menu(talk.channel, OF_PERSON, talk.bob))
        assert answer.people == 8

    async def test_after_a_withdrawal_the_buttons_of_old_answers_are_refused(
        self, talk: Talk, photos: Photos
    ) -> None:
        talk.give_avatar(talk.bob, photos.portrait)
        await _agree(talk)
        (answer,) = await talk.ask(f"!lookalike {talk.bob.mention}")
        shown = talk.answer(await talk.bob.slash(talk.channel, "privacy"))
        await talk.bob.click(shown.message, label="Withdraw")
        result = await talk.press(talk.alice, answer, "Fewer")
        assert "has not agreed" in result.followups[0].content
        assert talk.again(answer).people == 8

    async def test_other_peoples_presses_need_the_same_consent(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.bob, photos.portrait)
        (answer,) = await talk.ask("!lookalike", by=talk.bob)
        result = await talk.press(talk.alice, answer, "Fewer")
        assert result.ephemeral
        assert "has not agreed" in talk.answer(result).words

    async def test_a_ping_by_replying_is_no_mention(self, talk: Talk, photos: Photos) -> None:
        posted = await talk.bob.send(talk.channel, "good morning")
        (answer,) = await talk.ask("!lookalike", reply_to=posted)
        assert "has not agreed" not in answer.words

    async def test_somebody_who_has_left_can_still_be_asked_about(self, talk: Talk, photos: Photos) -> None:
        talk.give_avatar(talk.bob, photos.portrait)
        await _agree(talk)
        (answer,) = await talk.ask(f"!lookalike {talk.bob.mention}")
        talk.guild.remove_member(talk.bob)
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.again(answer).people == 5
