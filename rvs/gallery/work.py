"""Who reads and embeds the photos of a gallery: the seam between a build and the machines that do its work.

A build knows a `GalleryWork`. The one here uses the disk and the cores of this machine; `rvs.gallery.on_ray` has
one that uses many machines. Both give the same outcomes, and keep them so that a build that was killed goes on.
"""

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rvs.gallery.embed import FaceChoice, FolderFiles, HashedPhoto, PhotoEmbedder, hash_photos
from rvs.gallery.folder import GalleryPhoto, list_photos
from rvs.gallery.journal import Embedded, Journal, forget
from rvs.photo import PhotoLimits
from rvs.pipeline import Pipeline


class EmbeddingRun(Protocol):
    """The embedding of one build, with what earlier ones that were stopped have done of it."""

    @property
    def outcomes(self) -> Mapping[str, Embedded]:
        """What is done, by content hash; it survives a crash."""

    def embed(self, photos: Sequence[GalleryPhoto]) -> Generator[int]:
        """Embed photos; yields how many were done since the last time, when they are in `outcomes`.

        A photo that cannot be read has no outcome. Closing the iterator ends the work early.

        Raises:
            RebuildFailedError: who embeds cannot go on.
            OSError: the disk is full or read-only.
        """

    def finish(self) -> None:
        """Forget it: the version that it was for is there."""


class GalleryWork(Protocol):
    """One gallery, and who reads and embeds its photos."""

    @property
    def place(self) -> str:
        """Where the photos are, for people to read."""

    def photos(self) -> list[GalleryPhoto]:
        """Every photo, ordered by file name.

        Raises:
            GalleryMissingError: there are none.
        """

    def hashed(self, photos: Sequence[GalleryPhoto]) -> list[HashedPhoto]:
        """Every photo with the hash of its content, in the same order."""

    def is_there(self, photo: GalleryPhoto) -> bool:
        """Whether it is there now."""

    def begin(self, kept: Path, *, fresh: bool) -> EmbeddingRun:
        """Begin to embed, or go on.

        Args:
            kept: a folder for what is done until the version is there; its name says which pipeline.
            fresh: forget what an earlier build left there.
        """

    def forget(self, kept: Path) -> None:
        """Remove what an earlier build left, if anything."""


@dataclass(frozen=True, slots=True)
class LocalWork:
    """A folder of this machine, and `workers` of its cores."""

    root: Path
    pipeline: Pipeline
    face_choice: FaceChoice
    limits: PhotoLimits
    workers: int

    @property
    def place(self) -> str:
        """See `GalleryWork`."""
        return str(self.root)

    def photos(self) -> list[GalleryPhoto]:
        """See `GalleryWork`."""
        return list_photos(self.root)

    def hashed(self, photos: Sequence[GalleryPhoto]) -> list[HashedPhoto]:
        """See `GalleryWork`."""
        return hash_photos(FolderFiles(self.root), photos, self.workers)

    def is_there(self, photo: GalleryPhoto) -> bool:
        """See `GalleryWork`."""
        return (self.root / photo.file).exists()

    def begin(self, kept: Path, *, fresh: bool) -> "LocalRun":
        """See `GalleryWork`."""
        embedder = PhotoEmbedder(FolderFiles(self.root), self.pipeline, self.face_choice, self.limits)
        return LocalRun(embedder, self.workers, Journal(kept, fresh=fresh))

    def forget(self, kept: Path) -> None:
        """See `GalleryWork`."""
        forget(kept)


@dataclass(frozen=True, slots=True)
class LocalRun:
    """See `EmbeddingRun`."""

    embedder: PhotoEmbedder
    workers: int
    journal: Journal

    @property
    def outcomes(self) -> Mapping[str, Embedded]:
        """See `EmbeddingRun`."""
        return self.journal.outcomes

    def embed(self, photos: Sequence[GalleryPhoto]) -> Generator[int]:
        """See `EmbeddingRun`."""
        with contextlib.closing(self.embedder.embed(photos, self.workers)) as outcomes:
            for chunk in outcomes:
                self.journal.add((content, outcome) for content, outcome in chunk if content)
                yield len(chunk)

    def finish(self) -> None:
        """See `EmbeddingRun`."""
        self.journal.delete()
