"""The operations endpoint over real HTTP, on loopback."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rvs.errors import ConfigError
from rvs.metrics import CONTENT_TYPE, Metrics
from rvs.ops import Ops
from rvs.settings import load_settings


class Reply:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def holds() -> bool:
    return True


@asynccontextmanager
async def opened(
    checks: dict[str, Callable[[], bool]] | None = None, metrics: Callable[[], bytes] = lambda: b""
) -> AsyncIterator[Ops]:
    ops = Ops("127.0.0.1", 0, checks=checks or {}, metrics=metrics, metrics_type=CONTENT_TYPE)
    await ops.start()
    try:
        yield ops
    finally:
        await ops.stop()


async def ask(ops: Ops, path: str, method: str = "GET") -> Reply:
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, f"http://127.0.0.1:{ops.port}{path}", allow_redirects=False) as response,
    ):
        return Reply(response.status, dict(response.headers), await response.read())


async def test_alive() -> None:
    async with opened({"models": lambda: False}) as ops:
        reply = await ask(ops, "/livez")
    assert (reply.status, reply.body) == (200, b"alive\n")
    assert reply.headers["Cache-Control"] == "no-store"


async def test_ready_only_when_every_check_holds() -> None:
    state = {"gateway": False, "models": True, "index": False}
    checks: dict[str, Callable[[], bool]] = {name: lambda name=name: state[name] for name in state}  # type: ignore[misc]
    async with opened(checks) as ops:
        reply = await ask(ops, "/readyz")
        assert reply.status == 503
        assert reply.headers["Content-Type"].startswith("application/json")
        assert json.loads(reply.body) == {
            "ready": False,
            "failing": ["gateway", "index"],
            "checks": {"gateway": False, "models": True, "index": False},
        }
        state["gateway"] = True
        assert json.loads((await ask(ops, "/readyz")).body)["failing"] == ["index"]
        state["index"] = True
        reply = await ask(ops, "/readyz")
        assert reply.status == 200
        assert json.loads(reply.body)["ready"] is True
        state["models"] = False
        assert (await ask(ops, "/readyz")).status == 503


async def test_a_check_that_cannot_be_made_does_not_hold(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bool:
        raise ZeroDivisionError("inside")

    async with opened({"gateway": broken, "models": holds}) as ops:
        reply = await ask(ops, "/readyz")
    assert reply.status == 503
    assert json.loads(reply.body)["checks"] == {"gateway": False, "models": True}
    assert b"inside" not in reply.body
    assert "the readiness check gateway failed" in caplog.text


async def test_the_numbers_can_be_read_by_prometheus() -> None:
    metrics = Metrics("1.2.3")
    async with opened(metrics=metrics.text) as ops:
        metrics.query(0.1)
        reply = await ask(ops, "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(reply.body.decode())}
    answered = [
        sample.value
        for sample in families["rvs_queries"].samples
        if sample.name == "rvs_queries_total" and sample.labels["outcome"] == "answered"
    ]
    assert answered == [1]


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 503), ("/metrics", 200)])
async def test_a_head_is_a_get_without_a_body(path: str, status: int) -> None:
    async with opened({"models": lambda: False}) as ops:
        reply = await ask(ops, path, "HEAD")
    assert (reply.status, reply.body) == (status, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_nothing_can_be_done(path: str, method: str) -> None:
    async with opened() as ops:
        assert (await ask(ops, path, method)).status == 405


@pytest.mark.parametrize(
    "path", ["/", "/metrics/", "/metrics/x", "/readyz/../etc/passwd", "/debug", "/healthz"]
)
async def test_there_is_nothing_else(path: str) -> None:
    async with opened() as ops:
        assert (await ask(ops, path)).status == 404


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    async with opened() as first:
        second = Ops("127.0.0.1", first.port, checks={}, metrics=bytes, metrics_type=CONTENT_TYPE)
        with pytest.raises(ConfigError) as caught:
            await second.start()
        assert caught.value.message == (
            f"The operations endpoint cannot listen on 127.0.0.1: port {first.port} is in use already."
        )
        assert "RVS_OPS_PORT" in caught.value.hint
        assert second.port == 0
        await second.stop()
        assert (await ask(first, "/livez")).status == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host.invalid", "a..b"])
async def test_an_address_of_nobody_is_one_sentence(host: str) -> None:
    ops = Ops(host, 0, checks={}, metrics=bytes, metrics_type=CONTENT_TYPE)
    with pytest.raises(ConfigError, match="cannot listen on") as caught:
        await ops.start()
    assert "\n" not in caught.value.message
    assert "RVS_OPS_HOST" in caught.value.hint


async def test_after_the_end_nobody_listens_and_it_can_begin_again() -> None:
    ops = Ops("127.0.0.1", 0, checks={}, metrics=bytes, metrics_type=CONTENT_TYPE)
    await ops.stop()
    await ops.start()
    port = ops.port
    assert (await ask(ops, "/livez")).status == 200
    await ops.stop()
    await ops.stop()
    assert ops.port == 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await ops.start()
    assert (await ask(ops, "/livez")).status == 200
    await ops.stop()


async def test_who_keeps_a_connection_open_does_not_hold_up_the_end() -> None:
    async with opened() as ops:
        reader, writer = await asyncio.open_connection("127.0.0.1", ops.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        assert (await reader.readline()).endswith(b"200 OK\r\n")
        async with asyncio.timeout(20):
            await ops.stop()
            while await reader.read(4096):  # until the other side has closed
                pass
        writer.close()


async def test_questions_leave_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as ops:
        caplog.set_level(logging.DEBUG)
        caplog.clear()
        for path in ("/livez", "/readyz", "/metrics", "/else"):
            await ask(ops, path)
    assert [record.name for record in caplog.records if record.name.startswith(("aiohttp", "rvs"))] == []


def test_by_default_there_is_none_and_never_on_every_address() -> None:
    settings = load_settings()
    assert settings.ops_port == 0
    assert socket.gethostbyname(settings.ops_host) == "127.0.0.1"
    with pytest.raises(ConfigError, match="RVS_OPS_HOST"):
        load_settings(ops_host="")
