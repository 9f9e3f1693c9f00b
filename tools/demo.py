"""The bot in a conversation, without a token: the real bot, the real engine, and a Discord in memory.

`make demo` runs it. It posts a photo with `!lookalike`, presses a button, prints what was said, and writes the
pictures that the bot answered with.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import discord
from rich.console import Console
from rich.markup import escape

from rvs.cli.terminal import say_error
from rvs.discord_app.settings import load_discord_settings
from rvs.errors import ConfigError, LookalikeError
from rvs.settings import load_settings
from rvs.whole_files import write_whole
from tools.memory_discord import memory_discord
from tools.sample_photo import sample_photo

_FOLDER = Path("demo")


async def converse(photo: Path, folder: Path) -> None:
    """Post the photo, press "More", print the conversation.

    Raises:
        ConfigError: the photo's file cannot be read.
        LookalikeError: the engine could not be loaded.
    """
    try:
        data = photo.read_bytes()
    except OSError as error:
        raise ConfigError(f"{photo} cannot be read.", hint="Name a photo: make demo PHOTO=me.jpg") from error
    discord_settings = load_discord_settings()
    command = f"{discord_settings.prefix}lookalike"
    async with memory_discord(load_settings(), discord_settings) as env:
        channel = env.create_guild("Friends").create_text_channel("general")
        asker = env.guild.add_member(env.create_user("you"))
        console = Console(highlight=False)
        console.print("[bold]#general[/]")
        console.print(f"[cyan]you[/]        {command}  [dim]({escape(photo.name)})[/]", soft_wrap=True)
        with quiet():
            await asker.send(channel, command, attachments=[(photo.name, data)])
        answer = channel.last_message
        show(console, answer, env.backend.cdn.get, folder, "lookalikes")
        if answer is not None and (more := button(answer, "More")) is not None:
            console.print(f"[cyan]you[/]        [dim]presses[/] {more}")
            with quiet():
                await asker.click(answer, label=more)
            show(console, channel.last_message, env.backend.cdn.get, folder, "lookalikes-more")


def show(console: Console, message: discord.Message | None, stored: Any, folder: Path, name: str) -> None:
    """Print what the bot said, and write its pictures."""
    if message is None:
        console.print("[red]The bot said nothing.[/]")
        return
    first = "[magenta]Lookalike[/]  "
    for line in [message.content] if message.content else texts(message.components):
        console.print(f"{first}{escape(line)}", soft_wrap=True)
        first = " " * 11
    for number, url in enumerate(pictures(message.components)):
        path = folder / f"{name}{'' if number == 0 else '-' + Path(url).stem}.jpg"
        write_whole(path, stored(url))
        console.print(f"{first}[green]picture: {path}[/]", soft_wrap=True)
    labels = [component.label for component in walk(message.components) if getattr(component, "label", None)]
    if labels:
        console.print(f"{first}[dim]{'  '.join(f'({label})' for label in labels)}[/]")


def texts(components: Any) -> list[str]:
    """The lines of text of an answer."""
    return [
        line
        for component in walk(components)
        if isinstance(component, discord.components.TextDisplay)
        for line in component.content.splitlines()
    ]


def pictures(components: Any) -> Iterator[str]:
    """The addresses of an answer's pictures, the grid first."""
    for component in walk(components):
        if isinstance(component, discord.components.MediaGalleryComponent):
            yield from (item.media.url for item in component.items)
        elif isinstance(component, discord.components.ThumbnailComponent):
            yield component.media.url


def button(message: discord.Message, start: str) -> str | None:
    """The label of the pressable button that starts like this."""
    for component in walk(message.components):
        if isinstance(component, discord.components.Button) and (component.label or "").startswith(start):
            return None if component.disabled else component.label
    return None


def walk(components: Any) -> Iterator[Any]:
    """Every component of an answer, outer ones first."""
    for component in components:
        yield component
        yield from walk(getattr(component, "children", ()))
        if getattr(component, "accessory", None) is not None:
            yield component.accessory


@contextmanager
def quiet() -> Iterator[None]:
    """Leave the bot's log out of the conversation."""
    logger = logging.getLogger("rvs")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def main() -> int:
    """Run the demo for PHOTO, or for a NASA portrait."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("discord").setLevel(logging.WARNING)
    for chatty in ("rvs.discord", "rvs.discord_app", "rvs.query"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    _FOLDER.mkdir(exist_ok=True)
    try:
        asyncio.run(converse(Path(os.environ.get("PHOTO") or sample_photo()), _FOLDER))
    except LookalikeError as error:
        say_error(error.message, error.hint)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
