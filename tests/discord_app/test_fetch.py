"""Photos come from Discord's origins, whole, within the limits; against a real server on loopback."""

import asyncio
import logging
import secrets
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rvs.discord_app.fetch import Fetch, MediaFetcher, is_from
from rvs.errors import DeadlineError, DownloadError, LookalikeError, TooLargeError

ORIGINS = ("https://cdn.discordapp.com", "https://media.discordapp.net")
MIB = 2**20
_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Media:
    """A server that answers the n-th request with the n-th answer, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[_Answer] = []
        self.requests: list[web.Request] = []
        self.left = asyncio.Event()  # whoever was sent an endless answer has gone
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self.server = TestServer(application)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/attachments/1/2/photo.jpg?ex=1&hm=secret&"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answers[min(len(self.requests), len(self.answers)) - 1](request)


def status(code: int, body: bytes = b"photo", headers: dict[str, str] | None = None) -> _Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, body=body, headers=headers)

    return answer


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    line = request.transport.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"only this")
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    made = Media()
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
def fetch(media: Media, session: aiohttp.ClientSession) -> Fetch:
    return MediaFetcher(session, [media.origin], seconds=20)


async def test_a_photo_arrives_whole(media: Media, fetch: Fetch) -> None:
    body = bytes(range(256)) * 4096
    media.answers = [status(200, body)]
    assert await fetch(media.url, MIB) == body
    assert media.requests[0].path_qs == "/attachments/1/2/photo.jpg?ex=1&hm=secret&"


async def test_a_photo_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(
    media: Media, fetch: Fetch
) -> None:
    media.answers = [status(200, bytes(100)), status(200, bytes(101))]
    assert len(await fetch(media.url, 100)) == 100
    with pytest.raises(TooLargeError):
        await fetch(media.url, 100)


async def test_an_oversize_photo_is_refused_by_its_announced_length(media: Media, fetch: Fetch) -> None:
    async def announce_only(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(30 * MIB)})
        await response.prepare(request)
        await until_left(request, media.left)  # not one byte of it
        return response

    media.answers = [announce_only]
    with pytest.raises(TooLargeError) as caught:
        await fetch(media.url, 25 * MIB)
    assert caught.value.message == "This file is too large: at most 25 MB are read."
    await asyncio.wait_for(media.left.wait(), 20)
    assert len(media.requests) == 1


async def test_an_endless_photo_is_refused_while_it_arrives(media: Media, fetch: Fetch) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(65_536))
        finally:
            media.left.set()

    media.answers = [endless]
    with pytest.raises(TooLargeError):
        await fetch(media.url, MIB)
    await asyncio.wait_for(media.left.wait(), 20)


async def test_a_trickling_photo_meets_the_deadline(media: Media, session: aiohttp.ClientSession) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(b"x")
                await asyncio.sleep(0.02)
        finally:
            media.left.set()
        return response

    media.answers = [trickle]
    with pytest.raises(DeadlineError) as caught:
        await MediaFetcher(session, [media.origin], seconds=0.5)(media.url, MIB)
    assert (caught.value.message, caught.value.hint) == ("The photo did not arrive in time.", "Try again.")
    await asyncio.wait_for(media.left.wait(), 20)
    assert len(media.requests) == 1


async def test_a_second_try_meets_the_deadline_too(media: Media, session: aiohttp.ClientSession) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await until_left(request, media.left)
        return web.Response()

    media.answers = [status(500), silent]
    with pytest.raises(DeadlineError):
        await MediaFetcher(session, [media.origin], seconds=0.5)(media.url, MIB)


@pytest.mark.parametrize("first", [status(500), status(503), reset, half])
async def test_a_passing_trouble_is_tried_once_more(media: Media, fetch: Fetch, first: _Answer) -> None:
    # aiohttp itself asks again after a reset, once; the third request is ours.
    media.answers = [first, first, status(200)] if first is reset else [first, status(200)]
    assert await fetch(media.url, MIB) == b"photo"
    assert len(media.requests) == len(media.answers)


@pytest.mark.parametrize("trouble", [status(500), reset, half])
async def test_a_lasting_trouble_is_reported_after_two_tries(
    media: Media, fetch: Fetch, trouble: _Answer
) -> None:
    media.answers = [trouble]
    with pytest.raises(DownloadError) as caught:
        await fetch(media.url, MIB)
    assert caught.value.message == "The photo could not be fetched from Discord."
    assert caught.value.hint == "Try again in a minute."
    # aiohttp itself asks again after a reset, once per try.
    assert len(media.requests) == (4 if trouble is reset else 2)


@pytest.mark.parametrize("code", [403, 404, 410])
async def test_a_photo_that_is_gone_is_not_tried_again(media: Media, fetch: Fetch, code: int) -> None:
    media.answers = [status(code)]
    with pytest.raises(DownloadError) as caught:
        await fetch(media.url, MIB)
    assert (caught.value.message, caught.value.hint) == ("The photo is no longer there.", "Post it again.")
    assert len(media.requests) == 1


@pytest.mark.parametrize("code", [301, 302, 307])
async def test_redirects_are_not_followed(media: Media, fetch: Fetch, code: int) -> None:
    media.answers = [status(code, headers={"Location": "/elsewhere"}), status(200)]
    with pytest.raises(DownloadError, match="could not be fetched"):
        await fetch(media.url, MIB)
    assert len(media.requests) == 1


@pytest.mark.parametrize("code", [204, 206, 400, 429])
async def test_other_answers_are_no_photos(media: Media, fetch: Fetch, code: int) -> None:
    media.answers = [status(code), status(200)]
    with pytest.raises(DownloadError, match="could not be fetched"):
        await fetch(media.url, MIB)
    assert len(media.requests) == 1


async def test_nothing_is_asked_of_another_origin(media: Media, session: aiohttp.ClientSession) -> None:
    fetch = MediaFetcher(session, ORIGINS, seconds=20)
    with pytest.raises(DownloadError, match="Only photos that were posted in Discord can be used") as caught:
        await fetch(media.url, MIB)
    assert caught.value.hint
    assert media.requests == []


async def test_a_server_that_is_not_there_is_a_download_error(session: aiohttp.ClientSession) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DownloadError, match="could not be fetched"):
            await MediaFetcher(session, [origin], seconds=20)(f"{origin}/photo.jpg", MIB)


async def test_a_closed_session_is_a_download_error(media: Media) -> None:
    media.answers = [status(200)]
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(DownloadError, match="could not be fetched"):
        await MediaFetcher(session, [media.origin], seconds=20)(media.url, MIB)
    assert media.requests == []


async def test_neither_cookies_nor_credentials_are_sent_and_the_session_stays_open(media: Media) -> None:
    media.answers = [status(200, headers={"Set-Cookie": "theirs=1"})]
    jar = aiohttp.CookieJar(unsafe=True)
    secret = {"Authorization": "Bot abc.def"}
    async with aiohttp.ClientSession(cookies={"ours": "1"}, cookie_jar=jar, headers=secret) as session:
        fetch = MediaFetcher(session, [media.origin], seconds=20)
        await fetch(media.url, MIB)
        await fetch(media.url, MIB)
        assert not session.closed
        assert session.connector is not None
        assert not session.connector.closed
    for request in media.requests:
        assert not {"Cookie", "Authorization", "Referer"} & set(request.headers)


async def test_a_compressed_answer_is_not_unpacked(media: Media, fetch: Fetch) -> None:
    media.answers = [status(200, b"\x1f\x8b as it came", headers={"Content-Encoding": "gzip"})]
    assert await fetch(media.url, MIB) == b"\x1f\x8b as it came"
    assert media.requests[0].headers["Accept-Encoding"] == "identity"


async def test_a_cancelled_fetch_lets_go_of_the_server(media: Media, fetch: Fetch) -> None:
    asked = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        asked.set()
        await until_left(request, media.left)
        return web.Response()

    media.answers = [silent]
    task = asyncio.ensure_future(fetch(media.url, MIB))
    await asyncio.wait_for(asked.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(media.left.wait(), 20)


async def test_no_url_is_in_a_log_line_or_an_error(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="rvs")
    secret = secrets.token_hex(8)

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"nothing like HTTP\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(LookalikeError) as caught:
            await MediaFetcher(session, [origin], seconds=20)(f"{origin}/photo.jpg?hm={secret}", MIB)
    assert isinstance(caught.value, DownloadError)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert caplog.records
    assert secret not in caplog.text + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.discordapp.com/attachments/1/2/photo.jpg?ex=1&is=2&hm=3&",
        "https://media.discordapp.net/a",
        "HTTPS://CDN.DiscordApp.com/a",
        "https://cdn.discordapp.com:443/a",
        "https://cdn.discordapp.com",
        "https://cdn.discordapp.com/попугай.jpg",
    ],
)
def test_addresses_of_discord_are_known(url: str) -> None:
    assert is_from(url, ORIGINS)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photo.jpg",
        "//cdn.discordapp.com/a",
        "/a",
        "https://",
        "https://[",
        "http://cdn.discordapp.com/a",
        "ftp://cdn.discordapp.com/a",
        "file:///etc/passwd",
        "https://discordapp.com/a",
        "https://evil.example/https://cdn.discordapp.com/a",
        "https://cdn.discordapp.com.evil.example/a",
        "https://cdn-discordapp.com/a",
        "https://a.cdn.discordapp.com/a",
        "https://cdn.discordapp.com:8443/a",
        "https://cdn.discordapp.com:80/a",
        "http://cdn.discordapp.com:443/a",
        "https://cdn.discordapp.com:99999/a",
        "https://cdn.discordapp.com./a",
        "https://cdn.discordapp.com@evil.example/a",
        "https://me@cdn.discordapp.com/a",
        "https://me:secret@cdn.discordapp.com/a",
        "https://@cdn.discordapp.com/a",
        "https://evil.example\\@cdn.discordapp.com/a",
        "https://cdn.discordapp.com\\.evil.example/a",
        "https://evil.example#@cdn.discordapp.com/a",
        "https://evil.example?@cdn.discordapp.com/a",
        "https://cdn.discordapp.com%2eevil.example/a",
        "https://cdn%2ediscordapp.com/a",
        "https://cdn.discordapp.com\n.evil.example/a",
        "https://cdn.discordapp.com\n",
        " https://cdn.discordapp.com/a",
        "https://cdn.d\N{LATIN SMALL LETTER DOTLESS I}scordapp.com/a",
        "https://cdn.discord\N{CYRILLIC SMALL LETTER A}pp.com/a",
        "https://\N{FULLWIDTH LATIN SMALL LETTER C}dn.discordapp.com/a",
        "https://cdn.discordapp\N{IDEOGRAPHIC FULL STOP}com/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
    ],
)
def test_other_addresses_are_told_apart(url: str) -> None:
    assert not is_from(url, ORIGINS)


async def until_left(request: web.Request, left: asyncio.Event) -> None:
    """Waits until whoever asked has closed the connection."""
    try:
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.01)
    finally:
        left.set()
