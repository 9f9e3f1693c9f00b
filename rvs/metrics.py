"""What an operator watches, as numbers: questions and their ends, stages, the queue, the index, rebuilds.

It counts what it is told and looks at what it was pointed to, whenever it is asked for the numbers. It knows
neither Discord nor HTTP; and no id, name or text can get into it, for labels take only words of the program.
"""

import platform
import time
from asyncio import CancelledError
from collections.abc import Callable
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from rvs.errors import (
    DeadlineError,
    EngineError,
    GalleryError,
    LookalikeError,
    RebuildCancelledError,
    RebuildError,
    RebuildRunningError,
    SearchUnavailableError,
    WeightsError,
)
from rvs.watched import AnsweringIndex, WatchedIndex, WatchedLimits, WatchedRebuild, WatchedService, WorstOf

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The type of what `Metrics.text` gives."""

QueryOutcome: TypeAlias = Literal["answered", "refused", "failed"]
RebuildOutcome: TypeAlias = Literal["built", "failed", "cancelled"]
_REBUILD_OUTCOMES: tuple[RebuildOutcome, ...] = ("built", "failed", "cancelled")

# Seconds. From a stage that only looks something up to the longest that a setting usually allows.
_STAGE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)
_QUERY_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 90)
_LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_WORST_WITHIN_S = 60


_FAILURES = (GalleryError, WeightsError, RebuildError, DeadlineError, EngineError, SearchUnavailableError)


def outcome_of(error: BaseException | None) -> tuple[QueryOutcome, str]:
    """How a question ended, and the code of why.

    Refused is what the person who asked can mend, or can only wait out; failed is the operator's business.
    """
    match error:
        case None:
            return "answered", ""
        case LookalikeError() if isinstance(error, _FAILURES):
            return "failed", error.code
        case LookalikeError():
            return "refused", error.code
        case CancelledError():
            return "refused", "restarting"
        case TimeoutError():
            return "failed", "timeout"
        case _:
            return "failed", "unexpected"


class Metrics:
    """All numbers of one process, in a registry of their own.

    `stage`, `query` and `loop_lag` may be called in any thread. `text` calls what was given to the `watch_`
    methods, so it belongs where those may be looked at: in the event loop.
    """

    def __init__(self, version: str, *, clock: Callable[[], float] = time.time) -> None:
        """Begin to count.

        Args:
            version: of this program.
            clock: seconds since 1970.
        """
        self.registry = registry = CollectorRegistry()
        self._clock = clock
        self._worst_lag = WorstOf(_WORST_WITHIN_S, clock)
        ProcessCollector(registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(name, what, labels, registry=registry)

        build = gauge("rvs_build_info", "1; which version of the program runs.", "version", "python")
        build.labels(version, platform.python_version()).set(1)

        self._queries = Counter(
            "rvs_queries_total", "Questions that ended, by how.", ("outcome", "code"), registry=registry
        )
        self._query_seconds = Histogram(
            "rvs_query_seconds",
            "From the question to its end.",
            ("outcome",),
            buckets=_QUERY_BUCKETS,
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "rvs_stage_seconds",
            "What each stage of a question took, also when it stopped there.",
            ("stage",),
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._lag_seconds = Histogram(
            "rvs_loop_lag_seconds",
            "How late the event loop called a timer.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        # There from the start: what appears with its first event has no rate of it.
        for outcome, code in (("answered", ""), ("failed", "unexpected"), ("refused", "busy")):
            self._queries.labels(outcome, code)
            self._query_seconds.labels(outcome)

        worst = gauge("rvs_loop_lag_worst_seconds", f"The worst of that in the last {_WORST_WITHIN_S} s.")
        worst.set_function(self._worst_lag.value)
        self._ready = gauge("rvs_service_ready", "1 when new questions are taken.")
        self._queue = gauge("rvs_queue_depth", "People who wait for their turn.")
        self._queue_limit = gauge("rvs_queue_limit", "How many may wait.")
        self._turns = gauge("rvs_turns_open", "Photos in memory.")
        self._turns_limit = gauge("rvs_turns_limit", "How many may be in memory.")
        self._busy = gauge("rvs_workers_busy", "Photos that are computed now.")
        self._workers = gauge("rvs_workers", "How many can be computed at once.")
        self._wait = gauge("rvs_expected_wait_seconds", "How long somebody who came now would wait.")
        self._last = gauge("rvs_rebuild_last", "1 for how the last one ended, 0 for the others.", "outcome")
        self._last_end = gauge("rvs_rebuild_last_end_timestamp_seconds", "When it ended; 0: never.")
        self._rebuilds = Counter(
            "rvs_rebuilds_total", "Builds that ended, by how.", ("outcome",), registry=registry
        )
        for ended in _REBUILD_OUTCOMES:
            self._rebuilds.labels(ended)
            self._last.labels(ended)

    def stage(self, name: str, seconds: float) -> None:
        """A stage of a question took so long. It fits `Stages(observe=...)`."""
        self._stage_seconds.labels(name).observe(seconds)

    def query(self, seconds: float, error: BaseException | None = None, *, delivered: bool = True) -> None:
        """A question ended.

        Args:
            seconds: since it was asked.
            error: why there is no answer; None when there is one.
            delivered: whether the answer arrived.
        """
        outcome, code = outcome_of(error)
        if outcome == "answered" and not delivered:
            outcome, code = "failed", "undelivered"
        self._queries.labels(outcome, code).inc()
        self._query_seconds.labels(outcome).observe(seconds)

    def loop_lag(self, seconds: float) -> None:
        """The event loop was so late once. It fits `LoopLag(observe=...)`."""
        self._lag_seconds.observe(seconds)
        self._worst_lag.add(seconds)

    def rebuild_ended(self, error: BaseException | None = None) -> None:
        """A build ended.

        Args:
            error: why it made no index that answers; None when it did.
        """
        outcome: RebuildOutcome
        match error:
            case None:
                outcome = "built"
            case RebuildCancelledError() | CancelledError():
                outcome = "cancelled"
            case RebuildRunningError():
                return  # another process builds: this one has not begun
            case _:
                outcome = "failed"
        self._rebuilds.labels(outcome).inc()
        self._last_end.set(self._clock())
        for one in _REBUILD_OUTCOMES:
            self._last.labels(one).set(one == outcome)

    def watch_service(self, service: WatchedService, limits: WatchedLimits) -> None:
        """Look at this service from now on."""
        self._ready.set_function(lambda: service.ready)
        self._queue.set_function(lambda: service.waiting)
        self._turns.set_function(lambda: service.open_turns)
        self._busy.set_function(lambda: service.running)
        self._wait.set_function(service.expected_wait_seconds)
        self._queue_limit.set(limits.queue)
        self._turns_limit.set(limits.photos_in_memory)
        self._workers.set(limits.workers)

    def watch_index(
        self, name: str, answering: Callable[[], AnsweringIndex | None], refused: Callable[[], bool] = bool
    ) -> None:
        """Look at the index from now on; to be called once.

        Args:
            name: of the index.
            answering: the version that answers now; None while there is none.
            refused: whether another version should answer, but could not take over.
        """
        self.registry.register(WatchedIndex(name, answering, refused))

    def watch_rebuild(self, progress: Callable[[], tuple[str, float] | None]) -> None:
        """Look at builds from now on; to be called once.

        Args:
            progress: one of the few words for what a build does now, and how much of that is done, 0 to 1; None
                while none runs.
        """
        self.registry.register(WatchedRebuild(progress))

    def watch_gateway(self, connected: Callable[[], bool], guilds: Callable[[], int]) -> None:
        """Look at the connection to the chat from now on; to be called once. Who has none has no such numbers."""
        up = Gauge("rvs_gateway_connected", "1 when events come in from the chat.", registry=self.registry)
        up.set_function(connected)
        Gauge("rvs_guilds", "Servers the bot is in.", registry=self.registry).set_function(guilds)

    def text(self) -> bytes:
        """All numbers now, in Prometheus' text format."""
        return generate_latest(self.registry)
