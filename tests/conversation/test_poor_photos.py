"""Photos that cannot be used, or not well: whoever asked reads why, and what helps."""

import io

import pytest
from PIL import Image

from rvs.discord_app.asking import DeskLimits
from tests.conversation.photos import Photos, file_of
from tests.conversation.talk import Setup, Talk

SMALL = Setup(desk=DeskLimits(4, 2 << 20, 60))


async def test_a_poor_photo_is_answered_with_the_reason_why_that_means_little(
    talk: Talk, photos: Photos
) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.blurred))
    assert answer.people == 8
    assert "⚠️ The photo is poor: the face is blurred. The answer means little." in answer.words
    assert answer.words.startswith("### The photo is too poor to say\n")
    assert "resemblance:" not in answer.words


async def test_a_good_photo_has_no_such_line(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    assert "poor" not in answer.words


async def test_without_a_face_there_is_one_sentence_and_no_picture(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.noise))
    assert answer.words.startswith("No face was found in this photo.")
    assert answer.pictures == {}
    assert answer.buttons == {}


async def test_a_text_that_calls_itself_a_photo_is_told_so(talk: Talk) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", b"just some text"))
    assert answer.words.startswith("This is text, not a photo. ")


async def test_another_kind_of_file_is_not_fetched(talk: Talk) -> None:
    (answer,) = await talk.ask("!lookalike", ("notes.txt", b"just some text"))
    assert answer.words.startswith("This file is not a picture. ")
    assert talk.cdn.fetched == []


async def test_an_empty_file_is_told_so(talk: Talk) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", b""))
    assert answer.words == "This file is empty. Send the photo again."


async def test_a_file_that_ends_early_is_told_so(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait[:9000]))
    assert answer.pictures == {}
    assert len(answer.words.splitlines()) == 1


@pytest.mark.parametrize("setup", [SMALL], ids=["2 MiB"])
async def test_a_file_that_is_announced_as_too_large_is_not_fetched(talk: Talk) -> None:
    (answer,) = await talk.ask("!lookalike", ("me.jpg", bytes(3 << 20)))
    assert answer.words == "The photo is too large: 3 MiB. Send one of at most 2 MiB."
    assert talk.cdn.fetched == []


@pytest.mark.parametrize("setup", [SMALL], ids=["2 MiB"])
async def test_a_file_that_is_larger_than_announced_is_refused_while_it_arrives(talk: Talk) -> None:
    (posted,) = talk.env.backend.store_attachments(talk.channel.id, [("me.jpg", bytes(3 << 20))])

    async def post() -> None:
        talk.env.backend.create_message(
            talk.channel.id, talk.alice.id, "!lookalike", attachments=[{**posted, "size": 1000}]
        )
        await talk.env.settle()

    (answer,) = await talk.replies(post)
    assert answer.words == "This file is too large. Send a smaller version of it."


async def test_a_small_file_of_very_many_pixels_is_refused(talk: Talk, photos: Photos) -> None:
    assert len(photos.bomb) < 100_000
    (answer,) = await talk.ask("!lookalike", ("me.png", photos.bomb))
    assert "10,000 x 10,000 pixels" in answer.words


async def test_a_photo_that_is_gone_is_told_so(talk: Talk, photos: Photos) -> None:
    posted = await talk.bob.send(talk.channel, "me", attachments=[("me.jpg", photos.portrait)])
    talk.env.backend.cdn._blobs.clear()
    (answer,) = await talk.ask("!lookalike", reply_to=posted)
    assert answer.words == "The photo is no longer there. Post it again."


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
async def test_other_kinds_of_pictures_are_read(talk: Talk, photos: Photos, kind: str) -> None:
    picture = file_of(Image.open(io.BytesIO(photos.portrait)), kind)
    (answer,) = await talk.ask("!lookalike 1", (f"me.{kind.lower()}", picture))
    assert answer.people == 1


async def test_a_picture_without_a_telling_name_or_type_is_no_picture(talk: Talk, photos: Photos) -> None:
    (answer,) = await talk.ask("!lookalike", ("me", photos.portrait))
    assert answer.words.startswith("This file is not a picture. ")


class TestHiddenPhotos:
    async def test_every_picture_of_the_answer_is_hidden(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike", ("SPOILER_us.jpg", photos.group))
        assert set(answer.pictures) == {"lookalikes.jpg", "faces.jpg"}
        assert all(picture.spoiler for picture in answer.pictures.values())

    async def test_it_stays_so_after_a_press(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike", ("SPOILER_us.jpg", photos.group))
        await talk.press(talk.alice, answer, "Fewer")
        assert all(picture.spoiler for picture in talk.again(answer).pictures.values())

    async def test_a_hidden_photo_in_the_answer_keeps_it_so(self, talk: Talk, photos: Photos) -> None:
        result = await talk.alice.slash(talk.channel, "lookalike", image=("SPOILER_me.jpg", photos.portrait))
        await talk.press(talk.alice, talk.answer(result), "Fewer")
        pictures = talk.answer(result).pictures
        assert set(pictures) == {"lookalikes.jpg", "photo.jpg"}
        assert all(picture.spoiler for picture in pictures.values())

    async def test_other_photos_are_not_hidden(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike", ("us.jpg", photos.group))
        assert not any(picture.spoiler for picture in answer.pictures.values())
