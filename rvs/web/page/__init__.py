"""The page on `/`: its files lie here and are served as they are, with a strict policy of what they may load.

They are read once, at the start. What is in them is not known here, only their kinds.
"""

from collections.abc import Mapping
from importlib.resources import files

from aiohttp import web

from rvs.web.errors import Handler

_INDEX = "index.html"
_KINDS = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
# Nothing from elsewhere, nothing inline; pictures also from memory, where the photo and the answer are.
_POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}


def page_routes() -> list[web.RouteDef]:
    """`/` is index.html; every other file is at `/page/NAME`."""
    return [
        web.get("/" if name == _INDEX else f"/page/{name}", _handler(kind, body), name=f"page-{name}")
        for name, (kind, body) in _files().items()
    ]


def _files() -> Mapping[str, tuple[str, bytes]]:
    found = {}
    for file in files(__package__).iterdir():
        kind = _KINDS.get(file.name.rpartition(".")[2])
        if kind is not None and file.is_file():
            found[file.name] = (kind, file.read_bytes())
    return found


def _handler(kind: str, body: bytes) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(body=body, content_type=kind, charset=charset, headers=_HEADERS)

    return handler
