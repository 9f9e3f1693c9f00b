"""What is kept, what is written to the log, and `/privacy`."""

import json
import logging
import re
import threading

import pytest

from rvs.discord_app.notices import AGREED, WITHDRAWN
from tests.conversation.photos import Photos
from tests.conversation.talk import Talk

AGREE_LABEL = "Let others search by my avatar"


async def test_privacy_says_what_happens_and_that_nobody_else_may_search(talk: Talk) -> None:
    result = await talk.alice.slash(talk.channel, "privacy")
    answer = talk.answer(result)
    assert result.ephemeral
    assert "not stored" in answer.words
    assert "**Nobody but you** may search by your avatar." in answer.words
    assert [button.label for button in answer.buttons.values()] == [AGREE_LABEL]


async def test_agreeing_writes_the_id_and_nothing_else(talk: Talk) -> None:
    shown = talk.answer(await talk.alice.slash(talk.channel, "privacy"))
    result = await talk.alice.click(shown.message, label=AGREE_LABEL)
    assert result.ephemeral
    assert talk.answer(result).words == AGREED
    written = json.loads(talk.workshop.consents_file.read_text())
    assert written == {"format": 1, "agreed": [talk.alice.id]}


async def test_withdrawing_leaves_nothing_of_the_person(talk: Talk) -> None:
    shown = talk.answer(await talk.alice.slash(talk.channel, "privacy"))
    await talk.alice.click(shown.message, label=AGREE_LABEL)
    shown = talk.answer(await talk.alice.slash(talk.channel, "privacy"))
    assert "**Others may** search by your avatar." in shown.words
    result = await talk.alice.click(shown.message, label="Withdraw")
    assert talk.answer(result).words == WITHDRAWN
    for file in talk.workshop.folder.iterdir():
        assert str(talk.alice.id) not in file.read_text()


async def test_a_consent_outlives_a_restart(talk: Talk, photos: Photos) -> None:
    talk.give_avatar(talk.bob, photos.portrait)
    shown = talk.answer(await talk.bob.slash(talk.channel, "privacy"))
    await talk.bob.click(shown.message, label=AGREE_LABEL)
    await talk.restart()
    (answer,) = await talk.ask(f"!lookalike {talk.bob.mention}")
    assert answer.people == 8


async def test_the_buttons_of_privacy_work_after_a_restart(talk: Talk) -> None:
    result = await talk.alice.slash(talk.channel, "privacy")
    await talk.restart()
    assert result.response is not None
    clicked = await talk.alice.click(result.response.message, label=AGREE_LABEL)
    assert talk.answer(clicked).words == AGREED
    assert talk.consents.has_agreed(talk.alice.id)


async def test_what_cannot_be_written_down_has_not_been_agreed_to(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    shown = talk.answer(await talk.alice.slash(talk.channel, "privacy"))
    talk.workshop.consents_file.mkdir()  # a folder in its place cannot be replaced
    result = await talk.alice.click(shown.message, label=AGREE_LABEL)
    assert talk.answer(result).words.startswith("This could not be written down, so nothing has changed.")
    assert not talk.consents.has_agreed(talk.alice.id)


async def test_photos_are_never_written(talk: Talk, photos: Photos) -> None:
    await talk.ask("!lookalike", ("me.jpg", photos.portrait))
    await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
    assert [file.suffix for file in talk.workshop.folder.iterdir()] == [".sha256"]


async def test_photos_that_nobody_asks_about_are_not_fetched(talk: Talk, photos: Photos) -> None:
    await talk.ask("look at me", ("me.jpg", photos.portrait))
    await talk.ask("!weather", ("me.jpg", photos.portrait))
    assert talk.cdn.fetched == []


async def test_consents_are_written_beside_the_event_loop(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree, threads = talk.consents.agree, []

    def watched(person_id: int) -> None:
        threads.append(threading.get_ident())
        agree(person_id)

    monkeypatch.setattr(talk.consents, "agree", watched)
    shown = talk.answer(await talk.alice.slash(talk.channel, "privacy"))
    await talk.alice.click(shown.message, label=AGREE_LABEL)
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.simcord(check_errors=False)
async def test_the_log_tells_of_each_question_and_of_no_person(
    talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="rvs")
    await talk.ask("!lookalike 3 xylophone", ("holiday.jpg", photos.portrait))
    await talk.ask("!lookalike", ("holiday.jpg", photos.noise))
    await talk.ask("!lookalike", ("holiday.jpg", b"xylophone"))
    await talk.ask(f"{talk.mention} xylophone")
    await talk.ask(f"!lookalike {talk.bob.mention}")
    talk.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
    await talk.ask("!lookalike", ("holiday.jpg", photos.portrait))
    result = await talk.alice.slash(talk.channel, "lookalike", image=("holiday.jpg", photos.portrait))
    await talk.press(talk.bob, talk.answer(result), "Fewer")
    await talk.press(talk.bob, talk.answer(result), "Delete")

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("rvs")]
    assert lines
    for line in lines:
        for private in ("xylophone", "holiday", "alice", "bob", "://", str(talk.alice.id), str(talk.bob.id)):
            assert private not in line
    assert not any(record.exc_info for record in caplog.records)


async def test_each_stage_of_a_question_is_one_line_with_the_same_id(
    talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="rvs.query")
    await talk.ask("!lookalike 3", ("me.jpg", photos.group))
    lines = [record.getMessage() for record in caplog.records if record.name == "rvs.query"]
    assert len({line.split()[0] for line in lines}) == 1
    stages = re.findall(r" stage=(\w+)", "\n".join(lines))
    assert stages == [
        "find", "queue", "download", "worker", "decode", "search", "grid", "overview", "reply",
    ]  # fmt: skip
