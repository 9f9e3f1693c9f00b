"""What a person sees of a message: its words, its pictures, and what can be pressed."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import discord
from PIL import Image


class Blobs(Protocol):
    """Where posted files are."""

    def get(self, url: str) -> bytes | None:
        """The file at an address."""


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A picture that a message shows."""

    image: Image.Image
    description: str
    spoiler: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of the bot.

    Attributes:
        message: as discord.py has it.
        words: everything that is written.
        pictures: by the name of their file.
        buttons: by the first word of their label.
        select: the choice of faces.
    """

    message: discord.Message
    words: str
    pictures: dict[str, SeenPicture]
    buttons: dict[str, discord.Button]
    select: discord.SelectMenu | None

    @property
    def grid_size(self) -> tuple[int, int]:
        """Of the picture with the people."""
        return self.pictures["lookalikes.jpg"].image.size

    @property
    def people(self) -> int:
        """How many the words name."""
        heading = self.words.startswith("### ")
        then = [line for line in self.words.splitlines() if line.startswith("-# Then ")]
        return heading + sum(line.count(" (") for line in then)

    @property
    def faces(self) -> int:
        """How many the words say that the photo has; 1 when they do not say."""
        said = re.search(r"\*\*(\d+) faces\*\*", self.words)
        return int(said[1]) if said else 1

    @property
    def face(self) -> int:
        """Which of them was asked about."""
        said = re.search(r"number \*\*(\d+)\*\*", self.words)
        return int(said[1]) if said else 1

    @property
    def replies_to(self) -> int | None:
        """The message that this is a reply to."""
        reference = self.message.reference
        return None if reference is None else reference.message_id


def see(message: discord.Message, blobs: Blobs) -> Seen:
    """Look at a message; every picture in it is decoded."""
    parts = list(_walk(message.components))
    words = [message.content, *(part.content for part in parts if isinstance(part, discord.TextDisplay))]
    pictures = {}
    for part in parts:
        shown = part.items if isinstance(part, discord.MediaGalleryComponent) else ()
        for item in (*shown, *([part] if isinstance(part, discord.ThumbnailComponent) else [])):
            data = blobs.get(item.media.url)
            assert data is not None, "a picture that is shown was never uploaded"
            image = Image.open(io.BytesIO(data))
            image.load()
            assert image.format == "JPEG"
            pictures[item.media.url.rsplit("/", 1)[1]] = SeenPicture(
                image, item.description or "", item.spoiler
            )
    buttons = {(part.label or "").split()[0]: part for part in parts if isinstance(part, discord.Button)}
    select = next((part for part in parts if isinstance(part, discord.SelectMenu)), None)
    return Seen(message, "\n".join(filter(None, words)), pictures, buttons, select)


def _walk(components: Any) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walk(getattr(component, "children", ()))
        if getattr(component, "accessory", None) is not None:
            yield component.accessory
