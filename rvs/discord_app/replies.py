"""Where the answer to a question goes: a message's channel, or an interaction, and what when that has expired.

An expired interaction becomes a message in the channel, unless it was private. How a reply is sent, and tried
again, is for `delivery` to know.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import discord

from rvs.discord_app.delivery import TROUBLE, Outcome, Outgoing, channel_post, deliver, describe
from rvs.stages import Stages

_log = logging.getLogger("rvs.discord")

_TYPING_AFTER_S = 1.0  # an answer usually comes before; then the typing would only cost a request


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
