"""Asks one of several copies of the engine over HTTP, and another one when that fails; within deadlines.

A question changes nothing there, so it may be sent twice. What is asked and answered are bytes here.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import aiohttp

from rvs.errors import DeadlineError, EngineError, LookalikeError
from rvs.remote.reading import read_error, unreachable

_log = logging.getLogger("rvs.remote")

_TRIES = 2
# Before the same address is asked again: a balancer needs a moment to see that a copy has died, or stops.
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 2.0
_CONNECT_S = 2.0  # an engine is near; longer means that it is not there
_RETRIED = {502, 503, 504}
_MOST_BYTES = 32 << 20  # the largest pictures, as base64, are half of that
_CHUNK_BYTES = 65_536


class _TryError(Exception):
    """A try that another copy may do better than."""

    def __init__(self, error: LookalikeError, why: str, pause_s: float = _PAUSE_S) -> None:
        super().__init__(why)
        self.error = error
        self.pause_s = pause_s


class Replicas:
    """The copies of an engine. It belongs to the event loop in which it was opened."""

    def __init__(self, urls: Sequence[str], key: str | None, seconds: float) -> None:
        """Prepare; `open` makes the connections possible.

        Args:
            urls: of the copies, at least one; a single one may be a balancer in front of many.
            key: that they ask for, or None.
            seconds: the longest time of one try.
        """
        self._urls = tuple(urls)
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(_CONNECT_S, seconds))
        self._seconds = seconds
        self._up: dict[str, bool] = dict.fromkeys(self._urls, False)
        self._next = 0
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    @property
    def any_up(self) -> bool:
        """Whether one of them was ready when it was last asked."""
        return any(self._up.values())

    @property
    def states(self) -> Mapping[str, bool]:
        """Of each, by its address, whether it was ready when it was last asked."""
        return MappingProxyType(self._up)

    def open(self) -> None:
        """Make connections possible, in the running loop."""
        self._kept = self._session(force_close=False)
        # A second try takes no connection that was kept: those to a copy that was restarted are all dead.
        self._fresh = self._session(force_close=True)

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._kept, self._fresh):
            if session is not None:
                await session.close()

    async def look(self) -> None:
        """Ask every copy whether it is ready, and remember it."""
        await asyncio.gather(*(self._look(url) for url in self._urls))

    async def post(
        self, path: str, query: Mapping[str, str], body: Callable[[], Any], headers: Mapping[str, str]
    ) -> bytes:
        """Ask, and ask once more elsewhere when the first try fails for a reason that lies with the copy.

        Args:
            path: from "/" on.
            query: the parameters.
            body: makes what aiohttp sends, anew for each try.
            headers: besides the key.

        Raises:
            EngineUnreachableError, BusyError, DeadlineError: both tries failed; as the last one said.
            DeadlineError: no answer in time: that may be the photo's fault, and is not tried again.
            LookalikeError: what the engine says of the photo or the question.
        """
        failed: LookalikeError = unreachable()
        order, pause_s = self._order(), _PAUSE_S
        for number, url in enumerate(order):
            if url in order[:number]:
                await _pause(pause_s)
            session = self._session_for(number)
            try:
                return await self._try(session, url + path, query, body(), headers, url)
            except _TryError as error:
                _log.warning("the engine at %s: %s", url, error)
                failed, pause_s = error.error, error.pause_s
        raise failed

    def _order(self) -> list[str]:
        """Whom to ask, one after the other: those that are up first, each in turn."""
        self._next = (self._next + 1) % len(self._urls)
        turned = self._urls[self._next :] + self._urls[: self._next]
        ordered = sorted(turned, key=lambda url: not self._up[url])
        return (ordered * _TRIES)[:_TRIES]

    async def _try(
        self,
        session: aiohttp.ClientSession,
        address: str,
        query: Mapping[str, str],
        body: Any,
        headers: Mapping[str, str],
        url: str,
    ) -> bytes:
        try:
            async with session.post(
                address, params=query, data=body, headers=headers, allow_redirects=False
            ) as response:
                status, answered = response.status, await _bounded(response)
                pause_s = _pause_s(response.headers.get("Retry-After", ""))
        except aiohttp.ConnectionTimeoutError as error:
            self._up[url] = False
            raise _TryError(unreachable(), "no connection in time") from error
        except TimeoutError as error:
            raise DeadlineError(
                f"There was no answer within {self._seconds:g} seconds.", hint="Try again in a minute."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            self._up[url] = False
            raise _TryError(unreachable(), type(error).__name__) from error
        if status == 200:
            self._up[url] = True
            return answered
        told = read_error(status, answered)
        if status in _RETRIED:
            raise _TryError(told, f"status {status}, {told.code}", pause_s)
        raise told

    async def _look(self, url: str) -> None:
        if self._kept is None:
            return
        try:
            async with self._kept.get(f"{url}/readyz", allow_redirects=False) as response:
                up = response.status == 200 and _says_ready(await _bounded(response))
        except (aiohttp.ClientError, OSError, TimeoutError, EngineError):
            up = False
        if up != self._up[url]:
            _log.info("the engine at %s is %s", url, "ready" if up else "not ready")
        self._up[url] = up

    def _session_for(self, number: int) -> aiohttp.ClientSession:
        session = self._fresh if number else self._kept
        if session is None:
            raise RuntimeError("the connections are not open")
        return session

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=force_close),
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
        )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        data += chunk
        if len(data) > _MOST_BYTES:
            raise EngineError("The engine sent more than any answer has.")
    return bytes(data)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds)


def _pause_s(retry_after: str) -> float:
    asked_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return min(_LONGEST_PAUSE_S, max(_PAUSE_S, asked_s))


def _says_ready(body: bytes) -> bool:
    try:
        return json.loads(body)["ready"] is True
    except (ValueError, KeyError, TypeError):
        return False
