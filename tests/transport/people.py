"""What people do in Discord: post, ask by slash command or menu, press, choose; and their waiting for an answer."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tests.transport.api_error import Json
from tests.transport.components import SELECT_TYPES
from tests.transport.gateway import Gateway
from tests.transport.payloads import attachment_json, interaction_json, member_json, message_json, user_json
from tests.transport.things import Channel, Flag, Guild, Interaction, Message, Permission, User
from tests.transport.world import World

T = TypeVar("T")
File = tuple[str, bytes]
"""A name and the bytes."""
Option = str | int | float | bool | User | File
"""What a person can give to an option of a slash command."""
SECONDS = 20.0
"""How long a test waits before it fails: generous, for a busy machine."""


class People:
    """The verbs of the harness. Whoever acts is a `User`; what comes back is the handle to wait with."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world = world
        self.gateway = gateway

    # The scene

    def add_user(self, name: str, *, avatar: bytes | None = None) -> User:
        """A person who is in no server yet."""
        return self.world.add_user(name, avatar=avatar)

    def add_guild(self, name: str, owner: User, *, members: Sequence[User] = ()) -> Guild:
        """A server that the bot is in. Before the bot connects: it is not told of it later."""
        guild = Guild(self.world.snowflake(), name, owner, [owner, *members, self.world.bot])
        self.world.guilds[guild.id] = guild
        return guild

    def add_channel(self, guild: Guild, name: str) -> Channel:
        """A text channel. Before the bot connects: it is not told of it later."""
        channel = Channel(self.world.snowflake(), name, guild)
        self.world.channels[channel.id] = channel
        return channel

    def dm(self, user: User) -> Channel:
        """The direct messages between `user` and the bot: a channel for every verb below."""
        return self.world.dm(user)

    async def deny(self, channel: Channel, permission: Permission, *, silently: bool = False) -> None:
        """Take permissions in a channel from the bot; `silently`: it has not heard of that when it acts."""
        channel.denied |= permission
        if not silently:
            await self.gateway.tell_channel(channel)

    # Messages

    async def post(
        self,
        channel: Channel,
        author: User,
        content: str = "",
        *,
        attachments: Sequence[File] = (),
        reply_to: Message | None = None,
        forward_of: Message | None = None,
        mentions: Sequence[User] = (),
        said_size: int | None = None,
    ) -> Message:
        """Write a message. Who is named as `<@id>`, or replied to, is mentioned; others by `mentions`.

        `said_size` is what the JSON claims to be the bytes of each attachment.
        """
        message = Message(
            self.world.snowflake(), channel, author, content, reply_to=reply_to, forward_of=forward_of
        )
        named = [self.world.users.get(int(digits)) for digits in re.findall(r"<@!?(\d+)>", content)]
        named += [*mentions, *([reply_to.author] if reply_to else [])]
        message.mentions = list(dict.fromkeys(user for user in named if user is not None))
        for name, data in attachments:
            file = self.world.add_attachment(channel, name.replace(" ", "_"), data)
            file.said_size = said_size
            message.files.append(file)
        self.world.messages[message.id] = message
        await self.gateway.tell_message("MESSAGE_CREATE", message)
        return message

    async def delete(self, message: Message) -> None:
        """Delete a message, and its files from the CDN."""
        await self.gateway.tell_deleted(message)

    # Questions

    async def slash(
        self, channel: Channel, user: User, name: str, options: Mapping[str, Option] | None = None
    ) -> Interaction:
        """Ask by slash command; a subcommand's name follows a space. A picture is given as (name, bytes)."""
        command, *path = name.split()
        registered = self._command(command, 1)
        resolved: Json = {}
        data: Json = {"id": registered["id"], "name": command, "type": 1}
        level, inner = registered, data
        for part in path:
            level = next(option for option in level["options"] if option["name"] == part)
            inner["options"] = [{"name": part, "type": level["type"]}]
            inner = inner["options"][0]
        kinds = {option["name"]: option["type"] for option in level.get("options", [])}
        given = options or {}
        inner["options"] = [
            {"name": key, "type": kinds[key], "value": self._option(value, channel, resolved)}
            for key, value in given.items()
        ]
        missing = {option["name"] for option in level.get("options", []) if option.get("required")} - set(
            given
        )
        if missing:
            raise AssertionError(f"/{name} cannot be sent without {sorted(missing)}")
        if resolved:
            data["resolved"] = resolved
        return await self._ask(2, channel, user, data)

    async def message_menu(self, channel: Channel, user: User, name: str, message: Message) -> Interaction:
        """Choose an app's entry in the menu of a message."""
        shown = message_json(self.world, message, readable=True)
        data = {"id": self._command(name, 3)["id"], "name": name, "type": 3, "target_id": str(message.id)}
        return await self._ask(2, channel, user, data | {"resolved": {"messages": {str(message.id): shown}}})

    async def user_menu(self, channel: Channel, user: User, name: str, target: User) -> Interaction:
        """Choose an app's entry in the menu of a person."""
        resolved: Json = {}
        self._option(target, channel, resolved)
        data = {"id": self._command(name, 2)["id"], "name": name, "type": 2, "target_id": str(target.id)}
        return await self._ask(2, channel, user, data | {"resolved": resolved})

    async def autocomplete(
        self, channel: Channel, user: User, name: str, option: str, typed: str
    ) -> Interaction:
        """Begin to type an option; wait with `wait_until(lambda: interaction.choices is not None)`."""
        focused = {"name": option, "type": 3, "value": typed, "focused": True}
        data = {"id": self._command(name, 1)["id"], "name": name, "type": 1, "options": [focused]}
        return await self._ask(4, channel, user, data)

    async def click(self, message: Message, button: str, user: User) -> Interaction:
        """Press the button of this label or custom_id."""
        control = message.control(button)
        data = {"custom_id": control["custom_id"], "component_type": 2, "id": control["id"]}
        return await self._ask(3, message.channel, user, data, message)

    async def select(
        self, message: Message, values: Sequence[str], user: User, *, custom_id: str | None = None
    ) -> Interaction:
        """Choose options, by label or value, in the select of this custom_id, or in the only one."""
        control = message.control(custom_id)
        if control["type"] not in SELECT_TYPES:
            raise AssertionError(f"{custom_id!r} is no select")
        by_name = {option["label"]: option["value"] for option in control.get("options", [])}
        chosen = [by_name.get(value, value) for value in values]
        if by_name and not set(chosen) <= set(by_name.values()):
            raise AssertionError(f"{values} are not all among {list(by_name)}")
        data: Json = {
            "custom_id": control["custom_id"],
            "component_type": control["type"],
            "id": control["id"],
        }
        return await self._ask(3, message.channel, user, data | {"values": chosen}, message)

    def expire(self, interaction: Interaction) -> None:
        """From now on its webhook answers 401/50027, as 15 minutes after the question."""
        interaction.expired = True

    # Answers

    def replies_to(self, asked: Message | Interaction) -> list[Message]:
        """What people see as the answers to a message or an interaction, the first one first.

        For a message: the bot's messages that reply to it; if it was deleted, those later ones that reply to
        nothing. For an interaction: see `Interaction.replies`.
        """
        if isinstance(asked, Interaction):
            return list(asked.replies)
        return [
            message
            for message in self.world.messages.values()
            if message.author is self.world.bot
            and message.channel is asked.channel
            and message.id > asked.id
            and message.interaction is None
            and (message.reply_to is asked or (asked.deleted and message.reply_to is None))
        ]

    async def wait_until(
        self, wish: Callable[[], T], seconds: float = SECONDS, *, what: str = "the wish"
    ) -> T:
        """What `wish()` returns once it is true; it is asked again after each change of the world.

        Raises:
            AssertionError: not within `seconds`.
        """
        try:
            return await self.world.changes.wait_until(wish, seconds)
        except TimeoutError:
            raise AssertionError(f"{what} did not come true in {seconds:g} s; {self.story()}") from None

    async def wait_for_reply(
        self, asked: Message | Interaction, seconds: float = SECONDS, *, count: int = 1
    ) -> Message:
        """The first answer; with `count`, the answer of that number."""

        def reply() -> Message | None:
            replies = [message for message in self.replies_to(asked) if Flag.LOADING not in message.flags]
            return replies[count - 1] if len(replies) >= count else None

        message = await self.wait_until(reply, seconds, what=f"reply {count}")
        assert message is not None
        return message

    def story(self) -> str:
        """What happened so far, for the message of a test that fails."""
        raise NotImplementedError

    # How it is told

    def _command(self, name: str, kind: int) -> Json:
        for command in self.world.commands:
            if command["name"] == name and command["type"] == kind:
                return command
        known = [(command["name"], command["type"]) for command in self.world.commands]
        raise AssertionError(f"the bot has not registered {name!r} of type {kind}; it has {known}")

    def _option(self, value: Option, channel: Channel, resolved: Json) -> Any:
        """The value as JSON; what it stands for goes into `resolved`."""
        if isinstance(value, User):
            resolved.setdefault("users", {})[str(value.id)] = user_json(value)
            if channel.guild and value in channel.guild.members:
                member = member_json(
                    channel.guild, value, with_user=False, permissions=int(channel.guild.everyone)
                )
                resolved.setdefault("members", {})[str(value.id)] = member
            return str(value.id)
        if isinstance(value, tuple):
            name, data = value
            file = self.world.add_attachment(channel, name.replace(" ", "_"), data, ephemeral=True)
            resolved.setdefault("attachments", {})[str(file.id)] = attachment_json(self.world, file)
            return str(file.id)
        return value

    async def _ask(
        self, kind: int, channel: Channel, user: User, data: Json, message: Message | None = None
    ) -> Interaction:
        interaction = Interaction(
            self.world.snowflake(), secrets.token_urlsafe(24), kind, user, channel, data, message
        )
        self.world.interactions[interaction.token] = interaction
        guild_id = channel.guild.id if channel.guild else None
        await self.gateway.tell(
            "INTERACTION_CREATE", interaction_json(self.world, interaction), guild_id=guild_id
        )
        return interaction
