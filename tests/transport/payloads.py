"""How the world looks as Discord's JSON.

Two traps: a key that is absent is not a key that is null, and a bot without the message-content intent sees
neither text nor attachments of messages that are none of its business.
"""

import hashlib
from datetime import UTC, datetime
from urllib.parse import quote

from tests.transport.api_error import Json
from tests.transport.things import Attachment, Channel, Flag, Guild, Interaction, Message, User
from tests.transport.world import DISCORD_EPOCH_MS, World

FAR_FUTURE = "7fffffff"  # seconds since 1970, in hexadecimal, as the CDN's links carry it


def timestamp(snowflake: int) -> str:
    """When the thing of this id came to be, ISO 8601."""
    return datetime.fromtimestamp(((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000, UTC).isoformat()


def signature(attachment_id: int) -> str:
    """The `hm` of a CDN link."""
    return hashlib.sha256(f"fake {attachment_id}".encode()).hexdigest()


def attachment_url(world: World, attachment: Attachment) -> str:
    """Where the CDN has it: signed, as Discord's links are."""
    kind = "ephemeral-attachments" if attachment.ephemeral else "attachments"
    path = f"{kind}/{attachment.channel_id}/{attachment.id}/{quote(attachment.filename)}"
    return f"{world.origin}/{path}?ex={FAR_FUTURE}&is=60000000&hm={signature(attachment.id)}&"


def attachment_json(world: World, attachment: Attachment) -> Json:
    """An attachment of a message, or of a slash command's option."""
    url = attachment_url(world, attachment)
    body: Json = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": len(attachment.data) if attachment.said_size is None else attachment.said_size,
        "url": url,
        "proxy_url": url,
    }
    if attachment.content_type:
        body["content_type"] = attachment.content_type
    if attachment.description is not None:
        body["description"] = attachment.description
    if attachment.ephemeral:
        body["ephemeral"] = True
    if size := attachment.picture_size:
        body["width"], body["height"] = size
    return body


def media_json(world: World, attachment: Attachment) -> Json:
    """The same file inside a component."""
    width, height = attachment.picture_size or (0, 0)
    url = attachment_url(world, attachment)
    return {
        "id": str(attachment.id),
        "attachment_id": str(attachment.id),
        "url": url,
        "proxy_url": url,
        "width": width,
        "height": height,
        "content_type": attachment.content_type or "application/octet-stream",
        "flags": 0,
        "loading_state": 2,
    }


def user_json(user: User) -> Json:
    """A user."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.bot else user.name.title(),
        "discriminator": "0",
        "avatar": user.avatar_hash,
        "bot": user.bot,
        "public_flags": 0,
    }


def member_json(guild: Guild, user: User, *, with_user: bool, permissions: int | None = None) -> Json:
    """A user as a member of a server; interactions also say what the member may do."""
    body: Json = {"roles": [], "joined_at": timestamp(guild.id), "deaf": False, "mute": False, "flags": 0}
    body |= {"nick": None, "avatar": None, "premium_since": None, "pending": False}
    if with_user:
        body["user"] = user_json(user)
    if permissions is not None:
        body["permissions"] = str(permissions)
    return body


def channel_json(world: World, channel: Channel) -> Json:
    """A text channel or direct messages."""
    if channel.guild is None:
        recipients = [user_json(channel.recipient)] if channel.recipient else []
        return {
            "id": str(channel.id),
            "type": 1,
            "last_message_id": None,
            "recipients": recipients,
            "flags": 0,
        }
    overwrite = {"id": str(world.bot.id), "type": 1, "allow": "0", "deny": str(int(channel.denied))}
    return {
        "id": str(channel.id),
        "type": 0,
        "guild_id": str(channel.guild.id),
        "name": channel.name,
        "position": 0,
        "permission_overwrites": [overwrite] if channel.denied else [],
        "parent_id": None,
        "topic": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }


def guild_json(world: World, guild: Guild) -> Json:
    """What GUILD_CREATE says; of the members only the bot, as without the members intent."""
    everyone = {
        "id": str(guild.id),
        "name": "@everyone",
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 0,
        "permissions": str(int(guild.everyone)),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "owner_id": str(guild.owner.id),
        "roles": [everyone],
        "emojis": [],
        "stickers": [],
        "features": [],
        "channels": [channel_json(world, each) for each in world.channels.values() if each.guild is guild],
        "threads": [],
        "members": [member_json(guild, world.bot, with_user=True)],
        "member_count": len(guild.members),
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "unavailable": False,
        "large": False,
    }


def is_readable(world: World, message: Message) -> bool:
    """Whether the bot sees this message's content even without the message-content intent."""
    about_the_bot = message.author is world.bot or world.bot in message.mentions
    return about_the_bot or message.channel.guild is None


def _content(world: World, message: Message, *, readable: bool) -> Json:
    """The part of a message that the intent hides."""
    if not readable and not is_readable(world, message):
        return {"content": "", "attachments": [], "embeds": [], "components": []}
    attachments = [attachment_json(world, file) for file in message.files if file.id not in message.shown]
    return {
        "content": message.content,
        "attachments": attachments,
        "embeds": message.embeds,
        "components": message.components,
    }


def message_json(
    world: World, message: Message, *, readable: bool, event: bool = False, nested: bool = False
) -> Json:
    """A message. `readable`: with the message-content intent; `event`: for the gateway, which says more."""
    body: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "author": user_json(message.author),
        "timestamp": timestamp(message.id),
        "edited_timestamp": timestamp(message.id) if message.edits else None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [user_json(user) for user in message.mentions],
        "mention_roles": [],
        "pinned": False,
        "type": _kind(message),
        "flags": int(message.flags),
    }
    body |= _content(world, message, readable=readable)
    if message.nonce is not None:
        body["nonce"] = message.nonce
    if message.author is world.bot:
        body["application_id"] = str(world.application.id)
    if event and message.channel.guild:
        body["guild_id"] = str(message.channel.guild.id)
        body["member"] = member_json(message.channel.guild, message.author, with_user=False)
    if asked := message.interaction:
        user = user_json(asked.user)
        body["interaction_metadata"] = {
            "id": str(asked.id),
            "type": asked.type,
            "user": user,
            "authorizing_integration_owners": {},
        }
        body["webhook_id"] = str(world.application.id)
    if target := message.reply_to:
        body["message_reference"] = _reference(target, 0)
        if not nested:
            found = None if target.deleted else message_json(world, target, readable=readable, nested=True)
            body["referenced_message"] = found
    if origin := message.forward_of:
        body["message_reference"] = _reference(origin, 1)
        if readable or is_readable(world, message):
            body["message_snapshots"] = [{"message": _snapshot(world, origin)}]
    return body


