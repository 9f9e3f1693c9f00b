"""What can go wrong between the bot and Discord, on order: `discord.faults.add("POST", "/channels/*/messages", ...)`.

Paths are those of the API without `/api/v10`, or of the CDN; `*` stands for anything. The first fault that fits a
request is used up by it, `times` times. Two warnings from measurement: discord.py repeats 500, 502, 504 and 524
itself (waiting 1, 3, 5, ... seconds), and aiohttp repeats a GET, PUT or DELETE once by itself when a kept-alive
connection is dropped, so for those `drop=True` wants `times=2` to be felt.
"""

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.transport.api_error import Json

MESSAGES = {
    400: (0, "400: Bad Request"),
    401: (0, "401: Unauthorized"),
    403: (50013, "Missing Permissions"),
    404: (0, "404: Not Found"),
    413: (40005, "Request entity too large"),
    500: (0, "500: Internal Server Error"),
}


@dataclass(slots=True)
class Fault:
    """One order. Of the answers that are possible, `status`, `redirect_to` and `drop` exclude each other."""

    method: str
    path: str
    times: int = 1
    delay_s: float = 0.0
    hold: bool = False
    """Keep the request waiting until `release()`."""
    status: int | None = None
    code: int | None = None
    message: str | None = None
    body: Json | str | None = None
    retry_after: float = 0.05
    """Seconds that a 429 asks for."""
    is_global: bool = False
    """Whether a 429 is for everything."""
    via: bool = True
    """Whether a 429 has the header by which discord.py tells it from a ban by Cloudflare."""
    drop: bool = False
    """Close the connection instead of answering."""
    after_body: bool = False
    """Do the work first, then fail: a repeated request could do it twice."""
    redirect_to: str | None = None
    trickle_s: float = 0.0
    """CDN: send a kilobyte, wait this long, and so on."""
    extra_bytes: int = 0
    """CDN: so many bytes more than there are, without a Content-Length."""
    announce_bytes: int | None = None
    """CDN: the Content-Length claims this; when it is too large the connection ends early."""
    used: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let the requests go on that `hold` keeps, and those to come."""
        self._released.set()

    async def wait(self) -> None:
        """What `delay_s` and `hold` order."""
        await asyncio.sleep(self.delay_s)
        if self.hold:
            await self._released.wait()

    def fits(self, method: str, path: str) -> bool:
        """Whether it is meant for this request and not yet used up."""
        return self.used < self.times and self.method in {method, "*"} and fnmatchcase(path, self.path)

    @property
    def answers(self) -> bool:
        """Whether it takes the place of the real answer."""
        return self.drop or self.status is not None or self.redirect_to is not None

    def error_body(self) -> Json | str:
        """What is sent with `status`."""
        if self.body is not None:
            return self.body
        if self.status == 429:
            return {
                "message": "You are being rate limited.",
                "retry_after": self.retry_after,
                "global": self.is_global,
            }
        code, message = MESSAGES.get(self.status or 0, (0, f"{self.status}: an error"))
        return {"message": self.message or message, "code": code if self.code is None else self.code}


class Faults:
    """The orders that are open."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        times: int = 1,
        delay_s: float = 0.0,
        hold: bool = False,
        status: int | None = None,
        code: int | None = None,
        message: str | None = None,
        body: Json | str | None = None,
        retry_after: float = 0.05,
        is_global: bool = False,
        via: bool = True,
        drop: bool = False,
        after_body: bool = False,
        redirect_to: str | None = None,
        trickle_s: float = 0.0,
        extra_bytes: int = 0,
        announce_bytes: int | None = None,
    ) -> Fault:
        """Order a fault; see `Fault` for what each of them does. The result counts how often it was `used`."""
        fault = Fault(
            method,
            path,
            times,
            delay_s,
            hold,
            status,
            code,
            message,
            body,
            retry_after,
            is_global,
            via,
            drop,
            after_body,
            redirect_to,
            trickle_s,
            extra_bytes,
            announce_bytes,
        )
        self._orders.append(fault)
        return fault

    def clear(self) -> None:
        """From now on everything works."""
        self._orders.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if one is open."""
        for fault in self._orders:
            if fault.fits(method, path):
                fault.used += 1
                return fault
        return None
