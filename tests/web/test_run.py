"""The service as a process: it starts, follows its index, is told to stop at bad moments, and ends in good order."""

import asyncio
import io
import json
import shutil
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from rvs.errors import GalleryError
from rvs.gallery.store import Store
from tests.conftest import ROOT
from tests.web.process import ServeProcess, serving

HEAD = b"POST /v1/find HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


async def ask(service: ServeProcess, photo: bytes, path: str = "/v1/find?people=2") -> tuple[int, bytes]:
    kind = {"Content-Type": "image/jpeg"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(service.url + path, data=io.BytesIO(photo), headers=kind) as response,
    ):
        return response.status, await response.read()


async def get(service: ServeProcess, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(service.url + path) as response:
        return response.status, await response.text()


async def begun(service: ServeProcess, photo: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A question whose photo has arrived but for its last byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HEAD % len(photo) + photo[:-1])
    await writer.drain()
    async with asyncio.timeout(20):
        while 'rvs_queries_total{code="",outcome="answered"}' not in (await get(service, "/metrics"))[1]:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # nothing tells from outside that a photo is arriving
    return reader, writer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_answers_until_it_is_stopped(
    cache_dir: Path, tmp_path: Path, portrait: bytes, number: signal.Signals
) -> None:
    async with serving(tmp_path, cache_dir) as service:
        await service.ready()
        assert (await get(service, "/readyz"))[0] == 200
        status, body = await ask(service, portrait)
        assert status == 200
        person = json.loads(body)["searched"][0]["matches"][0]["person"]
        service.send(number)
        assert await service.wait() == 0
    assert '"stage": "search"' in service.log
    assert person not in service.log
    assert "Traceback" not in service.log
    assert [json.loads(line)["level"] for line in service.lines].count("ERROR") == 0


async def test_an_open_question_is_answered_and_a_new_one_refused(
    cache_dir: Path, tmp_path: Path, portrait: bytes
) -> None:
    async with serving(tmp_path, cache_dir) as service:
        await service.ready()
        reader, writer = await begun(service, portrait)
        service.send(signal.SIGTERM)
        await service.line("stopping: 1 questions open")
        status, body = await ask(service, portrait)
        assert (status, json.loads(body)["error"]["code"]) == (503, "busy")
        assert (await get(service, "/readyz"))[0] == 503
        assert (await get(service, "/livez"))[0] == 200
        writer.write(portrait[-1:])
        async with asyncio.timeout(20):
            answered = await reader.read()
        writer.close()
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b'"matches"' in answered
        assert await service.wait() == 0
    assert "Traceback" not in service.log


async def test_a_photo_that_never_arrives_does_not_hold_the_end_up(
    cache_dir: Path, tmp_path: Path, portrait: bytes
) -> None:
    async with serving(tmp_path, cache_dir, {"RVS_SERVE_SHUTDOWN_SECONDS": "1"}) as service:
        await service.ready()
        _, writer = await begun(service, portrait)
        service.send(signal.SIGTERM)
        assert await service.wait() == 0
        writer.close()
    assert "Traceback" not in service.log


async def test_it_can_be_stopped_while_the_networks_are_converted(tmp_path: Path, portrait: bytes) -> None:
    async with serving(tmp_path, tmp_path / "cache") as service:
        await service.listening()
        status, body = await ask(service, portrait)
        assert (status, json.loads(body)["error"]["code"]) == (503, "busy")
        assert (await get(service, "/readyz"))[0] == 503
        service.send(signal.SIGTERM)
        assert await service.wait() == 0
    assert "Traceback" not in service.log


async def test_what_is_no_http_leaves_nothing_of_itself_in_the_log(cache_dir: Path, tmp_path: Path) -> None:
    async with serving(tmp_path, cache_dir) as service:
        await service.ready()
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(
            HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"SECRET-PHOTO\r\n\r\n"
        )
        assert b" 400 " in await reader.readline()
        writer.close()
        assert (await get(service, "/livez"))[0] == 200
        service.send(signal.SIGTERM)
        assert await service.wait() == 0
    assert "SECRET" not in service.log
    assert "Traceback" not in service.log


async def test_it_follows_what_is_taken_into_use_elsewhere(
    cache_dir: Path, tmp_path: Path, portrait: bytes
) -> None:
    store = Store(tmp_path / "index" / "lfw")
    shutil.copytree(ROOT / "index" / "lfw", store.folder)
    first = store.current()
    second = first.with_name(first.name.replace("2026", "2027"))
    shutil.copytree(first, second)
    manifest = second / "manifest.json"
    manifest.write_text(manifest.read_text().replace(first.name, second.name))
    environment = {"RVS_INDEX_DIR": str(tmp_path / "index"), "RVS_INDEX_POLL_SECONDS": "0.1"}
    async with serving(tmp_path, cache_dir, environment) as service:
        await service.ready()
        assert json.loads((await ask(service, portrait))[1])["index_version"] == first.name
        try:
            store.activate(second.name)
        except GalleryError as error:
            pytest.fail(f"the copy is no version: {error}")
        await service.line(f"version {second.name} answers now")
        assert json.loads((await ask(service, portrait))[1])["index_version"] == second.name


async def test_the_operations_pages_can_also_have_a_port_of_their_own(
    cache_dir: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = {"RVS_SERVE_KEY": "a-key-that-nobody-guesses", "RVS_OPS_PORT": str(port)}
    async with serving(tmp_path, cache_dir, key) as service:
        await service.ready()
        assert (await get(service, "/metrics"))[0] == 401
        service.port = port
        assert (await get(service, "/metrics"))[0] == 200
        assert (await get(service, "/v1/find"))[0] == 404


async def test_a_port_that_is_taken(cache_dir: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        async with serving(tmp_path, cache_dir, None, "--port", port) as service:
            assert await service.wait() == 2
    assert f"port {port} is in use already" in service.log
    assert "Traceback" not in service.log


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        ({"RVS_SERVE_HOST": "0.0.0.0"}, 2, "Without a key"),  # noqa: S104
        ({"RVS_SERVE_KEY": "short"}, 2, "at least 16"),
        ({"RVS_SERVE_UPLOAD_SECONDS": "never"}, 2, "RVS_SERVE_UPLOAD_SECONDS"),
        ({"RVS_INDEX_DIR": "nowhere"}, 4, "index"),
        ({"RVS_PIPELINE": "nothing + nothing"}, 2, "nothing"),
    ],
)
async def test_what_cannot_be_is_a_sentence_and_an_exit_code(
    cache_dir: Path, tmp_path: Path, environment: dict[str, str], code: int, said: str
) -> None:
    async with serving(tmp_path, cache_dir, environment) as service:
        assert await service.wait() == code
    assert said in service.log
    assert "Traceback" not in service.log
