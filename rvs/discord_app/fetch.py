"""Brings the bytes of a photo from where Discord keeps it, within limits of size and time, and from nowhere else.

URLs come from messages that anybody can write, so that the origin is checked here once more, and no redirect is
followed. It does not look into the bytes, keeps nothing, and logs no URL: whoever has one can see the photo.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import aiohttp
from yarl import URL

from rvs.errors import DeadlineError, DownloadError, TooLargeError

_log = logging.getLogger(__name__)

Fetch: TypeAlias = Callable[[str, int], Awaitable[bytes]]
"""From a URL and the most bytes that are accepted to the bytes; raises as `MediaFetcher` does."""

_TRIES = 2
_CHUNK_BYTES = 65_536
_GONE = {403, 404, 410}
# No name and password before the host, no escapes, no letters that are made plain ones before the host is asked.
_PLAIN_START = re.compile(r"https?://[a-z0-9.:\[\]-]+(?:[/?#]|\Z)", re.IGNORECASE)


def is_from(url: str, origins: Sequence[str]) -> bool:
    """Whether `url` has the scheme, host and port of one of `origins`, written without tricks."""
    if not _PLAIN_START.match(url):
        return False
    try:
        return _origin(url) in {_origin(origin) for origin in origins}
    except ValueError:
        return False


class MediaFetcher:
    """A `Fetch` that takes photos from the given origins only.

    It uses the connections of `session`, which the caller closes, but neither its cookies nor its headers.
    `seconds` is for the whole photo, both tries together.
    """

    def __init__(self, session: aiohttp.ClientSession, origins: Sequence[str], seconds: float) -> None:
        self._session = session
        self._origins = tuple(origins)
        self._seconds = seconds

    async def __call__(self, url: str, max_bytes: int) -> bytes:
        """The bytes at `url`, at most `max_bytes` of them; perhaps none.

        Raises:
            DownloadError: another origin, or the photo is gone, or it could not be fetched.
            TooLargeError: more than `max_bytes`.
            DeadlineError: it took longer than the deadline.
        """
        if not is_from(url, self._origins):
            raise DownloadError(
                "Only photos that were posted in Discord can be used.",
                hint="Attach the photo to a message instead of linking to it.",
            )
        data: bytes | None = None
        late = False
        try:
            async with asyncio.timeout(self._seconds):
                data = await self._fetch(URL(url), max_bytes)
        except TimeoutError:
            late = True
        # Outside of the handlers, because the errors of aiohttp can carry the URL.
        if late:
            raise DeadlineError("The photo did not arrive in time.", hint="Try again.")
        if data is None:
            raise DownloadError("The photo could not be fetched from Discord.", hint="Try again in a minute.")
        return data

    async def _fetch(self, url: URL, max_bytes: int) -> bytes | None:
        # None: it did not work, and trying once more did not help or would not.
        for _ in range(_TRIES):
            try:
                async with (
                    self._own_session() as session,
                    session.get(url, allow_redirects=False) as response,
                ):
                    if response.status == 200:
                        return await _read(response, max_bytes)
                    if response.status in _GONE:
                        raise DownloadError("The photo is no longer there.", hint="Post it again.")
                    trouble, worth_a_try = f"status {response.status}", response.status >= 500
            except (aiohttp.ClientError, OSError) as error:
                trouble, worth_a_try = type(error).__name__, True
            _log.warning("a photo could not be fetched from Discord: %s", trouble)
            if not worth_a_try:
                break
        return None

    def _own_session(self) -> aiohttp.ClientSession:
        # One per try costs little, and keeps out what the shared one has collected or was given.
        if self._session.connector is None:
            raise aiohttp.ClientConnectionError("the session is closed")
        return aiohttp.ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # the limit is for what arrives
            headers={"Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),  # ours is around all of it
        )


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if (response.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    count = 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        count += len(chunk)
        if count > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(
        f"This file is too large: at most {max_bytes / 2**20:,.4g} MB are read.",
        hint="Send a smaller version of it.",
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parsed = URL(url)
    return parsed.scheme, parsed.raw_host, parsed.port
