"""The seam to servers that search: what a Milvus or a PostgreSQL must be able to do for us.

A server keeps collections: the vectors of one version of an index, each under the number of its row, and a
graph over them. It only proposes rows; what is near is decided by the stored vectors (`rerank`). A collection
is filled once; after that only rows that nobody wants any more are erased. Which collections there ought to be is
for `gallery.publish` to know.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors

GraphKind: TypeAlias = Literal["hnsw", "diskann"]
"""hnsw: a graph in the server's memory; diskann: on its disk, with a small part in memory."""

# More links and a wider search while the graph grows find more, and make it larger and slower to build.
HNSW_LINKS = 16
HNSW_BUILD_WIDTH = 200

Told: TypeAlias = Callable[[int, int], None]
"""Called with how many rows are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection on a server.

    Attributes:
        name: letters, digits and underscores, at most 63.
        graph: what is built over the vectors.
        rows: how many vectors it was filled with.
        gone: how many of them whoever searches in it does not want: so many may have been erased since. It is the
            same collection, whoever it is.
    """

    name: str
    graph: GraphKind
    rows: int
    gone: int = field(default=0, compare=False)


class VectorServer(Protocol):
    """A server that searches. Safe to call from several threads at once; it connects when it is first needed.

    Every method raises `SearchUnavailableError` when the server does not answer in time or refuses, and says
    why in words without secrets.
    """

    @property
    def engine(self) -> str:
        """Its kind: "milvus" or "pgvector"."""

    @property
    def where(self) -> str:
        """What it is and where, for people; without secrets."""

    def widths(self, graph: GraphKind) -> tuple[int, ...]:
        """The search widths worth trying, rising."""

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        """Make a collection, which must not exist, and fill it: complete when this returns.

        Args:
            collection: to be made.
            vectors: (collection.rows, dimension), the row number becomes the id.
            told: how far it is.
        """

    def check(self, collection: Collection, timeout_s: float) -> None:
        """Make sure that a collection is there, complete and in memory, where it is brought if need be.

        Raises:
            SearchMissingError: the server answers, but has no such collection, or not all of it.
        """

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        """For each probe the rows of up to k vectors near it, each once.

        Args:
            collection: to be searched.
            probes: (m, dimension).
            k: how many, at most `collection.rows`.
            width: how much of the graph to look at, at the least.
            timeout_s: the longest time this may take.
        """

    def erase(self, collection: Collection, rows: Ids) -> int:
        """Remove some vectors for good, while others are searched; nothing happens where they are gone already.

        Args:
            collection: they are in; it need not be there any more.
            rows: all that were to be erased from it so far, and more.

        Returns:
            how many were still there.
        """

    def point(self, alias: str, collection: Collection) -> None:
        """Let an alias name a collection from now on, in one step."""

    def pointed(self, alias: str) -> str:
        """The name of the collection that an alias names; "" when there is no such alias."""

    def unload(self, collection: Collection) -> None:
        """Take a collection out of memory, where the server has such a notion; `check` brings it back."""

    def drop(self, name: str) -> None:
        """Remove a collection by name; nothing happens when there is none."""
