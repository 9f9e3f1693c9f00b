"""What answers for the bot: the service in this process, or an engine elsewhere; and what goes with either.

One setting, `RVS_ENGINE_URL`, decides. The bot that is made of it cannot tell the difference.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from rvs.answer import load_served
from rvs.answerer import Answerer, LocalAnswerer
from rvs.hot_swap import HotSwap
from rvs.metrics import Metrics
from rvs.ops import Checks
from rvs.remote.answerer import RemoteAnswerer
from rvs.remote.replicas import Replicas
from rvs.remote.settings import EngineSettings
from rvs.searching import searching_for
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings
from rvs.upkeep import Upkeep
from rvs.upkeep_elsewhere import UpkeepElsewhere

_log = logging.getLogger("rvs.discord")

_CLOSING_S = 1.0


@dataclass(frozen=True, slots=True)
class Backend:
    """What answers.

    Attributes:
        answerer: answers.
        upkeep: of its index.
        checks: by name, what has to hold for questions to be answered.
        tasks: by name, what has to run meanwhile; when one of them ends, the bot does.
        end_build: ends a build of the index that runs here.
        close: ends everything else, in about a second.
    """

    answerer: Answerer
    upkeep: Upkeep | UpkeepElsewhere
    checks: Checks
    tasks: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]
    end_build: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


def make_backend(settings: Settings, engine_settings: EngineSettings, metrics: Metrics) -> Backend:
    """What the settings name; `metrics` looks at it from now on.

    Raises:
        ConfigError: the key of an engine elsewhere cannot be read.
    """
    if engine_settings.urls:
        return _elsewhere(settings, engine_settings, metrics)
    return _here(settings, metrics)


def _here(settings: Settings, metrics: Metrics) -> Backend:
    limits = ServiceLimits.from_settings(settings)
    searching = searching_for(settings)
    service = Service(lambda: load_served(settings, searching), limits)
    swap = HotSwap(service, settings, searching)
    upkeep = Upkeep(swap, settings, ended=metrics.rebuild_ended)

    async def serve() -> None:
        """Load and warm the engine, then wait: only a failure ends this."""
        await service.start()
        _log.info("ready to answer")
        await asyncio.Event().wait()

    async def close() -> None:
        with contextlib.suppress(TimeoutError):  # a thread that still computes holds nobody up
            async with asyncio.timeout(_CLOSING_S):
                await service.close()

    async def end_build() -> None:
        """A build that does not end in time ends with us all the same: its pipe closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await upkeep.close()

    metrics.watch_service(service, limits)
    metrics.watch_index(settings.index, swap.answering, lambda: bool(swap.refused))
    metrics.watch_rebuild(upkeep.building)
    return Backend(
        LocalAnswerer(service),
        upkeep,
        checks={
            "models": lambda: service.ready,
            "index": lambda: swap.answering() is not None,
            "search": lambda: swap.search.works,
        },
        tasks={"service": serve, "index": upkeep.watch},
        end_build=end_build,
        close=close,
    )


def _elsewhere(settings: Settings, engine_settings: EngineSettings, metrics: Metrics) -> Backend:
    limits = ServiceLimits.from_settings(settings)
    replicas = Replicas(engine_settings.urls, engine_settings.key_text(), engine_settings.seconds)
    answerer = RemoteAnswerer(replicas, limits)

    async def watch() -> None:
        _log.info("the engine is at %s", ", ".join(engine_settings.urls))
        await answerer.watch(engine_settings.poll_seconds)

    async def no_build() -> None:
        """None runs here."""

    async def close() -> None:
        await answerer.close()
        await replicas.close()

    replicas.open()
    metrics.watch_service(answerer, limits)
    return Backend(
        answerer,
        UpkeepElsewhere(),
        checks={"engine": lambda: answerer.ready},
        tasks={"engine": watch},
        end_build=no_build,
        close=close,
    )
