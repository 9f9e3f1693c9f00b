"""A gallery's photos to a new version of its index, complete or not at all.

Photos whose content was embedded before, by the version in use or by a build that was interrupted, keep
their vector; the others are embedded. Then the forest is built, its search width tuned, everything checked,
and the version appears by one rename. The version in use is never touched.
"""

import contextlib
import importlib.metadata
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.errors import BusyError, GalleryError, RebuildFailedError
from rvs.gallery.embed import FaceChoice, Progress, gallery_digest, gather
from rvs.gallery.folder import GalleryPhoto
from rvs.gallery.in_use import Hold, only_builder
from rvs.gallery.journal import Embedded
from rvs.gallery.photo_list import Miss, PhotoRecord, write_photos
from rvs.gallery.publication import Publication
from rvs.gallery.shelf import bring
from rvs.gallery.store import Store
from rvs.gallery.verify import check_recall, check_vectors, realistic_probes
from rvs.gallery.version import (
    FOREST,
    FORMAT_VERSION,
    MANIFEST,
    PHOTOS,
    VECTORS,
    Forest,
    Manifest,
    Version,
    open_version,
    record_files,
    write_manifest,
)
from rvs.gallery.work import EmbeddingRun, GalleryWork, LocalWork
from rvs.inference import InferenceOptions
from rvs.photo import PhotoLimits
from rvs.pipeline import Pipeline
from rvs.vectors.annoy_index import build_annoy, tune_search_k
from rvs.whole_files import remove_stale_parts, whole_directory

