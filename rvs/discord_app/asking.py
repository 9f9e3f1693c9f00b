"""One question from the start to the end: limits, a turn, the photo, the engine, the reply.

Every way of asking comes through here: prefix, slash, menus, buttons. A question that comes in is answered or
told why not, once; that also holds for those that are open when the bot is stopped.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from rvs import __version__
from rvs.answer import Answer, Question
from rvs.answerer import Answerer, AnswererTurn
from rvs.discord_app.delivery import Outgoing
from rvs.discord_app.errors import RESTARTING, line, log_error
from rvs.discord_app.fetch import Fetch
from rvs.discord_app.limits import Limiter
from rvs.discord_app.photos import PostedPhoto
from rvs.discord_app.replies import Reply
from rvs.discord_app.ticket import FromAnswer, Ticket
from rvs.discord_app.turn_taking import Place, TurnTaking
from rvs.discord_app.views import answer_message, comparison_message
from rvs.errors import LookalikeError, TooLargeError
from rvs.metrics import Metrics
from rvs.stages import Stages

Find: TypeAlias = Callable[[], Awaitable[Sequence[PostedPhoto]]]
"""Finds the photos that are meant, at least one; what it raises is told to the person who asked."""

_GRACE_FOR_WORDS_S = 2.0


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and where: what limits are counted by.

    Attributes:
        person_id: who.
        channel_id: where.
        upload_limit_bytes: how large a file may be there.
    """

    person_id: int
    channel_id: int
    upload_limit_bytes: int


@dataclass(frozen=True, slots=True)
class DeskLimits:
    """What one question may take.

    Attributes:
        photos: how many photos of one question are answered.
        photo_bytes: the largest photo, checked before it is fetched and while it arrives.
        answer_seconds: from the question until there is something to send.
    """

    photos: int
    photo_bytes: int
    answer_seconds: float


@dataclass(frozen=True, slots=True)
class _Open:
    """A question that was let in: who asked, where the answer goes, its stages, its place in the channel."""

    asker: Asker
    reply: Reply
    stages: Stages
    place: Place


_Work: TypeAlias = Callable[[_Open], Awaitable[None]]


