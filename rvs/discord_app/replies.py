"""Sending: every reply has a fallback, a deadline, and at most one more try. Nothing here raises but cancelling.

An expired interaction becomes a message in the channel (unless it was private), a file that is too large a
smaller one, a passing failure one more try; what cannot be sent at all is one line in the log.
"""

import asyncio
import contextlib
import io
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

import aiohttp
import discord

from rvs.discord_app.errors import NOT_ACCEPTED
from rvs.render.jpeg import shrunk
from rvs.stages import Stages

_log = logging.getLogger("rvs.discord")

# What a send can raise: discord.py lets some of aiohttp's and the system's errors through.
TROUBLE = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)

_PAUSE_S = 1.0
_TYPING_AFTER_S = 1.0  # an answer usually comes before; then the typing would only cost a request
_EXPIRED = {10008, 10015, 10062, 50027}  # the message, webhook, interaction or its token is gone
_TOO_LARGE = {40005}
_SMALLER = 4  # an upload that was refused as too large is tried again at a quarter of its size


@dataclass(frozen=True, slots=True)
class Upload:
    """A JPEG to send, with the words that describe it; `spoiler`: whoever shows it hides it first."""

    name: str
    jpeg: bytes
    description: str
    spoiler: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply: either a line of text, or a layout with the pictures that it shows."""

    text: str | None = None
    layout: Callable[[], discord.ui.LayoutView] | None = None
    uploads: tuple[Upload, ...] = ()

    def arguments(self, files: str) -> dict[str, Any]:
        """As keyword arguments, made anew for every try: a file can be sent only once.

        Args:
            files: "files" to send a message, "attachments" to edit one.
        """
        made = [
            discord.File(io.BytesIO(upload.jpeg), upload.name, description=upload.description)
            for upload in self.uploads
        ]
        arguments: dict[str, Any] = {files: made} if made else {}
        if self.text is not None:
            arguments["content"] = self.text
        if self.layout is not None:
            arguments["view"] = self.layout()
            arguments["view"].stop()  # its components are answered by their custom_id: nothing waits for them
        return arguments

    def smaller(self) -> "Outgoing":
        """The same with smaller files."""
        uploads = tuple(
            replace(upload, jpeg=shrunk(upload.jpeg, max(len(upload.jpeg) // _SMALLER, 20_000)))
            for upload in self.uploads
        )
        return replace(self, uploads=uploads)


class Outcome(Enum):
    """What became of a reply."""

    SENT = "sent"
    EXPIRED = "expired"
    REFUSED = "refused"
    FAILED = "failed"


class Reply(Protocol):
    """Where the answer to one question goes."""

    def opened(self) -> Any:
        """An async context: the question is taken, the asker sees that something happens."""

    async def send(self, outgoing: Outgoing, stages: Stages) -> bool:
        """Send; whether it arrived."""

    async def refuse(self, text: str, stages: Stages) -> bool:
        """Say in one line why there is no answer; whether it arrived."""


class MessageReply:
    """Replies to a message, in its channel.

    Args:
        message: the question.
        seconds: the deadline of one reply.
        refer: whether the reply refers to the question; that needs the permission to read the history.
    """

    def __init__(self, message: discord.Message, seconds: float, *, refer: bool = True) -> None:
        self._message = message
        self._seconds = seconds
        self._question = message if refer else None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Types after a second, when the answer is slow to come."""
        typing = asyncio.create_task(self._type())
        try:
            yield
        finally:
            typing.cancel()

    async def send(self, outgoing: Outgoing, stages: Stages) -> bool:
        """Send as a reply; as a plain message where the question has been deleted."""
        outcome = await deliver(
            channel_post(self._message.channel, self._question), outgoing, stages, self._seconds
        )
        return outcome is Outcome.SENT

    async def refuse(self, text: str, stages: Stages) -> bool:
        """Say why not, as a reply."""
        return await self.send(Outgoing(text), stages)

    async def _type(self) -> None:
        await asyncio.sleep(_TYPING_AFTER_S)
        with contextlib.suppress(*TROUBLE):  # only a courtesy
            await self._message.channel.typing()


