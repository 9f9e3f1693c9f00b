"""Who may ask, and what every response says to browsers.

The key is compared in constant time. There is no CORS: pages of other origins read nothing.
"""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from rvs.web.errors import Handler, UnauthorizedError

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
    """The middleware that lets nobody ask without the key; with None everybody may.

    Pages that say nothing about people stay open: the page to look at, the OpenAPI document, /livez and /readyz.
    """
    wanted = None if key is None else key.encode()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        guarded = request.path.startswith(_GUARDED) and request.path not in _OPEN
        if wanted is not None and guarded and not hmac.compare_digest(_sent(request), wanted):
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


def _sent(request: web.Request) -> bytes:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
