"""A number of places and a line of those who wait for one, first come first served.

It belongs to one event loop and never waits for anything but a place. What a place is good for it cannot know.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class WaitingLine:
    """Gives places to those who wait, in the order in which they came.

    Not `asyncio.Semaphore`: this line can be looked at, and be closed while people wait.

    Attributes:
        places: how many there are.
        taken: how many are given away now.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(not place.done() for place in self._waiting)

    async def enter(self) -> None:
        """Take a place, or wait for one. Who is cancelled meanwhile takes none.

        Raises:
            Exception: the one that `close` was given.
        """
        if self.taken < self.places:  # then nobody waits
            self.taken += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                with suppress(ValueError):  # `leave` may have passed over it
                    self._waiting.remove(place)
            elif place.exception() is None:
                self.leave()  # the place was given in the same moment
            raise

    def leave(self) -> None:
        """Give a place back: to the first who waits, if there is one."""
        self.taken -= 1
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                self.taken += 1
                place.set_result(None)
                return

    def close(self, refusal: Callable[[], Exception]) -> None:
        """Send away all who wait, each with an exception that `refusal` makes. Places stay taken."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(refusal())
