"""The commands of those who look after the index: `/index ...` and `!rebuild`. Who may is checked here.

Discord hides the commands from members without "Manage Server"; that is a courtesy, not a check.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from rvs.discord_app.delivery import TROUBLE, Outgoing, describe
from rvs.discord_app.errors import log_error
from rvs.discord_app.index_words import (
    CANCEL,
    CANCELLING,
    NOT_ALLOWED,
    NOTHING_RUNS,
    cancelled_message,
    done_message,
    error_words,
    failed_message,
    last_lines,
    progress_message,
    status_message,
)
from rvs.discord_app.live_message import LiveMessage
from rvs.discord_app.replies import InteractionReply, MessageReply
from rvs.errors import RebuildCancelledError
from rvs.index_job import Job
from rvs.stages import Stages
from rvs.upkeep import Upkeep
from rvs.upkeep_elsewhere import UpkeepElsewhere

_log = logging.getLogger("rvs.discord")

_EDIT_EVERY_S = 5.0  # Discord allows about one edit a second in a channel; nobody reads faster than this
_OWNER_S = 2.0  # to ask Discord once who the owner is; a command has to be answered within three
_MOST_CHOICES = 25  # of an autocompletion


@dataclass(frozen=True, slots=True)
class Admins:
    """Who may look after the index, besides the bot's owner.

    Attributes:
        people: ids of people.
        roles: ids of roles.
    """

    people: Collection[int] = ()
    roles: Collection[int] = ()


class IndexCommands(commands.Cog):
    """What admins can do.

    Args:
        bot: knows its owner.
        upkeep: of the index that answers.
        admins: who may, besides the owner.
        reply_seconds: the deadline of one reply.
    """

    index = app_commands.Group(
        name="index",
        description="Look after the index that answers (admins only).",
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(
        self,
        bot: commands.Bot,
        upkeep: Upkeep | UpkeepElsewhere,
        admins: Admins,
        *,
        reply_seconds: float,
    ) -> None:
        self._bot = bot
        self._upkeep = upkeep
        self._admins = admins
        self._seconds = reply_seconds
        self._telling: set[asyncio.Task[None]] = set()

    @index.command(name="status", description="Which version answers, and whether one is being built.")
    async def status(self, interaction: discord.Interaction[Any]) -> None:
        """`/index status`."""

        async def work() -> Outgoing:
            return status_message(await self._upkeep.status())

        await self._answer(interaction, work)

    @index.command(name="rebuild", description="Build the index anew while the old one answers.")
    @app_commands.describe(gallery="Another index to build, from the photos it was built from before.")
    async def rebuild(self, interaction: discord.Interaction[Any], gallery: str | None = None) -> None:
        """`/index rebuild`."""
        if not await self._may(interaction):
            return
        reply = InteractionReply(interaction, private=False, seconds=self._seconds)
        async with reply.opened():
            channel = self._bot.get_partial_messageable(interaction.channel_id or 0)
            live = LiveMessage(channel, interaction=interaction, seconds=self._seconds)
            await self._build(gallery, live, interaction)

    @commands.command(name="rebuild", hidden=True)
    async def by_message(self, ctx: commands.Context[Any], gallery: str | None = None) -> None:
        """`!rebuild`, with the name of another index or without."""
        if not await self._is_admin(ctx.author):
            await MessageReply(ctx.message, self._seconds).refuse(NOT_ALLOWED, Stages())
            return
        await self._build(
            gallery, LiveMessage(ctx.channel, question=ctx.message, seconds=self._seconds), None
        )

    @index.command(name="cancel", description="End the build that runs.")
    async def cancel(self, interaction: discord.Interaction[Any]) -> None:
        """`/index cancel`."""
        await self._answer(interaction, self._cancelled)

    @index.command(name="activate", description="Let another version answer.")
    @app_commands.describe(version="Which.")
    async def activate(self, interaction: discord.Interaction[Any], version: str) -> None:
        """`/index activate`."""

        async def work() -> Outgoing:
            return self._now_answers(changed=await self._upkeep.activate(version))

        await self._answer(interaction, work)

    @index.command(name="rollback", description="Let the version answer that did before.")
    async def roll_back(self, interaction: discord.Interaction[Any]) -> None:
        """`/index rollback`."""

        async def work() -> Outgoing:
            return self._now_answers(changed=await self._upkeep.roll_back())

        await self._answer(interaction, work)

    @activate.autocomplete("version")
    async def _versions(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return await self._choices(interaction, typed, self._upkeep.versions)

    @rebuild.autocomplete("gallery")
    async def _galleries(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return await self._choices(interaction, typed, self._upkeep.galleries)

    async def press(self, interaction: discord.Interaction[Any]) -> bool:
        """Answer a press on the button under a build's progress; False when it was another component."""
        data: dict[str, Any] = dict(interaction.data or {})
        if interaction.type is not discord.InteractionType.component or data.get("custom_id") != CANCEL:
            return False
        if await self._may(interaction):
            # Said first: to end a build can take longer than Discord waits.
            words = NOTHING_RUNS if self._upkeep.job is None else CANCELLING
            await InteractionReply(interaction, private=True, seconds=self._seconds).refuse(words, Stages())
            await self._upkeep.cancel()
        return True

    async def _answer(
        self, interaction: discord.Interaction[Any], work: Callable[[], Awaitable[Outgoing]]
    ) -> None:
        """Do something for an admin and tell them alone what became of it."""
        if not await self._may(interaction):
            return
        reply, stages = InteractionReply(interaction, private=True, seconds=self._seconds), Stages()
        async with reply.opened():
            try:
                outgoing = await work()
            except Exception as error:  # whatever it is, the admin is told
                log_error(error, stages.query_id)
                outgoing = Outgoing(error_words(error))
            await reply.send(outgoing, stages)

    async def _build(
        self, gallery: str | None, live: LiveMessage, interaction: discord.Interaction[Any] | None
    ) -> None:
        try:
            job = await self._upkeep.rebuild(gallery)
        except Exception as error:  # likewise
            log_error(error, Stages().query_id)
            await live.finish(Outgoing(error_words(error)))
            return
        await live.show(progress_message(job.index, job.build.progress))
        # A task of its own: a command that lasts for hours would be one that discord.py waits for when it ends.
        telling = asyncio.create_task(self._tell(job, live, interaction), name="rebuild-progress")
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell(self, job: Job, live: LiveMessage, interaction: discord.Interaction[Any] | None) -> None:
        while not await job.ended_within(_EDIT_EVERY_S):
            await live.show(progress_message(job.index, job.build.progress))
        try:
            outgoing = done_message(job.index, await job.done())
        except RebuildCancelledError:
            outgoing = cancelled_message(job.index)
        except Exception as error:  # the log has it already
            aside = await self._whisper(interaction, last_lines(error))
            outgoing = failed_message(job.index, error, with_lines=not aside)
        await live.finish(outgoing)

    async def _whisper(self, interaction: discord.Interaction[Any] | None, words: str) -> bool:
        """Tell the admin alone, where that is still possible; whether it was."""
        if not words or interaction is None or interaction.is_expired():
            return False
        try:
            async with asyncio.timeout(self._seconds):
                await interaction.followup.send(words, ephemeral=True)
        except TROUBLE as error:
            _log.warning("an admin could not be told: %s", describe(error))
            return False
        return True

    async def _cancelled(self) -> Outgoing:
        return Outgoing("The build was cancelled." if await self._upkeep.cancel() else "No build is running.")

    def _now_answers(self, *, changed: bool) -> Outgoing:
        return Outgoing(f"`{self._upkeep.serving}` {'answers now' if changed else 'answered already'}.")

    async def _choices(
        self,
        interaction: discord.Interaction[Any],
        typed: str,
        known: Callable[[], Awaitable[list[str]]],
    ) -> list[app_commands.Choice[str]]:
        if not await self._is_admin(interaction.user):
            return []
        names = [name for name in await known() if typed.casefold() in name.casefold()]
        return [app_commands.Choice(name=name, value=name) for name in names[:_MOST_CHOICES]]

    async def _may(self, interaction: discord.Interaction[Any]) -> bool:
        """Whether it is an admin who asks; whoever is none is told so."""
        if await self._is_admin(interaction.user):
            return True
        reply = InteractionReply(interaction, private=True, seconds=self._seconds)
        await reply.refuse(NOT_ALLOWED, Stages())
        return False

    async def _is_admin(self, person: discord.User | discord.Member) -> bool:
        if person.id in self._admins.people:
            return True
        if isinstance(person, discord.Member) and any(person.get_role(role) for role in self._admins.roles):
            return True
        try:
            async with asyncio.timeout(_OWNER_S):
                return await self._bot.is_owner(person)
        except TROUBLE as error:
            _log.warning("the bot's owner is not known: %s", describe(error))
            return False
