"""The ways to ask by a message."""

import pytest

from rvs.discord_app.asking import DeskLimits
from rvs.discord_app.errors import NO_PHOTO
from tests.conversation.photos import GROUP_SIDES_PX, Photos
from tests.conversation.talk import Setup, Talk

WIDTH_PX = 960


async def test_a_photo_is_answered_with_a_picture_of_the_people_and_their_names(
    talk: Talk, photos: Photos
) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    assert answer.words.startswith("### ")
    assert "resemblance: closer than" in answer.words
    assert answer.people == 8
    assert answer.grid_size == (WIDTH_PX, 1257)
    assert list(answer.pictures) == ["lookalikes.jpg"]
    assert "8 people it resembles" in answer.pictures["lookalikes.jpg"].description


async def test_the_answer_is_a_reply_that_pings_nobody(talk: Talk, photos: Photos) -> None:
    question = await talk.alice.send(talk.channel, "!lookalike", attachments=[("me.jpg", photos.portrait)])
    answer = talk.see(talk.said()[-1])
    assert answer.replies_to == question.id
    assert talk.pings() == []


async def test_a_number_says_how_many_people(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike 3", ("me.jpg", photos.portrait))
    assert answer.people == 3
    assert answer.grid_size == (WIDTH_PX, 657)


async def test_a_number_that_no_grid_has_is_the_largest_one(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike 500 please", ("me.jpg", photos.portrait))
    assert answer.people == 12


@pytest.mark.parametrize("words", ["!LookAlike", "! lookalike", "!lookalikes"])
async def test_small_differences_in_the_command_do_not_matter(talk: Talk, photos: Photos, words: str) -> None:
    (answer,) = await talk.ask(words, ("me.jpg", photos.portrait))
    assert answer.people == 8


async def test_a_mention_of_the_bot_is_as_good_as_the_prefix(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask(f"{talk.mention} lookalike 5", ("me.jpg", photos.portrait))
    assert answer.people == 5


@pytest.mark.parametrize("after", ["", " ", "\n"])
async def test_a_mention_alone_asks_about_the_photo_beside_it(talk: Talk, photos: Photos, after: str) -> None:
    (answer,) = await talk.ask(talk.mention + after, ("me.jpg", photos.portrait))
    assert answer.people == 8


async def test_a_mention_alone_asks_about_the_photo_it_replies_to(talk: Talk, photos: Photos) -> None:
    posted = await talk.bob.send(talk.channel, "look at us", attachments=[("us.jpg", photos.group)])
    (answer,) = await talk.ask(talk.mention, reply_to=posted)
    assert answer.faces == 3


async def test_a_mention_alone_without_any_photo_asks_about_ones_avatar(talk: Talk, photos: Photos) -> None:
    talk.give_avatar(talk.alice, photos.portrait)
    (answer,) = await talk.ask(talk.mention)
    assert answer.people == 8


async def test_the_prefix_alone_is_no_question(talk: Talk, photos: Photos) -> None:
    assert await talk.ask("!", ("me.jpg", photos.portrait)) == []


@pytest.mark.parametrize("setup", [Setup(settings={"prefix": "?"})], ids=["question mark"])
async def test_the_prefix_can_be_another(talk: Talk, photos: Photos) -> None:
    assert await talk.ask("!lookalike", ("me.jpg", photos.portrait)) == []
    assert len(await talk.ask("?lookalike", ("me.jpg", photos.portrait))) == 1


async def test_several_photos_are_answered_one_after_the_other(talk: Talk, photos: Photos) -> None:
    first, second, third = await talk.ask(
        "!lookalike 3", ("a.jpg", photos.portrait), ("b.jpg", photos.noise), ("c.jpg", photos.group)
    )
    assert first.people == 3
    assert "faces.jpg" not in first.pictures
    assert second.words.startswith("Photo 2: No face was found")
    assert third.people == 3
    assert "faces.jpg" in third.pictures


@pytest.mark.parametrize("setup", [Setup(desk=DeskLimits(2, 25 << 20, 60))], ids=["two photos"])
async def test_with_too_many_photos_the_first_ones_are_answered_and_the_rest_is_mentioned(
    talk: Talk, photos: Photos
) -> None:
    posted = [(f"{number}.jpg", photos.portrait) for number in range(5)]
    *answers, note = await talk.ask("!lookalike 1", *posted)
    assert [answer.people for answer in answers] == [1, 1]
    assert note.words == "I looked at the first 2 of 5 photos."
    assert len(talk.cdn.fetched) == 2


async def test_files_beside_the_photos_are_left_alone(talk: Talk, photos: Photos) -> None:
    answers = await talk.ask("!lookalike", ("notes.txt", b"hello"), ("me.jpg", photos.portrait))
    assert [answer.people for answer in answers] == [8]
    assert len(talk.cdn.fetched) == 1


async def test_a_reply_to_a_photo_asks_about_that_photo(talk: Talk, photos: Photos) -> None:
    posted = await talk.bob.send(talk.channel, "look at us", attachments=[("us.jpg", photos.group)])
    (answer,) = await talk.ask("!lookalike", reply_to=posted)
    assert answer.faces == 3


async def test_a_photo_of_ones_own_comes_before_the_one_that_is_replied_to(
    talk: Talk, photos: Photos
) -> None:
    posted = await talk.bob.send(talk.channel, "look at us", attachments=[("us.jpg", photos.group)])
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), reply_to=posted)
    assert answer.faces == 1


async def test_a_reply_to_words_is_told_that_there_is_no_photo(talk: Talk) -> None:
    posted = await talk.bob.send(talk.channel, "good morning")
    (answer,) = await talk.ask("!lookalike", reply_to=posted)
    assert answer.words.startswith("The message you reply to has no photo. ")


async def test_a_reply_to_a_forwarded_photo_asks_about_that_photo(talk: Talk, photos: Photos) -> None:
    posted = await talk.bob.send(talk.channel, "look at us", attachments=[("us.jpg", photos.group)])
    forwarded = await talk.bob.forward(posted, talk.channel)
    (answer,) = await talk.ask("!lookalike 3", reply_to=forwarded)
    assert answer.faces == 3
    await talk.press(talk.alice, answer, "More")
    assert talk.again(answer).people == 5


async def test_the_faces_of_a_group_are_numbered_from_the_largest(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike", ("us.jpg", photos.group))
    assert (answer.faces, answer.face) == (len(GROUP_SIDES_PX), 1)
    assert answer.select is not None
    assert [option.value for option in answer.select.options] == ["1", "2", "3"]
    assert [option.default for option in answer.select.options] == [True, False, False]


async def test_a_photo_in_a_direct_message_is_answered_there(talk: Talk, photos: Photos) -> None:
    there = talk.alice.user.dm_channel
    files = talk.env.backend.store_attachments(there.id, [("me.jpg", photos.portrait)])
    (answer,) = await talk.replies(
        lambda: talk.alice.send_dm("!lookalike", attachments=files), talk.alice.user.dm_channel
    )
    assert answer.people == 8


async def test_other_bots_are_ignored(talk: Talk, photos: Photos) -> None:
    robot = talk.guild.add_member(talk.env.create_user("robot", bot=True))
    assert await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=robot) == []
    assert await talk.ask(f"{talk.mention} what?", by=robot) == []


async def test_webhooks_are_ignored(talk: Talk, photos: Photos) -> None:
    hook = talk.guild.create_webhook(talk.channel)
    posted = [("me.jpg", photos.portrait)]
    assert await talk.replies(lambda: hook.send("!lookalike", attachments=posted)) == []


@pytest.mark.parametrize("words", ["!weather", "!", "hello", "lookalike", "!!!"])
async def test_what_is_meant_for_others_gets_no_answer(talk: Talk, photos: Photos, words: str) -> None:
    assert await talk.ask(words, ("me.jpg", photos.portrait)) == []
    assert talk.cdn.fetched == []


@pytest.mark.simcord(check_errors=False)
async def test_who_mentions_the_bot_is_told_how_to_ask(talk: Talk) -> None:
    (answer,) = await talk.ask(f"{talk.mention} what can you do?")
    assert answer.words == NO_PHOTO


async def test_a_link_is_not_followed_and_not_taken_for_the_avatar(talk: Talk) -> None:
    (answer,) = await talk.ask("!lookalike https://example.com/me.jpg")
    assert answer.words == "I do not follow links. Attach the photo itself."
    assert talk.cdn.fetched == []
