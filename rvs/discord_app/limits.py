"""How often may be asked: one question at a time per person, and so many per minute of a person or channel.

One `Limiter` serves every way of asking, so that nobody gets a second budget by using a button. It knows
numbers only, neither messages nor commands, and belongs to one thread: the event loop's.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rvs.errors import AlreadyAskingError, ConfigError, CooldownError


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `asks` questions within any `seconds` seconds.

    Raises:
        ConfigError: fewer than one question, or no time at all.
    """

    asks: int
    seconds: float

    def __post_init__(self) -> None:
        if self.asks < 1 or not self.seconds > 0:
            raise ConfigError("A rate needs at least one question and more than 0 seconds.")


class Limiter:
    """Lets questions in, or says why not. Not safe in threads."""

    def __init__(self, person: Rate, channel: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._people = _Windows(person)
        self._channels = _Windows(channel)
        self._asking: set[int] = set()

    @contextmanager
    def asking(self, person_id: int, channel_id: int) -> Iterator[None]:
        """Holds the person's only place while the block answers; it is given back whatever happens.

        A refused question counts towards no rate; one that was let in counts, also when it fails.

        Raises:
            AlreadyAskingError: this person's last question is still being answered.
            CooldownError: the person or the channel has asked often enough; the sentence says for how long.
        """
        if person_id in self._asking:
            raise AlreadyAskingError(
                "Your last question is still being answered.", hint="Wait for it, then ask again."
            )
        now = self._clock()
        if (wait := self._people.wait_s(person_id, now)) > 0:
            raise CooldownError(f"You have asked often enough for now: ask again in {_seconds(wait)}.")
        if (wait := self._channels.wait_s(channel_id, now)) > 0:
            raise CooldownError(
                f"This channel has asked often enough for now: ask again in {_seconds(wait)}."
            )
        self._people.count(person_id, now)
        self._channels.count(channel_id, now)
        self._asking.add(person_id)
        try:
            yield
        finally:
            self._asking.discard(person_id)


class _Windows:
    """When each id asked, within the last `rate.seconds`: at most `rate.asks` times per id, and no idle ids."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._times: dict[int, deque[float]] = {}  # in the order of their last question

    def __len__(self) -> int:
        return len(self._times)

    def wait_s(self, some_id: int, now: float) -> float:
        """Seconds until `some_id` may ask; 0 or less: now."""
        self._forget(now)
        times = self._times.get(some_id, deque())
        while times and self._is_over(times[0], now):
            times.popleft()
        return times[0] + self._rate.seconds - now if len(times) >= self._rate.asks else 0.0

    def count(self, some_id: int, now: float) -> None:
        """Remember that `some_id` asked."""
        times = self._times.pop(some_id, deque())
        times.append(now)
        self._times[some_id] = times  # now the last one

    def _forget(self, now: float) -> None:
        # Whoever asked longest ago stands first, so this looks at one id more than it drops.
        while self._times:
            first = next(iter(self._times))
            if not self._is_over(self._times[first][-1], now):
                break
            del self._times[first]

    def _is_over(self, asked: float, now: float) -> bool:
        return asked + self._rate.seconds - now <= 0


def _seconds(wait_s: float) -> str:
    count = math.ceil(wait_s)  # at least 1, because it is more than 0
    return "1 second" if count == 1 else f"{count:,} seconds"
