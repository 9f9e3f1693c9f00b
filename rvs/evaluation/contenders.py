"""The engines that `rvs bench --search` compares: exact comparison, Annoy, and collections on a server.

Where a server is not a child of ours, its memory and processor time are told by its process, if somebody names it.
"""

import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rvs.evaluation.engine_speed import Contender, Stored
from rvs.evaluation.memory import mapped_memory_mib
from rvs.evaluation.server_process import ServerProcess
from rvs.gallery.embed import Progress
from rvs.searching import publisher_for
from rvs.settings import Settings
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.server import Collection, GraphKind, VectorServer

_MIB = 1 << 20
_WIDTHS = tuple(500 * 2**step for step in range(16))
_TIMEOUT_S = 60.0  # of a search for all probes at once


class ExactContender:
    """See `Contender`: nothing is built, and all vectors are in memory as 32-bit numbers."""

    name = "exact"
    widths: Sequence[int] = ()

    def __init__(self) -> None:
        self._held_bytes = 0

    def build(self, vectors: Stored, report: Progress) -> None:
        """See `Contender`."""

    def open(self, vectors: Stored, width: int) -> VectorIndex:  # noqa: ARG002
        """See `Contender`."""
        self._held_bytes = 4 * (vectors.size + len(vectors))  # and a square of each
        return ExactIndex(vectors)

    def cpu_s(self) -> float | None:
        """See `Contender`."""
        return time.process_time()

    def memory_mib(self) -> float | None:
        """See `Contender`."""
        return round(self._held_bytes / _MIB, 1)

    def disk_mib(self) -> float | None:
        """See `Contender`."""
        return 0.0


class AnnoyContender:
    """See `Contender`: a forest in a file. Its memory is what of that file was read."""

    def __init__(self, folder: Path, trees: int) -> None:
        self._forest, self._trees = folder / "photos.annoy", trees
        self._before_mib = 0.0

    @property
    def name(self) -> str:
        """See `Contender`."""
        return f"annoy, {self._trees} trees"

    @property
    def widths(self) -> Sequence[int]:
        """See `Contender`."""
        return _WIDTHS

    def build(self, vectors: Stored, report: Progress) -> None:
        """See `Contender`."""
        report(f"{self.name}: build", 0, 1)
        build_annoy(vectors, self._forest, self._trees)
        report(f"{self.name}: build", 1, 1)
        self._before_mib = mapped_memory_mib()

    def open(self, vectors: Stored, width: int) -> VectorIndex:
        """See `Contender`."""
        return AnnoyVectorIndex(self._forest, vectors, width)

    def cpu_s(self) -> float | None:
        """See `Contender`."""
        return time.process_time()

    def memory_mib(self) -> float | None:
        """See `Contender`."""
        return round(max(0.0, mapped_memory_mib() - self._before_mib), 1)

    def disk_mib(self) -> float | None:
        """See `Contender`."""
        return round(self._forest.stat().st_size / _MIB, 1)


class ServedContender:
    """See `Contender`: a collection of its own on a server, for `close` to drop."""

    def __init__(
        self, server: VectorServer, graph: GraphKind, process: ServerProcess | None, folder: Path | None
    ) -> None:
        self._server, self._graph = server, graph
        self._process, self._folder = process, folder
        self.collection = f"rvs_bench_{secrets.token_hex(6)}"

    @property
    def name(self) -> str:
        """See `Contender`."""
        return f"{self._server.engine}, {self._graph}"

    @property
    def widths(self) -> Sequence[int]:
        """See `Contender`."""
        return self._server.widths(self._graph)

    def build(self, vectors: Stored, report: Progress) -> None:
        """See `Contender`."""
        stage = f"{self.name}: build"
        self._server.fill(self._place(vectors), vectors, lambda done, total: report(stage, done, total))

    def open(self, vectors: Stored, width: int) -> VectorIndex:
        """See `Contender`."""
        return RemoteIndex(self._server, self._place(vectors), vectors, width, _TIMEOUT_S)

    def cpu_s(self) -> float | None:
        """See `Contender`."""
        return None if self._process is None else self._process.cpu_s()

    def memory_mib(self) -> float | None:
        """See `Contender`."""
        return None if self._process is None else self._process.memory_mib()

    def disk_mib(self) -> float | None:
        """See `Contender`."""
        if self._folder is None:
            return None
        return round(sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file()) / _MIB, 1)

    def close(self) -> None:
        """Drop the collection."""
        self._server.drop(self.collection)

    def _place(self, vectors: Stored) -> Collection:
        return Collection(self.collection, self._graph, len(vectors))


@contextmanager
def contender_for(
    settings: Settings, trees: int, process: ServerProcess | None, data: Path | None
) -> Iterator[Contender]:
    """The engine that the settings name, of which nothing is left afterwards.

    Args:
        settings: `search`, and where the server is.
        trees: of Annoy's forest.
        process: of the server, where it is on this machine.
        data: the folder in which the server keeps everything, likewise.

    Raises:
        ConfigError: it is not said where the server is, or a package for it is missing.
        SearchUnavailableError: the server fails.
    """
    publisher = publisher_for(settings)
    if publisher is not None:
        served = ServedContender(publisher.server, settings.search_graph, process, data)
        try:
            yield served
        finally:
            served.close()
    elif settings.search == "exact":
        yield ExactContender()
    else:
        with tempfile.TemporaryDirectory(prefix="rvs-bench-") as folder:
            yield AnnoyContender(Path(folder), trees)
