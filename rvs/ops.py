"""The operations endpoint: whether the process lives, whether it can answer, and its numbers, over HTTP.

    /livez     200 while the event loop runs
    /readyz    200 when every check holds, else 503; which ones do, as JSON
    /metrics   the numbers, for Prometheus

GET and HEAD, and nothing else. It asks nobody who they are, so it listens on this machine only unless told
otherwise; what the checks look at, and what the numbers mean, it does not know.
"""

import logging
from collections.abc import Callable, Mapping

from aiohttp import web

from rvs.listening import listen, port_of

_log = logging.getLogger("rvs.ops")

_CLOSING_S = 1.0  # for requests under way; each takes milliseconds
_FRESH = {"Cache-Control": "no-store"}

Checks = Mapping[str, Callable[[], bool]]


class OpsPages:
    """The three pages, for whatever application they are part of."""

    def __init__(self, *, checks: Checks, metrics: Callable[[], bytes], metrics_type: str) -> None:
        """Prepare the pages.

        Args:
            checks: by name, what has to hold for questions to be answered; called in the event loop.
            metrics: gives the numbers; called in the event loop.
            metrics_type: the content type of that.
        """
        self._checks = checks
        self._metrics = metrics
        self._metrics_type = metrics_type

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        return [
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics_page),
        ]

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n", headers=_FRESH)

    async def _readyz(self, _request: web.Request) -> web.Response:
        held = {name: _holds(name, check) for name, check in self._checks.items()}
        ready = all(held.values())
        failing = [name for name, holds in held.items() if not holds]
        return web.json_response(
            {"ready": ready, "failing": failing, "checks": held},
            status=200 if ready else 503,
            headers=_FRESH,
        )

    async def _metrics_page(self, _request: web.Request) -> web.Response:
        # A header, not `content_type`, which would not take the format's version.
        return web.Response(body=self._metrics(), headers=_FRESH | {"Content-Type": self._metrics_type})


class Ops:
    """The endpoint. It belongs to the event loop in which it was started."""

    def __init__(
        self, host: str, port: int, *, checks: Checks, metrics: Callable[[], bytes], metrics_type: str
    ) -> None:
        """Prepare the endpoint; `start` opens it.

        Args:
            host: the address to listen on.
            port: 0 takes any that is free; see `port`.
            checks, metrics, metrics_type: see `OpsPages`.
        """
        self._host = host
        self._port = port
        self._pages = OpsPages(checks=checks, metrics=metrics, metrics_type=metrics_type)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return port_of(self._runner)

    async def start(self) -> None:
        """Listen from now on.

        Raises:
            ConfigError: the address or port cannot be had.
        """
        app = web.Application()
        app.router.add_routes(self._pages.routes())
        self._runner = await listen(
            app,
            self._host,
            self._port,
            what="The operations endpoint",
            settings=("RVS_OPS_HOST", "RVS_OPS_PORT"),
            shutdown_timeout=_CLOSING_S,
        )
        _log.info("operations endpoint on %s port %d", self._host, self.port)

    async def stop(self) -> None:
        """Close it. May be called repeatedly, also when it never started."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def _holds(name: str, check: Callable[[], bool]) -> bool:
    try:
        return bool(check())
    except Exception:  # a check that cannot be made does not hold, and the others are still told
        _log.exception("the readiness check %s failed", name)
        return False
