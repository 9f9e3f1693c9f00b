"""An engine that misbehaves as it is told, on a real port."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from rvs.listening import listen, port_of

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BrokenEngine:
    """Answers each question as the next act says, the last one again and again."""

    def __init__(self) -> None:
        self.acts: deque[Act] = deque()
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.ready = True
        self.url = ""

    async def question(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        act = self.acts.popleft() if len(self.acts) > 1 else self.acts[0]
        return await act(request)

    async def readyz(self, _request: web.Request) -> web.Response:
        return web.json_response({"ready": self.ready}, status=200 if self.ready else 503)


def says(status: int, text: str = "") -> Act:
    async def act(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return act


def refuses(status: int, code: str, message: str = "It is so.", hint: str = "Do so.") -> Act:
    async def act(_request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": code, "message": message, "hint": hint}}, status=status)

    return act


async def hangs_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def stops_in_the_middle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"format": 1')
    assert request.transport is not None
    request.transport.abort()
    return response


async def says_nothing(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(600)
    return web.Response()


async def says_too_much(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * (1 << 20))


@asynccontextmanager
async def broken_engine(*acts: Act) -> AsyncIterator[BrokenEngine]:
    """One that listens, with what it does to the first questions."""
    engine = BrokenEngine()
    engine.acts.extend(acts)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_get("/readyz", engine.readyz)
    app.router.add_post("/v1/{what}", engine.question)
    runner = await listen(
        app, "127.0.0.1", 0, what="It", settings=("A", "B"), shutdown_timeout=0.1, handler_cancellation=True
    )
    engine.url = f"http://127.0.0.1:{port_of(runner)}"
    try:
        yield engine
    finally:
        await runner.cleanup()


def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
