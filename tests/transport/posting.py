"""What Discord checks before a message of the bot exists or changes; nothing changes when it refuses."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.transport.api_error import (
    ApiError,
    Json,
    invalid_form,
    missing_access,
    missing_permissions,
    unknown,
)
from tests.transport.components import check_components, resolve_components
from tests.transport.payloads import attachment_url, media_json
from tests.transport.things import Attachment, Channel, Flag, Interaction, Message, Permission
from tests.transport.world import World

MOST_FILES = 10
MOST_CONTENT = 2000
NONCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrived in a request."""

    filename: str
    data: bytes


Uploads = Mapping[int, Upload]


def check_may_post(channel: Channel, uploads: Uploads) -> None:
    """Raises 403 when the bot may not write here, or not with files."""
    may = channel.bot_permissions
    if Permission.VIEW_CHANNEL not in may:
        raise missing_access()
    if Permission.SEND_MESSAGES not in may or (uploads and Permission.ATTACH_FILES not in may):
        raise missing_permissions()
    if channel.recipient and not channel.recipient.accepts_dms:
        raise ApiError(403, 50007, "Cannot send messages to this user")


def check_uploads(channel: Channel, uploads: Uploads) -> None:
    """Raises for too many files, and for more bytes than the server takes."""
    if len(uploads) > MOST_FILES:
        raise invalid_form("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_FILES} or fewer in length.")
    if sum(len(upload.data) for upload in uploads.values()) > channel.upload_bytes:
        raise ApiError(413, 40005, "Request entity too large")


def post_to_channel(world: World, channel: Channel, payload: Json, uploads: Uploads) -> tuple[Message, bool]:
    """A message of the bot, and whether it is new: the same nonce again gives the same message."""
    check_may_post(channel, uploads)
    nonce = payload.get("nonce")
    if nonce is not None and payload.get("enforce_nonce"):
        message, made_at = world.nonces.get((channel.id, str(nonce)), (None, 0.0))
        if message and time.monotonic() - made_at < NONCE_SECONDS:
            return message, False
    target = _referenced(world, channel, payload.get("message_reference"))
    message = new_message(world, channel, payload, uploads)
    message.reply_to = target
    if nonce is not None:
        message.nonce = str(nonce)
        world.nonces[(channel.id, message.nonce)] = (message, time.monotonic())
    return message, True


def _referenced(world: World, channel: Channel, reference: Json | None) -> Message | None:
    if reference is None:
        return None
    if Permission.READ_MESSAGE_HISTORY not in channel.bot_permissions:
        raise ApiError(403, 160002, "Cannot reply without permission to read message history")
    target = world.live_message(channel.id, int(reference["message_id"]))
    if target is None and reference.get("fail_if_not_exists", True):
        raise invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return target


def new_message(
    world: World, channel: Channel, payload: Json, uploads: Uploads, interaction: Interaction | None = None
) -> Message:
    """A message made of what the bot sent; the caller has asked whether it may."""
    message = Message(world.snowflake(), channel, world.bot, interaction=interaction)
    write(world, message, payload, uploads)
    world.messages[message.id] = message
    return message


def write(world: World, message: Message, payload: Json, uploads: Uploads) -> None:
    """Give the message what the payload says; what it does not mention stays.

    Raises:
        ApiError: Discord would refuse it. Then neither the message nor the CDN has changed.
    """
    check_uploads(message.channel, uploads)
    flags = message.flags | (Flag(payload.get("flags") or 0) & (Flag.EPHEMERAL | Flag.COMPONENTS_V2))
    content = str(payload["content"] or "") if "content" in payload else message.content
    embeds = list(payload["embeds"] or []) if "embeds" in payload else message.embeds
    components = list(payload["components"] or []) if "components" in payload else message.components
    v2 = Flag.COMPONENTS_V2 in flags
    if v2 and (content or embeds):
        field = "content" if content else "embeds"
        raise invalid_form(
            field, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", f"No {field} with V2."
        )
    if len(content) > MOST_CONTENT:
        raise invalid_form("content", "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_CONTENT} or fewer in length.")
    check_components(components, v2=v2)
    files = _files(world, message, payload, uploads, ephemeral=Flag.EPHEMERAL in flags)
    if not (content or embeds or files or components):
        raise ApiError(400, 50006, "Cannot send an empty message")
    components, shown = _show(world, components, files)
    world.remove_attachments(file for file in message.files if file not in files)
    world.attachments.update({file.id: file for file in files})
    message.flags, message.content, message.embeds = flags & ~Flag.LOADING, content, embeds
    message.files, message.components, message.shown = files, components, shown


def _files(
    world: World, message: Message, payload: Json, uploads: Uploads, *, ephemeral: bool
) -> list[Attachment]:
    """The files the message will have: those it keeps, and the new ones. The CDN does not have these yet."""
    described: dict[str, Json] = {str(entry["id"]): entry for entry in payload.get("attachments") or []}
    kept = [file for file in message.files if "attachments" not in payload or str(file.id) in described]
    new = [
        Attachment(
            world.snowflake(),
            message.channel.id,
            upload.filename,
            upload.data,
            described.get(str(index), {}).get("description"),
            ephemeral,
        )
        for index, upload in sorted(uploads.items())
    ]
    if len(kept) + len(new) > MOST_FILES:
        raise invalid_form("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_FILES} or fewer in length.")
    return kept + new


def _show(world: World, components: list[Json], files: list[Attachment]) -> tuple[list[Json], set[int]]:
    """The components with links in place of `attachment://name`, and the ids of the files they show."""
    by_name = {file.filename: file for file in files}
    by_url = {attachment_url(world, file): file for file in (*world.attachments.values(), *files)}
    shown: set[int] = set()

    def show(address: str) -> Json:
        name = address.removeprefix("attachment://")
        file = by_url.get(address) if name == address else by_name.get(name)
        if file is None:
            if name == address:
                return {"url": address, "proxy_url": address, "loading_state": 2, "flags": 0}
            raise invalid_form(
                "components", "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", f"No file {name!r}."
            )
        shown.add(file.id)
        return media_json(world, file)

    return resolve_components(components, show), shown


def require_channel(world: World, channel_id: int) -> Channel:
    """The channel.

    Raises:
        ApiError: there is none, or the bot does not see it.
    """
    if channel_id not in world.channels:
        raise unknown("Channel")
    if Permission.VIEW_CHANNEL not in world.channels[channel_id].bot_permissions:
        raise missing_access()
    return world.channels[channel_id]
