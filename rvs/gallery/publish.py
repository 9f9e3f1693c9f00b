"""Brings versions to a server that searches, and keeps there what is needed and nothing else.

The version on disk stays the truth: a collection is filled from its stored vectors, without embedding anything
again, tuned and verified like the Annoy file, and noted beside the version. Of a collection nothing is changed that
anybody is searched in: a version that differs little from an older one shares its collection, another one has its
own. What no version has any more is erased; all of it is dropped when the last version that is searched in it goes.

Searches go to the collection of their version by its name. The alias, which is moved when a version is taken into
use, is for those who look at the server from outside: through it a process that still has the old version would
get rows of the new one.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from rvs.errors import (
    GalleryCorruptError,
    GalleryMissingError,
    RebuildFailedError,
    SearchMissingError,
    SearchUnavailableError,
)
from rvs.gallery.embed import Progress
from rvs.gallery.measured import MEASURE_S, fill, share, vectors_of
from rvs.gallery.publication import (
    Publication,
    Record,
    Sharing,
    forget_rows,
    read_record,
    read_rows,
    searched_beside,
    write_record,
    write_rows,
)
from rvs.gallery.server_names import alias_of, new_name
from rvs.gallery.sharing import MOST_COMPARED, held_offers, shared_rows
from rvs.gallery.unclaimed import unclaimed
from rvs.gallery.verify import VerifyReport, check_recall, realistic_probes
from rvs.gallery.version import Version
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.server import Collection, GraphKind, VectorServer
from rvs.vectors.shared_rows import SharedRows

RECALL_TARGET = 0.999
_LOAD_S = 600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Versions of indexes on one server.

    Attributes:
        server: where they are brought to.
        graph: what is built over new ones.
        timeout_s: the longest time that a search may take there.
        recall_target: recall@10 the search width is tuned to.
        most_compared: how many photos a version may compare from disk, so that it can share a collection; 0: each
            version has its own.
    """

    server: VectorServer
    graph: GraphKind = "hnsw"
    timeout_s: float = 2.0
    recall_target: float = RECALL_TARGET
    most_compared: int = MOST_COMPARED

    def greet(self) -> None:
        """See whether the server answers, before a build begins that would need it at its end.

        Raises:
            RebuildFailedError: it does not.
        """
        try:
            self.server.pointed(alias_of(""))
        except SearchUnavailableError as error:
            raise RebuildFailedError("The server that searches does not answer.", hint=error.why) from error

    def publish(self, version: Version, progress: Progress, *, anew: bool = False) -> Publication:
        """Bring a version to the server; nothing happens when it is there already, with such a graph.

        The caller holds the version, and is the only one who builds this index.

        Args:
            version: to be brought.
            progress: told of every step.
            anew: into a new collection of its own, whatever is there.

        Raises:
            RebuildFailedError: the server failed, or does not find what it should; what is searched now stays.
            GalleryCorruptError: what was noted about the version is damaged.
            OSError: it cannot be noted beside the version.
        """
        record = read_record(version.folder, self.server.engine)
        try:
            if anew:
                return self._bring(version, record, new_name(version.folder), progress)
            if (done := record.published) is not None and self._is_of(done, version):
                if self._has(done):
                    return done
                if done.shared is None:
                    # It was lost with its server. Nobody can be searching it: so it may come back by the same name,
                    # to those who share it as well.
                    self.server.drop(done.collection)
                    return self._bring(version, record, done.collection, progress)
            return self._shared(version, record, progress) or self._bring(
                version, record, new_name(version.folder), progress
            )
        except SearchUnavailableError as error:
            raise RebuildFailedError(
                f"The version {version.folder.name} could not be brought to the server that searches.",
                hint=f"{error.why} What is searched now stays; `rvs index publish` tries again.",
            ) from error

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
        if done.vectors_sha256 != vectors_of(version):
            raise self._not_there(version.folder)
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        shared = shared_rows(version, self.server.engine, done)
        return RemoteIndex(self.server, done.place, version.vectors, done.width, limit_s, shared=shared)

    def verify(self, version: Version) -> VerifyReport:
        """Measure the collection of a version against exact search.

        Raises:
            RebuildFailedError: it finds far less than a sound one does.
            SearchUnavailableError: the server does not answer, or lacks it.
            GalleryError: as `open`.
        """
        index = self.open(version, timeout_s=MEASURE_S)
        return check_recall(version, realistic_probes(version.vectors), index)

    def ready(self, folder: Path) -> None:
        """Make sure that a version can be searched at once, however long it takes to load.

        Raises:
            GalleryMissingError: it was not published to this kind of server.
            GalleryCorruptError: what was noted about that is damaged.
            SearchUnavailableError: the server does not answer, or lacks it.
        """
        done = self.publication(folder)
        if done.shared is not None:
            read_rows(folder, self.server.engine, done.shared)
        self.server.check(done.place, _LOAD_S)

    def point(self, folder: Path) -> None:
        """Let the alias of the index name this version's collection.

        Raises:
            GalleryError: as `ready`.
            SearchUnavailableError: the server does not answer.
        """
        self.server.point(alias_of(folder.parent.name), self.publication(folder).place)

    def drop(self, folder: Path) -> None:
        """Drop what only a version has that is about to be removed, and that nobody uses.

        Raises:
            GalleryCorruptError: what was noted about it is damaged.
            SearchUnavailableError: the server does not answer, or it cannot be known what others are searched in.
        """
        for name in self._only_of(folder, read_record(folder, self.server.engine).collections):
            self.server.drop(name)

    def tidy(self, folder: Path) -> None:
        """Drop what is left over of a version that stays, but that nobody uses now, and unload the rest.

        What another version is searched in is left as it is.

        Raises:
            GalleryCorruptError: what was noted about it is damaged.
            SearchUnavailableError: the server does not answer, or it cannot be known what others are searched in.
            OSError: it cannot be noted.
        """
        record = read_record(folder, self.server.engine)
        own = self._only_of(folder, record.collections)
        dropped = [name for name in record.leftovers if name in own]
        for name in dropped:
            self.server.drop(name)
        if dropped:
            leftovers = tuple(name for name in record.leftovers if name not in dropped)
            write_record(folder, self.server.engine, replace(record, leftovers=leftovers))
        forget_rows(folder, self.server.engine, record)
        if record.published is not None and record.published.collection in own:
            self.server.unload(record.published.place)

    def erase(self, index: Path) -> int:
        """Erase what no version of an index has any more from the collections that they share.

        Returns:
            how many vectors.

        Raises:
            GalleryCorruptError: what was noted about a version is damaged.
            SearchUnavailableError: the server does not answer.
        """
        return sum(self.server.erase(place, rows) for place, rows in unclaimed(index, self.server.engine))

    def _only_of(self, folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those collections of a version that no other one is searched in."""
        try:
            others = searched_beside(folder, self.server.engine)
        except GalleryCorruptError as error:
            # Rather too much on the server than a collection less that is searched.
            raise SearchUnavailableError(why=f"{error.message} {error.hint}") from error
        return tuple(name for name in names if name not in others)

    def _is_of(self, done: Publication, version: Version) -> bool:
        """Whether something that was noted is about this version as it is, with such a graph, and sound."""
        if done.graph != self.graph or done.vectors_sha256 != vectors_of(version):
            return False
        try:
            shared_rows(version, self.server.engine, done)
        except GalleryCorruptError as error:
            _log.warning("It is published again: %s", error)
            return False
        return True

    def _has(self, done: Publication) -> bool:
        try:
            self.server.check(done.place, _LOAD_S)
        except SearchMissingError:
            return False
        return True

    def _shared(self, version: Version, record: Record, progress: Progress) -> Publication | None:
        """Let a version share the collection of another one; None where there is none that is good for it."""
        engine = self.server.engine
        with held_offers(version, engine, self.graph, self.most_compared) as offers:
            for offer in offers:
                if not self._has(offer.base):
                    continue
                place, shared = offer.base.place, SharedRows(offer.rows, version.vectors)
                try:
                    measured = share(self.server, version, place, offer.base.width, shared, progress)
                except RebuildFailedError as error:
                    _log.warning("The collection %s is not shared: %s", place.name, error)
                    continue
                file = write_rows(version.folder, engine, offer.rows)
                sharing = Sharing(place.rows, shared.gone, shared.beside, file)
                done = measured.publication(version, place, sharing)
                # While the other version is held: from here on the collection stays for this one's sake.
                self._note(version, record, done)
                return done
        return None

    def _bring(self, version: Version, record: Record, name: str, progress: Progress) -> Publication:
        """Fill a new collection with a version."""
        # Noted before it is begun: whoever dies from here on leaves nothing behind that nobody knows of.
        begun = replace(record, leftovers=(*record.leftovers, name))
        write_record(version.folder, self.server.engine, begun)
        collection = Collection(name, self.graph, len(version.vectors))
        measured = fill(self.server, version, collection, self.recall_target, progress)
        done = measured.publication(version, collection, None)
        self._note(version, record, done)
        return done

    def _note(self, version: Version, before: Record, done: Publication) -> None:
        others = tuple(other for other in before.collections if other != done.collection)
        write_record(version.folder, self.server.engine, Record(done, others))

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
