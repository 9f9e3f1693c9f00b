"""A message that changes while something goes on, and that outlives the token it may have been posted with.

An interaction can be edited for fifteen minutes; then its message is edited as the bot's own, and where that is
not possible the end of the story becomes a new message in the channel.
"""

import secrets
from typing import Any

import discord

from rvs.discord_app.delivery import Outcome, Outgoing, deliver
from rvs.stages import Stages


class LiveMessage:
    """One message that tells how something goes.

    Args:
        channel: where it is.
        question: the message that it replies to, if any.
        interaction: the command that it answers, if any; deferred already.
        seconds: the deadline of each change.
    """

    def __init__(
        self,
        channel: discord.abc.Messageable,
        *,
        question: discord.Message | None = None,
        interaction: discord.Interaction[Any] | None = None,
        seconds: float,
    ) -> None:
        self._channel = channel
        self._question = question
        self._interaction = interaction
        self._seconds = seconds
        self._message: discord.Message | discord.PartialMessage | None = None
        self._nonce = secrets.randbits(63)  # several tries make one message
        self._stages = Stages()

    async def show(self, outgoing: Outgoing) -> bool:
        """Show this now, posted or edited; whether it worked."""
        if self._interaction is not None and not self._interaction.is_expired():
            outcome = await deliver(self._answer, outgoing, self._stages, self._seconds)
            if outcome is Outcome.SENT:
                return True
        post = self._post if self._message is None else self._edit
        return await deliver(post, outgoing, self._stages, self._seconds) is Outcome.SENT

    async def finish(self, outgoing: Outgoing) -> bool:
        """Show this at the end, as a new message where the old one cannot be changed; whether it worked."""
        if await self.show(outgoing):
            return True
        self._message, self._nonce = None, secrets.randbits(63)
        return await deliver(self._post, outgoing, self._stages, self._seconds) is Outcome.SENT

    async def _answer(self, outgoing: Outgoing) -> None:
        if self._interaction is None:
            return
        sent = await self._interaction.edit_original_response(**outgoing.arguments("attachments"))
        if self._message is None and self._interaction.channel_id is not None:
            place = self._interaction.client.get_partial_messageable(self._interaction.channel_id)
            self._message = place.get_partial_message(sent.id)

    async def _edit(self, outgoing: Outgoing) -> None:
        if self._message is not None:
            await self._message.edit(**outgoing.arguments("attachments"))

    async def _post(self, outgoing: Outgoing) -> None:
        arguments = outgoing.arguments("files")
        if self._question is not None:
            arguments["reference"] = self._question.to_reference(fail_if_not_exists=False)
            arguments["mention_author"] = False
        self._message = await self._channel.send(**arguments, nonce=self._nonce)
