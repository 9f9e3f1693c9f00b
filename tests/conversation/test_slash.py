"""The commands that Discord knows: `/lookalike`, `/compare`, `/about`."""

import pytest

import rvs
from tests.conversation.photos import Photos
from tests.conversation.talk import Talk

WIDTH_PX = 960


async def test_a_slash_command_is_answered_with_the_photo_that_its_buttons_need(
    talk: Talk, photos: Photos
) -> None:
    result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
    answer = talk.answer(result)
    assert not result.ephemeral
    assert answer.people == 8
    assert answer.grid_size == (WIDTH_PX, 1257)
    assert answer.pictures["photo.jpg"].image.size == (512, 512)


async def test_a_slash_command_is_deferred_before_any_work(talk: Talk, photos: Photos) -> None:
    await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
    requests = [one for one in talk.env.http_requests if "interaction" in one.path]
    assert [one.method for one in requests] == ["POST", "PATCH"]
    assert requests[0].json == {"type": 5}


async def test_the_number_of_people_is_an_option(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait), people=5)
    assert talk.answer(result).people == 5


async def test_a_private_answer_is_seen_by_the_asker_alone(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "lookalike", image=("me.jpg", photos.portrait), private=True
    )
    assert result.ephemeral
    assert talk.answer(result).people == 8
    assert not [one for one in talk.channel.history(viewer=talk.bob) if one.author.id == talk.bot_id]


async def test_the_buttons_of_a_private_answer_work(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "lookalike", image=("me.jpg", photos.portrait), private=True
    )
    await talk.press(talk.alice, talk.answer(result), "Fewer")
    assert talk.answer(result).people == 5


async def test_a_private_question_without_a_face_is_told_so_in_private(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.noise), private=True)
    assert result.ephemeral
    assert talk.answer(result).words.startswith("No face was found")


async def test_a_file_that_is_no_picture_is_told_so(talk: Talk) -> None:
    result = await talk.alice.slash(talk.channel, "lookalike", image=("notes.txt", b"hello"))
    assert talk.answer(result).words == "This file is not a picture. Attach a photo."
    assert talk.cdn.fetched == []


async def test_a_slash_command_works_in_a_direct_message(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.user.slash("lookalike", image=("me.jpg", photos.portrait), people=3)
    answer = talk.answer(result)
    assert answer.people == 3
    await talk.alice.user.click(answer.message, custom_id=answer.buttons["More"].custom_id)
    assert talk.answer(result).people == 5


async def test_two_photos_of_one_person_are_compared(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.portrait), b=("b.jpg", photos.group)
    )
    answer = talk.answer(result)
    assert answer.words.startswith("### An uncanny resemblance")
    assert "99.999 % of pairs of strangers" in answer.words
    assert list(answer.pictures) == ["comparison.jpg"]
    assert answer.pictures["comparison.jpg"].description
    assert list(answer.buttons) == ["Delete"]


async def test_a_comparison_without_a_second_face_says_which_photo_has_none(
    talk: Talk, photos: Photos
) -> None:
    result = await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.portrait), b=("b.jpg", photos.noise)
    )
    assert "No face was found in the second photo" in talk.answer(result).words


async def test_a_comparison_with_a_poor_photo_says_which_one(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.blurred), b=("b.jpg", photos.portrait)
    )
    words = talk.answer(result).words
    assert "The first photo is poor: the face is blurred" in words
    assert "The second photo" not in words


async def test_a_private_comparison_is_seen_by_the_asker_alone(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.portrait), b=("b.jpg", photos.portrait), private=True
    )
    assert result.ephemeral
    assert list(talk.answer(result).pictures) == ["comparison.jpg"]


async def test_a_comparison_with_a_hidden_photo_is_hidden(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.portrait), b=("SPOILER_b.jpg", photos.portrait)
    )
    assert talk.answer(result).pictures["comparison.jpg"].spoiler


async def test_a_comparison_can_be_deleted_by_whoever_asked(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.portrait), b=("b.jpg", photos.portrait)
    )
    await talk.press(talk.alice, talk.answer(result), "Delete")
    assert talk.said() == []


async def test_about_tells_how_to_ask(talk: Talk) -> None:
    result = await talk.alice.slash(talk.channel, "about")
    words = talk.answer(result).words
    assert result.ephemeral
    assert "`!lookalike`" in words
    assert rvs.__version__ in words


async def test_commands_are_offered_in_servers_and_in_direct_messages(talk: Talk) -> None:
    offered = {"lookalike", "compare", "privacy", "about"}
    assert set(talk.alice.available_commands(talk.channel)) == offered
    assert set(talk.alice.user.available_commands()) == offered


@pytest.mark.parametrize("installed_by_user", [True], ids=["user install"])
async def test_who_has_installed_the_bot_for_themselves_can_ask_anywhere(talk: Talk, photos: Photos) -> None:
    result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait), people=3)
    answer = talk.answer(result)
    assert answer.people == 3
    await talk.press(talk.alice, answer, "More")
    assert talk.answer(result).people == 5
