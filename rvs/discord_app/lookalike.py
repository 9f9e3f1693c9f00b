"""The commands of members: every way to ask, `/compare`, `/privacy`, `/about`. Thin: they say what is meant.

What is asked goes to the `Desk`; presses on an answer's buttons come back through `controls`.
"""

import logging
from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from rvs.discord_app.asking import Asker, Desk
from rvs.discord_app.consent import Consents
from rvs.discord_app.errors import UNREADABLE
from rvs.discord_app.notices import about_message, privacy_message
from rvs.discord_app.photos import (
    PostedPhoto,
    avatar_of,
    has_other_files,
    mentioned_id,
    photos_of,
    replied_to,
    required_photo,
)
from rvs.discord_app.replies import InteractionReply, MessageReply
from rvs.errors import ConsentError, DownloadError, NotAnImageError
from rvs.render import MAX_PEOPLE
from rvs.stages import Stages

_log = logging.getLogger("rvs.discord")

_NO_PICTURE = "Attach a photo, or reply to a message that has one."


class LookalikeCommands(commands.Cog):
    """What members can do.

    Args:
        bot: that the menus are added to.
        desk: answers.
        consents: who may be searched by avatar.
        prefix: what stands before `lookalike` in a message.
        people: how many people an answer names, unless the asker says.
        reply_seconds: the deadline of one reply.
    """

    def __init__(
        self,
        bot: commands.Bot,
        desk: Desk,
        consents: Consents,
        *,
        prefix: str,
        people: int,
        reply_seconds: float,
    ) -> None:
        self._bot = bot
        self._prefix = prefix
        self._desk = desk
        self._consents = consents
        self._people = min(people, MAX_PEOPLE)
        self._seconds = reply_seconds
        self._menus = (
            app_commands.ContextMenu(name="Find lookalikes", callback=self._of_message),
            app_commands.ContextMenu(name="Lookalikes of this avatar", callback=self._of_person),
        )

    async def cog_load(self) -> None:
        """Menus cannot be declared in a cog: they are added by hand."""
        for menu in self._menus:
            self._bot.tree.add_command(menu)

    async def cog_unload(self) -> None:
        """Likewise."""
        for menu in self._menus:
            self._bot.tree.remove_command(menu.name, type=menu.type)

    @commands.command(name="lookalike", aliases=["lookalikes"])
    async def by_message(self, ctx: commands.Context[Any], *, words: str = "") -> None:
        """`!lookalike`, with a photo, as a reply to one, or with a mention; a number says how many people."""
        message = ctx.message
        reply = await self.reply_to(message)
        if reply is None:
            return
        limit = message.guild.filesize_limit if message.guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        asker = Asker(message.author.id, message.channel.id, limit)

        async def find() -> Sequence[PostedPhoto]:
            return await self._meant_by(message)

        await self._desk.ask(asker, find, reply, people=people_in(words, self._people))

    @app_commands.command(name="lookalike", description="Whom does the face in this photo resemble?")
    @app_commands.describe(
        image="A photo with a face.",
        people="How many people to name.",
        private="Only you see the answer.",
    )
    async def by_slash(
        self,
        interaction: discord.Interaction[Any],
        image: discord.Attachment,
        people: app_commands.Range[int, 1, MAX_PEOPLE] | None = None,
        private: bool = False,
    ) -> None:
        """`/lookalike`."""

        async def find() -> Sequence[PostedPhoto]:
            return [required_photo(image)]

        reply = self._answer_to(interaction, private=private)
        await self._desk.ask(asker_of(interaction), find, reply, people=people or self._people)

    @app_commands.command(name="compare", description="How alike are the faces in two photos?")
    @app_commands.describe(a="A photo with a face.", b="Another one.", private="Only you see the answer.")
    async def by_compare(
        self,
        interaction: discord.Interaction[Any],
        a: discord.Attachment,
        b: discord.Attachment,
        private: bool = False,
    ) -> None:
        """`/compare`."""

        async def find() -> Sequence[PostedPhoto]:
            return [required_photo(a), required_photo(b)]

        reply = self._answer_to(interaction, private=private)
        await self._desk.compare(asker_of(interaction), find, reply)

    @app_commands.command(
        name="privacy", description="What happens to photos, and who may search your avatar."
    )
    async def privacy(self, interaction: discord.Interaction[Any]) -> None:
        """`/privacy`."""
        outgoing = privacy_message(agreed=self._consents.has_agreed(interaction.user.id))
        await self._answer_to(interaction, private=True).tell(outgoing, Stages())

    @app_commands.command(name="about", description="What this bot does and how to ask it.")
    async def about(self, interaction: discord.Interaction[Any]) -> None:
        """`/about`."""
        await self._answer_to(interaction, private=True).tell(about_message(self._prefix), Stages())

    async def _of_message(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        async def find() -> Sequence[PostedPhoto]:
            photos = photos_of(message, again=self._reads_again(message, interaction))
            if not photos:
                raise NotAnImageError(
                    "That message has no photo.", hint="Use this on a message that has one."
                )
            return photos

        reply = self._answer_to(interaction, private=False)
        await self._desk.ask(asker_of(interaction), find, reply, people=self._people)

    async def _of_person(
        self, interaction: discord.Interaction[Any], person: discord.Member | discord.User
    ) -> None:
        async def find() -> Sequence[PostedPhoto]:
            return [self.avatar(interaction.user.id, person)]

        reply = self._answer_to(interaction, private=False)
        await self._desk.ask(asker_of(interaction), find, reply, people=self._people)

    def avatar(self, asker_id: int, person: discord.Member | discord.User) -> PostedPhoto:
        """The avatar of a person, if the asker may search by it.

        Raises:
            ConsentError: it is another person's, who has not agreed.
            NotAnImageError: they have none.
        """
        if person.id != asker_id and not self._consents.has_agreed(person.id):
            raise ConsentError(
                f"{person.mention} has not agreed that others search by their avatar.",
                hint="They can, with `/privacy`.",
            )
        return avatar_of(person)

    async def _meant_by(self, message: discord.Message) -> Sequence[PostedPhoto]:
        """The photos a message is about: its own, of the one it replies to, of whom it mentions, the author's."""
        own = photos_of(message, again=True)
        if own:
            return own
        if has_other_files(message):
            raise NotAnImageError("This file is not a picture.", hint=_NO_PICTURE)
        earlier = await replied_to(message)
        if earlier is not None:
            photos = photos_of(earlier, again=self._reads_again(earlier))
            if photos:
                return photos
        mentioned = mentioned_id(message, self._bot.user.id if self._bot.user else 0)
        for person in message.mentions:
            if person.id == mentioned:
                return [self.avatar(message.author.id, person)]
        if earlier is not None:
            hidden = not self._reads_again(earlier) and not has_other_files(earlier)
            if hidden:
                raise DownloadError(UNREADABLE)
            raise NotAnImageError("The message you reply to has no photo.", hint=_NO_PICTURE)
        if "://" in message.content:
            raise NotAnImageError("I do not follow links.", hint="Attach the photo itself.")
        return [avatar_of(message.author)]

    def _reads_again(
        self, message: discord.Message, interaction: discord.Interaction[Any] | None = None
    ) -> bool:
        """Whether the photos of a message can be found again later: the bot is there, and may read them."""
        if interaction is not None and not (
            interaction.is_guild_integration() or interaction.context.dm_channel
        ):
            return False
        return (
            message.guild is None
            or self._bot.intents.message_content
            or message.author == self._bot.user
            or self._bot.user in message.mentions
        )

    async def reply_to(self, message: discord.Message) -> MessageReply | None:
        """Where the answer goes; None when nothing can be said there, or only what is missing."""
        me = message.guild.me if message.guild else None
        # In direct messages there is nothing to ask, and of a thread not heard of yet nothing is known.
        if me is None or isinstance(message.channel, discord.DMChannel | discord.PartialMessageable):
            return MessageReply(message, self._seconds)
        may = message.channel.permissions_for(me)
        in_thread = isinstance(message.channel, discord.Thread)
        if not (may.send_messages_in_threads if in_thread else may.send_messages):
            _log.warning("channel %d: no permission to send messages", message.channel.id)
            return None
        reply = MessageReply(message, self._seconds, refer=may.read_message_history)
        if not may.attach_files:
            _log.warning("channel %d: no permission to attach files", message.channel.id)
            await reply.refuse("I may not attach files in this channel: give me that permission.", Stages())
            return None
        return reply

    def _answer_to(self, interaction: discord.Interaction[Any], *, private: bool) -> InteractionReply:
        return InteractionReply(interaction, private=private, seconds=self._seconds)


def asker_of(interaction: discord.Interaction[Any]) -> Asker:
    """Who asks by an interaction, and where."""
    return Asker(interaction.user.id, interaction.channel_id or 0, interaction.filesize_limit)


def people_in(words: str, default: int) -> int:
    """How many people the text after a command asks for: its first number, within what a grid can show."""
    number = next((word for word in words.split() if word.isascii() and word.isdigit()), "")
    return min(max(int(number[:6]), 1), MAX_PEOPLE) if number else default