class Desk:
    """Takes questions and sees to it that each is answered."""

    def __init__(
        self,
        answerer: Answerer,
        limiter: Limiter,
        fetch: Fetch,
        limits: DeskLimits,
        metrics: Metrics | None = None,
    ) -> None:
        self._answerer = answerer
        self._limiter = limiter
        self._fetch = fetch
        self._limits = limits
        self._metrics = Metrics(__version__) if metrics is None else metrics
        self._turn_taking = TurnTaking()
        self._open: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def open_questions(self) -> int:
        """How many questions are neither answered nor refused yet."""
        return len(self._open)

    async def ask(self, asker: Asker, find: Find, reply: Reply, *, people: int, face: int = 1) -> None:
        """Answer about each photo that is meant, in their order, each in a reply of its own."""

        async def work(question: _Open) -> None:
            with question.stages.stage("find"):
                photos = await find()
            answered = photos[: self._limits.photos]
            for number, photo in enumerate(answered, start=1):
                which = f"Photo {number}: " if len(answered) > 1 else ""
                await self._guarded(self._one(question, photo, people, face), question, which)
            if len(photos) > len(answered):
                words = f"I looked at the first {len(answered)} of {len(photos)} photos."
                await reply.refuse(words, question.stages)

        await self._take(asker, reply, work)

    async def compare(self, asker: Asker, find: Find, reply: Reply) -> None:
        """Answer how alike the largest faces of two photos are."""

        async def work(question: _Open) -> None:
            first, second = await find()
            await self._compare(question, first, second)

        await self._take(asker, reply, work)

    async def settle(self, seconds: float) -> None:
        """Wait until the questions that are open now are answered, for at most `seconds`."""
        if self._open:
            await asyncio.wait(self._open, timeout=seconds)

    async def close(self, grace_s: float) -> None:
        """Take no more questions; finish the open ones or apologise, within `grace_s` seconds."""
        self._closing = True
        self._answerer.stop()
        if self._open:
            await asyncio.wait(self._open, timeout=max(0.0, grace_s - _GRACE_FOR_WORDS_S))
        unfinished = list(self._open)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=_GRACE_FOR_WORDS_S)

    async def _take(self, asker: Asker, reply: Reply, work: _Work) -> None:
        stages = Stages(observe=self._metrics.stage)
        task = asyncio.create_task(
            self._admitted(asker, reply, work, stages), name=f"query-{stages.query_id}"
        )
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # Shielded: discord.py may cancel the command that asks, but only `close` ends a question.
        await asyncio.shield(task)

    async def _admitted(self, asker: Asker, reply: Reply, work: _Work, stages: Stages) -> None:
        started = time.perf_counter()
        try:
            with self._limiter.asking(asker.person_id, asker.channel_id):
                self._answerer.check()
                async with self._turn_taking.place(asker.channel_id) as place, reply.opened():
                    question = _Open(asker, reply, stages, place)
                    await self._guarded(work(question), question, "")
        except LookalikeError as error:
            self._metrics.query(time.perf_counter() - started, error)
            log_error(error, stages.query_id)
            await reply.refuse(line(error), stages)
        except asyncio.CancelledError as error:
            self._metrics.query(time.perf_counter() - started, error)
            if not self._closing:
                raise
            await reply.refuse(RESTARTING, stages)

    async def _guarded(self, job: Awaitable[None], question: _Open, which: str) -> None:
        started = time.perf_counter()
        try:
            await job
        except Exception as error:  # whatever it is, the person who asked is told
            self._metrics.query(time.perf_counter() - started, error)
            log_error(error, question.stages.query_id)
            await question.reply.refuse(which + line(error), question.stages)

    async def _one(self, question: _Open, photo: PostedPhoto, people: int, face: int) -> None:
        started = time.perf_counter()
        async with asyncio.timeout(self._limits.answer_seconds), self._answerer.turn(question.stages) as turn:
            found = await self._answer(turn, question, photo, people, face)
        ticket = Ticket(photo.source, found.face, people, question.asker.person_id)
        await self._send(question, answer_message(found, ticket, spoiler=photo.spoiler), started)

    async def _answer(
        self, turn: AnswererTurn, question: _Open, photo: PostedPhoto, people: int, face: int
    ) -> Answer:
        stages = question.stages
        with stages.stage("download"):
            data = await self._download(photo)
        asked = Question(people, face, keep_photo=isinstance(photo.source, FromAnswer))
        # The grid, the faces and the photo itself share what may be uploaded.
        asked = replace(asked, max_bytes=min(asked.max_bytes, question.asker.upload_limit_bytes // 3))
        return await turn.answer(data, asked)

    async def _compare(self, question: _Open, first: PostedPhoto, second: PostedPhoto) -> None:
        started, stages = time.perf_counter(), question.stages
        async with asyncio.timeout(self._limits.answer_seconds), self._answerer.turn(stages) as turn:
            with stages.stage("download"):
                both = [await self._download(photo) for photo in (first, second)]
            compared = await turn.compare(both[0], both[1])
        ticket = Ticket(FromAnswer(), 1, 1, question.asker.person_id)
        outgoing = comparison_message(compared, ticket, spoiler=first.spoiler or second.spoiler)
        await self._send(question, outgoing, started)

    async def _send(self, question: _Open, outgoing: Outgoing, started: float) -> None:
        await question.place.come()
        with question.stages.stage("reply"):
            delivered = await question.reply.send(outgoing, question.stages)
        self._metrics.query(time.perf_counter() - started, delivered=delivered)

    async def _download(self, photo: PostedPhoto) -> bytes:
        limit = self._limits.photo_bytes
        if photo.size_bytes is not None and photo.size_bytes > limit:
            raise TooLargeError(
                f"The photo is too large: {photo.size_bytes / 2**20:.0f} MiB.",
                hint=f"Send one of at most {limit // 2**20} MiB.",
            )
        return await self._fetch(photo.url, limit)
