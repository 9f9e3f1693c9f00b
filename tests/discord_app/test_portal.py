"""What Discord says of the application, against a real server on loopback; and where the token must not be."""

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from rvs.discord_app.portal import (
    NEEDED_PERMISSIONS,
    Application,
    ServerPermissions,
    TokenRefusedError,
    UnreachableError,
    ask_application,
    ask_servers,
    invite_url,
)
from rvs.errors import ConfigError, LookalikeError

TOKEN = "MTIz.abc.secret-part"  # noqa: S105
ME: dict[str, object] = {
    "id": "123",
    "name": "Lookalike",
    "bot_public": True,
    "flags": 1 << 19 | 1 << 23,
    "bot": {"id": "123", "username": "lookalike-bot"},
}


class Portal:
    """The two endpoints; `me` is what the first says, `servers` are what the second pages through."""

    def __init__(self) -> None:
        self.me: object = ME
        self.status = 200
        self.headers: dict[str, str] = {}
        self.servers: list[dict[str, object]] = []
        self.stuck = False
        self.requests: list[web.Request] = []
        application = web.Application()
        application.router.add_get("/api/v10/oauth2/applications/@me", self._me)
        application.router.add_get("/api/v10/users/@me/guilds", self._guilds)
        self.server = TestServer(application)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/api/v10"

    async def _me(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if isinstance(self.me, bytes):
            return web.Response(body=self.me, status=self.status, headers=self.headers)
        return web.json_response(self.me, status=self.status, headers=self.headers)

    async def _guilds(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        after = 0 if self.stuck else int(request.query["after"])
        page = [server for server in self.servers if int(str(server["id"])) > after]
        return web.json_response(page[: int(request.query["limit"])], status=self.status)


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    made = Portal()
    await made.server.start_server()
    yield made
    await made.server.close()


def server(number: int, permissions: discord.Permissions, **more: object) -> dict[str, object]:
    return {"id": str(number), "name": f"S{number}", "permissions": str(permissions.value), **more}


async def test_the_application_is_described(portal: Portal, session: aiohttp.ClientSession) -> None:
    asked = await ask_application(session, portal.api, TOKEN)
    assert asked == Application(123, "Lookalike", "lookalike-bot", public=True, message_content=True)
    (request,) = portal.requests
    assert request.headers["Authorization"] == f"Bot {TOKEN}"
    assert request.headers["User-Agent"].startswith("DiscordBot (")


@pytest.mark.parametrize(
    ("flags", "allowed"),
    [(1 << 18, True), (1 << 19, True), (1 << 17, False), (1 << 20, False), (0, False), (None, False)],
)
async def test_message_content_is_read_from_the_flags(
    portal: Portal, session: aiohttp.ClientSession, flags: int | None, allowed: bool
) -> None:
    portal.me = {**ME, "flags": flags}
    assert (await ask_application(session, portal.api + "/", TOKEN)).message_content is allowed


async def test_without_a_bot_in_the_answer_the_application_names_it(
    portal: Portal, session: aiohttp.ClientSession
) -> None:
    portal.me = {key: value for key, value in ME.items() if key not in ("bot", "flags")}
    asked = await ask_application(session, portal.api, TOKEN)
    assert asked == Application(123, "Lookalike", "Lookalike", public=True, message_content=False)


async def test_a_refused_token_is_a_setting_to_correct(
    portal: Portal, session: aiohttp.ClientSession
) -> None:
    portal.status, portal.me = 401, {"message": "401: Unauthorized", "code": 0}
    with pytest.raises(TokenRefusedError) as caught:
        await ask_application(session, portal.api, TOKEN)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.message == "Discord does not accept the token."
    assert "Reset Token" in caught.value.hint
    with pytest.raises(TokenRefusedError):
        await ask_servers(session, portal.api, TOKEN)


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "tok\N{EN DASH}en", "\x00"])
async def test_a_token_that_cannot_be_one_is_not_even_sent(
    portal: Portal, session: aiohttp.ClientSession, token: str
) -> None:
    with pytest.raises(TokenRefusedError):
        await ask_application(session, portal.api, token)
    assert portal.requests == []


