"""What the bot may not do, or not see, in a channel."""

import logging

import discord
import pytest
import simcord

from rvs.discord_app.errors import UNREADABLE
from tests.conversation.photos import Photos
from tests.conversation.talk import Setup, Talk, Workshop

BLIND = pytest.mark.parametrize("setup", [Setup(message_content=False)], ids=["no message content"])


class TestPermissionsOfAChannel:
    async def test_where_it_may_not_write_there_is_one_line_in_the_log_and_no_try(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        channel = talk.channel_without("send_messages")
        answers = await talk.ask("!lookalike", ("me.jpg", photos.portrait), channel=channel)
        assert answers == []
        assert talk.requests("POST", "/messages") == 0
        assert talk.cdn.fetched == []
        assert _warnings(caplog) == [f"channel {channel.id}: no permission to send messages"]

    async def test_where_it_may_not_attach_files_it_asks_for_the_permission(
        self, talk: Talk, photos: Photos
    ) -> None:
        channel = talk.channel_without("attach_files")
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), channel=channel)
        assert answer.words == "I may not attach files in this channel: give me that permission."
        assert talk.cdn.fetched == []

    async def test_where_it_may_not_read_the_history_the_answer_is_no_reply(
        self, talk: Talk, photos: Photos
    ) -> None:
        channel = talk.channel_without("read_message_history")
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), channel=channel)
        assert answer.people == 8
        assert answer.replies_to is None

    async def test_a_permission_that_goes_while_it_works_is_one_line_in_the_log(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=None)
        assert await talk.ask("!lookalike", ("me.jpg", photos.portrait)) == []
        assert talk.requests("POST", "/messages") == 1
        (line,) = _warnings(caplog)
        assert line.endswith("reply=refused: Discord says 403 (50013)")

    async def test_a_slash_command_needs_no_permission_of_the_channel(
        self, talk: Talk, photos: Photos
    ) -> None:
        channel = talk.channel_without("send_messages", "attach_files", "view_channel")
        result = await talk.alice.slash(channel, "lookalike", image=("me.jpg", photos.portrait))
        assert talk.answer(result).people == 8

    async def test_in_a_thread_the_permission_for_threads_counts(
        self, talk: Talk, photos: Photos, caplog: pytest.LogCaptureFixture
    ) -> None:
        channel = talk.channel_without("send_messages_in_threads")
        talk.env.backend.create_thread(channel.id, "faces", talk.alice.id)
        (thread,) = channel.threads
        assert await talk.ask("!lookalike", ("me.jpg", photos.portrait), channel=thread) == []
        assert _warnings(caplog) == [f"channel {thread.id}: no permission to send messages"]

    async def test_a_thread_is_answered(self, talk: Talk, photos: Photos) -> None:
        talk.env.backend.create_thread(talk.channel.id, "faces", talk.alice.id)
        (thread,) = talk.channel.threads
        (answer,) = await talk.ask("!lookalike", ("me.jpg", photos.portrait), channel=thread)
        assert answer.people == 8


class TestWithoutMessageContent:
    @BLIND
    async def test_the_prefix_is_not_seen(self, talk: Talk, photos: Photos) -> None:
        assert await talk.ask("!lookalike", ("me.jpg", photos.portrait)) == []
        assert talk.env.errors == []

    @BLIND
    async def test_a_mention_is_answered(self, talk: Talk, photos: Photos) -> None:
        (answer,) = await talk.ask(f"{talk.mention} lookalike 3", ("me.jpg", photos.portrait))
        assert answer.people == 3
        await talk.press(talk.alice, answer, "More")
        assert talk.again(answer).people == 5

    @BLIND
    async def test_the_photo_of_another_message_cannot_be_seen_and_that_is_said(
        self, talk: Talk, photos: Photos
    ) -> None:
        posted = await talk.bob.send(talk.channel, "us", attachments=[("us.jpg", photos.group)])
        (answer,) = await talk.ask(f"{talk.mention} lookalike", reply_to=posted)
        assert answer.words == UNREADABLE

    @BLIND
    async def test_a_direct_message_needs_no_mention(self, talk: Talk, photos: Photos) -> None:
        there = talk.alice.user.dm_channel
        files = talk.env.backend.store_attachments(there.id, [("me.jpg", photos.portrait)])
        (answer,) = await talk.replies(
            lambda: talk.alice.send_dm("!lookalike 3", attachments=files), talk.alice.user.dm_channel
        )
        assert answer.people == 3

    async def test_one_line_says_so_at_the_start(
        self, workshop: Workshop, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="rvs.discord")
        blind = Workshop(Setup(message_content=False), workshop.service, workshop.cdn, workshop.folder)
        async with simcord.run(blind.build()[0]):
            pass
        lines = [record.getMessage() for record in caplog.records if record.name == "rvs.discord"]
        assert lines == [
            "connected, in 0 servers",
            "without the message content intent, !lookalike works only as @mention lookalike",
        ]

    async def test_with_it_there_is_no_such_line(
        self, workshop: Workshop, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="rvs.discord")
        async with simcord.run(workshop.build()[0]):
            pass
        assert not [record for record in caplog.records if "intent" in record.getMessage()]

    async def test_an_intent_that_the_portal_does_not_allow_ends_the_start(self, workshop: Workshop) -> None:
        approved = discord.Intents.all()
        approved.message_content = False
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with simcord.run(workshop.build()[0], approved_intents=approved):
                pass

    async def test_no_other_privileged_intent_is_asked_for(self, workshop: Workshop) -> None:
        approved = discord.Intents.all()
        approved.members = approved.presences = False
        async with simcord.run(workshop.build()[0], approved_intents=approved) as env:
            assert env.bot.is_ready()


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
