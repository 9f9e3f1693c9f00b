"""Whether the search works: asked for every few seconds where a server searches, so that it is known before
anybody asks, and known again without anybody asking.

It only looks. What becomes of questions while the search does not work is for the index to say.
"""

import asyncio
import logging

from rvs.errors import SearchUnavailableError
from rvs.service import Service
from rvs.vectors.remote_index import RemoteIndex

_EVERY_S = 5.0

_log = logging.getLogger("rvs.search")


class SearchWatch:
    """Looks at the index of whatever a service answers with. It belongs to the service's event loop."""

    def __init__(self, service: Service, *, every_s: float = _EVERY_S) -> None:
        """Prepare; `watch` begins to look.

        Args:
            service: whose index is looked at.
            every_s: how often.
        """
        self._service = service
        self._every_s = every_s
        self._said = ""

    @property
    def works(self) -> bool:
        """Whether the last search worked, of whoever asked; True where none can fail, or nothing is loaded."""
        index = self._index()
        return index is None or not index.trouble

    async def watch(self) -> None:
        """Look until cancelled. A change is one line in the log."""
        while True:
            await asyncio.sleep(self._every_s)
            index = self._index()
            if index is None:
                continue
            try:
                await asyncio.to_thread(index.ping)
            except SearchUnavailableError as error:
                self._say(error.why)
            except Exception:
                _log.exception("it could not be seen whether the search works")
            else:
                self._say("")

    def _say(self, why: str) -> None:
        if why and not self._said:
            _log.error("no search: %s", why)
        elif self._said and not why:
            _log.info("search works again")
        self._said = why

    def _index(self) -> RemoteIndex | None:
        served = self._service.served
        index = None if served is None else served.engine.index
        return index if isinstance(index, RemoteIndex) else None
