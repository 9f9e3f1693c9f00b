"""The commands of the bot's owner, by mention: `@bot sync`."""

from typing import Any, Protocol

from discord.ext import commands

from rvs.discord_app.replies import MessageReply
from rvs.stages import Stages


class Sync(Protocol):
    """Tells Discord which commands there are."""

    async def __call__(self, *, force: bool) -> bool:
        """With `force` also when they have not changed; whether it was necessary."""


class OwnerCommands(commands.Cog):
    """What only the owner of the application can do."""

    def __init__(self, sync: Sync, *, reply_seconds: float) -> None:
        self._sync = sync
        self._seconds = reply_seconds

    @commands.command(name="sync", hidden=True)
    @commands.is_owner()
    async def by_sync(self, ctx: commands.Context[Any]) -> None:
        """Send the commands to Discord again, also when nothing seems to have changed."""
        await self._sync(force=True)
        words = "Discord has been told of the commands. Members may have to restart their client to see them."
        await MessageReply(ctx.message, self._seconds).refuse(words, Stages())
