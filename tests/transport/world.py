"""Everything there is in the small world, by id. Whoever changes it rings `World.changes`."""

import time
from collections.abc import Iterable
from itertools import count

from tests.transport.api_error import Json
from tests.transport.changes import Changes
from tests.transport.things import Application, Attachment, Channel, Guild, Interaction, Message, User

DISCORD_EPOCH_MS = 1_420_070_400_000


class World:
    """Everything there is. `origin` is the address of the fake, once it listens."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.origin = ""
        self.changes = Changes()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.interactions: dict[str, Interaction] = {}
        self.attachments: dict[int, Attachment] = {}
        self.commands: list[Json] = []
        self.typing: list[Channel] = []
        self.nonces: dict[tuple[int, str], tuple[Message, float]] = {}
        self.callback_seconds = 3.0
        self._counter = count(1)
        self.bot = self.add_user("Lookalike", bot=True)
        self.application = Application(self.bot.id, "Lookalike", self.add_user("owner"))

    def snowflake(self) -> int:
        """A new id, which carries the time as Discord's do."""
        return (int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22 | (next(self._counter) & 0x3FFFFF)

    def add_user(self, name: str, *, bot: bool = False, avatar: bytes | None = None) -> User:
        """A person (or another bot) who belongs to no server yet."""
        user = User(self.snowflake(), name, bot, avatar)
        self.users[user.id] = user
        return user

    def add_attachment(
        self,
        channel: Channel,
        name: str,
        data: bytes,
        *,
        description: str | None = None,
        ephemeral: bool = False,
    ) -> Attachment:
        """Put a file on the CDN."""
        attachment = Attachment(self.snowflake(), channel.id, name, data, description, ephemeral)
        self.attachments[attachment.id] = attachment
        return attachment

    def remove_attachments(self, attachments: Iterable[Attachment]) -> None:
        """Take files off the CDN, as when their message is deleted."""
        for attachment in attachments:
            self.attachments.pop(attachment.id, None)

    def dm(self, user: User) -> Channel:
        """The direct messages between the bot and `user`."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(self.snowflake(), user.name, recipient=user)
        self.channels[channel.id] = channel
        return channel

    def live_message(self, channel_id: int, message_id: int) -> Message | None:
        """The message, unless it is deleted or somewhere else."""
        message = self.messages.get(message_id)
        return message if message and not message.deleted and message.channel.id == channel_id else None
