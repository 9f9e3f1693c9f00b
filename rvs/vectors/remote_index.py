"""A server proposes, exact arithmetic decides: an index whose graph is in a Milvus or a PostgreSQL.

Here is all that happens when the server does not answer: one deadline, one retry within it, an error that says
why, and the memory of how the last search went. How to talk to a server is for `milvus_index` and
`pgvector_index` to know, and what a collection that several versions share means to one of them for `shared_rows`.
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
from rvs.vectors.shared_rows import SharedRows

# With less time left than this there is no sense in trying again.
_LEAST_RETRY_S = 0.05
# How many times as many are asked for when too many of those proposed are gone from the version.
_MORE = 4


class RemoteIndex:
    """The collection that a version is searched in, with its vectors. It connects at the first search."""

    def __init__(
        self,
        server: VectorServer,
        collection: Collection,
        vectors: NDArray[np.floating],
        width: int,
        timeout_s: float,
        *,
        shared: SharedRows | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            server: where the collection is.
            collection: filled with `vectors`, or what `shared` says.
            vectors: (n, dimension), any float type; may be memory-mapped.
            width: how much of the graph a search looks at; more finds more and takes longer.
            timeout_s: the longest time a search may take on the server, the retry included.
            shared: how its rows are those of `vectors`, where it was filled for another version.
            clock: in seconds.
        """
        self._server = server
        self._collection = collection
        self._vectors = vectors
        self._width = width
        self._timeout_s = timeout_s
        self._shared = shared
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
            return self._candidates(probes, k, deadline)
        except SearchUnavailableError:
            self._checked = False  # what comes back may be another server, or an empty one
            raise

    def _candidates(self, probes: Vectors, k: int, deadline: float) -> list[Ids]:
        """Rows of the version near each probe: from the collection, and beside it."""
        shared = self._shared
        if shared is None:
            return self._asked(probes, k, deadline)
        rows = self._collection.rows
        ask, most, wanted = min(k, rows), min(k + shared.gone, rows), min(k, rows - shared.gone)
        found = self._asked(probes, ask, deadline)
        living = [shared.living(proposed) for proposed in found]
        # Photos that are gone must not take the places of those that are there, however many are near.
        while ask < most and (short := [one for one, kept in enumerate(living) if len(kept) < wanted]):
            ask = min(_MORE * ask, most)
            again = self._asked(probes[short], ask, deadline)
            if sum(map(len, again)) <= sum(len(found[one]) for one in short):
                break  # it has no more to propose
            for one, proposed in zip(short, again, strict=True):
                found[one], living[one] = proposed, shared.living(proposed)
        return [np.concatenate(both) for both in zip(living, shared.near(probes, k), strict=True)]

    def _asked(self, probes: Vectors, k: int, deadline: float) -> list[Ids]:
        """Rows of the collection near each probe."""
        left_s = max(deadline - self._clock(), _LEAST_RETRY_S)
        found = self._server.candidates(self._collection, probes, k, self._width, left_s)
        # -1 would be the last photo, and show another person.
        if any(len(rows) and not 0 <= rows.min() <= rows.max() < self._collection.rows for rows in found):
            raise SearchUnavailableError(
                why=f"{self._server.where}: {self._collection.name} has rows of another version."
            )
        return found
