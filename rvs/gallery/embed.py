"""The costly half of a build: every photo of a gallery to a vector, on all cores, whatever is in the files.

Photos go through in chunks: each worker reads, detects and aligns a chunk one by one and embeds it as a
batch. Nothing one photo does can stop the others; what cannot be used comes back with a reason. Where the files
are is for a `PhotoFiles` to know.
"""

import hashlib
import itertools
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Pixels
from rvs.errors import LookalikeError
from rvs.faces.face import Face, nearest_to_centre
from rvs.gallery.folder import GalleryPhoto
from rvs.gallery.journal import Embedded
from rvs.gallery.photo_list import Miss, PhotoRecord
from rvs.photo import Photo, PhotoLimits, read_photo
from rvs.pipeline import Pipeline

FaceChoice: TypeAlias = Literal["centre", "largest"]

# Large enough to fill the embedder's batch, small enough that a kill loses little.
CHUNK = 64

HashedPhoto: TypeAlias = tuple[GalleryPhoto, str]
"""A photo with the sha256 of its content; "" when it could not be read."""

Outcome: TypeAlias = tuple[str, Embedded]
"""What became of a photo, with the sha256 of its content; "" when it could not be read."""

NO_FACE = "No face was found."
UNREADABLE = "The file cannot be read."
CHANGED = "The file changed during the build."


class PhotoFiles(Protocol):
    """The files of one gallery, by their names relative to it."""

    def source(self, file: str) -> bytes | Path:
        """What `read_photo` can read.

        Raises:
            PhotoError: it cannot be read.
        """

    def sha256(self, file: str) -> str:
        """Of its content; "" when it cannot be read."""


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files below a folder of this machine."""

    root: Path

    def source(self, file: str) -> Path:
        """Where it is."""
        return self.root / file

    def sha256(self, file: str) -> str:
        """See `PhotoFiles.sha256`."""
        try:
            return hashlib.sha256((self.root / file).read_bytes()).hexdigest()
        except OSError:
            return ""


@dataclass(frozen=True, slots=True)
class PhotoEmbedder:
    """How a gallery's photos are embedded."""

    files: PhotoFiles
    pipeline: Pipeline
    face_choice: FaceChoice
    limits: PhotoLimits

    def embed(self, photos: Sequence[GalleryPhoto], workers: int) -> Generator[list[Outcome]]:
        """The outcomes of all photos by content hash, a chunk at a time, in no particular order.

        Closing the iterator early waits only for the chunks that are being worked on.
        """
        chunks = iter(chunks_of(photos))
        with ThreadPoolExecutor(workers, thread_name_prefix="embed") as pool:
            # No more chunks in flight than keep the workers busy: memory stays bounded.
            running: set[Future[list[Outcome]]] = {
                pool.submit(self.embed_chunk, chunk) for chunk in itertools.islice(chunks, 2 * workers)
            }
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
                        running |= {
                            pool.submit(self.embed_chunk, chunk) for chunk in itertools.islice(chunks, 1)
                        }
            finally:
                for future in running:
                    future.cancel()

    def embed_chunk(self, photos: Sequence[GalleryPhoto]) -> list[Outcome]:
        """The outcomes of photos that are embedded as one batch, by content hash ("": it cannot be read)."""
        outcomes: list[Outcome] = []
        found: list[tuple[str, Face | None]] = []
        chips: list[Pixels] = []
        for photo in photos:
            try:
                read = read_photo(self.files.source(photo.file), self.limits)
            except LookalikeError as error:
                outcomes.append((self.files.sha256(photo.file), Embedded(None, None, error.message)))
                continue
            face = self._face(read)
            if face is None and self.pipeline.detector is not None:
                outcomes.append((read.sha256, Embedded(None, None, NO_FACE)))
                continue
            try:
                chips.append(self.pipeline.chip(read.pixels, face))
            except ValueError:
                outcomes.append((read.sha256, Embedded(None, None, "The face has no usable landmarks.")))
                continue
            found.append((read.sha256, face))
        vectors = self.pipeline.embed(chips)
        for (content, face), vector in zip(found, vectors, strict=True):
            if not abs(float(np.linalg.norm(vector)) - 1) <= 1e-3:  # written so that NaN is wrong
                outcomes.append((content, Embedded(None, None, "The network gave no usable vector.")))
            else:
                outcomes.append(
                    (content, Embedded(vector.astype(np.float16), face.box if face else None, ""))
                )
        return outcomes

    def _face(self, photo: Photo) -> Face | None:
        faces = self.pipeline.faces(photo.pixels)
        if self.face_choice == "centre":
            faces = nearest_to_centre(faces, photo.width_px, photo.height_px)
        return faces[0] if faces else None


def chunks_of(photos: Sequence[GalleryPhoto]) -> list[Sequence[GalleryPhoto]]:
    """The photos in the chunks that are embedded together: by their place in the list, whoever embeds them."""
    return [photos[start : start + CHUNK] for start in range(0, len(photos), CHUNK)]


def hash_photos(files: PhotoFiles, photos: Sequence[GalleryPhoto], workers: int) -> list[HashedPhoto]:
    """Every photo with the sha256 of its content, in the same order."""
    with ThreadPoolExecutor(workers) as pool:
        hashes = pool.map(lambda photo: files.sha256(photo.file), photos, chunksize=256)
        return list(zip(photos, hashes, strict=True))


def gallery_digest(hashed: Sequence[HashedPhoto]) -> str:
    """One sha256 over every photo's file name and content, in the order given."""
    digest = hashlib.sha256()
    for photo, content in hashed:
        digest.update(f"{photo.file}\0{content}\n".encode())
    return digest.hexdigest()


def gather(
    hashed: Sequence[HashedPhoto], outcomes: dict[str, Embedded], is_there: Callable[[GalleryPhoto], bool]
) -> tuple[list[PhotoRecord], list[Miss], NDArray[np.float16]]:
    """The outcome of every photo of the gallery, in its order: who goes into the index, and what could not.

    Args:
        hashed: the photos as they were when the build began.
        outcomes: what became of contents.
        is_there: whether a photo whose content has no outcome is still there, changed.
    """
    records: list[PhotoRecord] = []
    misses: list[Miss] = []
    vectors: list[NDArray[np.float16]] = []
    for photo, content in hashed:
        outcome = outcomes.get(content)
        if outcome is None:
            changed = bool(content) and is_there(photo)
            misses.append(Miss(photo.person, photo.file, "", CHANGED if changed else UNREADABLE))
        elif outcome.vector is None:
            misses.append(Miss(photo.person, photo.file, content, outcome.reason))
        else:
            records.append(PhotoRecord(photo.person, photo.file, content, outcome.face_box))
            vectors.append(outcome.vector)
    return records, misses, np.array(vectors, np.float16)


Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage ("hash", "embed", "index", "verify", "publish"), how many are done and how many there are."""
