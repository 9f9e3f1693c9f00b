"""The service as its users have it: a real server on loopback, and requests to it."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from rvs.answer import Served
from rvs.listening import port_of
from rvs.metrics import CONTENT_TYPE, Metrics
from rvs.ops import OpsPages
from rvs.service import Service, ServiceLimits
from rvs.web.openapi import openapi_document
from rvs.web.questions import About, Questions
from rvs.web.server import Parts, make_app, serve
from rvs.web.upload import Uploads

PIPELINE = "retinaface-mobilenet + face-resnet"
PHOTO_BYTES = 2_000_000
KEY = "a-key-that-nobody-guesses"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        assert self.headers["Content-Type"].startswith("application/json")
        error = self.document["error"]
        assert set(error) == {"code", "message", "hint"}
        assert error["message"]
        return str(error["code"])


@dataclass
class Running:
    """A service that listens."""

    service: Service
    questions: Questions
    uploads: Uploads
    metrics: Metrics
    port: int
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, method: str = "GET", **options: Any) -> Reply:
        async with self.session.request(
            method, self.url + path, allow_redirects=False, **options
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def post(self, path: str, data: Any, kind: str | None = "image/jpeg", **options: Any) -> Reply:
        headers = dict(options.pop("headers", {}))
        if isinstance(data, bytes):
            data = io.BytesIO(data)  # aiohttp warns of large ones that are not in a file
        if kind is not None:
            headers["Content-Type"] = kind
        return await self.get(path, "POST", data=data, headers=headers, **options)

    async def form(self, path: str, fields: Mapping[str, bytes], **options: Any) -> Reply:
        form = aiohttp.FormData()
        for name, data in fields.items():
            form.add_field(name, io.BytesIO(data), filename="me.jpg", content_type="image/jpeg")
        return await self.post(path, form, None, **options)

    async def raw(self, data: bytes) -> bytes:
        """Send bytes that may be no HTTP; the response."""
        async with self.connected() as (reader, writer):
            writer.write(data)
            return await self.read(reader)

    @staticmethod
    async def read(reader: asyncio.StreamReader) -> bytes:
        """One response, head and body."""
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            return head + await reader.readexactly(int(length[1]) if length else 0)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection of one's own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await asyncio.wait([asyncio.ensure_future(writer.wait_closed())])


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for at most 20 seconds."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Setup:
    limits: ServiceLimits = field(default_factory=ServiceLimits)
    key: str | None = None
    started: bool = True
    photo_bytes: int = PHOTO_BYTES
    upload_bytes: int = 20_000_000
    upload_seconds: float = 20
    answer_seconds: float = 30
    port: int = 0


@asynccontextmanager
async def running(served: Served, setup: Setup | None = None) -> AsyncIterator[Running]:
    """A service over `served`, on a port of its own."""
    setup = setup or Setup()
    service = Service(lambda: served, setup.limits)
    if setup.started:
        await service.start()
    metrics = Metrics("0")
    metrics.watch_service(service, setup.limits)
    uploads = Uploads(setup.photo_bytes, setup.upload_bytes, setup.upload_seconds)
    about = About("lfw", PIPELINE, 8)
    questions = Questions(service, uploads, metrics, about, setup.answer_seconds)
    checks = {"models": lambda: service.ready}
    ops = OpsPages(checks=checks, metrics=metrics.text, metrics_type=CONTENT_TYPE)
    document = openapi_document(key_required=setup.key is not None, people=8, photo_bytes=setup.photo_bytes)
    app = make_app(Parts(service, questions, ops, document, setup.key))
    runner = await serve(app, "127.0.0.1", setup.port)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            yield Running(service, questions, uploads, metrics, port_of(runner), session)
    finally:
        await runner.cleanup()
        await service.close()
