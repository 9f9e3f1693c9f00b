"""Brings versions to a server that searches, and keeps there what is needed and nothing else.

The version on disk stays the truth: a collection is filled from its stored vectors, without embedding anything
again, tuned and verified like the Annoy file, and noted beside the version. A collection is never changed:
another version has another one, and one that is being searched is never touched.

Searches go to the collection of their version by its name. The alias, which is moved when a version is taken into
use, is for those who look at the server from outside: through it a process that still has the old version would
get rows of the new one.
"""

import hashlib
import logging
import re
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rvs.errors import GalleryMissingError, RebuildFailedError, SearchMissingError, SearchUnavailableError
from rvs.gallery.embed import Progress
from rvs.gallery.publication import Publication, Record, read_record, write_record
from rvs.gallery.verify import VerifyReport, check_recall, realistic_probes
from rvs.gallery.version import VECTORS, Version
from rvs.vectors.annoy_index import recall_at_k
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.server import Collection, GraphKind, VectorServer
from rvs.vectors.tuning import narrowest

RECALL_TARGET = 0.999
# A graph may have points to which no way leads: what the widest search does not find, no search will.
_AS_GOOD_AS_BEST = 0.001
_NEIGHBOURS = 10
_LOAD_S = 600.0
_MEASURE_S = 600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Versions of indexes on one server.

    Attributes:
        server: where they are brought to.
        graph: what is built over new ones.
        timeout_s: the longest time that a search may take there.
        recall_target: recall@10 the search width is tuned to.
    """

    server: VectorServer
    graph: GraphKind = "hnsw"
    timeout_s: float = 2.0
    recall_target: float = RECALL_TARGET

    def greet(self) -> None:
        """See whether the server answers, before a build begins that would need it at its end.

        Raises:
            RebuildFailedError: it does not.
        """
        try:
            self.server.pointed(alias_of(""))
        except SearchUnavailableError as error:
            raise RebuildFailedError("The server that searches does not answer.", hint=error.why) from error

    def publish(self, version: Version, progress: Progress) -> Publication:
        """Bring a version to the server; nothing happens when it is there already, with such a graph.

        The caller holds the version, and is the only one who builds this index.

        Raises:
            RebuildFailedError: the server failed, or does not find what it should; what is searched now stays.
            OSError: it cannot be noted beside the version.
        """
        record = read_record(version.folder, self.server.engine)
        done = record.published
        try:
            if done is None or done.graph != self.graph or done.vectors_sha256 != _vectors_of(version):
                return self._bring(version, record, _new_name(version), progress)
            try:
                self.server.check(done.place, _LOAD_S)
            except SearchMissingError:
                # It was lost with its server. Nobody can be searching it: so it may come back by the same name.
                self.server.drop(done.collection)
                return self._bring(version, record, done.collection, progress)
        except SearchUnavailableError as error:
            raise RebuildFailedError(
                f"The version {version.folder.name} could not be brought to the server that searches.",
                hint=f"{error.why} What is searched now stays; `rvs index publish` tries again.",
            ) from error
        return done

    def open(self, version: Version, *, timeout_s: float | None = None) -> RemoteIndex:
        """The index that asks the server; it connects at the first search.

        Args:
            version: that was published.
            timeout_s: instead of what searches for people get.

        Raises:
            GalleryMissingError: it was not published to this kind of server.
            GalleryCorruptError: what was noted about that is damaged.
        """
        done = self.publication(version.folder)
        if done.vectors_sha256 != _vectors_of(version):
            raise self._not_there(version.folder)
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        return RemoteIndex(self.server, done.place, version.vectors, done.width, limit_s)

    def verify(self, version: Version) -> VerifyReport:
        """Measure the collection of a version against exact search.

        Raises:
            RebuildFailedError: it finds far less than a sound one does.
            SearchUnavailableError: the server does not answer, or lacks it.
            GalleryError: as `open`.
        """
        index = self.open(version, timeout_s=_MEASURE_S)
        return check_recall(version, realistic_probes(version.vectors), index)

    def ready(self, folder: Path) -> None:
        """Make sure that a version can be searched at once, however long it takes to load.

        Raises:
            GalleryMissingError: it was not published to this kind of server.
            GalleryCorruptError: what was noted about that is damaged.
            SearchUnavailableError: the server does not answer, or lacks it.
        """
        self.server.check(self.publication(folder).place, _LOAD_S)

    def point(self, folder: Path) -> None:
        """Let the alias of the index name this version's collection.

        Raises:
            GalleryError: as `ready`.
            SearchUnavailableError: the server does not answer.
        """
        self.server.point(alias_of(folder.parent.name), self.publication(folder).place)

    def drop(self, folder: Path) -> None:
        """Drop everything of a version that is about to be removed, and that nobody uses.

        Raises:
            GalleryCorruptError: what was noted about it is damaged.
            SearchUnavailableError: the server does not answer.
        """
        for name in read_record(folder, self.server.engine).collections:
            self.server.drop(name)

    def tidy(self, folder: Path) -> None:
        """Drop what is left over of a version that stays, but that nobody uses now, and unload the rest.

        Raises:
            GalleryCorruptError: what was noted about it is damaged.
            SearchUnavailableError: the server does not answer.
            OSError: it cannot be noted.
        """
        record = read_record(folder, self.server.engine)
        for name in record.leftovers:
            self.server.drop(name)
        if record.leftovers:
            write_record(folder, self.server.engine, replace(record, leftovers=()))
        if record.published is not None:
            self.server.unload(record.published.place)

    def _bring(self, version: Version, record: Record, name: str, progress: Progress) -> Publication:
        started = time.perf_counter()
        engine = self.server.engine
        others = tuple(other for other in record.collections if other != name)
        # Noted before it is begun: whoever dies from here on leaves nothing behind that nobody knows of.
        write_record(version.folder, engine, replace(record, leftovers=(*record.leftovers, name)))
        collection = Collection(name, self.graph, len(version.vectors))
        self.server.fill(collection, version.vectors, lambda done, total: progress("publish", done, total))
        progress("verify", 0, 1)
        width = self._tuned(version, collection)
        index = RemoteIndex(self.server, collection, version.vectors, width, _MEASURE_S)
        try:
            report = check_recall(version, realistic_probes(version.vectors), index)
        except RebuildFailedError:
            self.server.drop(name)
            raise
        progress("verify", 1, 1)
        done = Publication(
            collection=name,
            graph=self.graph,
            width=width,
            recall_at_10=round(report.recall_at_10, 6),
            self_found=round(report.self_found, 6),
            photos=len(version.vectors),
            vectors_sha256=_vectors_of(version),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - started, 3),
        )
        write_record(version.folder, engine, Record(done, others))
        return done

    def _tuned(self, version: Version, collection: Collection) -> int:
        """The narrowest search that reaches the target, or all that any search finds."""
        probes = realistic_probes(version.vectors)
        k = min(_NEIGHBOURS, len(version.vectors))
        truth, _ = ExactIndex(version.vectors).search(probes, k)

        def recall(width: int) -> float:
            index = RemoteIndex(self.server, collection, version.vectors, width, _MEASURE_S)
            return recall_at_k(index.search(probes, k)[0], truth)

        widths = self.server.widths(self.graph)
        best = recall(widths[-1])
        return narrowest(widths, recall, min(self.recall_target, best - _AS_GOOD_AS_BEST))[0]

    def publication(self, folder: Path) -> Publication:
        """What a version has on this kind of server.

        Raises:
            GalleryMissingError: nothing.
            GalleryCorruptError: what was noted about that is damaged.
        """
        done = read_record(folder, self.server.engine).published
        if done is None:
            raise self._not_there(folder)
        return done

    def _not_there(self, folder: Path) -> GalleryMissingError:
        return GalleryMissingError(
            f"The version {folder.name} of {folder.parent.name} was not brought to {self.server.engine}.",
            hint="Do it with `rvs index publish`.",
        )


def alias_of(index: str) -> str:
    """The alias that names the collection in use of an index: `rvs_lfw_...`."""
    return f"rvs_{_plain(index)[:24]}_{hashlib.sha256(index.encode()).hexdigest()[:8]}"


def _new_name(version: Version) -> str:
    """A name that no collection has had: several machines may bring the same version to one server."""
    index, name = version.folder.parent.name, version.folder.name
    return f"rvs_{_plain(index)[:12]}_{_plain(name)[:30]}_{secrets.token_hex(4)}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name)


def _vectors_of(version: Version) -> str:
    return version.manifest.files[VECTORS].sha256
