"""Starts the bot, keeps it connected, and ends it in good order. Everything becomes an exit code and a sentence.

Exit codes: 0 stopped as asked; 1 something unexpected; 2 a setting makes no sense or there is no token; 3 Discord
refuses the token; 4 the message content intent is wanted but not allowed in the developer portal; 5 the index or
weights are missing or damaged; 6 Discord cannot be reached.
"""

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from rvs.answer import load_served
from rvs.discord_app.asking import Desk, DeskLimits
from rvs.discord_app.client import LookalikeBot, Parts, make_bot
from rvs.discord_app.consent import Consents
from rvs.discord_app.fetch import Fetch, MediaFetcher
from rvs.discord_app.limits import Limiter, Rate
from rvs.discord_app.portal import TokenRefusedError, UnreachableError, ask_application
from rvs.discord_app.settings import DiscordSettings
from rvs.errors import ConfigError, GalleryError, LookalikeError, WeightsError
from rvs.loop_lag import LoopLag
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings

_log = logging.getLogger("rvs.discord")

_LONGEST_PAUSE_S = 60.0
_CLOSING_S = 1.5  # to close the connection, and again for the threads
_TOKEN_REFUSED = 4004  # the code with which the gateway closes
# What a lost connection raises out of discord.py; the AttributeError comes from a first connect that fails.
_LOST = (
    discord.HTTPException,
    discord.GatewayNotFound,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    AttributeError,
)


class MissingIntentError(LookalikeError):
    """The message content intent is wanted, but the developer portal does not allow it."""

    code = "discord.intent"


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


async def run(settings: Settings, discord_settings: DiscordSettings) -> None:
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
    service = Service(lambda: load_served(settings), ServiceLimits.from_settings(settings))
    lag = LoopLag()
    lag.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        fetch = MediaFetcher(session, discord_settings.media, discord_settings.download_seconds)
        desk = make_desk(settings, discord_settings, service, fetch)
        connection = Connection(discord_settings, settings, desk, consents, session, token)
        tasks = {
            asyncio.create_task(stopped.wait(), name="stop"),
            # Beside each other: a command that comes before the engine is ready is told so.
            asyncio.create_task(_serve(service), name="service"),
            asyncio.create_task(connection.keep(), name="connection"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            _log.info("stopping: %d questions open", desk.open_questions)
            await desk.close(max(1.0, discord_settings.shutdown_seconds - 2 * _CLOSING_S))
        finally:
            for task in tasks:
                task.cancel()
            await connection.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):  # a thread that still computes holds nobody up
                async with asyncio.timeout(_CLOSING_S):
                    await service.close()
            await lag.stop()
            _log.info("stopped; the event loop was never more than %.0f ms late", lag.worst_ms)
        for task in done:
            task.result()


def make_desk(settings: Settings, discord_settings: DiscordSettings, service: Service, fetch: Fetch) -> Desk:
    """What answers, within the limits of the settings."""
    limiter = Limiter(
        Rate(discord_settings.person_asks, discord_settings.person_seconds),
        Rate(discord_settings.channel_asks, discord_settings.channel_seconds),
    )
    limits = DeskLimits(discord_settings.photos, settings.max_photo_bytes, discord_settings.answer_seconds)
    return Desk(service, limiter, fetch, limits)


async def _serve(service: Service) -> None:
    """Load and warm the engine, then wait: only a failure ends this."""
    await service.start()
    _log.info("ready to answer")
    await asyncio.Event().wait()


@dataclass
class Connection:
    """The bot's connection, made again when it breaks for good.

    discord.py reconnects by itself after most losses; not after a first connect that fails, nor after an event
    that it cannot read.
    """

    discord_settings: DiscordSettings
    settings: Settings
    desk: Desk
    consents: Consents
    session: aiohttp.ClientSession
    token: str
    bot: LookalikeBot | None = None

    async def keep(self) -> None:
        """Connect and stay connected.

        Raises:
            LookalikeError: the token or an intent is refused, or Discord could not be reached so many times.
        """
        failures = 0
        while True:
            connected_at = asyncio.get_running_loop().time()
            try:
                await self._connect()
            except (*_LOST, UnreachableError) as error:
                _log.warning("the connection to Discord failed: %s", _words(error))
                failures = 0 if _lasted(connected_at) else failures
            except Exception as error:
                # An event that discord.py could not read ends it; the next one may be all right.
                _log.error("the connection to Discord broke", exc_info=error)
                if isinstance(error, LookalikeError):
                    raise
                failures = 0 if _lasted(connected_at) else failures
            failures += 1
            await self.close()
            if failures >= self.discord_settings.connect_tries:
                raise UnreachableError(
                    f"Discord could not be reached {failures} times in a row.",
                    hint="Check the network, then start the bot again.",
                )
            await asyncio.sleep(min(_LONGEST_PAUSE_S, 2.0 ** (failures - 1)))

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self.bot is not None:
            with contextlib.suppress(*_LOST):
                async with asyncio.timeout(_CLOSING_S):
                    await self.bot.close()
        self.bot = None

    async def _connect(self) -> None:
        application = await ask_application(self.session, self.discord_settings.api, self.token)
        wanted = self.discord_settings.message_content
        self.bot = make_bot(
            Parts(
                self.discord_settings,
                self.desk,
                self.consents,
                self.settings.people,
                self.settings.data_dir / "discord",
                message_content=application.message_content if wanted == "auto" else wanted == "on",
            )
        )
        try:
            await self.bot.start(self.token)
        except (discord.LoginFailure, discord.ConnectionClosed) as error:
            if isinstance(error, discord.ConnectionClosed) and error.code != _TOKEN_REFUSED:
                raise UnreachableError(f"Discord closed the connection ({error.code}).") from error
            raise TokenRefusedError("Discord does not accept the token.") from error
        except discord.PrivilegedIntentsRequired as error:
            raise MissingIntentError(
                "The message content intent is not allowed for this bot.",
                hint="Switch it on in the developer portal (Bot, Message Content Intent), or set "
                "RVS_DISCORD_MESSAGE_CONTENT=auto.",
            ) from error


def point_to(settings: DiscordSettings) -> None:
    """Tell discord.py where Discord is: elsewhere for a proxy, or a test."""
    Route.BASE = settings.api
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway)
    discord.Asset.BASE = settings.media[0]


def _lasted(since: float) -> bool:
    return asyncio.get_running_loop().time() - since > 10 * _LONGEST_PAUSE_S


def _words(error: BaseException) -> str:
    if isinstance(error, LookalikeError):
        return error.message
    if isinstance(error, discord.HTTPException):
        return f"HTTP {error.status}"
    return type(error).__name__
