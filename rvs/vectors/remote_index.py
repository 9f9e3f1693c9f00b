"""A server proposes, exact arithmetic decides: an index whose graph is in a Milvus or a PostgreSQL.

Here is all that happens when the server does not answer: one deadline, one retry within it, an error that says
why, and the memory of how the last search went. How to talk to a server is for `milvus_index` and
`pgvector_index` to know.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Distances, Ids, Vectors
from rvs.errors import SearchUnavailableError
from rvs.vectors.index import check_probes
from rvs.vectors.rerank import rerank
from rvs.vectors.server import Collection, VectorServer

# With less time left than this there is no sense in trying again.
_LEAST_RETRY_S = 0.05


class RemoteIndex:
    """The collection of one version, with the vectors it was filled with. It connects at the first search."""

    def __init__(
        self,
        server: VectorServer,
        collection: Collection,
        vectors: NDArray[np.floating],
        width: int,
        timeout_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            server: where the collection is.
            collection: filled with `vectors`.
            vectors: (n, dimension), any float type; may be memory-mapped.
            width: how much of the graph a search looks at; more finds more and takes longer.
            timeout_s: the longest time a search may take on the server, the retry included.
            clock: in seconds.
        """
        self._server = server
        self._collection = collection
        self._vectors = vectors
        self._width = width
        self._timeout_s = timeout_s
        self._clock = clock
        self._checked = False
        self._trouble = ""

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def trouble(self) -> str:
        """Why the last search failed; "" when it did not, or none was made."""
        return self._trouble

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        """See `VectorIndex.search`.

        Raises:
            SearchUnavailableError: the server does not answer, or lacks the collection.
        """
        check_probes(vectors, self._vectors.shape[1])
        proposed = self._proposed(vectors, min(k, len(self))) if len(vectors) else []
        return rerank(self._vectors, vectors, proposed, k)

    def ping(self) -> None:
        """Search for one vector, to see whether that works.

        Raises:
            SearchUnavailableError: it does not.
        """
        self.search(np.asarray(self._vectors[:1], np.float32), 1)

    def _proposed(self, probes: Vectors, k: int) -> list[Ids]:
        deadline = self._clock() + self._timeout_s
        try:
            try:
                found = self._tried(probes, k, deadline)
            except SearchUnavailableError:
                # A connection that was idle may be dead without our knowing: the second one is new.
                if deadline - self._clock() < _LEAST_RETRY_S:
                    raise
                found = self._tried(probes, k, deadline)
        except SearchUnavailableError as error:
            self._trouble = error.why or error.message
            raise
        self._trouble = ""
        return found

    def _tried(self, probes: Vectors, k: int, deadline: float) -> list[Ids]:
        try:
            if not self._checked:
                self._server.check(self._collection, deadline - self._clock())
                self._checked = True
            left_s = max(deadline - self._clock(), _LEAST_RETRY_S)
            found = self._server.candidates(self._collection, probes, k, self._width, left_s)
            self._refuse_others(found)
        except SearchUnavailableError:
            self._checked = False  # what comes back may be another server, or an empty one
            raise
        return found

    def _refuse_others(self, found: list[Ids]) -> None:
        # -1 would be the last photo, and show another person.
        if any(len(rows) and not 0 <= rows.min() <= rows.max() < len(self) for rows in found):
            raise SearchUnavailableError(
                why=f"{self._server.where}: {self._collection.name} has rows of another version."
            )
