"""The real bot and the real engine in a Discord that exists only in memory: for the demo and for pictures."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import simcord

from rvs.answer import load_served
from rvs.answerer import LocalAnswerer
from rvs.discord_app.client import Parts, make_bot
from rvs.discord_app.consent import Consents
from rvs.discord_app.run import make_desk
from rvs.discord_app.settings import DiscordSettings
from rvs.errors import DownloadError, TooLargeError
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings


class MediaInMemory:
    """Fetches photos from the Discord in memory, once there is one."""

    stored: Callable[[str], bytes | None]

    async def __call__(self, url: str, max_bytes: int) -> bytes:
        """What is stored at an address.

        Raises:
            PhotoError: nothing, or too much.
        """
        data = self.stored(url)
        if data is None:
            raise DownloadError("The photo is no longer there.")
        if len(data) > max_bytes:
            raise TooLargeError(f"The photo has more than {max_bytes // 2**20} MiB.")
        return data


@asynccontextmanager
async def memory_discord(settings: Settings, discord_settings: DiscordSettings) -> AsyncIterator[simcord.Env]:
    """A Discord with the bot in it, ready to answer.

    Raises:
        LookalikeError: the engine could not be loaded.
    """
    service = Service(lambda: load_served(settings), ServiceLimits.from_settings(settings))
    await service.start()
    media = MediaInMemory()
    desk = make_desk(settings, discord_settings, LocalAnswerer(service), media)
    with tempfile.TemporaryDirectory() as kept:
        consents = Consents(Path(kept) / "consents.json")
        parts = Parts(discord_settings, desk, consents, settings.people, Path(kept), message_content=True)
        async with simcord.run(make_bot(parts)) as env:
            media.stored = env.backend.cdn.get
            yield env
    await service.close()
