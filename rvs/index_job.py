"""A build that was ordered and what follows it, seen by whoever waits for its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rvs.rebuild import BuildProgress, BuildResult


class Build(Protocol):
    """A build that was started, such as a `Rebuild`."""

    @property
    def progress(self) -> BuildProgress | None:
        """How far it is."""

    def __aiter__(self) -> AsyncIterator[BuildProgress]:
        """The progress until the end."""

    async def result(self) -> BuildResult:
        """What it did; raises what went wrong."""

    async def cancel(self) -> None:
        """End it."""


Start = Callable[[Sequence[str], Mapping[str, str]], Awaitable[Build]]
"""Starts a command in an environment."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a build ended.

    Attributes:
        result: what it did.
        answers: whether its version answers now; not when it is of another index.
    """

    result: BuildResult
    answers: bool


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A build that was ordered, and what follows it.

    Attributes:
        index: which one is built.
        build: the build itself.
        ending: done when the new version answers, or has been refused.
    """

    index: str
    build: Build
    ending: "asyncio.Task[Done]"

    async def done(self) -> Done:
        """How it ended.

        Raises:
            RebuildError: the build was cancelled or failed, or its version did not pass the last check.
            GalleryError: its version could not be opened.
        """
        return await asyncio.shield(self.ending)

    async def ended_within(self, seconds: float) -> bool:
        """Wait for the end, but at most so many seconds; whether it came."""
        await asyncio.wait([self.ending], timeout=seconds)
        return self.ending.done()
