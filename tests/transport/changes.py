"""Waiting for something to become true, without polling: whoever changes the world says so."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """A bell. `ring` wakes everybody who waits, and each looks again whether its wish has come true."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Say that something changed."""
        for event in self._waiting:
            event.set()

    async def wait_until(self, wish: Callable[[], T], seconds: float) -> T:
        """What `wish` returns as soon as that is true.

        Raises:
            TimeoutError: it did not become true within `seconds`.
        """
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event.clear()
                    if result := wish():
                        return result
                    await event.wait()
        finally:
            self._waiting.discard(event)
