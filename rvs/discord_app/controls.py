"""What happens when somebody presses a button or picks a face, also on an answer from before a restart.

All that is known is in the `custom_id` and in the message itself; whoever made neither is told politely.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord

from rvs.discord_app.asking import Desk
from rvs.discord_app.consent import Consents
from rvs.discord_app.delivery import TROUBLE, describe
from rvs.discord_app.errors import EXPIRED, NOT_YOURS, line, log_error
from rvs.discord_app.lookalike import LookalikeCommands, asker_of
from rvs.discord_app.notices import AGREE, AGREED, WITHDRAW, WITHDRAWN
from rvs.discord_app.photos import PostedPhoto, photo_in_answer, photos_of
from rvs.discord_app.replies import InteractionReply
from rvs.discord_app.ticket import FromAnswer, FromAvatar, FromMessage, Ticket, is_ours, read_ticket
from rvs.errors import ConfigError, DownloadError
from rvs.stages import Stages

_log = logging.getLogger("rvs.discord")


class Controls:
    """Answers presses on our components.

    Args:
        bot: finds messages and people again.
        desk: answers.
        members: knows whose avatar may be searched.
        consents: is changed by the two buttons of `/privacy`.
        reply_seconds: the deadline of one reply.
    """

    def __init__(
        self,
        bot: discord.Client,
        desk: Desk,
        members: LookalikeCommands,
        consents: Consents,
        *,
        reply_seconds: float,
    ) -> None:
        self._bot = bot
        self._desk = desk
        self._members = members
        self._consents = consents
        self._seconds = reply_seconds

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do what a component says; components of others are left alone."""
        data: dict[str, Any] = dict(interaction.data or {})
        custom_id = str(data.get("custom_id", ""))
        if interaction.type is not discord.InteractionType.component or not is_ours(custom_id):
            return
        if custom_id in (AGREE, WITHDRAW):
            await self._decide(interaction, agreed=custom_id == AGREE)
            return
        read = read_ticket(custom_id)
        if read is None or interaction.message is None:
            await self._say(interaction, EXPIRED)
            return
        action, ticket = read
        if action == "delete":
            await self._delete(interaction, ticket)
            return
        ticket = replace(ticket, face=_picked(data)) if action == "face" else ticket.with_people(action)
        await self._again(interaction, interaction.message, ticket)

    async def _again(
        self, interaction: discord.Interaction[Any], answer: discord.Message, ticket: Ticket
    ) -> None:
        """Ask anew: in place for the person who asked, for others in an answer that only they see."""

        async def find() -> Sequence[PostedPhoto]:
            return [await self._photo(interaction, answer, ticket)]

        theirs = interaction.user.id == ticket.asker_id
        reply = InteractionReply(interaction, private=not theirs, update=theirs, seconds=self._seconds)
        await self._desk.ask(asker_of(interaction), find, reply, people=ticket.people, face=ticket.face)

    async def _photo(
        self, interaction: discord.Interaction[Any], answer: discord.Message, ticket: Ticket
    ) -> PostedPhoto:
        """The photo of a ticket.

        Raises:
            DownloadError: it is gone.
            ConsentError: the person has withdrawn their consent.
        """
        try:
            match ticket.source:
                case FromAnswer():
                    return photo_in_answer(answer)
                case FromAvatar(person_id):
                    return self._members.avatar(
                        interaction.user.id, await self._person(interaction, person_id)
                    )
                case FromMessage(channel_id, message_id):
                    channel = self._bot.get_partial_messageable(channel_id)
                    async with asyncio.timeout(self._seconds):
                        message = await channel.fetch_message(message_id)
                    source = ticket.source
                    return next(photo for photo in photos_of(message, again=True) if photo.source == source)
        except (discord.NotFound, discord.Forbidden, StopIteration) as error:
            raise DownloadError(EXPIRED) from error

    async def _person(
        self, interaction: discord.Interaction[Any], person_id: int
    ) -> discord.User | discord.Member:
        async with asyncio.timeout(self._seconds):
            if interaction.guild is not None and interaction.is_guild_integration():
                try:
                    return await interaction.guild.fetch_member(person_id)
                except discord.NotFound:
                    pass  # has left; their own avatar is still theirs
            return await self._bot.fetch_user(person_id)

    async def _delete(self, interaction: discord.Interaction[Any], ticket: Ticket) -> None:
        if interaction.user.id != ticket.asker_id and not interaction.permissions.manage_messages:
            await self._say(interaction, NOT_YOURS)
            return
        try:
            async with asyncio.timeout(self._seconds):
                await interaction.response.defer()
                await interaction.delete_original_response()
        except discord.NotFound:
            pass  # somebody was faster
        except TROUBLE as error:
            _log.warning("an answer could not be deleted: %s", describe(error))
            await self._say(interaction, "The answer could not be deleted. Try again in a minute.")

    async def _decide(self, interaction: discord.Interaction[Any], *, agreed: bool) -> None:
        """Write the file first; only then say that it is so."""
        change = self._consents.agree if agreed else self._consents.withdraw
        try:
            await asyncio.to_thread(change, interaction.user.id)
        except OSError as error:
            failure = ConfigError(
                "This could not be written down, so nothing has changed.", hint="Try again later."
            )
            log_error(error, "consent")
            await self._say(interaction, line(failure))
            return
        await self._say(interaction, AGREED if agreed else WITHDRAWN)

    async def _say(self, interaction: discord.Interaction[Any], words: str) -> None:
        reply = InteractionReply(interaction, private=True, update=True, seconds=self._seconds)
        await reply.refuse(words, Stages())


def _picked(data: dict[str, Any]) -> int:
    values = data.get("values") or ["1"]
    return int(values[0]) if str(values[0]).isdigit() else 1
