"""The HTTP application: which address leads to what, and what stands before all of them."""

import json
from dataclasses import dataclass

from aiohttp import web

from rvs.listening import listen
from rvs.ops import OpsPages
from rvs.service import Service
from rvs.web.access import key_required, secure_headers
from rvs.web.errors import errors_as_json
from rvs.web.openapi import Json
from rvs.web.page import page_routes
from rvs.web.questions import Questions
from rvs.web.upload import wait_until_wanted

_CLOSING_S = 1.0  # to write what is answered already
_IDLE_S = 75.0  # longer than proxies keep a connection, so that it is they who close it


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is put together from.

    Attributes:
        service: tells how long somebody would wait.
        questions: answers.
        ops: the pages for operators.
        openapi: the OpenAPI document.
        key: what who asks has to send; None: nothing.
    """

    service: Service
    questions: Questions
    ops: OpsPages
    openapi: Json
    key: str | None


def make_app(parts: Parts) -> web.Application:
    """The application, listening nowhere yet."""
    app = web.Application(
        middlewares=[errors_as_json(parts.service.expected_wait_seconds), key_required(parts.key)]
    )
    app.on_response_prepare.append(secure_headers)
    described = json.dumps(parts.openapi, ensure_ascii=False).encode()

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(body=described, content_type="application/json")

    questions = parts.questions
    app.router.add_routes([
        web.post("/v1/find", questions.find, name="find", expect_handler=wait_until_wanted),
        web.post("/v1/compare", questions.compare, name="compare", expect_handler=wait_until_wanted),
        web.post("/v1/embed", questions.embed, name="embed", expect_handler=wait_until_wanted),
        web.get("/v1/openapi.json", openapi, name="openapi"),
        *parts.ops.routes(),
        *page_routes(),
    ])  # fmt: skip
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Serve the application from now on, until its runner is cleaned up.

    Raises:
        ConfigError: the address or port cannot be had.
    """
    return await listen(
        app,
        host,
        port,
        what="The service",
        settings=("RVS_SERVE_HOST", "RVS_SERVE_PORT"),
        shutdown_timeout=_CLOSING_S,
        handler_cancellation=True,  # whoever has hung up need not be answered
        auto_decompress=False,  # photos are compressed already: a body that is, is refused
        keepalive_timeout=_IDLE_S,
    )
