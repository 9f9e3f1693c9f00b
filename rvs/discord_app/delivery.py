"""Delivery: one reply with a deadline, at most one more try, and an outcome. It raises nothing but cancelling.

A file that is too large becomes a smaller one, a passing failure one more try; every other trouble is one line in
the log. Where a reply goes is for `replies` to say.
"""

import asyncio
import io
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import aiohttp
import discord

from rvs.discord_app.errors import NOT_ACCEPTED
from rvs.render.jpeg import shrunk
from rvs.stages import Stages

_log = logging.getLogger("rvs.discord")

# What a send can raise: discord.py lets some of aiohttp's and the system's errors through. The RuntimeError is
# aiohttp's for a connection that was closed meanwhile.
TROUBLE = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError)

_PAUSE_S = 1.0
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
