"""What Discord says of the bot's application before the bot connects: its name, its rights, what is missing.

Plain requests with a deadline and without retries, for start-up and for `rvs doctor`. The token is sent to the
API and goes nowhere else: no error, log line or cause of an error carries it.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import discord

from rvs import __version__
from rvs.errors import ConfigError, LookalikeError

_PAGE = 200  # servers per request, the most there is
_MESSAGE_CONTENT = 1 << 18 | 1 << 19  # approved; or allowed as long as the bot is in few servers
_NEEDED = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "attach_files",
    "read_message_history",
)
NEEDED_PERMISSIONS = discord.Permissions(**dict.fromkeys(_NEEDED, True))
"""What the bot has to be allowed to do in a server."""


class TokenRefusedError(ConfigError):
    """Discord does not accept the token."""

    code: ClassVar[str] = "discord.token"


class UnreachableError(LookalikeError):
    """Discord cannot be reached, or does not answer as it should."""

    code: ClassVar[str] = "discord.unreachable"


@dataclass(frozen=True, slots=True)
class Application:
    """The application in the developer portal.

    Attributes:
        id: its id; the bot's user can have another.
        name: what the portal calls it.
        bot_name: the user name of its bot.
        public: whether others than its owner may invite it.
        message_content: whether it may read messages that do not mention it.
    """

    id: int
    name: str
    bot_name: str
    public: bool
    message_content: bool


@dataclass(frozen=True, slots=True)
class ServerPermissions:
    """What the bot may not do in one server, of what it needs. Channels may forbid more."""

    name: str
    missing: tuple[str, ...]


def invite_url(application_id: int) -> str:
    """Where somebody adds the bot to their server, with the permissions it needs and its commands."""
    return discord.utils.oauth_url(
        application_id, permissions=NEEDED_PERMISSIONS, scopes=("bot", "applications.commands")
    )


async def ask_application(
    session: aiohttp.ClientSession, api: str, token: str, *, seconds: float = 10
) -> Application:
    """The application that the token belongs to. `api` is such as https://discord.com/api/v10.

    Raises:
        TokenRefusedError: Discord does not accept the token.
        UnreachableError: no answer within `seconds`, or none that makes sense.
    """
    answer = await _get(session, f"{api.rstrip('/')}/oauth2/applications/@me", token, seconds)
    try:
        return _application(answer)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _nonsense() from None


async def ask_servers(
    session: aiohttp.ClientSession, api: str, token: str, *, seconds: float = 10
) -> list[ServerPermissions]:
    """All servers that the bot is in, and what it lacks there; one request per 200.

    Raises:
        TokenRefusedError: Discord does not accept the token.
        UnreachableError: a request without an answer within `seconds`, or none that makes sense.
    """
    servers: list[ServerPermissions] = []
    last = 0
    while True:
        params = {"limit": str(_PAGE), "after": str(last)}
        answer = await _get(session, f"{api.rstrip('/')}/users/@me/guilds", token, seconds, params)
        try:
            page = [_server(one) for one in _list(answer)]
            newest = max((int(one["id"]) for one in _list(answer)), default=last)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise _nonsense() from None
        servers += page
        if len(page) < _PAGE:
            return servers
        if newest <= last:  # the same page for ever
            raise _nonsense()
        last = newest


def _application(answer: object) -> Application:
    if not isinstance(answer, Mapping):
        raise TypeError
    bot = answer.get("bot") or {}
    return Application(
        id=int(answer["id"]),
        name=str(answer["name"]),
        bot_name=str(bot.get("username") or answer["name"]),
        public=bool(answer["bot_public"]),
        message_content=bool(int(answer.get("flags") or 0) & _MESSAGE_CONTENT),
    )


def _list(answer: object) -> list[Any]:
    if not isinstance(answer, list):
        raise TypeError
    return answer


def _server(answer: Mapping[str, object]) -> ServerPermissions:
    allowed = discord.Permissions(int(str(answer["permissions"])))
    may_all = allowed.administrator or answer.get("owner") is True
    missing = () if may_all else tuple(name for name in _NEEDED if not getattr(allowed, name))
    return ServerPermissions(str(answer["name"]), missing)


async def _get(
    session: aiohttp.ClientSession,
    url: str,
    token: str,
    seconds: float,
    params: Mapping[str, str] | None = None,
) -> object:
    if not re.fullmatch(r"[!-~]+", token):  # it could not even be sent
        raise _refused()
    headers = {"Authorization": f"Bot {token}", "User-Agent": f"DiscordBot (lookalike, {__version__})"}
    status, body, trouble = 0, b"", ""
    try:
        async with (
            asyncio.timeout(seconds),
            session.get(url, params=params, headers=headers, allow_redirects=False) as response,
        ):
            status, body = response.status, await response.read()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        trouble = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    # Outside of the handler, because the errors of aiohttp carry the request with its headers.
    if trouble:
        raise UnreachableError(
            f"Discord cannot be reached ({trouble}).", hint="Is the network up? Try again."
        )
    if status == 401:
        raise _refused()
    if status != 200:
        raise UnreachableError(
            f"Discord does not answer as it should (status {status}).", hint="Try again in a minute."
        )
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        raise _nonsense() from None
    return answer


def _refused() -> TokenRefusedError:
    return TokenRefusedError(
        "Discord does not accept the token.",
        hint="Copy it again from the developer portal (Bot, Reset Token).",
    )


def _nonsense() -> UnreachableError:
    return UnreachableError("What answers in Discord's place makes no sense.", hint="Check RVS_DISCORD_API.")
