"""Tells Discord which commands there are, but only when they have changed since it was last told.

Discord limits how often commands may be sent, and remembers them, so that sending them at every start is bad
manners. It knows nothing of what the commands do.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import discord

from rvs.whole_files import write_whole

_log = logging.getLogger(__name__)


def commands_hash(payloads: Sequence[Mapping[str, object]]) -> str:
    """SHA-256 in hex over the commands as Discord gets them, whatever their order.

    The order of what is inside a command, its options for one, does count: Discord shows it.
    """
    canonical = sorted(json.dumps(payload, sort_keys=True, separators=(",", ":")) for payload in payloads)
    return hashlib.sha256("\n".join(canonical).encode()).hexdigest()


class SyncRecord:
    """What each application was told last: one small file per application in `folder`, made when needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_current(self, application_id: int, digest: str) -> bool:
        """Whether `digest` is what was remembered; a missing or unreadable file is not current."""
        try:
            return self._file(application_id).read_text(encoding="ascii").strip() == digest
        except (OSError, UnicodeDecodeError):
            return False

    def remember(self, application_id: int, digest: str) -> None:
        """Remember that the application was told `digest`.

        Raises:
            OSError: the file cannot be written; what was remembered before stays.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(application_id), f"{digest}\n".encode("ascii"))

    def _file(self, application_id: int) -> Path:
        return self._folder / f"commands-{application_id}.sha256"


async def sync_commands(
    tree: discord.app_commands.CommandTree[Any],
    application_id: int,
    record: SyncRecord,
    *,
    force: bool = False,
) -> bool:
    """Send the global commands of `tree` if they are not what was sent last; True if they were sent.

    Raises:
        discord.HTTPException: Discord refused them; nothing is remembered, the next start tries again.
        aiohttp.ClientError, OSError: Discord could not be reached; likewise.
    """
    commands = tree.get_commands()
    digest = commands_hash([command.to_dict(tree) for command in commands])
    if not force and await asyncio.to_thread(record.is_current, application_id, digest):
        _log.info("Discord knows the %d commands already", len(commands))
        return False
    await tree.sync()
    try:
        await asyncio.to_thread(record.remember, application_id, digest)
    except OSError as error:
        # They work; they will only be sent once more than needed.
        _log.warning("sent %d commands to Discord, but could not note it: %s", len(commands), error.strerror)
    else:
        _log.info("sent %d commands to Discord", len(commands))
    return True
