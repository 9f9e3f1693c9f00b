"""How late the event loop is: the first sign that something computes where only waiting is allowed.

It sets itself an alarm again and again and looks how late it goes off. What made it late it cannot know.
"""

import asyncio
import logging
import time
from collections.abc import Callable

log = logging.getLogger("rvs.loop")


class LoopLag:
    """Measures how late the running event loop calls its timers.

    Attributes:
        worst_ms: the latest call since `start`, in milliseconds.
        ticks: how often was measured since `start`.
    """

    def __init__(
        self,
        every_s: float = 0.02,
        warn_ms: float = 50.0,
        *,
        warn_every_s: float = 10.0,
        clock: Callable[[], float] = time.perf_counter,
        observe: Callable[[float], None] | None = None,
    ) -> None:
        """Prepare the measurement; `start` begins it.

        Args:
            every_s: how often to measure. A block of the loop is seen less this at the most.
            warn_ms: a tick later than this is logged as a warning; 50, because people notice twice that.
            warn_every_s: no second warning within this time, for one stall often comes with others.
            clock: in seconds; real time, also where a test's loop has a time of its own.
            observe: told of each tick how many seconds late it was.
        """
        self.worst_ms = 0.0
        self.ticks = 0
        self._every_s = every_s
        self._warn_ms = warn_ms
        self._warn_every_s = warn_every_s
        self._clock = clock
        self._observe = observe
        self._warned_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Measure the running loop from now on, afresh; nothing happens when it is measured already."""
        if self._task is None:
            self.worst_ms, self.ticks, self._warned_at = 0.0, 0, None
            self._task = asyncio.create_task(self._measure(), name="rvs-loop-lag")

    async def stop(self) -> None:
        """Measure no more; what was measured stays. May be called repeatedly."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _measure(self) -> None:
        while True:
            due = self._clock() + self._every_s
            try:
                await asyncio.sleep(self._every_s)
            finally:  # `stop` may come when a timer is late already, but was not called yet
                now = self._clock()
                self._note(now, max(0.0, 1000 * (now - due)))

    def _note(self, now: float, late_ms: float) -> None:
        self.ticks += 1
        self.worst_ms = max(self.worst_ms, late_ms)
        if self._observe is not None:
            self._observe(late_ms / 1000)
        quiet = self._warned_at is not None and now - self._warned_at < self._warn_every_s
        if late_ms > self._warn_ms and not quiet:
            self._warned_at = now
            log.warning("The event loop was blocked: a timer came %.0f ms late.", late_ms)
