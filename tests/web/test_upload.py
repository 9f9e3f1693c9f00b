"""Photos that arrive: limits of size, time and memory hold while they do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.running import PHOTO_BYTES, Running, Setup, until

_HEAD = b"POST /v1/find HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: image/jpeg\r\n"
SLOW = Setup(upload_seconds=0.3)


async def test_one_byte_too_many_by_what_is_announced(web: Running) -> None:
    for data, status in ((b"x" * PHOTO_BYTES, 415), (b"x" * (PHOTO_BYTES + 1), 413)):
        assert (await web.post("/v1/find", data)).status == status


async def test_one_byte_too_many_by_what_comes(web: Running) -> None:
    async def chunks(total: int) -> AsyncIterator[bytes]:
        yield b"x" * (total - 1)
        yield b"x"

    for total, status in ((PHOTO_BYTES, 415), (PHOTO_BYTES + 1, 413)):
        reply = await web.post("/v1/find", chunks(total))
        assert reply.status == status
    assert reply.code == "photo.too_large"


async def test_one_byte_too_many_in_a_form(web: Running) -> None:
    for size, status in ((PHOTO_BYTES, 415), (PHOTO_BYTES + 1, 413)):
        assert (await web.form("/v1/find", {"photo": b"x" * size})).status == status
        both = {"first": b"x" * size, "second": b"x"}
        assert (await web.form("/v1/compare", both)).status == status


async def test_what_is_announced_too_large_is_not_waited_for(web: Running) -> None:
    reply = await web.raw(_HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413 ")


async def test_who_expects_to_be_told_is_told_to_go_on(web: Running, portrait: bytes) -> None:
    reply = await web.post("/v1/find", portrait, expect100=True)
    assert reply.status == 200


@pytest.mark.parametrize("setup", [SLOW])
async def test_a_photo_that_does_not_arrive_in_time(web: Running) -> None:
    reply = await web.raw(_HEAD + b"Content-Length: 1000\r\n\r\nabc")
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "deadline.upload"' in reply
    assert web.uploads.taken_bytes == 0


@pytest.mark.parametrize("setup", [SLOW])
async def test_a_photo_that_trickles_in(web: Running) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"\xff"
            await asyncio.sleep(0.02)

    assert (await web.post("/v1/find", trickle())).status == 408


@pytest.mark.parametrize("setup", [Setup(photo_bytes=100_000, upload_bytes=300_000)])
async def test_memory_for_what_arrives_is_bounded_and_comes_back(web: Running, portrait: bytes) -> None:
    async with AsyncExitStack() as stack:
        for number in range(1, 4):
            _, writer = await stack.enter_async_context(web.connected())
            writer.write(_HEAD + b"Content-Length: 90000\r\n\r\n")
            await until(partial(_taken, web, 90_000 * number))
        refused = await web.post("/v1/find", b"x" * 50_000)
        assert (refused.status, refused.code) == (503, "busy")
        assert int(refused.headers["Retry-After"]) >= 1
    await until(partial(_taken, web, 0))
    assert (await web.post("/v1/find", portrait)).status == 200


def _taken(web: Running, expected: int) -> bool:
    return web.uploads.taken_bytes == expected


async def test_a_slow_upload_holds_nobody_up(web: Running, portrait: bytes) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(20):  # more than photos may be in memory for the engine
            _, writer = await stack.enter_async_context(web.connected())
            writer.write(_HEAD + b"Content-Length: 1000\r\n\r\nabc")
        await until(lambda: web.questions.open_questions == 20)
        assert (await web.post("/v1/find", portrait)).status == 200
    await until(lambda: web.questions.open_questions == 0)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "nonsense"])
async def test_a_compressed_body_is_not_taken(web: Running, encoding: str) -> None:
    reply = await web.raw(_HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: 3\r\n\r\nabc".encode())
    assert reply.startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/x"]
)
async def test_another_kind_of_body_is_not_taken(web: Running, portrait: bytes, kind: str) -> None:
    reply = await web.post("/v1/find", portrait, kind)
    assert (reply.status, reply.code) == (415, "photo.unsupported")


async def test_a_form_has_the_field_once_and_no_other(web: Running, portrait: bytes) -> None:
    twice = aiohttp.MultipartWriter("form-data")
    for _ in range(2):
        twice.append(portrait).set_content_disposition("form-data", name="photo", filename="a.jpg")
    for reply in (
        await web.form("/v1/find", {"file": portrait}),
        await web.form("/v1/find", {"photo": portrait, "people": b"3"}),
        await web.post("/v1/find", twice, None),
        await web.post("/v1/find", aiohttp.MultipartWriter("form-data"), None),
    ):
        assert (reply.status, reply.code) == (400, "config")


async def test_an_empty_field_is_no_photo(web: Running) -> None:
    reply = await web.form("/v1/find", {"photo": b""})
    assert (reply.status, reply.code) == (422, "photo.empty")


@pytest.mark.parametrize(
    "body",
    [
        b"no form at all",
        b"--b\r\n",
        b"--b\r\nContent-Disposition: form-data; name=photo\r\n\r\n\xff\xd8",
        b"--b\r\nContent-Disposition: form-data; name=_charset_\r\n\r\n" + b"x" * 100 + b"\r\n--b--\r\n",
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 500 + b"\r\n\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data; name=photo\r\nnonsense\r\n\r\nx\r\n--b--\r\n",
    ],
)
async def test_a_broken_form_is_told_so(web: Running, body: bytes) -> None:
    reply = await web.post("/v1/find", body, "multipart/form-data; boundary=b")
    assert (reply.status, reply.code) == (400, "config")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=" + "b" * 71])
async def test_a_form_without_a_boundary_that_can_be_one(web: Running, portrait: bytes, kind: str) -> None:
    assert (await web.post("/v1/find", portrait, kind)).status == 400


@pytest.mark.parametrize("setup", [SLOW])
async def test_broken_chunks_are_refused(web: Running) -> None:
    head = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    # Not HTTP at all: aiohttp itself answers.
    assert b" 400 Bad Request" in await web.raw(head + b"nonsense\r\n\r\n")
    async with web.connected() as (reader, writer):
        writer.write(head + b"3\r\n\xff\xd8\xff\r\n")
        await until(lambda: web.questions.open_questions == 1)
        writer.write(b"nonsense\r\n\r\n")
        assert b" 408 Request Timeout" in await web.read(reader)  # aiohttp does not say that they are broken
    await until(lambda: web.questions.open_questions == 0 and web.uploads.taken_bytes == 0)


_PIECES = st.lists(
    st.sampled_from([
        b"--b", b"--b--", b"\r\n", b"\n", b":", b"Content-Disposition: form-data; name=photo", b'name="', b"\x00",
        b"Content-Transfer-Encoding: base64", b"Content-Length: 5", b"Content-Type: multipart/x; boundary=b",
        b"Content-Disposition: form-data; name=_charset_", b"photo", b"\xff\xd8\xff", b"a" * 9000,
        b";filename*=x''%zz",
    ])
    | st.binary(max_size=20),
    max_size=12,
)  # fmt: skip


async def test_whatever_a_form_is_made_of_nothing_breaks(web: Running) -> None:
    """No form of whatever pieces gets anything but an answer or a refusal."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_PIECES)
    def try_one(pieces: list[bytes]) -> None:
        posted = web.post("/v1/find", b"".join(pieces), "multipart/form-data; boundary=b")
        reply = asyncio.run_coroutine_threadsafe(posted, loop).result(30)
        assert reply.status in {400, 413, 415, 422}

    await asyncio.to_thread(try_one)
    assert web.uploads.taken_bytes == 0
