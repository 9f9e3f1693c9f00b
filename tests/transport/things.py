"""The records of the small world: people, servers, channels, messages, files, interactions, one application.

Tests read and change them at will. How they look as JSON is told in `payloads`, what the bot may do to them in
`posting` and the routes.
"""

import hashlib
import io
import mimetypes
import time
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Literal

from PIL import Image, UnidentifiedImageError

from tests.transport.api_error import Json
from tests.transport.components import find_control, texts, walk


class Permission(IntFlag):
    """Those of Discord's permissions that a bot like ours meets."""

    NOTHING = 0
    ADMINISTRATOR = 1 << 3
    MANAGE_GUILD = 1 << 5
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    USE_APPLICATION_COMMANDS = 1 << 31
    SEND_MESSAGES_IN_THREADS = 1 << 38


EVERYBODY = (
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.SEND_MESSAGES_IN_THREADS
)


class Flag(IntFlag):
    """Of a message."""

    NOTHING = 0
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    COMPONENTS_V2 = 1 << 15


class Intent(IntFlag):
    """Which events a session asks for."""

    NOTHING = 0
    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


class Callback(IntEnum):
    """How an interaction is acknowledged."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, eq=False)
class User:
    """A person or a bot. `avatar` is a PNG; `accepts_dms=False` answers 403/50007 to messages of the bot."""

    id: int
    name: str
    bot: bool = False
    avatar: bytes | None = None
    accepts_dms: bool = True

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    @property
    def avatar_hash(self) -> str | None:
        return hashlib.md5(self.avatar, usedforsecurity=False).hexdigest() if self.avatar else None


@dataclass(slots=True, eq=False)
class Guild:
    """A server. `upload_bytes` is the most that one request of the bot may carry here in files."""

    id: int
    name: str
    owner: User
    members: list[User]
    everyone: Permission = EVERYBODY
    upload_bytes: int = 10 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Channel:
    """A text channel of `guild`, or, without one, the direct messages with `recipient`."""

    id: int
    name: str
    guild: Guild | None = None
    recipient: User | None = None
    denied: Permission = Permission.NOTHING

    @property
    def bot_permissions(self) -> Permission:
        """What the bot may do here."""
        return EVERYBODY if self.guild is None else self.guild.everyone & ~self.denied

    @property
    def upload_bytes(self) -> int:
        return 10 * 1024 * 1024 if self.guild is None else self.guild.upload_bytes


@dataclass(slots=True, eq=False)
class Attachment:
    """A file that somebody sent. `said_size` is what the JSON claims, where that differs from the truth."""

    id: int
    channel_id: int
    filename: str
    data: bytes
    description: str | None = None
    ephemeral: bool = False
    said_size: int | None = None

    @property
    def content_type(self) -> str | None:
        return mimetypes.guess_type(self.filename)[0]

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height in pixels, if it is a picture."""
        try:
            with Image.open(io.BytesIO(self.data)) as picture:
                return picture.size
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
            return None


@dataclass(slots=True, eq=False)
class Message:
    """A message, and what tests want to know of it.

    `files` holds every file it carries; in JSON, those which components show are not among its attachments.
    """

    id: int
    channel: Channel
    author: User
    content: str = ""
    files: list[Attachment] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)  # ids of the files that components show
    flags: Flag = Flag.NOTHING
    mentions: list[User] = field(default_factory=list)
    reply_to: "Message | None" = None
    forward_of: "Message | None" = None
    interaction: "Interaction | None" = None
    nonce: str | None = None
    deleted: bool = False
    edits: int = 0

    @property
    def ephemeral(self) -> bool:
        return Flag.EPHEMERAL in self.flags

    @property
    def text(self) -> str:
        """The content and every text in the components, a line each."""
        return "\n".join(part for part in (self.content, *texts(self.components)) if part)

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons, in order."""
        return [str(part.get("label", "")) for part in walk(self.components) if part["type"] == 2]

    def file(self, name: str) -> Attachment:
        """The file of that name."""
        for attachment in self.files:
            if attachment.filename == name:
                return attachment
        raise AssertionError(f"no file {name!r} among {[file.filename for file in self.files]}")

    def control(self, which: str | None) -> Json:
        """The button of this label, or the control of this custom_id; without either, the only select."""
        return find_control(self.components, which)


@dataclass(slots=True, eq=False)
class Interaction:
    """A question by slash command, menu, button or select: the handle tests hold.

    `replies` are the messages people saw as its answer, in order: an edit of the clicked message counts, the
    thinking dots do not. `expired` makes its token worthless, as after 15 minutes.
    """

    id: int
    token: str
    type: int
    user: User
    channel: Channel
    data: Json
    message: Message | None = None
    callback: Callback | None = None
    original: Message | None = None
    replies: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None
    expired: bool = False
    sent_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Application:
    """The bot's entry in the developer portal. "limited": approved because the bot is in few servers."""

    id: int
    name: str
    owner: User
    message_content: Literal["approved", "limited", "no"] = "limited"

    @property
    def flags(self) -> int:
        return {"approved": 1 << 18, "limited": 1 << 19, "no": 0}[self.message_content]
