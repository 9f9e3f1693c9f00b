"""The bot itself: which events it hears, its commands, and where their errors go. No work is done here."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from rvs.discord_app.admin import Admins, IndexCommands
from rvs.discord_app.asking import Desk
from rvs.discord_app.consent import Consents
from rvs.discord_app.controls import Controls
from rvs.discord_app.delivery import TROUBLE, describe
from rvs.discord_app.errors import NO_PHOTO, line, log_error
from rvs.discord_app.lookalike import LookalikeCommands
from rvs.discord_app.owner import OwnerCommands
from rvs.discord_app.replies import InteractionReply
from rvs.discord_app.settings import DiscordSettings
from rvs.discord_app.sync import SyncRecord, sync_commands
from rvs.stages import Stages
from rvs.upkeep import Upkeep
from rvs.upkeep_elsewhere import UpkeepElsewhere

_log = logging.getLogger("rvs.discord")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the bot is put together from.

    Attributes:
        settings: of the bot.
        desk: answers.
        consents: who may be searched by avatar.
        people: how many people an answer names, unless the asker says.
        folder: where it remembers which commands Discord knows.
        message_content: whether messages can be read that do not mention the bot.
        upkeep: of the index; None leaves admins without commands.
    """

    settings: DiscordSettings
    desk: Desk
    consents: Consents
    people: int
    folder: Path
    message_content: bool
    upkeep: Upkeep | UpkeepElsewhere | None = None


class LookalikeBot(commands.Bot):
    """The bot, on one connection."""

    def __init__(self, parts: Parts) -> None:
        # Without voice we need neither library; their absence is no news.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned_or(parts.settings.prefix),
            intents=intents(message_content=parts.message_content),
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            case_insensitive=True,
            strip_after_prefix=True,
            chunk_guilds_at_startup=False,
        )
        self._parts = parts
        self._members = LookalikeCommands(
            self,
            parts.desk,
            parts.consents,
            prefix=parts.settings.prefix,
            people=parts.people,
            reply_seconds=parts.settings.reply_seconds,
        )
        self._controls = Controls(
            self, parts.desk, self._members, parts.consents, reply_seconds=parts.settings.reply_seconds
        )
        self._index = _index_commands(self, parts)
        self._record = SyncRecord(parts.folder)
        self.tree.error(self._on_app_command_error)

    async def setup_hook(self) -> None:
        """Add the commands; tell Discord of them when they have changed."""
        await self.add_cog(self._members)
        await self.add_cog(OwnerCommands(self.sync, reply_seconds=self._parts.settings.reply_seconds))
        if self._index is not None:
            await self.add_cog(self._index)
        try:
            await self.sync(force=False)
        except TROUBLE as error:
            # Those that Discord knows still work, and the prefix form does.
            _log.error("the commands could not be sent to Discord: %s", describe(error))

    async def sync(self, *, force: bool) -> bool:
        """Tell Discord which commands there are; whether it was necessary."""
        application_id = self.application_id or 0  # known as soon as the bot has logged in
        return await sync_commands(self.tree, application_id, self._record, force=force)

    async def on_ready(self) -> None:
        """One line; with what is different without the message-content intent."""
        _log.info("connected, in %d servers", len(self.guilds))
        if not self._parts.message_content:
            _log.info(
                "without the message content intent, %slookalike works only as @mention lookalike",
                self._parts.settings.prefix,
            )

    async def on_message(self, message: discord.Message) -> None:
        """Commands; and a bare mention with a photo, which can only mean one thing."""
        if message.author.bot:
            return
        context = await self.get_context(message)
        # Discord cuts the space at the end, without which discord.py takes a mention for no prefix.
        if self.user is not None and message.content.strip() in {f"<@{self.user.id}>", f"<@!{self.user.id}>"}:
            context.command = self._members.by_message
            context.invoked_with = self._members.by_message.name
        await self.invoke(context)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Presses on our components come here, whatever message they are on."""
        if self._index is None or not await self._index.press(interaction):
            await self._controls.press(interaction)

    async def on_command_error(self, ctx: commands.Context[Any], error: commands.CommandError) -> None:
        """Commands of other bots are none of ours, but who mentions us wants something."""
        mentioned = self.user is not None and self.user.id in ctx.message.raw_mentions
        # A `!sync` is as likely meant for another bot as for us.
        if isinstance(error, (commands.CommandNotFound, commands.NotOwner)) and not mentioned:
            return
        stages = Stages()
        unknown = isinstance(error, commands.CommandNotFound)
        if not unknown:
            log_error(error, stages.query_id)
        reply = await self._members.reply_to(ctx.message)
        if reply is not None:
            await reply.refuse(NO_PHOTO if unknown else line(error), stages)

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """An event that failed: a line and a traceback, nothing of what it carried."""
        _log.exception("the event %s failed", event_method)

    async def _on_app_command_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError
    ) -> None:
        stages = Stages()
        log_error(error, stages.query_id)
        reply = InteractionReply(interaction, private=True, seconds=self._parts.settings.reply_seconds)
        await reply.refuse(line(error), stages)


class ShardedLookalikeBot(LookalikeBot, commands.AutoShardedBot):
    """The bot, on as many connections as Discord asks for."""


def _index_commands(bot: commands.Bot, parts: Parts) -> IndexCommands | None:
    if parts.upkeep is None:
        return None
    admins = Admins(frozenset(parts.settings.admins), frozenset(parts.settings.admin_roles))
    return IndexCommands(bot, parts.upkeep, admins, reply_seconds=parts.settings.reply_seconds)


def make_bot(parts: Parts) -> LookalikeBot:
    """The bot that the settings describe, not connected yet."""
    return ShardedLookalikeBot(parts) if parts.settings.sharded else LookalikeBot(parts)


def intents(*, message_content: bool) -> discord.Intents:
    """The events we need: messages, and servers because permissions are in them. No members, no presence."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.dm_messages = True
    wanted.message_content = message_content
    return wanted
