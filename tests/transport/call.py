"""A request of the bot: as the routes read it (`Call`), and as the record keeps it (`Request`)."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.transport.api_error import ApiError, Json
from tests.transport.faults import Fault
from tests.transport.posting import Upload


@dataclass(slots=True)
class Request:
    """One line of the record. `status` is 0 while there is no answer, and -1 when the connection was dropped."""

    method: str
    path: str
    query: dict[str, str]
    host: str
    payload: Any
    files: list[tuple[str, int]]
    """Name and size in bytes of each file."""
    at: float = field(default_factory=time.monotonic)
    status: int = 0

    def __str__(self) -> str:
        files = f" {self.files}" if self.files else ""
        return f"{self.method} {self.path}{files} -> {self.status}"


@dataclass(slots=True)
class Call:
    """What a route is given."""

    request: web.Request
    payload: Any
    uploads: dict[int, Upload]
    fault: Fault | None = None

    @property
    def form(self) -> Json:
        """The payload, which has to be an object."""
        if not isinstance(self.payload, dict):
            raise ApiError(400, 50109, "The request body contains invalid JSON.")
        return self.payload

    def id(self, name: str) -> int:
        """An id in the path; one that is no number matches nothing."""
        text = self.request.match_info[name]
        return int(text) if text.isdecimal() else 0

    def text(self, name: str) -> str:
        """A word in the path."""
        return self.request.match_info[name]


async def read_call(request: web.Request) -> Call:
    """Read the body: JSON, or `payload_json` and `files[n]`. What is no JSON becomes no payload."""
    if not request.content_type.startswith("multipart/"):
        return Call(request, _json(await request.read()), {})
    payload: Any = None
    uploads: dict[int, Upload] = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader), "Discord's forms are not nested"
        data = bytes(await part.read())
        if part.name == "payload_json":
            payload = _json(data)
        elif part.name and part.name.startswith("files["):
            index = int(part.name.removeprefix("files[").removesuffix("]"))
            uploads[index] = Upload(part.filename or "unknown", data)
    return Call(request, payload, uploads)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None
