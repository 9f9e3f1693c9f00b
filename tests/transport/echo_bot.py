"""A small bot in discord.py for the tests of the fake itself: it uses each thing that our bot will need.

Commands by message: `!echo` (the size of the attachment), `!twice` (the same nonce two times), `!many` (11 files),
`!big` (2,000 bytes), `!late` (a reply to a message that is gone), `!alone` (a reply that does not insist).
Slash: /echo. Menus: "Echo message", "Echo person". Errors are answered with their numbers, as `400/50035`.
"""

import asyncio
import io
import json
import logging
import os
import signal
import sys
from typing import Any, cast

import aiohttp
import discord
import yarl
from discord import app_commands, ui
from discord.gateway import DiscordWebSocket
from discord.http import Route


class Echoed(ui.LayoutView):
    """A picture with a caption, a select and two buttons."""

    def __init__(self, caption: str) -> None:
        super().__init__(timeout=None)
        gallery = ui.MediaGallery[Echoed](
            discord.MediaGalleryItem("attachment://echo.png", description="the same")
        )
        again: ui.Button[Echoed] = ui.Button(label="Again", custom_id="again")
        once_more: ui.Button[Echoed] = ui.Button(label="Follow up", custom_id="follow")
        choice: ui.Select[Echoed] = ui.Select(
            custom_id="choice", options=[discord.SelectOption(label="One", value="1")]
        )
        rows = (ui.ActionRow[Echoed](choice), ui.ActionRow[Echoed](again, once_more))
        self.add_item(ui.Container[Echoed](ui.TextDisplay(caption), gallery, *rows))


def picture(data: bytes) -> discord.File:
    """The file that `Echoed` shows."""
    return discord.File(io.BytesIO(data), "echo.png", description="the same")


class EchoBot(discord.Client):
    """See the module."""

    def __init__(self) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        intents.message_content = "NO_MESSAGE_CONTENT" not in os.environ
        super().__init__(intents=intents, max_messages=None, allowed_mentions=discord.AllowedMentions.none())
        self.tree = app_commands.CommandTree(self)

        @self.tree.command(name="echo", description="The same picture")
        async def echo(
            interaction: discord.Interaction, image: discord.Attachment, private: bool = False
        ) -> None:
            await interaction.response.defer(thinking=True, ephemeral=private)
            data = await image.read()
            await interaction.edit_original_response(
                attachments=[picture(data)], view=Echoed(f"{len(data)} bytes")
            )

        @self.tree.context_menu(name="Echo message")
        async def of_message(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(
                f"{message.content} {len(message.attachments)}", ephemeral=True
            )

        @self.tree.context_menu(name="Echo person")
        async def of_person(interaction: discord.Interaction, user: discord.User) -> None:
            await interaction.response.send_message(f"{user.name} {len(await user.display_avatar.read())}")

    async def setup_hook(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(self.close()))
        await self.tree.sync()

    async def on_resumed(self) -> None:
        logging.info("resumed")

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is not discord.InteractionType.component:
            return
        data = cast(dict[str, Any], interaction.data)
        try:
            await interaction.response.defer()
            if data["custom_id"] == "follow":
                await interaction.followup.send("followed up", ephemeral=True)
            else:
                view = Echoed(f"pressed {data.get('values', ['again'])}")
                await interaction.edit_original_response(attachments=[picture(b"pressed")], view=view)
        except discord.HTTPException as error:
            logging.info("refused %s/%s", error.status, error.code)

    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot:
            return
        logging.info("seen %r with %d files", message.content, len(message.attachments))
        try:
            await self.answer(message)
        except discord.HTTPException as error:
            await message.channel.send(f"{error.status}/{error.code}")
        except (aiohttp.ClientError, OSError) as error:
            logging.info("lost: %s", type(error).__name__)

    async def answer(self, message: discord.Message) -> None:
        """By the word after the `!`."""
        word = message.content.split()[-1] if message.content else ""
        pictures = [
            *message.attachments,
            *(file for snap in message.message_snapshots for file in snap.attachments),
        ]
        if word == "!echo":
            async with message.channel.typing():
                sizes = [len(await file.read()) for file in pictures]
            await message.reply(f"read {sizes}")
        elif word == "!twice":
            sent = [await message.channel.send("once", nonce=message.id, reference=message) for _ in range(2)]
            logging.info("sent %d", len({each.id for each in sent}))
        elif word == "!many":
            await message.channel.send(files=[discord.File(io.BytesIO(b"x"), f"{n}.txt") for n in range(11)])
        elif word == "!big":
            await message.channel.send(file=discord.File(io.BytesIO(bytes(2000)), "big.bin"))
        elif word in {"!late", "!alone"}:
            await message.channel.send(
                "to nobody", reference=message.to_reference(fail_if_not_exists=word == "!late")
            )


def main() -> None:
    """Run until SIGTERM; exit code 3 for what Discord does not allow."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    Route.BASE = os.environ["RVS_DISCORD_API"]
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["RVS_DISCORD_GATEWAY"])
    discord.Asset.BASE = json.loads(os.environ["RVS_DISCORD_MEDIA"])[0]
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    try:
        EchoBot().run(os.environ["DISCORD_TOKEN"], log_handler=None)
    except (discord.LoginFailure, discord.PrivilegedIntentsRequired, discord.ConnectionClosed) as error:
        logging.exception("not allowed: %s", type(error).__name__)
        sys.exit(3)


if __name__ == "__main__":
    main()
