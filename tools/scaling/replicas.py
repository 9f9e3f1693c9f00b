"""What happens to questions that arrive at several replicas of the service: a simulation, event by event.

A replica computes a few photos at once, lets some wait, and refuses the rest, as `rvs.service` does; a balancer
in front of it picks one for each question. Pure functions of arrays; when people ask, and how long a photo takes,
is for `tools.traffic` to say.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Seconds: TypeAlias = NDArray[np.float64]
Policy: TypeAlias = Literal["least connections", "best of two", "random"]


@dataclass(frozen=True, slots=True)
class Replica:
    """One copy of the service.

    Attributes:
        speeds: how much work is done in a second while 1, 2, ... photos are computed, where 1.0 is the work done
            for one photo alone. As many photos are computed at once as there are entries, and share it equally.
        places: photos that are in it at most, those that wait included; more are refused.
    """

    speeds: tuple[float, ...]
    places: int


class _Running:
    """A replica at work: what it computes, with the work left on each, and who waits."""

    __slots__ = ("_replica", "computing", "now", "version", "waiting")

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self.computing: list[
            tuple[float, int]
        ] = []  # work left in seconds, which question; the next to end first
        self.waiting: deque[tuple[float, int]] = deque()
        self.now = 0.0
        self.version = 0

    def __len__(self) -> int:
        return len(self.computing) + len(self.waiting)

    def advance(self, now: float) -> None:
        """Do the work of the time since the last call."""
        if self.computing:
            done = (now - self.now) * self._speed
            self.computing = [(left - done, question) for left, question in self.computing]
        self.now = now

    def take(self, work: float, question: int) -> None:
        """A question comes in, now."""
        if len(self.computing) < len(self._replica.speeds):
            self.computing.append((work, question))
            self.computing.sort()
        else:
            self.waiting.append((work, question))

    def finish(self) -> int:
        """The first question is answered, now; the next who waits is computed."""
        _, question = self.computing.pop(0)
        if self.waiting:
            self.take(*self.waiting.popleft())
        return question

    @property
    def next_end(self) -> float:
        """When the first question will be answered if nothing comes in."""
        return self.now + max(0.0, self.computing[0][0]) / self._speed

    @property
    def _speed(self) -> float:
        # Of each of those that are computed.
        return self._replica.speeds[len(self.computing) - 1] / len(self.computing)


def simulate(
    arrivals: Seconds, work: Seconds, replicas: int, replica: Replica, policy: Policy, seed: int
) -> Seconds:
    """Seconds from each question's arrival to its answer; NaN where it was refused.

    Args:
        arrivals: (n,) seconds, rising.
        work: (n,) seconds that each photo takes when it is alone on its replica.
        replicas: how many there are.
        replica: what each of them is.
        policy: how the balancer picks one: the replica with the fewest questions in it (the first after the one
            picked last, where several have), the better of two picked at random, or one at random.
        seed: of what is random.
    """
    running = [_Running(replica) for _ in range(replicas)]
    choose = _chooser(policy, running, np.random.default_rng(seed))
    latency = np.full(len(arrivals), np.nan)
    ends: list[tuple[float, int, int]] = []  # when, which replica, its version then: an older one is void

    def next_end(number: int) -> None:
        one = running[number]
        one.version += 1
        if one.computing:
            heapq.heappush(ends, (one.next_end, number, one.version))

    def finish_until(now: float) -> None:
        while ends and ends[0][0] <= now:
            ended, number, version = heapq.heappop(ends)
            one = running[number]
            if version == one.version:
                one.advance(ended)
                question = one.finish()
                latency[question] = ended - arrivals[question]
                next_end(number)

    for question, (arrival, photo) in enumerate(zip(arrivals.tolist(), work.tolist(), strict=True)):
        finish_until(arrival)
        number = choose()
        one = running[number]
        if len(one) < replica.places:
            one.advance(arrival)
            one.take(photo, question)
            next_end(number)
    finish_until(float("inf"))
    return latency


def _chooser(policy: Policy, running: list[_Running], rng: np.random.Generator) -> Callable[[], int]:
    count = len(running)
    last = count - 1

    def least() -> int:
        nonlocal last
        last = min(
            ((last + 1 + step) % count for step in range(count)), key=lambda number: len(running[number])
        )
        return last

    def best_of_two() -> int:
        first, second = drawn(), drawn()
        return first if len(running[first]) <= len(running[second]) else second

    drawn = _draws(rng, count)
    return {"least connections": least, "best of two": best_of_two, "random": drawn}[policy]


def _draws(rng: np.random.Generator, count: int) -> Callable[[], int]:
    # Drawing many at once is a hundred times as fast.
    drawn: list[int] = []

    def draw() -> int:
        nonlocal drawn
        if not drawn:
            drawn = rng.integers(count, size=4096).tolist()
        return drawn.pop()

    return draw
