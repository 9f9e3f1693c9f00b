"""The HTTP side: which path is which route, who may ask, what goes wrong on order, and the record of it all."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from tests.transport.api_error import ApiError
from tests.transport.call import Call, Request, read_call
from tests.transport.cdn import Cdn
from tests.transport.faults import Fault, Faults
from tests.transport.gateway import Gateway
from tests.transport.interaction_routes import InteractionRoutes
from tests.transport.rest import Rest
from tests.transport.world import World

API = "/api/v10"
Route = Callable[[Call], Awaitable[Any]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DROPPED = -1
MOST_BYTES = 256 * 1024 * 1024  # the limits that count are those of `posting`


class Server:
    """Listens on a free port of 127.0.0.1."""

    def __init__(self, world: World, gateway: Gateway, faults: Faults) -> None:
        self.world = world
        self.gateway = gateway
        self.faults = faults
        self.requests: list[Request] = []
        self.unknown_routes: list[str] = []
        self.own_errors: list[Exception] = []
        """What went wrong in the fake itself; leaving it raises them."""
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.1, access_log=None)

    def _app(self) -> web.Application:
        rest, cdn = Rest(self.world, self.gateway), Cdn(self.world)
        asked = InteractionRoutes(self.world, self.gateway)
        one, hook = "/channels/{channel}/messages/{message}", "/webhooks/{application}/{token}"
        with_bot_token: list[tuple[str, str, Route]] = [
            ("GET", "/users/@me", rest.me),
            ("GET", "/users/@me/guilds", rest.guilds),
            ("POST", "/users/@me/channels", rest.open_dm),
            ("GET", "/users/{user}", rest.user),
            ("GET", "/guilds/{guild}/members/{user}", rest.member),
            ("GET", "/oauth2/applications/@me", rest.application),
            ("GET", "/applications/@me", rest.application),
            ("GET", "/applications/{application}/commands", rest.commands),
            ("PUT", "/applications/{application}/commands", rest.put_commands),
            ("GET", "/gateway/bot", rest.gateway_bot),
            ("GET", "/channels/{channel}", rest.channel),
            ("POST", "/channels/{channel}/typing", rest.typing),
            ("GET", "/channels/{channel}/messages", rest.messages),
            ("POST", "/channels/{channel}/messages", rest.post_message),
            ("GET", one, rest.message),
            ("PATCH", one, rest.edit_message),
            ("DELETE", one, rest.delete_message),
        ]
        with_own_token: list[tuple[str, str, Route]] = [
            ("GET", "/gateway", rest.gateway_address),
            ("POST", "/interactions/{interaction}/{token}/callback", asked.callback),
            ("POST", hook, asked.follow_up),
            ("GET", hook + "/messages/{message}", asked.get),
            ("PATCH", hook + "/messages/{message}", asked.edit),
            ("DELETE", hook + "/messages/{message}", asked.delete),
        ]
        files: list[tuple[str, Route]] = [
            ("/attachments/{channel}/{attachment}/{name}", cdn.attachment),
            ("/ephemeral-attachments/{channel}/{attachment}/{name}", cdn.attachment),
            ("/avatars/{user}/{hash}.png", cdn.avatar),
            ("/embed/avatars/{index}.png", cdn.default_avatar),
        ]
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_get("/gateway/", self.gateway.connect)
        for method, path, route in with_bot_token:
            app.router.add_route(method, API + path, self._handler(route, needs_token=True))
        for method, path, route in with_own_token:
            app.router.add_route(method, API + path, self._handler(route))
        for path, route in files:
            app.router.add_route("GET", path, self._handler(route))
        app.router.add_route("*", "/{path:.*}", self._handler(self._unknown))
        return app

    async def start(self) -> str:
        """Listen; the address, such as http://127.0.0.1:40001."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening and end what is under way."""
        await self._runner.cleanup()

    def calls(self, method: str, path: str) -> list[Request]:
        """The requests whose method and path (with `*` for anything) are these, in order."""
        return [
            request
            for request in self.requests
            if request.method == method and fnmatchcase(request.path, path)
        ]

    def _handler(self, route: Route, *, needs_token: bool = False) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await read_call(request)
            record = _record(call)
            self.requests.append(record)
            call.fault = self.faults.take(record.method, record.path)
            allowed = not needs_token or request.headers.get("Authorization") == f"Bot {self.world.token}"
            try:
                response = await self._respond(call, route if allowed else _unauthorized)
            except Exception as error:
                self.own_errors.append(error)
                raise
            cut = request.transport is None or request.transport.is_closing()
            record.status = DROPPED if cut else response.status
            self.world.changes.ring()
            return response

        return handle

    async def _respond(self, call: Call, route: Route) -> web.StreamResponse:
        fault = call.fault
        if fault is None or not fault.answers:
            if fault:
                await self._wait(fault)
            return await _answer(call, route)
        if fault.after_body:
            await _answer(call, route)
        await self._wait(fault)
        return _fault_response(call, fault)

    async def _wait(self, fault: Fault) -> None:
        self.world.changes.ring()  # somebody may wait for it to be used
        await fault.wait()

    async def _unknown(self, call: Call) -> None:
        self.unknown_routes.append(f"{call.request.method} {call.request.path}")
        raise ApiError(404, 0, "404: Not Found")


async def _unauthorized(call: Call) -> None:
    raise ApiError(401, 0, "401: Unauthorized")


async def _answer(call: Call, route: Route) -> web.StreamResponse:
    try:
        answer = await route(call)
    except ApiError as error:
        return _json(error.body(), error.status)
    if isinstance(answer, web.StreamResponse):
        return answer
    return web.Response(status=204) if answer is None else _json(answer, 200)


def _json(body: object, status: int, headers: dict[str, str] | None = None) -> web.Response:
    # aiohttp would add a charset, and then discord.py takes the body for text.
    typed = {"Content-Type": "application/json"} | (headers or {})
    return web.Response(body=json.dumps(body).encode(), status=status, headers=typed)


def _fault_response(call: Call, fault: Fault) -> web.Response:
    if fault.drop:
        with suppress(AttributeError):
            call.request.transport.abort()  # type: ignore[union-attr]
        return web.Response(status=500)
    if fault.redirect_to is not None:
        return web.Response(status=302, headers={"Location": fault.redirect_to})
    assert fault.status is not None
    body = fault.error_body()
    if isinstance(body, str):
        return web.Response(status=fault.status, text=body, content_type="text/html")
    limited = {"Retry-After": f"{fault.retry_after:g}"} | ({"Via": "1.1 google"} if fault.via else {})
    return _json(body, fault.status, limited if fault.status == 429 else None)


def _record(call: Call) -> Request:
    request = call.request
    files = [(upload.filename, len(upload.data)) for _, upload in sorted(call.uploads.items())]
    path = request.path.removeprefix(API)
    return Request(request.method, path, dict(request.query), request.host, call.payload, files)
