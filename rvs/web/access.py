"""Who may ask, and what every response says to browsers.

The key is compared in constant time. There is no CORS: pages of other origins read nothing.
"""

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from rvs.web.errors import ForeignHostError, Handler, UnauthorizedError
from rvs.web.settings import is_this_machine

_OPEN = frozenset({"/v1/openapi.json"})
_GUARDED = ("/v1/", "/metrics")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def key_required(key: str | None) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware that lets nobody ask without the key; with None, nobody but this machine.

    Without a key only this machine can connect. But a page of another origin, open in a browser here, could have a
    name of its own lead to this machine and then read the answers ("DNS rebinding"): so the name has to be ours.

    Pages that say nothing about people stay open: the page to look at, the OpenAPI document, /livez and /readyz.
    """
    wanted = None if key is None else key.encode()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_GUARDED) or request.path in _OPEN:
            return await handler(request)
        if wanted is None and not is_this_machine(_asked_for(request)):
            raise ForeignHostError(
                "Without a key this service answers only under a name of this machine, such as localhost.",
                hint="Set RVS_SERVE_KEY, or let the proxy set the header Host to 127.0.0.1.",
            )
        if wanted is not None and not hmac.compare_digest(_sent(request), wanted):
            raise UnauthorizedError(
                "This service asks for a key.", hint="Send it in the header `Authorization: Bearer KEY`."
            )
        return await handler(request)

    return middleware


async def secure_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Give a response the headers that it does not have yet, and say nothing of what serves it."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "rvs"


def _asked_for(request: web.Request) -> str:
    """The host of the header Host, without its port; "" when it is none."""
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        return ""


def _sent(request: web.Request) -> bytes:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
