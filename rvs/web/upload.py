"""Brings photos from a request into memory, within limits of size and time that hold while they arrive.

A photo is the body itself or fields of a form. What a photo is it does not know, and it writes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp import hdrs, web

from rvs.errors import BusyError, ConfigError, EmptyPhotoError, TooLargeError, UnsupportedError
from rvs.web.errors import SlowUploadError

_CHUNK_BYTES = 65_536
_FORM = "multipart/form-data"
_FORM_BYTES = 65_536  # of a form around its photos
_MOST_PARTS = 8
# What aiohttp raises when it reads what is no form, or a body that ends early or is cut into no chunks.
_BROKEN = (
    ValueError,
    AssertionError,
    RuntimeError,
    web.RequestPayloadError,
    aiohttp.http.HttpProcessingError,
)


class Uploads:
    """Photos on their way into memory, and how much of it they take."""

    def __init__(self, photo_bytes: int, all_bytes: int, seconds: float) -> None:
        """Prepare.

        Args:
            photo_bytes: the largest photo.
            all_bytes: the most bytes of photos at once, counted by what their requests announce.
            seconds: the longest time for one request's photos to arrive.
        """
        self._photo_bytes = photo_bytes
        self._all_bytes = max(all_bytes, 2 * photo_bytes + _FORM_BYTES)
        self._seconds = seconds
        self._taken = 0

    @property
    def taken_bytes(self) -> int:
        """How many bytes are promised to requests now."""
        return self._taken

    @asynccontextmanager
    async def photos(self, request: web.Request, *names: str) -> AsyncIterator[list[bytes]]:
        """The photos of a request. Their room is taken until the context ends.

        Args:
            request: with a form that has exactly these fields, or, for a single name, the photo as its body.
            names: of the fields, in the order in which their photos come.

        Raises:
            TooLargeError: more bytes than allowed, by what is announced or by what comes.
            UnsupportedError: the body is neither a photo nor a form.
            ConfigError: the form is not one, or does not have these fields.
            EmptyPhotoError: a photo of no bytes.
            SlowUploadError: it took too long.
            BusyError: there is no room.
        """
        _check_kind(request, single=len(names) == 1)
        most = len(names) * self._photo_bytes + (_FORM_BYTES if request.content_type == _FORM else 0)
        announced = request.content_length
        if announced is not None and announced > most:
            raise self._too_large()
        with self._room(most if announced is None else announced):
            await _go_on(request)
            try:
                async with asyncio.timeout(self._seconds):
                    data = await self._arrive(request, names)
            except TimeoutError as error:
                raise SlowUploadError(
                    f"The photo did not arrive within {self._seconds:g} seconds.",
                    hint="Send a smaller version of it.",
                ) from error
            if not all(data):
                raise EmptyPhotoError("There is no photo: it has no bytes.", hint="Send a photo.")
            yield data

    @contextmanager
    def _room(self, wanted: int) -> Iterator[None]:
        if self._taken + wanted > self._all_bytes:
            raise BusyError("Too many photos are arriving right now.", hint="Ask again in a few seconds.")
        self._taken += wanted
        try:
            yield
        finally:
            self._taken -= wanted

    async def _arrive(self, request: web.Request, names: tuple[str, ...]) -> list[bytes]:
        try:
            if request.content_type != _FORM:
                return [await self._bounded(request.content.iter_chunked(_CHUNK_BYTES))]
            found = await self._fields(await request.multipart(), names)
        except _BROKEN as error:
            raise ConfigError("The body is broken, or not the form that it says it is.") from error
        missing = [name for name in names if name not in found]
        if missing:
            raise ConfigError(f'The form has no field "{missing[0]}".', hint="Send the photo in it.")
        return [found[name] for name in names]

    async def _fields(self, form: aiohttp.MultipartReader, names: tuple[str, ...]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for _ in range(_MOST_PARTS):
            part = await form.next()
            if part is None:
                return found
            if not isinstance(part, aiohttp.BodyPartReader) or part.name not in names or part.name in found:
                raise ConfigError(
                    f"The form has a field too many: {', '.join(names)} is all that is taken, once each.",
                    hint="Everything else belongs into the query.",
                )
            found[part.name] = await self._bounded(_chunks(part))
        raise ConfigError("The form has too many parts.")

    async def _bounded(self, chunks: AsyncIterator[bytes]) -> bytes:
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > self._photo_bytes:
                raise self._too_large()
        return bytes(data)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            "The photo is too large.", hint=f"Send one of at most {self._photo_bytes:,} bytes."
        )


async def wait_until_wanted(_request: web.Request) -> None:
    """In place of aiohttp's answer to `Expect: 100-continue`: who is refused need not send the photo."""


async def _go_on(request: web.Request) -> None:
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _check_kind(request: web.Request, *, single: bool) -> None:
    kind = request.content_type
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedError("A body that is compressed is not taken.", hint="Send the photo as it is.")
    if kind == _FORM or (single and (kind.startswith("image/") or kind == "application/octet-stream")):
        return
    raise UnsupportedError(
        f"A body of the type {kind[:64]} is not taken.",
        hint="Send the photo as image/... or application/octet-stream, or a form (multipart/form-data)."
        if single
        else "Send a form (multipart/form-data) with the two photos.",
    )


async def _chunks(part: aiohttp.BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        yield chunk
