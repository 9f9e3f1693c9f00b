"""The bot's connection to Discord: made, kept, made again when it breaks for good, and closed.

discord.py reconnects by itself after most losses; not after a first connect that fails, nor after an event that
it cannot read. What the bot answers is not its business.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from rvs.discord_app.asking import Desk
from rvs.discord_app.client import LookalikeBot, Parts, make_bot
from rvs.discord_app.consent import Consents
from rvs.discord_app.portal import TokenRefusedError, UnreachableError, ask_application
from rvs.discord_app.settings import DiscordSettings
from rvs.errors import LookalikeError
from rvs.settings import Settings
from rvs.upkeep import Upkeep
from rvs.upkeep_elsewhere import UpkeepElsewhere

_log = logging.getLogger("rvs.discord")

_LONGEST_PAUSE_S = 60.0
_CLOSING_S = 1.0
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
    upkeep: Upkeep | UpkeepElsewhere
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
            except LookalikeError:
                raise  # the token or an intent is refused: one sentence, and no other try would help
            except Exception as error:
                # An event that discord.py could not read ends it; the next one may be all right.
                _log.error("the connection to Discord broke", exc_info=error)
                failures = 0 if _lasted(connected_at) else failures
            failures += 1
            # Questions under way are answered through the connection they came by: HTTP still works.
            await self.desk.settle(self.discord_settings.reply_seconds)
            await self.close()
            if failures >= self.discord_settings.connect_tries:
                often = f" {failures} times in a row" if failures > 1 else ""
                raise UnreachableError(
                    f"Discord could not be reached{often}.",
                    hint="Check the network, then start the bot again.",
                )
            await asyncio.sleep(min(_LONGEST_PAUSE_S, 2.0 ** (failures - 1)))

    def is_up(self) -> bool:
        """Whether events come in; not while discord.py connects again."""
        bot = self.bot
        if bot is None or not bot.is_ready():
            return False
        if isinstance(bot, discord.AutoShardedClient):
            return not any(shard.is_closed() for shard in bot.shards.values())
        # It stays ready while it connects again; only the socket tells. Its annotation denies that it can be None.
        ws: DiscordWebSocket | None = bot.ws
        return ws is not None and ws.open

    def guilds(self) -> int:
        """How many servers the bot is in."""
        return 0 if self.bot is None else len(self.bot.guilds)

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
                upkeep=self.upkeep,
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
