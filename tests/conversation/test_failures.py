"""Discord refuses, fails or forgets: whoever asked gets an answer or a reason, once, wherever that is possible."""

import asyncio
import logging

import pytest

from rvs.discord_app.controls import Controls
from rvs.discord_app.errors import NOT_ACCEPTED
from rvs.errors import GalleryCorruptError
from rvs.search import Lookalike
from tests.conversation.photos import Photos
from tests.conversation.talk import Talk

MESSAGES = "/channels/*/messages"
CALLBACK = "/interactions/*/callback"
ORIGINAL = "/webhooks/*/messages/@original"


class TestReplies:
    @pytest.mark.parametrize("status", [500, 503])
    async def test_after_a_passing_failure_there_is_exactly_one_answer(
        self, talk: Talk, photos: Photos, status: int
    ) -> None:
        talk.env.inject_error("POST", MESSAGES, status=status)
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.people == 8
        assert talk.requests("POST", "/messages") == 2

    async def test_both_tries_have_the_same_nonce(self, talk: Talk, photos: Photos) -> None:
        talk.env.inject_error("POST", MESSAGES, status=503)
        await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        bodies = talk.posted()
        assert bodies[0]["nonce"] == bodies[1]["nonce"]
        assert all(body["enforce_nonce"] for body in bodies)

    async def test_a_lasting_failure_is_given_up(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk.env.inject_error("POST", MESSAGES, status=503, times=None)
        assert await talk.ask("!lookalike", ("me.jpg", photos.portrait)) == []
        assert talk.requests("POST", "/messages") == 2
        assert _warnings(caplog) == ["reply=failed: Discord says 503 (0)"] * 2

    async def test_a_refused_upload_is_sent_again_smaller(self, talk: Talk, photos: Photos) -> None:
        (full,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        talk.env.inject_error("POST", MESSAGES, status=413, code=40005)
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.words == full.words
        large, small = (talk.cdn.get(one.message.attachments[0].url) for one in (full, answer))
        assert large is not None
        assert small is not None
        assert len(small) <= len(large) // 4

    async def test_a_layout_that_is_not_accepted_becomes_a_sentence(self, talk: Talk, photos: Photos) -> None:
        talk.env.inject_error("POST", MESSAGES, status=400, code=50035)
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.words == NOT_ACCEPTED
        assert answer.pictures == {}

    async def test_a_question_that_was_deleted_meanwhile_is_answered_all_the_same(
        self, talk: Talk, photos: Photos
    ) -> None:
        await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        (body,) = talk.posted()
        assert body["message_reference"]["fail_if_not_exists"] is False

    async def test_a_failure_to_say_what_failed_is_no_new_failure(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk.env.inject_error("POST", MESSAGES, status=403, code=50013)
        assert await talk.ask("!lookalike", ("me.jpg", photos.noise)) == []
        assert _warnings(caplog) == ["reply=refused: Discord says 403 (50013)"]
        assert not any(record.exc_info for record in caplog.records)
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.people == 8


class TestInteractions:
    async def test_after_an_expired_token_the_answer_goes_to_the_channel(
        self, talk: Talk, photos: Photos
    ) -> None:
        talk.env.inject_error("PATCH", ORIGINAL, status=401, code=50027)
        await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        answer = talk.see(talk.said()[-1])
        assert answer.people == 8
        assert "photo.jpg" in answer.pictures
        assert talk.requests("POST", "/messages") == 1

    async def test_an_answer_that_comes_after_fifteen_minutes_goes_to_the_channel(
        self, talk: Talk, photos: Photos
    ) -> None:
        talk.cdn.gate = asyncio.Event()
        await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        await talk.env.advance_time(901)
        talk.cdn.gate.set()
        await talk.env.settle()
        assert talk.see(talk.said()[-1]).people == 8
        assert talk.requests("POST", "/messages") == 1

    async def test_a_private_answer_never_goes_to_the_channel(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk.env.inject_error("PATCH", ORIGINAL, status=401, code=50027, times=None)
        await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait), private=True)
        assert talk.requests("POST", "/messages") == 0
        assert _warnings(caplog)[-1] == "reply=expired: it was private, so it is dropped"

    async def test_a_question_that_could_not_be_deferred_is_answered_in_the_channel(
        self, talk: Talk, photos: Photos
    ) -> None:
        talk.env.inject_error("POST", CALLBACK, status=404, code=10062)
        await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        (message,) = talk.said()
        assert talk.see(message).people == 8

    async def test_a_private_question_that_could_not_be_deferred_is_dropped(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk.env.inject_error("POST", CALLBACK, status=404, code=10062)
        await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait), private=True)
        assert talk.said() == []
        assert _warnings(caplog)[-1] == "reply=expired: it was private, so it is dropped"

    async def test_after_a_passing_failure_there_is_exactly_one_answer(
        self, talk: Talk, photos: Photos
    ) -> None:
        talk.env.inject_error("PATCH", ORIGINAL, status=503)
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        assert talk.answer(result).people == 8
        assert len(talk.said()) == 1

    async def test_a_refused_upload_is_sent_again_smaller(self, talk: Talk, photos: Photos) -> None:
        talk.env.inject_error("PATCH", ORIGINAL, status=413, code=40005)
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        assert talk.answer(result).people == 8
        await talk.press(talk.alice, talk.answer(result), "Fewer")
        assert talk.answer(result).people == 5

    async def test_a_press_on_an_answer_that_has_gone_says_nothing_in_the_channel(
        self, talk: Talk, photos: Photos
    ) -> None:
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        talk.env.inject_error("PATCH", ORIGINAL, status=404, code=10008, times=None)
        before = talk.requests("POST", "/messages")
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.requests("POST", "/messages") == before
        assert talk.env.errors == []

    async def test_about_that_cannot_be_said_is_one_line_in_the_log(
        self, talk: Talk, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk.env.inject_error("POST", CALLBACK, status=404, code=10062)
        await talk.alice.slash(talk.channel, "about")
        assert _warnings(caplog) == ["reply=expired: Discord says 404 (10062)"]


class TestTheEngine:
    async def test_something_unexpected_is_said_and_logged_with_a_traceback(
        self,
        talk: Talk,
        photos: Photos,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        _engine_raises(monkeypatch, RuntimeError("segment 7"))
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.words == "Something unexpected happened. It is in the log; try again in a minute."
        (record,) = [record for record in caplog.records if record.exc_info]
        assert record.levelno == logging.ERROR

    async def test_a_damaged_index_is_the_owners_business(
        self,
        talk: Talk,
        photos: Photos,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        _engine_raises(monkeypatch, GalleryCorruptError("The index is damaged.", hint="Build it again."))
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.words == ("Something is wrong on my side. The owner of this bot finds it in the log.")
        assert "error=gallery.corrupt: The index is damaged. Build it again." in caplog.text

    async def test_the_next_photo_of_the_same_message_is_answered(
        self, talk: Talk, photos: Photos, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        find, calls = Lookalike.find, []

        def fail_once(self: Lookalike, *args: object, **named: object) -> object:
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("segment 7")
            return find(self, *args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(Lookalike, "find", fail_once)
        both = (("a.jpg", photos.portrait), ("b.jpg", photos.portrait))
        first, second = await talk.ask("!lookalike 3", *both)
        assert first.words.startswith("Photo 1: Something unexpected happened.")
        assert second.people == 3


class TestTheBotItself:
    @pytest.mark.simcord(check_errors=False)
    async def test_a_command_that_breaks_is_said_to_whoever_asked(
        self, talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(talk.consents, "has_agreed", _broken)
        result = await talk.alice.slash(talk.channel, "privacy")
        assert result.ephemeral
        assert talk.answer(result).words.startswith("Something unexpected happened.")
        (record,) = [record for record in caplog.records if record.exc_info]
        assert record.getMessage().endswith("error=RuntimeError")

    @pytest.mark.simcord(check_errors=False)
    async def test_an_event_that_breaks_is_logged_without_what_it_carried(
        self,
        talk: Talk,
        photos: Photos,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        with monkeypatch.context() as broken:
            broken.setattr(Controls, "press", _broken)
            await talk.press(talk.alice, answer, "Fewer")
        (record,) = [record for record in caplog.records if record.exc_info]
        assert record.getMessage() == "the event on_interaction failed"
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.again(answer).people == 5


def _broken(*_: object) -> None:
    raise RuntimeError("segment 7")


def _engine_raises(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Lookalike, "find", fail)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is warned of, without the ids of the queries."""
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [line.split(" ", 1)[1] if line.startswith("query=") else line for line in lines]
