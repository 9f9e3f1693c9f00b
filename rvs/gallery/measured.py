"""A version in a collection of a server: filled with it or shared with others, then measured as the Annoy file is.

What comes out is what is noted beside the version. Which collections there are to be, and which go, is for
`publish` to know.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from rvs.errors import RebuildFailedError
from rvs.gallery.embed import Progress
from rvs.gallery.publication import Publication, Sharing
from rvs.gallery.verify import VerifyReport, check_recall, realistic_probes
from rvs.gallery.version import VECTORS, Version
from rvs.vectors.annoy_index import recall_at_k
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.server import Collection, VectorServer
from rvs.vectors.shared_rows import SharedRows
from rvs.vectors.tuning import narrowest

MEASURE_S = 600.0
# A graph may have points to which no way leads: what the widest search does not find, no search will.
_AS_GOOD_AS_BEST = 0.001
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a version in a collection."""

    width: int
    report: VerifyReport
    seconds: float

    def publication(self, version: Version, collection: Collection, sharing: Sharing | None) -> Publication:
        """What is noted of it beside the version."""
        return Publication(
            collection=collection.name,
            graph=collection.graph,
            width=self.width,
            recall_at_10=round(self.report.recall_at_10, 6),
            self_found=round(self.report.self_found, 6),
            photos=len(version.vectors),
            vectors_sha256=vectors_of(version),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(self.seconds, 3),
            shared=sharing,
        )


def fill(
    server: VectorServer, version: Version, collection: Collection, recall_target: float, progress: Progress
) -> Measured:
    """Fill a new collection with a version; it is gone again when the version is not found well there.

    Raises:
        RebuildFailedError: it is not.
        SearchUnavailableError: the server failed.
    """
    started = time.perf_counter()
    server.fill(collection, version.vectors, lambda done, total: progress("publish", done, total))
    progress("verify", 0, 1)
    width = _tuned(server, version, collection, recall_target)
    try:
        report = _checked(server, version, collection, width)
    except RebuildFailedError:
        server.drop(collection.name)
        raise
    progress("verify", 1, 1)
    return Measured(width, report, time.perf_counter() - started)


def share(
    server: VectorServer,
    version: Version,
    collection: Collection,
    width: int,
    shared: SharedRows,
    progress: Progress,
) -> Measured:
    """See whether a version is found well in a collection that was filled for another one, searched as widely.

    Raises:
        RebuildFailedError: it is not.
        SearchUnavailableError: the server failed.
    """
    started = time.perf_counter()
    progress("verify", 0, 1)
    report = _checked(server, version, collection, width, shared)
    progress("verify", 1, 1)
    return Measured(width, report, time.perf_counter() - started)


def vectors_of(version: Version) -> str:
    """The sha256 of the file of a version's vectors."""
    return version.manifest.files[VECTORS].sha256


def _checked(
    server: VectorServer,
    version: Version,
    collection: Collection,
    width: int,
    shared: SharedRows | None = None,
) -> VerifyReport:
    index = RemoteIndex(server, collection, version.vectors, width, MEASURE_S, shared=shared)
    return check_recall(version, realistic_probes(version.vectors), index)


def _tuned(server: VectorServer, version: Version, collection: Collection, target: float) -> int:
    """The narrowest search that reaches the target, or all that any search finds."""
    probes = realistic_probes(version.vectors)
    k = min(_NEIGHBOURS, len(version.vectors))
    truth, _ = ExactIndex(version.vectors).search(probes, k)

    def recall(width: int) -> float:
        index = RemoteIndex(server, collection, version.vectors, width, MEASURE_S)
        return recall_at_k(index.search(probes, k)[0], truth)

    widths = server.widths(collection.graph)
    best = recall(widths[-1])
    return narrowest(widths, recall, min(target, best - _AS_GOOD_AS_BEST))[0]
