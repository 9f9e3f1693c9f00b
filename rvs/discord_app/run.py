"""Starts the bot, keeps it connected, and ends it in good order. Everything becomes an exit code and a sentence.

Exit codes: 0 stopped as asked; 1 something unexpected; 2 a setting makes no sense or there is no token; 3 Discord
refuses the token; 4 the message content intent is wanted but not allowed in the developer portal; 5 the index or
weights are missing or damaged; 6 Discord cannot be reached.
"""

import asyncio
import contextlib
import logging
import signal

import aiohttp

from rvs import __version__
from rvs.answerer import Answerer
from rvs.discord_app.asking import Desk, DeskLimits
from rvs.discord_app.backend import make_backend
from rvs.discord_app.connection import Connection, MissingIntentError, point_to
from rvs.discord_app.consent import Consents
from rvs.discord_app.fetch import Fetch, MediaFetcher
from rvs.discord_app.limits import Limiter, Rate
from rvs.discord_app.operations import make_ops
from rvs.discord_app.portal import TokenRefusedError, UnreachableError
from rvs.discord_app.settings import DiscordSettings
from rvs.errors import ConfigError, GalleryError, WeightsError
from rvs.loop_lag import LoopLag
from rvs.metrics import Metrics
from rvs.remote.settings import EngineSettings
from rvs.settings import Settings

_log = logging.getLogger("rvs.discord")

_CLOSING_S = 1.0  # to end a build, as long for the connection, and again for the threads


def exit_code(error: BaseException) -> int:
    """The exit code of what ended the bot."""
    match error:
        case TokenRefusedError():
            return 3
        case ConfigError():
            return 2
        case MissingIntentError():
            return 4
        case GalleryError() | WeightsError():
            return 5
        case UnreachableError():
            return 6
        case _:
            return 1


async def run(settings: Settings, discord_settings: DiscordSettings, engine_settings: EngineSettings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        LookalikeError: it could not start, or not go on; see `exit_code`.
    """
    token = discord_settings.token_text()
    consents = Consents(settings.data_dir / "discord" / "consents.json")
    point_to(discord_settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C comes as KeyboardInterrupt
            loop.add_signal_handler(number, stopped.set)
    metrics = Metrics(__version__)
    backend = make_backend(settings, engine_settings, metrics)
    lag = LoopLag(observe=metrics.loop_lag)
    lag.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        fetch = MediaFetcher(session, discord_settings.media, discord_settings.download_seconds)
        desk = make_desk(settings, discord_settings, backend.answerer, fetch, metrics)
        connection = Connection(discord_settings, settings, desk, consents, session, token, backend.upkeep)
        ops = make_ops(settings, metrics, backend, connection)
        if settings.ops_port:
            await ops.start()
        tasks = {
            asyncio.create_task(stopped.wait(), name="stop"),
            # Beside each other: a command that comes before the engine is ready is told so.
            asyncio.create_task(connection.keep(), name="connection"),
            *(asyncio.create_task(work(), name=name) for name, work in backend.tasks.items()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            _log.info("stopping: %d questions open", desk.open_questions)
            await desk.close(max(1.0, discord_settings.shutdown_seconds - 3 * _CLOSING_S))
            await backend.end_build()
        finally:
            for task in tasks:
                task.cancel()
            await connection.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            await backend.close()
            await ops.stop()  # last: until then it says that no questions are taken
            await lag.stop()
            _log.info("stopped; the event loop was never more than %.0f ms late", lag.worst_ms)
        for task in done:
            task.result()


def make_desk(
    settings: Settings,
    discord_settings: DiscordSettings,
    answerer: Answerer,
    fetch: Fetch,
    metrics: Metrics | None = None,
) -> Desk:
    """What answers, within the limits of the settings."""
    limiter = Limiter(
        Rate(discord_settings.person_asks, discord_settings.person_seconds),
        Rate(discord_settings.channel_asks, discord_settings.channel_seconds),
    )
    limits = DeskLimits(discord_settings.photos, settings.max_photo_bytes, discord_settings.answer_seconds)
    return Desk(answerer, limiter, fetch, limits, metrics)