def _kind(message: Message) -> int:
    if message.interaction is not None:
        return 20 if message.interaction.type == 2 else 19
    return 19 if message.reply_to else 0


def _reference(target: Message, kind: int) -> Json:
    body: Json = {"type": kind, "message_id": str(target.id), "channel_id": str(target.channel.id)}
    return body | {"guild_id": str(target.channel.guild.id)} if target.channel.guild else body


def _snapshot(world: World, message: Message) -> Json:
    body: Json = {"type": 0, "timestamp": timestamp(message.id), "edited_timestamp": None}
    body |= {"flags": int(message.flags & ~Flag.EPHEMERAL), "mentions": [], "mention_roles": []}
    return body | _content(world, message, readable=True)


def interaction_json(world: World, interaction: Interaction) -> Json:
    """What INTERACTION_CREATE says. Messages in it are always readable: a person handed them over."""
    channel = interaction.channel
    body: Json = {
        "id": str(interaction.id),
        "application_id": str(world.application.id),
        "type": interaction.type,
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel_id": str(channel.id),
        "channel": channel_json(world, channel),
        "app_permissions": str(int(channel.bot_permissions)),
        "attachment_size_limit": channel.upload_bytes,
        "locale": "en-US",
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(channel.guild.id if channel.guild else 0)},
        "context": 0 if channel.guild else 1,
    }
    if guild := channel.guild:
        body |= {"guild_id": str(guild.id), "guild_locale": "en-US"}
        body["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
        may = int(guild.everyone)
        body["member"] = member_json(guild, interaction.user, with_user=True, permissions=may)
    else:
        body["user"] = user_json(interaction.user)
    if interaction.message:
        body["message"] = message_json(world, interaction.message, readable=True)
    return body
