"""Which photo is meant: of a message, of the one it replies to, of one it forwards, or somebody's avatar.

It finds photos and says where they are; it fetches none of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import discord

from rvs.discord_app.errors import EXPIRED
from rvs.discord_app.ticket import FromAnswer, FromAvatar, FromMessage, Source
from rvs.errors import DownloadError, NotAnImageError

AVATAR_SIZE_PX = 1024
"""Discord makes avatars of any power of two; the face in one is large."""

PHOTO_FILE = "photo.jpg"
"""The name of the photo that an answer carries for its own buttons."""

# Some clients send HEIC and AVIF as application/octet-stream.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff")

_Component: TypeAlias = Any  # discord.py's components have no common type that has children


@dataclass(frozen=True, slots=True)
class PostedPhoto:
    """A photo that can be fetched.

    Attributes:
        url: where.
        size_bytes: as Discord announces it; None where it does not.
        spoiler: the picture was posted hidden.
        source: how to find it again.
    """

    url: str
    size_bytes: int | None
    spoiler: bool
    source: Source


def photos_of(message: discord.Message, *, again: bool) -> list[PostedPhoto]:
    """The pictures of a message: its own, then those of messages that it forwards.

    Args:
        message: whose pictures are wanted.
        again: whether the bot can read the message another time.
    """
    found = []
    for index, attachment in enumerate(_attachments(message)):
        if is_picture(attachment):
            source = FromMessage(message.channel.id, message.id, index) if again else FromAnswer()
            found.append(photo_of(attachment, source))
    return found


def photo_of(attachment: discord.Attachment, source: Source) -> PostedPhoto:
    """An attachment as a photo."""
    return PostedPhoto(attachment.url, attachment.size, attachment.is_spoiler(), source)


def required_photo(attachment: discord.Attachment) -> PostedPhoto:
    """The attachment of a slash command, which is in no message.

    Raises:
        NotAnImageError: it is no picture.
    """
    if not is_picture(attachment):
        raise NotAnImageError("This file is not a picture.", hint="Attach a photo.")
    return photo_of(attachment, FromAnswer())


def is_picture(attachment: discord.Attachment) -> bool:
    """Whether an attachment looks like one; what it really is shows when it is decoded."""
    kind = attachment.content_type or ""
    return kind.startswith("image/") or attachment.filename.lower().endswith(_SUFFIXES)


def has_other_files(message: discord.Message) -> bool:
    """Whether a message has attachments, none of which is a picture."""
    attachments = list(_attachments(message))
    return bool(attachments) and not any(map(is_picture, attachments))


def avatar_of(person: discord.User | discord.Member) -> PostedPhoto:
    """The avatar of a person, the one of this server if they have one here.

    Raises:
        NotAnImageError: they have none of their own.
    """
    avatar = person.display_avatar
    if avatar.key == person.default_avatar.key:
        raise NotAnImageError(
            f"{person.mention} has no avatar, only Discord's own.", hint="Attach a photo instead."
        )
    # A still picture, also of an animated one; PNG, because it is made anew and loses nothing more.
    url = avatar.replace(size=AVATAR_SIZE_PX, format="png").url
    return PostedPhoto(url, None, spoiler=False, source=FromAvatar(person.id))


async def replied_to(message: discord.Message) -> discord.Message | None:
    """The message that this one replies to, if it still exists.

    Raises:
        DownloadError: Discord would not give it.
    """
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.default:
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    if isinstance(reference.resolved, discord.DeletedReferencedMessage) or reference.message_id is None:
        return None
    try:
        return await message.channel.fetch_message(reference.message_id)
    except discord.NotFound:
        return None
    except discord.HTTPException as error:
        raise DownloadError(
            "The message you reply to could not be read.", hint="Post the photo itself."
        ) from error


def photo_in_answer(answer: discord.Message) -> PostedPhoto:
    """The photo that an answer carries.

    Discord does not list it among the attachments, because a component shows it: it is in the component.

    Raises:
        DownloadError: it is not there.
    """
    for component in _walk(answer.components):
        media = getattr(component, "media", None)
        if media is not None and media.url.partition("?")[0].endswith(f"/{PHOTO_FILE}"):
            return PostedPhoto(media.url, None, bool(component.spoiler), FromAnswer())
    raise DownloadError(EXPIRED)


def mentioned_id(message: discord.Message, bot_id: int) -> int | None:
    """The first person mentioned in the text, other than the bot: a reply's ping is no mention."""
    return next((person for person in message.raw_mentions if person != bot_id), None)


def _attachments(message: discord.Message) -> Iterator[discord.Attachment]:
    yield from message.attachments
    for snapshot in message.message_snapshots:
        yield from snapshot.attachments


def _walk(components: Sequence[_Component]) -> Iterator[_Component]:
    for component in components:
        yield component
        yield from _walk(getattr(component, "children", ()) or getattr(component, "components", ()))
        accessory = getattr(component, "accessory", None)
        if accessory is not None:
            yield accessory
