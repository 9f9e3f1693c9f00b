"""One question over HTTP from the request to its response: the photo, a turn at the service, the document.

It is the web's counterpart of the chat's desk: every question that comes in is answered or told why not. How an
error looks is not decided here.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from rvs.answer import Question, Served, answer, compare, embed
from rvs.errors import DeadlineError
from rvs.metrics import Metrics
from rvs.service import Service
from rvs.settings import Settings
from rvs.stages import Stages
from rvs.web.documents import compare_document, embed_document, find_document
from rvs.web.errors import log_error
from rvs.web.parameters import CompareParameters, EmbedParameters, FindParameters, parameters
from rvs.web.upload import Uploads

QUERY_ID = "X-Query-Id"
"""The header with which a client says under which id a question is logged, here as there."""

_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class About:
    """What documents say of the engine, and how many people they name unless asked for more or fewer."""

    index: str
    pipeline: str
    people: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "About":
        """As the settings say."""
        return cls(settings.index, settings.pipeline, settings.people)


class Questions:
    """Answers requests. It belongs to the event loop of its service."""

    def __init__(
        self, service: Service, uploads: Uploads, metrics: Metrics, about: About, answer_seconds: float
    ) -> None:
        self._service = service
        self._uploads = uploads
        self._metrics = metrics
        self._about = about
        self._seconds = answer_seconds
        self._open = 0
        self._none_open = asyncio.Event()
        self._none_open.set()

    @property
    def open_questions(self) -> int:
        """How many are neither answered nor refused."""
        return self._open

    async def settle(self, seconds: float) -> None:
        """Wait until none is open, for at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._none_open.wait()
        except TimeoutError:
            pass

    async def find(self, request: web.Request) -> web.Response:
        """`POST /v1/find`."""
        async with self._question(request) as stages:
            asked = parameters(request, FindParameters, people=self._about.people)
            as_picture = _wants_picture(request)
            question = Question(
                asked.people,
                asked.face,
                asked.max_bytes,
                keep_photo=asked.keep_photo and not as_picture,
                grid=asked.grid or as_picture,
                overview=asked.overview and not as_picture,
            )

            def job(served: Served) -> bytes:
                started, about = time.perf_counter(), self._about
                given = answer(served, data, question, stages)
                if as_picture and given.picture is not None:
                    return given.picture.jpeg
                took_ms = 1000 * (time.perf_counter() - started)
                document = find_document(
                    given, index=about.index, pipeline=about.pipeline, milliseconds=took_ms
                )
                return document.model_dump_json().encode()

            async with self._uploads.photos(request, "photo") as (data,):
                body = await self._answered(job, stages)
        return web.Response(body=body, content_type="image/jpeg" if as_picture else "application/json")

    async def compare(self, request: web.Request) -> web.Response:
        """`POST /v1/compare`."""
        async with self._question(request) as stages:
            asked = parameters(request, CompareParameters)

            def job(served: Served) -> bytes:
                most = asked.max_bytes if asked.picture else None
                compared = compare(served, first, second, stages, max_bytes=most)
                return compare_document(compared, pipeline=self._about.pipeline).model_dump_json().encode()

            async with self._uploads.photos(request, "first", "second") as (first, second):
                body = await self._answered(job, stages)
        return web.Response(body=body, content_type="application/json")

    async def embed(self, request: web.Request) -> web.Response:
        """`POST /v1/embed`."""
        async with self._question(request) as stages:
            asked = parameters(request, EmbedParameters)

            def job(served: Served) -> bytes:
                photo, embedded = embed(served, data, asked.face, stages)
                return embed_document(photo, embedded, served.engine.pipeline).model_dump_json().encode()

            async with self._uploads.photos(request, "photo") as (data,):
                body = await self._answered(job, stages)
        return web.Response(body=body, content_type="application/json")

    @asynccontextmanager
    async def _question(self, request: web.Request) -> AsyncIterator[Stages]:
        """Count and log a question; refuse it before its photo is read when it would be refused anyway."""
        named = request.headers.get(QUERY_ID, "")
        stages = Stages(named if _ID.fullmatch(named) else None, observe=self._metrics.stage)
        started = time.perf_counter()
        self._open += 1
        self._none_open.clear()
        try:
            self._service.check()
            yield stages
        except asyncio.CancelledError:  # who asked has gone, or we have to
            self._metrics.query(time.perf_counter() - started, delivered=False)
            raise
        except Exception as error:
            self._metrics.query(time.perf_counter() - started, error)
            log_error(error, stages.query_id)
            raise
        else:
            self._metrics.query(time.perf_counter() - started)
        finally:
            self._open -= 1
            if not self._open:
                self._none_open.set()

    async def _answered(self, job: Callable[[Served], _Done], stages: Stages) -> _Done:
        """Wait for a turn and compute a job in it.

        Raises:
            DeadlineError: both together took too long.
        """
        try:
            async with asyncio.timeout(self._seconds), self._service.turn(stages, checked=True) as turn:
                return await turn.run(job)
        except TimeoutError as error:
            raise DeadlineError(
                f"There was no answer within {self._seconds:g} seconds.", hint="Ask again in a minute."
            ) from error


def _wants_picture(request: web.Request) -> bool:
    """Whether the grid itself is wanted: the header Accept names JPEG, and no JSON."""
    accepted = request.headers.get("Accept", "")
    return "image/jpeg" in accepted and "json" not in accepted
