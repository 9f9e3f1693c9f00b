"""Who is let in: a number of places, a line of bounded length before them, and a word about how long it takes.

It belongs to one event loop. What somebody does in their place, and where that is computed, it cannot know.
"""

import math

from rvs.errors import BusyError
from rvs.waiting_line import WaitingLine

_FIRST_GUESS_S = 0.5  # of how long a job takes, until the first has been measured
_NEWEST_WEIGHT = 0.2  # of the newest job in the average: about the last ten count


class Admission:
    """Lets people in, first come first served, until it is told to stop."""

    def __init__(self, places: int, queue: int, at_once: int) -> None:
        """Prepare.

        Args:
            places: how many are inside at once.
            queue: how many may wait for a place.
            at_once: how many of those inside are worked on at once, as far as is known.
        """
        self._line = WaitingLine(places)
        self._queue = queue
        self._at_once = at_once
        self._job_s = _FIRST_GUESS_S
        self._stopping = False
        self._closed = False

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._line.waiting

    @property
    def taken(self) -> int:
        """How many are inside."""
        return self._line.taken

    def expected_wait_seconds(self) -> float:
        """How long somebody who came now would wait until they are worked on; 0 when that is at once."""
        before = self.taken + self.waiting + 1 - self._at_once
        return max(0, before) * self._job_s / self._at_once

    def took(self, seconds: float) -> None:
        """A job took so long."""
        self._job_s += _NEWEST_WEIGHT * (seconds - self._job_s)

    def check(self, *, although_stopping: bool = False) -> None:
        """Whether somebody who came now would be let in.

        Args:
            although_stopping: they came before `stop`: only `close` and the room count.

        Raises:
            BusyError: there is no room to wait, or it was told to stop.
        """
        self.check_open(although_stopping=although_stopping)
        if self.taken >= self._line.places and self.waiting >= self._queue:
            seconds = max(1, math.ceil(self.expected_wait_seconds()))
            raise BusyError(
                "Too many people are asking right now:"
                f" ask again in about {seconds} second{'' if seconds == 1 else 's'}."
            )

    def check_open(self, *, although_stopping: bool = False) -> None:
        """Whether anybody is let in at all.

        Raises:
            BusyError: not any more.
        """
        if self._closed or (self._stopping and not although_stopping):
            raise restarting()

    async def enter(self) -> None:
        """Take a place, or wait for one. Who is cancelled meanwhile takes none.

        Raises:
            BusyError: it was closed while they waited.
        """
        await self._line.enter()

    def leave(self) -> None:
        """Give a place back."""
        self._line.leave()

    def stop(self) -> None:
        """Let nobody in who comes from now on. Those who wait already get their place, until `close`."""
        self._stopping = True

    def close(self) -> None:
        """Send away who waits. Places stay taken until they are given back."""
        self.stop()
        self._closed = True
        self._line.close(restarting)


def restarting() -> BusyError:
    """What those are told who come, or still wait, when it ends."""
    return BusyError("I am being restarted: ask again in a minute.")
