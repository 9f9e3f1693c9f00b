"""Starts the service, keeps it on the index that is in use, and ends it in good order."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

from rvs import __version__
from rvs.answer import load_served
from rvs.hot_swap import HotSwap
from rvs.listening import port_of
from rvs.loop_lag import LoopLag
from rvs.metrics import CONTENT_TYPE, Metrics
from rvs.ops import Ops, OpsPages
from rvs.searching import searching_for
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings
from rvs.web.openapi import openapi_document
from rvs.web.questions import About, Questions
from rvs.web.server import Parts, make_app, serve
from rvs.web.settings import ServeSettings
from rvs.web.upload import Uploads

_log = logging.getLogger("rvs.web")

_CLOSING_S = 1.0  # for connections, and again for the threads


async def run(settings: Settings, serve_settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT; then take no new questions, and finish the open ones within a grace time.

    Before that it may go on for a while in which only /readyz says that it stops: see `drain_seconds`.

    Raises:
        LookalikeError: it could not start.
    """
    key = serve_settings.key_text()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C comes as KeyboardInterrupt
            loop.add_signal_handler(number, stopped.set)
    searching = searching_for(settings)
    service = Service(lambda: load_served(settings, searching), ServiceLimits.from_settings(settings))
    metrics = Metrics(__version__)
    swap = HotSwap(service, settings, searching)
    checks = _watch(settings, metrics, service, swap) | {"running": lambda: not stopped.is_set()}
    questions = Questions(
        service,
        Uploads(settings.max_photo_bytes, serve_settings.upload_bytes, serve_settings.upload_seconds),
        metrics,
        About.from_settings(settings),
        serve_settings.answer_seconds,
    )
    ops_pages = OpsPages(checks=checks, metrics=metrics.text, metrics_type=CONTENT_TYPE)
    openapi = openapi_document(
        key_required=key is not None, people=settings.people, photo_bytes=settings.max_photo_bytes
    )
    app = make_app(Parts(service, questions, ops_pages, openapi, key))
    ops = Ops(
        settings.ops_host, settings.ops_port, checks=checks, metrics=metrics.text, metrics_type=CONTENT_TYPE
    )
    runner = await serve(app, serve_settings.host, serve_settings.port)
    lag = LoopLag(observe=metrics.loop_lag)
    tasks: set[asyncio.Task[object]] = set()
    try:
        _log.info("listening on http://%s:%d", _in_url(serve_settings.host), port_of(runner))
        if settings.ops_port:
            await ops.start()
        lag.start()
        tasks |= {
            asyncio.create_task(stopped.wait(), name="stop"),
            # Beside the listening: a question that comes before the engine is ready is told so.
            asyncio.create_task(_load(service), name="service"),
            asyncio.create_task(swap.watch(), name="index"),
        }
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stopped.is_set() and serve_settings.drain_seconds:
            _log.info("draining for %g s", serve_settings.drain_seconds)
            await asyncio.sleep(serve_settings.drain_seconds)
        _log.info("stopping: %d questions open", questions.open_questions)
        service.stop()
        await questions.settle(max(1.0, serve_settings.shutdown_seconds - 2 * _CLOSING_S))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()
        with contextlib.suppress(TimeoutError):  # a thread that still computes holds nobody up
            async with asyncio.timeout(_CLOSING_S):
                await service.close()
        await ops.stop()
        await lag.stop()
        _log.info("stopped; the event loop was never more than %.0f ms late", lag.worst_ms)
    for task in done:
        task.result()


def _watch(
    settings: Settings, metrics: Metrics, service: Service, swap: HotSwap
) -> dict[str, Callable[[], bool]]:
    """Let the numbers look at service and index; what has to hold for questions to be answered."""
    metrics.watch_service(service, ServiceLimits.from_settings(settings))
    metrics.watch_index(settings.index, swap.answering, lambda: bool(swap.refused))
    return {
        "models": lambda: service.ready,
        "index": lambda: swap.answering() is not None,
        "search": lambda: swap.search.works,
    }


async def _load(service: Service) -> None:
    """Load and warm the engine, then wait: only a failure ends this."""
    await service.start()
    _log.info("ready to answer")
    await asyncio.Event().wait()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
