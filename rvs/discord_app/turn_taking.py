"""Answers of a channel come in the order of its questions, as far as that holds nobody up.

Two photos are computed side by side, so that a quick one may be done before one that was asked earlier. It knows
questions by nothing but their order.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PATIENCE_S = 0.25  # longer than a usual photo takes, shorter than anybody would notice


class TurnTaking:
    """Lets whoever is done wait a moment for whoever asked before.

    Args:
        patience_s: how long at the most; None for a quarter of a second.
    """

    def __init__(self, patience_s: float | None = None) -> None:
        self._patience_s = _PATIENCE_S if patience_s is None else patience_s
        self._newest: dict[int, asyncio.Event] = {}

    @asynccontextmanager
    async def place(self, channel_id: int) -> AsyncIterator["Place"]:
        """The place of one question among those of its channel, from asking to answering."""
        mine = asyncio.Event()
        place = Place(self._newest.get(channel_id), self._patience_s)
        self._newest[channel_id] = mine
        try:
            yield place
        finally:
            mine.set()
            if self._newest.get(channel_id) is mine:
                del self._newest[channel_id]


class Place:
    """The place of one question."""

    def __init__(self, before: asyncio.Event | None, patience_s: float) -> None:
        self._before = before
        self._patience_s = patience_s

    async def come(self) -> None:
        """Wait until the question before is answered, or patience is at its end."""
        if self._before is not None and self._patience_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await self._before.wait()
