"""A conversation with the bot: the real engine, service and bot, in a Discord that is kept in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
from simcord import Env, InteractionResult
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle

from rvs.answerer import LocalAnswerer
from rvs.discord_app.asking import Desk, DeskLimits
from rvs.discord_app.client import LookalikeBot, Parts, make_bot
from rvs.discord_app.consent import Consents
from rvs.discord_app.limits import Limiter, Rate
from rvs.discord_app.settings import load_discord_settings
from rvs.errors import DownloadError, TooLargeError
from rvs.service import Service, ServiceLimits
from tests.conversation.seen import Seen, see

# The Discord in memory waits for the bot this long; what takes longer counts as on its way until the clock is turned.
PATIENCE_S = 60.0
TYPING_AFTER_S = 1000.0
ANSWER_SECONDS = 5000.0

_V2 = 1 << 15
_PERSON, _CHANNEL = Rate(60, 60), Rate(600, 60)
_SERVICE = ServiceLimits()
_DESK = DeskLimits(4, 25 << 20, ANSWER_SECONDS)


class Cdn:
    """Fetches what was posted, as the bot's own fetcher would; it can be told to wait."""

    def __init__(self) -> None:
        self.env: Env | None = None
        self.gate: asyncio.Event | None = None
        self.fetched: list[str] = []

    async def __call__(self, url: str, max_bytes: int) -> bytes:
        assert self.env is not None
        self.fetched.append(url)
        if self.gate is not None:
            await self.env.external_wait(self.gate.wait(), reason="the photo is on its way")
        data = self.get(url)
        if data is None:
            raise DownloadError("The photo is no longer there.", hint="Post it again.")
        if len(data) > max_bytes:
            raise TooLargeError("This file is too large.", hint="Send a smaller version of it.")
        return data

    def get(self, url: str) -> bytes | None:
        """The file at an address."""
        assert self.env is not None
        return self.env.backend.cdn.get(url)

    def put(self, url: str, data: bytes) -> None:
        """Puts a file there, such as an avatar, for which the Discord in memory has no way."""
        assert self.env is not None
        self.env.backend.cdn._blobs[url] = data


@dataclass(frozen=True)
class Setup:
    """How the bot is set up; tests that want it otherwise parametrize the fixture `setup`."""

    settings: dict[str, Any] = field(default_factory=dict)
    message_content: bool = True
    person: Rate = _PERSON
    channel: Rate = _CHANNEL
    service: ServiceLimits = _SERVICE
    desk: DeskLimits = _DESK
    started: bool = True


@dataclass
class Workshop:
    """Builds bots on the same files, as one restart after the other does."""

    setup: Setup
    service: Service
    cdn: Cdn
    folder: Path

    @property
    def consents_file(self) -> Path:
        """Where it is written who has agreed."""
        return self.folder / "consents.json"

    def build(self) -> tuple[LookalikeBot, Desk, Consents]:
        """A bot that has just been started."""
        setup = self.setup
        desk = Desk(LocalAnswerer(self.service), Limiter(setup.person, setup.channel), self.cdn, setup.desk)
        consents = Consents(self.consents_file)
        settings = load_discord_settings(**setup.settings)
        parts = Parts(settings, desk, consents, 8, self.folder, message_content=setup.message_content)
        return make_bot(parts), desk, consents


