"""What outlives a restart, and the bot as a whole: its owner's command, shards, threads."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

import rvs.answer
from rvs.engine import GalleryPhotos
from rvs.search import Lookalike
from tests.conversation.photos import Photos
from tests.conversation.talk import Setup, Talk

TOLD = "Discord has been told of the commands. Members may have to restart their client to see them."


class TestRestart:
    async def test_the_buttons_of_an_answer_work(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        await talk.restart()
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.again(answer).people == 5

    async def test_the_buttons_of_a_slash_answer_work(self, talk: Talk, photos: Photos) -> None:
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        answer = talk.answer(result)
        await talk.restart()
        await talk.press(talk.alice, answer, "Fewer")
        assert talk.answer(result).people == 5

    async def test_the_faces_of_an_answer_can_be_chosen(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike 3", ("us.jpg", photos.group))
        await talk.restart()
        await talk.alice.select(answer.message, ["3"])
        assert talk.again(answer).face == 3

    async def test_an_answer_can_be_deleted(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        await talk.restart()
        refused = await talk.press(talk.bob, answer, "Delete")
        assert refused.ephemeral
        await talk.press(talk.alice, answer, "Delete")
        assert answer.message.id not in {message.id for message in talk.said()}

    async def test_new_questions_are_answered(self, talk: Talk, photos: Photos) -> None:
        await talk.restart()
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait))
        assert answer.people == 8

    async def test_the_buttons_work_when_the_message_content_intent_was_taken_away(
        self, talk: Talk, photos: Photos
    ) -> None:
        result = await talk.alice.slash(talk.channel, "lookalike", image=("me.jpg", photos.portrait))
        talk.workshop.setup = Setup(message_content=False)
        await talk.restart()
        await talk.press(talk.alice, talk.answer(result), "Fewer")
        assert talk.answer(result).people == 5


class TestCommandsOfTheApplication:
    async def test_discord_is_told_of_them_once(self, talk: Talk) -> None:
        assert talk.requests("PUT", "/commands") == 1
        await talk.restart()
        assert talk.requests("PUT", "/commands") == 1

    async def test_the_owner_can_tell_it_again(self, talk: Talk) -> None:
        talk.env.bot.owner_id = talk.alice.id  # type: ignore[attr-defined]
        (answer,) = await talk.ask(f"{talk.mention} sync")
        assert answer.words == TOLD
        assert talk.requests("PUT", "/commands") == 2

    @pytest.mark.simcord(check_errors=False)
    async def test_nobody_else_can(self, talk: Talk) -> None:
        (answer,) = await talk.ask(f"{talk.mention} sync")
        assert answer.words == "You may not do that here."
        assert talk.requests("PUT", "/commands") == 1

    @pytest.mark.simcord(check_errors=False)
    async def test_a_sync_of_another_bot_gets_no_answer(self, talk: Talk) -> None:
        assert await talk.ask("!sync") == []

    @pytest.mark.simcord(check_errors=False)
    async def test_a_failure_is_told(self, talk: Talk) -> None:
        talk.env.bot.owner_id = talk.alice.id  # type: ignore[attr-defined]
        talk.env.inject_error("PUT", "/applications/*/commands", status=500)
        (answer,) = await talk.ask(f"{talk.mention} sync")
        assert answer.words.startswith("Something unexpected happened.")


@pytest.mark.parametrize("setup", [Setup(settings={"sharded": True})], ids=["sharded"])
@pytest.mark.simcord(shard_count=2)
async def test_in_shards_the_bot_answers_in_every_server(talk: Talk, photos: Photos) -> None:
    for shard_id in (0, 1):
        guild = talk.env.create_guild(shard_id=shard_id)
        channel = guild.create_text_channel("general")
        carol = guild.add_member(talk.env.create_user("carol"))
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), by=carol, channel=channel)
        assert answer.people == 8
        await carol.click(answer.message, custom_id=answer.buttons["Fewer"].custom_id)
        assert talk.see(channel.history()[-1]).people == 5


async def test_no_answer_is_kept_in_memory_for_its_buttons(talk: Talk, photos: Photos) -> None:
    await talk.ask("!lookalike", ("us.jpg", photos.group))
    await talk.alice.slash(talk.channel, "lookalike", image=("us.jpg", photos.group))
    await talk.alice.slash(talk.channel, "privacy")
    assert talk.env.bot._connection._view_store._views == {}
    assert list(talk.env.bot.cached_messages) == []


async def test_nothing_of_the_engine_runs_in_the_thread_of_the_event_loop(
    talk: Talk, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            seen.append((name, threading.get_ident()))
            return function(*args, **named)

        return call

    for owner, name in (
        (Lookalike, "find"), (Lookalike, "compare"), (GalleryPhotos, "load"), (rvs.answer, "read_photo"),
        (rvs.answer, "grid"), (rvs.answer, "overview"), (rvs.answer, "encoded"), (rvs.answer, "pair"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, watched(name, getattr(owner, name)))
    monkeypatch.setattr("rvs.discord_app.delivery.shrunk", watched("shrunk", rvs.render.jpeg.shrunk))

    talk.env.inject_error("POST", "/channels/*/messages", status=413, code=40005)
    await talk.ask("!lookalike", ("us.jpg", photos.group))
    await talk.alice.slash(talk.channel, "lookalike", image=("me.png", photos.group))
    await talk.alice.slash(
        talk.channel, "compare", a=("a.jpg", photos.portrait), b=("b.jpg", photos.portrait)
    )
    assert {name for name, _ in seen} >= {
        "find",
        "compare",
        "read_photo",
        "grid",
        "overview",
        "pair",
        "shrunk",
    }
    assert threading.get_ident() not in {thread for _, thread in seen}
