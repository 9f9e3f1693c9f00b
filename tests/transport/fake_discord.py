"""Our own Discord, over real HTTP and websocket on loopback, against which the unmodified bot runs as a process.

    async with FakeDiscord() as discord, BotProcess(script, discord, tmp_path) as bot:
        await bot.ready()
        question = await discord.post(discord.channel, discord.person, "!lookalike", attachments=[("me.jpg", jpeg)])
        answer = await discord.wait_for_reply(question)
        pressed = await discord.click(answer, "More", discord.person)
        answer = await discord.wait_for_reply(pressed)
        assert answer.file("grid.jpg").data
        assert len(discord.calls("POST", "/channels/*/messages")) == 1
        assert discord.unknown_routes == []

Where to look:

* `people`: what people do, and waiting for answers. All of it is a method of `FakeDiscord`.
* `world`: the records behind it, which tests read and change (`discord.guild.upload_bytes = 1000`).
* `discord.faults.add(...)`: HTTP that fails, waits, drops or lies (`faults`).
* `discord.gateway`: op 7, closing, dropping, refusing, malformed frames (`gateway`).
* `discord.requests`, `discord.calls(method, path)`: everything the bot asked for (`call.Request`).
* `process`: the bot itself, its log, its memory, its end.

What it takes over from Discord, beyond the routes, is told in `posting`, `components`, `interaction_routes` and
`payloads.is_readable`. Not covered: threads, roles other than @everyone, voice, rate-limit headers of answers that
succeed.
"""

import json
from types import TracebackType
from typing import Literal, Self

from tests.transport.call import Request
from tests.transport.faults import Faults
from tests.transport.gateway import Gateway
from tests.transport.people import People
from tests.transport.server import API, Server
from tests.transport.things import User
from tests.transport.world import World

TOKEN = "fake-token"  # noqa: S105 - opens nothing but this fake


class FakeDiscord(People):
    """One application with a bot, one server with a channel, one person; and room for more.

    `message_content` is what the developer portal says of that intent. `callback_seconds` is how long an
    interaction waits for its first answer; with 0 every answer is too late.
    """

    def __init__(
        self,
        *,
        message_content: Literal["approved", "limited", "no"] = "limited",
        callback_seconds: float = 3.0,
        token: str = TOKEN,
    ) -> None:
        world = World(token)
        super().__init__(world, Gateway(world))
        world.application.message_content = message_content
        world.callback_seconds = callback_seconds
        self.faults = Faults()
        self.server = Server(world, self.gateway, self.faults)
        self.owner = world.application.owner
        self.person = self.add_user("ada")
        self.guild = self.add_guild("The test server", self.owner, members=[self.person])
        self.channel = self.add_channel(self.guild, "photos")

    @property
    def bot(self) -> User:
        """The bot's own user."""
        return self.world.bot

    @property
    def requests(self) -> list[Request]:
        """Every request, in order of arrival."""
        return self.server.requests

    @property
    def unknown_routes(self) -> list[str]:
        """Requests for which there is no route. Assert that it is empty, or add the route."""
        return self.server.unknown_routes

    def calls(self, method: str, path: str) -> list[Request]:
        """The requests whose method and path are these; `*` stands for anything."""
        return self.server.calls(method, path)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the bot here."""
        return {
            "DISCORD_TOKEN": self.world.token,
            "RVS_DISCORD_API": self.world.origin + API,
            "RVS_DISCORD_GATEWAY": self.gateway.url,
            "RVS_DISCORD_MEDIA": json.dumps([self.world.origin]),
        }

    def story(self) -> str:
        """The last requests, for the message of a test that fails."""
        last = "".join(f"\n  {request}" for request in self.requests[-20:])
        return f"the last requests were:{last}" if last else "the bot has asked for nothing"

    async def __aenter__(self) -> Self:
        self.world.origin = await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.gateway.stop()
        await self.server.stop()
        if self.server.own_errors and error is None:
            raise ExceptionGroup("the fake itself failed", self.server.own_errors)