@dataclass
class Talk:
    """Two people and the bot in a channel."""

    env: Env
    cdn: Cdn
    workshop: Workshop
    desk: Desk
    consents: Consents
    guild: GuildHandle
    channel: ChannelHandle
    alice: MemberActor
    bob: MemberActor

    async def ask(
        self,
        words: str = "!lookalike",
        *files: tuple[str, bytes],
        by: MemberActor | None = None,
        reply_to: discord.Message | None = None,
        channel: ChannelHandle | None = None,
    ) -> list[Seen]:
        """Post a message; what the bot posts because of it."""
        there = channel or self.channel

        async def post() -> object:
            return await (by or self.alice).send(there, words, attachments=files, reply_to=reply_to)

        return await self.replies(post, there)

    async def replies(
        self, act: Callable[[], Awaitable[object]], channel: ChannelHandle | None = None
    ) -> list[Seen]:
        """What the bot posts while somebody does something."""
        there = channel or self.channel
        before = {message.id for message in there.history()}
        await act()
        return [self.see(message) for message in self.said(there) if message.id not in before]

    def said(self, channel: ChannelHandle | None = None) -> list[discord.Message]:
        """Everything that the bot has said in a channel and that is still there."""
        there = channel or self.channel
        return [message for message in there.history() if message.author.id == self.bot_id]

    def see(self, message: discord.Message) -> Seen:
        """Look at a message."""
        return see(message, self.cdn)

    def again(self, seen: Seen) -> Seen:
        """The same message as it is now."""
        return next(self.see(one) for one in self.channel.history() if one.id == seen.message.id)

    def answer(self, result: InteractionResult) -> Seen:
        """The message that answers an interaction."""
        assert result.response is not None
        return self.see(result.response.message)

    async def press(self, who: MemberActor, seen: Seen, button: str) -> InteractionResult:
        """Press a button, named by its first word."""
        return await who.click(seen.message, custom_id=seen.buttons[button].custom_id)

    async def restart(self) -> None:
        """Stop the bot and start it anew; nothing is left but its files."""
        bot, self.desk, self.consents = self.workshop.build()
        await self.env.restart_bot(bot)

    def give_avatar(
        self, person: MemberActor, picture: bytes, *, key: str = "0123456789abcdef", of_server: bool = False
    ) -> None:
        """Give somebody an avatar, for everywhere or for this server."""
        if of_server:
            self.env.backend.get_guild(self.guild.id).members[person.id].avatar = key
            place = f"guilds/{self.guild.id}/users/{person.id}/avatars"
        else:
            self.env.backend.get_user(person.id).avatar = key
            place = f"avatars/{person.id}"
        self.cdn.put(f"https://cdn.discordapp.com/{place}/{key}.png?size=1024", picture)

    def channel_without(self, *permissions: str) -> ChannelHandle:
        """A channel in which the bot lacks permissions."""
        user = self.env.bot.user
        assert user is not None
        denied = discord.PermissionOverwrite(**dict.fromkeys(permissions, False))
        return self.guild.create_text_channel("restricted", overwrites={user: denied})

    def requests(self, method: str, ending: str) -> int:
        """How often the bot has sent a request to an address that ends so."""
        return sum(one.method == method and one.path.endswith(ending) for one in self.env.http_requests)

    def posted(self) -> list[dict[str, Any]]:
        """The bodies of all messages that the bot has tried to post, replies to interactions aside."""
        requests = [one for one in self.env.http_requests if one.path.endswith("/messages")]
        return [dict(one.json or {}) for one in requests if one.method == "POST"]

    def pings(self) -> list[Any]:
        """Whom the bot's messages were allowed to notify; at least one has been posted."""
        bodies = self.posted()
        assert bodies
        return [allowed for body in bodies for allowed in body["allowed_mentions"].values() if allowed]

    @property
    def bot_id(self) -> int:
        """Of the bot."""
        return self.env.backend.bot_user.id

    @property
    def mention(self) -> str:
        """Of the bot."""
        return f"<@{self.bot_id}>"


def as_discord_sends_it(env: Env, *, installed_by_user: bool = False) -> None:
    """Makes good two things that the Discord in memory leaves out of interactions.

    Who installed the bot, the server or the person; and that files which a layout shows are not listed among the
    attachments of their message.
    """

    def amend(event: str, payload: Any) -> None:
        if event != "INTERACTION_CREATE":
            return
        person = (payload.get("member") or payload)["user"]["id"]
        server = payload.get("guild_id", "0")
        payload["authorizing_integration_owners"] = {"1": person} if installed_by_user else {"0": server}
        message = payload.get("message")
        if message is not None and message["flags"] & _V2:
            message["attachments"] = []

    env.backend.subscribers.insert(0, amend)