@pytest.mark.parametrize("status", [302, 403, 404, 429, 500, 503])
async def test_other_answers_mean_unreachable(
    portal: Portal, session: aiohttp.ClientSession, status: int
) -> None:
    portal.status, portal.headers = status, {"Location": "/api/v10/users/@me/guilds", "Retry-After": "1"}
    with pytest.raises(UnreachableError, match=str(status)) as caught:
        await ask_application(session, portal.api, TOKEN)
    assert caught.value.code == "discord.unreachable"
    assert len(portal.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        b'{"id": "x", "name": "n", "bot_public": 1}',
        b'{"id": "1", "name": "n", "bot_public": true, "bot": 5}',
    ],
)
async def test_nonsense_means_unreachable(
    portal: Portal, session: aiohttp.ClientSession, answer: bytes
) -> None:
    portal.me = answer
    with pytest.raises(UnreachableError, match="makes no sense"):
        await ask_application(session, portal.api, TOKEN)


async def test_permissions_are_named_server_by_server(portal: Portal, session: aiohttp.ClientSession) -> None:
    some = discord.Permissions(view_channel=True, send_messages=True)
    portal.servers = [
        server(1, NEEDED_PERMISSIONS),
        server(2, some),
        server(3, discord.Permissions(administrator=True)),
        server(4, discord.Permissions.none(), owner=True),
        server(5, discord.Permissions.all()),
        server(6, discord.Permissions(1 << 60)),  # of the future
    ]
    assert await ask_servers(session, portal.api, TOKEN) == [
        ServerPermissions("S1", ()),
        ServerPermissions("S2", ("send_messages_in_threads", "attach_files", "read_message_history")),
        ServerPermissions("S3", ()),
        ServerPermissions("S4", ()),
        ServerPermissions("S5", ()),
        ServerPermissions(
            "S6",
            (
                "view_channel",
                "send_messages",
                "send_messages_in_threads",
                "attach_files",
                "read_message_history",
            ),
        ),
    ]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (199, 1), (200, 2), (401, 3)])
async def test_servers_are_read_page_by_page(
    portal: Portal, session: aiohttp.ClientSession, count: int, requests: int
) -> None:
    portal.servers = [server(number, NEEDED_PERMISSIONS) for number in range(1, count + 1)]
    names = [one.name for one in await ask_servers(session, portal.api, TOKEN)]
    assert names == [f"S{number}" for number in range(1, count + 1)]
    assert len(portal.requests) == requests


async def test_the_same_page_for_ever_is_nonsense(portal: Portal, session: aiohttp.ClientSession) -> None:
    portal.servers = [server(number, NEEDED_PERMISSIONS) for number in range(1, 201)]
    portal.stuck = True
    with pytest.raises(UnreachableError, match="makes no sense"):
        await ask_servers(session, portal.api, TOKEN)
    assert len(portal.requests) == 2


async def test_servers_that_make_no_sense_mean_unreachable(
    portal: Portal, session: aiohttp.ClientSession
) -> None:
    portal.servers = [{"id": "1", "name": "S1", "permissions": "many"}]
    with pytest.raises(UnreachableError, match="makes no sense"):
        await ask_servers(session, portal.api, TOKEN)


async def test_nobody_listening_means_unreachable(session: aiohttp.ClientSession) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match="cannot be reached"):
            await ask_application(session, f"http://127.0.0.1:{taken.getsockname()[1]}", TOKEN)


async def test_silence_meets_the_deadline(session: aiohttp.ClientSession) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other side hangs up
        writer.close()
        gone.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
        api = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        for ask in (ask_application, ask_servers):
            with pytest.raises(UnreachableError, match="no answer in time"):
                await ask(session, api, TOKEN, seconds=0.1)
        await asyncio.wait_for(gone.wait(), 20)


async def _nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"nothing like HTTP\r\n\r\n")
    writer.close()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


@pytest.mark.parametrize("answer", [_nonsense, _hang_up, _refuse])
async def test_the_token_is_in_no_error_log_line_or_cause(
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    caplog.set_level(logging.DEBUG)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        with pytest.raises(LookalikeError) as caught:
            await ask_application(session, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", TOKEN)
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    told = (
        "".join(traceback.format_exception(error)) + f"{error!r} {error.message} {error.hint}" + caplog.text
    )
    assert TOKEN not in told
    assert "secret-part" not in told


def test_the_invitation_asks_for_what_is_needed_and_no_more() -> None:
    url = URL(invite_url(123))
    assert str(url.with_query(None)) == "https://discord.com/oauth2/authorize"
    assert dict(url.query) == {
        "client_id": "123",
        "scope": "bot applications.commands",
        "permissions": str(NEEDED_PERMISSIONS.value),
    }
    assert not NEEDED_PERMISSIONS.administrator
    assert NEEDED_PERMISSIONS.value.bit_count() == 5