DEFAULT_TREES = 40
RECALL_TARGET = 0.999
KEEP_VERSIONS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        version: folder of the version, the one in use before when nothing had changed.
        changed: whether a new version was made.
        embedded, reused: photos that went through the networks, and photos that kept their vector.
        photos, people, manifest: what is in the version.
        misses: the photos that could not be used, with reasons.
        seconds: the whole build.
        published: what it has on the server that searches; None where none does.
    """

    version: Path
    changed: bool
    embedded: int
    reused: int
    photos: int
    people: int
    misses: tuple[Miss, ...]
    manifest: Manifest
    seconds: float
    published: Publication | None = None


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds versions of one index. One build at a time per index, across processes.

    Attributes:
        store: where versions go; those it has a shelf for are brought there before they are taken into use.
        pipeline: what embeds; its networks should be loaded for throughput.
        options: how they run, for the record.
        face_choice: `centre` for LFW, whose photos have bystanders; `largest` for other galleries.
        limits: for the gallery's photos.
        workers: photos worked on side by side.
        trees: of the Annoy forest; more trees find as much in a narrower search and need more disk.
        recall_target: recall@10 the search width is tuned to.
        keep: older versions that stay, to roll back to.
    """

    store: Store
    pipeline: Pipeline
    options: InferenceOptions
    face_choice: FaceChoice
    limits: PhotoLimits = PhotoLimits()  # noqa: RUF009  (frozen)
    workers: int = 2
    trees: int = DEFAULT_TREES
    recall_target: float = RECALL_TARGET
    keep: int = KEEP_VERSIONS

    def build(self, root: Path, progress: Progress, *, fresh: bool = False) -> BuildReport:
        """Build with the cores of this machine, and take into use.

        Args:
            root: the gallery's folder, `Person/photo.jpg`.
            progress: told of every step.
            fresh: embed every photo again, whatever was embedded before.

        Raises:
            GalleryMissingError, RebuildError, OSError: as `build_by`.
        """
        work = LocalWork(root, self.pipeline, self.face_choice, self.limits, self.workers)
        return self.build_by(work, progress, fresh=fresh)

    def build_by(self, work: GalleryWork, progress: Progress, *, fresh: bool = False) -> BuildReport:
        """Build with the gallery and the machines of `work`, and take into use.

        Raises:
            GalleryMissingError: the gallery has no photos.
            RebuildRunningError: another process is building this index.
            RebuildFailedError: the new version failed its checks, or no photo could be used.
            OSError: the disk is full or read-only.
        """
        started = time.perf_counter()
        photos = work.photos()  # first, so that a wrong path leaves no empty index behind
        self.store.folder.mkdir(parents=True, exist_ok=True)
        with only_builder(self.store.folder):
            # We are the only one who writes anything here for longer than a moment.
            remove_stale_parts(self.store.folder, older_than_s=60)
            if self.store.shelf is not None:
                self.store.shelf.greet()  # rather than find out after a day of embedding
            report = self._build(work, photos, progress, fresh=fresh, started=started)
            try:
                self.store.prune(self.keep)
            except (OSError, GalleryError, BusyError) as error:
                _log.warning("Older versions could not be removed: %s", error)
            return report

    def _build(
        self,
        work: GalleryWork,
        photos: Sequence[GalleryPhoto],
        progress: Progress,
        *,
        fresh: bool,
        started: float,
    ) -> BuildReport:
        clock = _Clock()
        progress("hash", 0, len(photos))
        hashed = work.hashed(photos)
        progress("hash", len(photos), len(photos))
        digest = gallery_digest(hashed)
        kept = self.store.folder / f".journal-{self.pipeline.fingerprint}-{self.face_choice}"
        before, version = ({}, None) if fresh else self._in_use()
        manifest = version.manifest if version else None
        if version and manifest and (manifest.gallery_digest, manifest.forest.trees) == (digest, self.trees):
            published = self._publish(version, progress)
            work.forget(kept)  # of a build that was killed when it had activated its version
            counts = (0, manifest.photos, manifest.photos, manifest.people)
            seconds = time.perf_counter() - started
            return BuildReport(version.folder, False, *counts, version.misses, manifest, seconds, published)
        del version  # it need not stay mapped and held
        clock.lap("hash")

        run = work.begin(kept, fresh=fresh)
        known = {**before, **run.outcomes}
        todo = list({content: photo for photo, content in hashed if content not in known}.values())
        self._embed(run, todo, len(photos), progress)
        clock.lap("embed")

        outcomes = {**before, **run.outcomes}
        records, misses, vectors = gather(hashed, outcomes, work.is_there)
        if not records:
            raise RebuildFailedError(
                f"None of the {len(photos)} photos in {work.place} could be used; the first: {misses[0].reason}",
                hint="Check that the photos show faces, or choose another pipeline.",
            )
        # A photo that could not be seen counts as one of unknown content: the next build looks at it again.
        hashed = [(photo, content if content in outcomes else "") for photo, content in hashed]
        digest = gallery_digest(hashed)
        created = datetime.now(UTC)
        # To the millisecond: a small gallery is built several times in a second.
        name = f"{created:%Y%m%dT%H%M%S}.{created.microsecond // 1000:03d}Z-{digest[:8]}"
        # Held before it appears: between that and its activation, another process could prune it.
        with Hold(self.store.folder / name, not_there_yet=True):
            manifest = self._write(name, created, records, misses, vectors, digest, clock, progress)
            published = bring(self.store.shelf, self.store.folder / name, progress)
            self.store.activate(name)
        run.finish()
        return BuildReport(
            version=self.store.folder / manifest.version,
            changed=True,
            embedded=len(todo),
            reused=len(photos) - len(todo),
            photos=manifest.photos,
            people=manifest.people,
            misses=tuple(misses),
            manifest=manifest,
            seconds=time.perf_counter() - started,
            published=published,
        )

    def _publish(self, version: Version, progress: Progress) -> Publication | None:
        """Bring the version in use to the server that searches, if it is not there."""
        published = self.store.shelf.publish(version, progress) if self.store.shelf is not None else None
        if published is not None:
            self.store.activate(version.folder.name)
        return published

    def _embed(self, run: EmbeddingRun, todo: Sequence[GalleryPhoto], total: int, progress: Progress) -> None:
        done = total - len(todo)
        progress("embed", done, total)
        with contextlib.closing(run.embed(todo)) as counts:
            for count in counts:
                done += count
                progress("embed", done, total)

    def _in_use(self) -> tuple[dict[str, Embedded], Version | None]:
        """What the version in use knows, by content; nothing when it is damaged or of another pipeline."""
        try:
            version = self.store.open_current(fingerprint=self.pipeline.fingerprint)
        except GalleryError:
            return {}, None
        if version.manifest.face_choice != self.face_choice:
            return {}, None
        outcomes = {miss.sha256: Embedded(None, None, miss.reason) for miss in version.misses if miss.sha256}
        for photo, vector in zip(version.photos, np.array(version.vectors), strict=True):
            outcomes[photo.sha256] = Embedded(vector, photo.face_box, "")
        return outcomes, version

    def _write(
        self,
        name: str,
        created: datetime,
        records: Sequence[PhotoRecord],
        misses: Sequence[Miss],
        vectors: NDArray[np.float16],
        digest: str,
        clock: "_Clock",
        progress: Progress,
    ) -> Manifest:
        check_vectors(vectors)
        probes = realistic_probes(vectors)
        with whole_directory(self.store.folder / name) as part:
            np.save(part / VECTORS, vectors)
            write_photos(part / PHOTOS, records, misses)
            progress("index", 0, 1)
            build_annoy(vectors, part / FOREST, self.trees)
            search_k, recall = tune_search_k(part / FOREST, vectors, probes, k=10, target=self.recall_target)
            progress("index", 1, 1)
            clock.lap("index")
            manifest = Manifest(
                format_version=FORMAT_VERSION,
                version=name,
                created_at=created.isoformat(timespec="seconds"),
                pipeline=str(self.pipeline.name),
                fingerprint=self.pipeline.fingerprint,
                runtime=self.options.runtime,
                precision=self.options.precision,
                dimension=vectors.shape[1],
                people=len({record.person for record in records}),
                photos=len(records),
                misses=len(misses),
                gallery_digest=digest,
                face_choice=self.face_choice,
                forest=Forest(self.trees, search_k, round(recall, 6)),
                timings_s=clock.laps,
                software={package: importlib.metadata.version(package) for package in _SOFTWARE},
                files=record_files(part),
            )
            write_manifest(part / MANIFEST, manifest)
            progress("verify", 0, 1)
            check_recall(open_version(part, fingerprint=self.pipeline.fingerprint), probes)
            progress("verify", 1, 1)
        return manifest


_SOFTWARE = ("lookalike", "keras", "openvino", "annoy", "numpy", "pillow")


class _Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Give the time since the last lap to `stage`."""
        now = time.perf_counter()
        self.laps[stage] = round(now - self._last, 3)
        self._last = now