class InteractionReply:
    """Answers an interaction: a command, or a press on one of our components.

    Args:
        interaction: not yet responded to.
        private: only the asker sees the answer.
        update: the answer takes the place of the message whose component was pressed.
        seconds: the deadline of one reply.
    """

    def __init__(
        self, interaction: discord.Interaction[Any], *, private: bool, seconds: float, update: bool = False
    ) -> None:
        self._interaction = interaction
        self._private = private
        self._update = update
        self._seconds = seconds
        self._deferred = interaction.response.is_done()
        self._answered = False

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Defers: Discord waits for three seconds only, then for fifteen minutes."""
        response = self._interaction.response
        try:
            async with asyncio.timeout(self._seconds):
                if self._update:
                    await response.defer()
                else:
                    await response.defer(ephemeral=self._private, thinking=True)
            self._deferred = True
        except TROUBLE as error:
            # The answer can still go to the channel.
            _log.warning("an interaction could not be deferred: %s", describe(error))
        yield

    async def send(self, outgoing: Outgoing, stages: Stages) -> bool:
        """The first answer fills the deferred message, the next ones follow it."""
        if self._deferred and not self._interaction.is_expired():
            first = not self._answered
            post = self._edit if first else self._follow_up
            outcome = await deliver(post, outgoing, stages, self._seconds, again=first)
            self._answered = self._answered or outcome is Outcome.SENT
            if outcome is not Outcome.EXPIRED:
                return outcome is Outcome.SENT
        return await self._in_channel(outgoing, stages)

    async def tell(self, outgoing: Outgoing, stages: Stages) -> bool:
        """Respond at once, to the asker alone: for what is known without waiting."""
        respond = self._interaction.response.send_message

        async def first(words: Outgoing) -> None:
            await respond(**words.arguments("files"), ephemeral=True)

        return await deliver(first, outgoing, stages, self._seconds, again=False) is Outcome.SENT

    async def refuse(self, text: str, stages: Stages) -> bool:
        """Say why not: to the asker alone, where that is still possible."""
        outgoing = Outgoing(text)
        if not self._interaction.response.is_done() and not self._interaction.is_expired():
            return await self.tell(outgoing, stages)
        if self._update and self._deferred:
            outcome = await deliver(self._follow_up, outgoing, stages, self._seconds, again=False)
            return outcome is Outcome.SENT
        return await self.send(outgoing, stages)

    async def _edit(self, outgoing: Outgoing) -> None:
        await self._interaction.edit_original_response(**outgoing.arguments("attachments"))

    async def _follow_up(self, outgoing: Outgoing) -> None:
        private = self._private or outgoing.text is not None
        await self._interaction.followup.send(**outgoing.arguments("files"), ephemeral=private)

    async def _in_channel(self, outgoing: Outgoing, stages: Stages) -> bool:
        channel = self._interaction.channel
        if self._private or self._update or not isinstance(channel, discord.abc.Messageable):
            _log.warning("query=%s reply=expired: it was private, so it is dropped", stages.query_id)
            return False
        outcome = await deliver(channel_post(channel, None), outgoing, stages, self._seconds)
        return outcome is Outcome.SENT


def channel_post(
    channel: discord.abc.Messageable, question: discord.Message | None
) -> Callable[[Outgoing], Awaitable[None]]:
    """Posts into a channel; several tries of one reply make one message, by its nonce."""
    nonce = secrets.randbits(63)

    async def post(outgoing: Outgoing) -> None:
        arguments = outgoing.arguments("files")
        if question is not None:
            arguments["reference"] = question.to_reference(fail_if_not_exists=False)
            arguments["mention_author"] = False
        await channel.send(**arguments, nonce=nonce)

    return post


async def deliver(
    post: Callable[[Outgoing], Awaitable[None]],
    outgoing: Outgoing,
    stages: Stages,
    seconds: float,
    *,
    again: bool = True,
) -> Outcome:
    """Post, with one more try where that helps.

    Args:
        post: sends it once.
        outgoing: what to send.
        stages: whose question it answers, for the log.
        seconds: the deadline of all tries together.
        again: whether a second try cannot make a second message.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    outcome = Outcome.FAILED
    for tries_left in (1, 0):
        try:
            async with asyncio.timeout_at(deadline):
                await post(outgoing)
        except TROUBLE as error:
            outcome = outcome_of(error)
            _log.warning("query=%s reply=%s: %s", stages.query_id, outcome.value, describe(error))
            if not tries_left:
                break
            if _is_too_large(error):
                outgoing = await asyncio.to_thread(outgoing.smaller)
            elif outcome is Outcome.FAILED and again:
                await asyncio.sleep(_PAUSE_S)
            elif outcome is Outcome.REFUSED and outgoing.layout is not None and not _is_forbidden(error):
                outgoing = Outgoing(NOT_ACCEPTED)
            else:
                break
        else:
            return Outcome.SENT
    return outcome


def outcome_of(error: BaseException) -> Outcome:
    """What an error of a send means."""
    if isinstance(error, discord.HTTPException):
        if error.code in _EXPIRED or error.status == 401:
            return Outcome.EXPIRED
        if error.status in (400, 403, 404, 413):
            return Outcome.REFUSED
    return Outcome.FAILED


def describe(error: BaseException) -> str:
    """An error for the log: Discord's code and words, or its kind; never an address, which has tokens in it."""
    if isinstance(error, discord.HTTPException):
        return f"Discord says {error.status} ({error.code})"
    return type(error).__name__


def _is_forbidden(error: BaseException) -> bool:
    return isinstance(error, discord.HTTPException) and error.status == 403


def _is_too_large(error: BaseException) -> bool:
    return isinstance(error, discord.HTTPException) and (error.status == 413 or error.code in _TOO_LARGE)
