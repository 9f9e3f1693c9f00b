"""The websocket of Discord's gateway: sessions that outlive their connection, and everything that cuts it.

Frames are plain text although the bot offers to unpack zlib: Discord's protocol allows it and a person can read it.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import WSMsgType, web

from tests.transport.api_error import Json
from tests.transport.payloads import channel_json, guild_json, message_json, user_json
from tests.transport.things import Channel, Intent, Message
from tests.transport.world import World

# Discord says 41 s. On loopback its answer can overtake discord.py's stopwatch, which then takes the whole interval
# for a delay, and warns of it from 10 s.
HEARTBEAT_MS = 5_000
MessageEvent = Literal["MESSAGE_CREATE", "MESSAGE_UPDATE"]


@dataclass(slots=True, eq=False)
class Session:
    """What a RESUME comes back to. `events` are the frames that were sent or missed, number 1 first."""

    id: str
    intents: Intent
    shard: tuple[int, int] = (0, 1)
    socket: web.WebSocketResponse | None = None
    events: list[str] = field(default_factory=list)


class Gateway:
    """Greets the bot, tells it what happens, and misbehaves on order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shards = 1
        self.sessions: dict[str, Session] = {}
        self.identifies: list[Json] = []
        self.resumes: list[Json] = []
        self.closes: list[int | None] = []
        """The code of each connection that ended."""
        self._sockets: dict[web.WebSocketResponse, web.Request] = {}
        self._refusals: list[Literal["503", "drop"]] = []

    @property
    def url(self) -> str:
        """Its address, which is also the one to resume at."""
        return self.world.origin.replace("http", "ws", 1) + "/gateway/"

    @property
    def connected(self) -> list[Session]:
        """Sessions whose websocket is open."""
        return [session for session in self.sessions.values() if session.socket is not None]

    # What tests order

    def refuse(self, times: int, how: Literal["503", "drop"] = "503") -> None:
        """Turn away the next `times` connections: a 503 to the handshake, or no answer at all."""
        self._refusals += [how] * times

    async def reconnect(self) -> None:
        """Op 7: please connect again and resume."""
        await self._send_all({"op": 7, "d": None})

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9: the session is not valid (or, with `resumable`, may be resumed)."""
        await self._send_all({"op": 9, "d": resumable})

    async def close(self, code: int) -> None:
        """Close the websockets with this code."""
        for session in self.connected:
            socket, session.socket = session.socket, None  # it is we who hang up: the session may be resumed
            if socket is not None:
                with suppress(ConnectionError):
                    await socket.close(code=code, drain=False)

    def drop(self) -> None:
        """Cut the TCP connections without a word."""
        for request in list(self._sockets.values()):
            if request.transport:
                request.transport.abort()

    async def send_raw(self, text: str) -> None:
        """Send a frame as it is, such as a malformed one."""
        for session in self.connected:
            if session.socket:
                await session.socket.send_str(text)

    # What happens in the world

    async def tell(
        self, event: str, data: Json, *, needs: Intent = Intent.NOTHING, guild_id: int | None = None
    ) -> None:
        """Send an event to the sessions that asked for it; those without a connection get it when they resume."""
        for session in self.sessions.values():
            if needs in session.intents and self._is_theirs(session, guild_id):
                await self._dispatch(session, event, data)
        self.world.changes.ring()

    async def tell_message(self, event: MessageEvent, message: Message) -> None:
        """A message came or changed; its text only for sessions that may read it."""
        guild = message.channel.guild
        needs = Intent.GUILD_MESSAGES if guild else Intent.DIRECT_MESSAGES
        for session in self.sessions.values():
            if needs in session.intents and self._is_theirs(session, guild.id if guild else None):
                readable = Intent.MESSAGE_CONTENT in session.intents
                body = message_json(self.world, message, readable=readable, event=True)
                await self._dispatch(session, event, body)
        self.world.changes.ring()

    async def tell_deleted(self, message: Message) -> None:
        """Delete the message, and its files, and say so."""
        message.deleted = True
        self.world.remove_attachments(message.files)
        guild = message.channel.guild
        body = {"id": str(message.id), "channel_id": str(message.channel.id)}
        if guild:
            body["guild_id"] = str(guild.id)
        needs = Intent.GUILD_MESSAGES if guild else Intent.DIRECT_MESSAGES
        await self.tell("MESSAGE_DELETE", body, needs=needs, guild_id=guild.id if guild else None)

    async def tell_channel(self, channel: Channel) -> None:
        """A channel's permissions changed."""
        guild_id = channel.guild.id if channel.guild else None
        await self.tell(
            "CHANNEL_UPDATE", channel_json(self.world, channel), needs=Intent.GUILDS, guild_id=guild_id
        )

    # The connection

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """GET /gateway/ with an upgrade to a websocket."""
        if self._refusals:
            if self._refusals.pop(0) == "drop" and request.transport:
                request.transport.abort()
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0, timeout=1.0)
        await socket.prepare(request)
        self._sockets[socket] = request
        try:
            await socket.send_str(json.dumps({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_MS}}))
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._receive(socket, json.loads(frame.data))
        except ConnectionError:  # dropped while we were sending
            pass
        finally:
            del self._sockets[socket]
            self._hang_up(socket)
        return socket

    def _hang_up(self, socket: web.WebSocketResponse) -> None:
        self.closes.append(socket.close_code)
        for session in self.connected:
            if session.socket is socket:
                session.socket = None
                if socket.close_code in {1000, 1001}:  # the bot said goodbye: nothing to resume
                    del self.sessions[session.id]
        self.world.changes.ring()

    async def _receive(self, socket: web.WebSocketResponse, frame: Json) -> None:
        op, data = frame["op"], frame["d"]
        if op == 1:
            await socket.send_str(json.dumps({"op": 11, "d": None}))
        elif op == 2:
            await self._identify(socket, data)
        elif op == 6:
            await self._resume(socket, data)

    async def _identify(self, socket: web.WebSocketResponse, data: Json) -> None:
        self.identifies.append(data)
        intents = Intent(data["intents"] & sum(Intent))
        refused = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES
        if self.world.application.message_content == "no":
            refused |= Intent.MESSAGE_CONTENT
        if data["token"] != self.world.token:
            await socket.close(code=4004, message=b"Authentication failed.")
        elif intents & refused:
            await socket.close(code=4014, message=b"Disallowed intent(s).")
        else:
            await self._welcome(socket, intents, data.get("shard"))

    async def _welcome(self, socket: web.WebSocketResponse, intents: Intent, shard: list[int] | None) -> None:
        world = self.world
        number, of = shard or (0, 1)
        session = Session(f"session-{len(self.identifies)}", intents, (number, of), socket)
        self.sessions[session.id] = session
        guilds = [guild for guild in world.guilds.values() if world.bot in guild.members]
        theirs = [guild for guild in guilds if self._is_theirs(session, guild.id)]
        ready: Json = {
            "v": 10,
            "user": user_json(world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in theirs],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "session_type": "normal",
            "application": {"id": str(world.application.id), "flags": world.application.flags},
        }
        if shard:
            ready["shard"] = shard
        await self._dispatch(session, "READY", ready)
        if Intent.GUILDS in intents:
            for guild in theirs:
                await self._dispatch(session, "GUILD_CREATE", guild_json(world, guild))
        world.changes.ring()

    async def _resume(self, socket: web.WebSocketResponse, data: Json) -> None:
        self.resumes.append(data)
        session = self.sessions.get(data["session_id"])
        if session is None:
            await socket.send_str(json.dumps({"op": 9, "d": False}))
            return
        sent: int = data["seq"]
        while sent < len(session.events):  # more may happen while it is told
            await socket.send_str(session.events[sent])
            sent += 1
        session.socket = socket
        await self._dispatch(session, "RESUMED", {})
        self.world.changes.ring()

    def _is_theirs(self, session: Session, guild_id: int | None) -> bool:
        shard, shards = session.shard
        return ((guild_id >> 22) % shards if guild_id else 0) == shard

    async def _dispatch(self, session: Session, event: str, data: Json) -> None:
        text = json.dumps({"op": 0, "t": event, "s": len(session.events) + 1, "d": data})
        session.events.append(text)
        if session.socket is not None:
            with suppress(ConnectionError):  # then a RESUME brings it
                await session.socket.send_str(text)

    async def _send_all(self, frame: Json) -> None:
        await self.send_raw(json.dumps(frame))

    async def stop(self) -> None:
        """Cut every connection, and wait until their handlers are gone."""
        self.drop()
        await self.world.changes.wait_until(lambda: not self._sockets, 5)
