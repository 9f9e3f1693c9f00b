"""The costly half of a build: every photo of a gallery to a vector, on all cores, whatever is in the files.

Photos go through in chunks: each worker reads, detects and aligns a chunk one by one and embeds it as a
batch. Nothing one photo does can stop the others; what cannot be used comes back with a reason.
"""

import hashlib
import itertools
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

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

NO_FACE = "No face was found."
UNREADABLE = "The file cannot be read."
CHANGED = "The file changed during the build."


@dataclass(frozen=True, slots=True)
class PhotoEmbedder:
    """How a gallery's photos are embedded."""

    root: Path
    pipeline: Pipeline
    face_choice: FaceChoice
    limits: PhotoLimits
    workers: int

    def embed(self, photos: Sequence[GalleryPhoto]) -> Generator[list[tuple[str, Embedded]]]:
        """The outcomes of all photos by content hash, a chunk at a time, in no particular order.

        Closing the iterator early waits only for the chunks that are being worked on.
        """
        chunks = iter([photos[start : start + CHUNK] for start in range(0, len(photos), CHUNK)])
        with ThreadPoolExecutor(self.workers, thread_name_prefix="embed") as pool:
            # No more chunks in flight than keep the workers busy: memory stays bounded.
            running: set[Future[list[tuple[str, Embedded]]]] = {
                pool.submit(self._chunk, chunk) for chunk in itertools.islice(chunks, 2 * self.workers)
            }
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
                        running |= {pool.submit(self._chunk, chunk) for chunk in itertools.islice(chunks, 1)}
            finally:
                for future in running:
                    future.cancel()

    def _chunk(self, photos: Sequence[GalleryPhoto]) -> list[tuple[str, Embedded]]:
        outcomes: list[tuple[str, Embedded]] = []
        found: list[tuple[str, Face | None]] = []
        chips: list[Pixels] = []
        for photo in photos:
            try:
                read = read_photo(self.root / photo.file, self.limits)
            except LookalikeError as error:
                outcomes.append((_content_hash(self.root / photo.file), Embedded(None, None, error.message)))
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


def hash_photos(root: Path, photos: Sequence[GalleryPhoto], workers: int) -> list[HashedPhoto]:
    """Every photo with the sha256 of its content, in the same order."""
    with ThreadPoolExecutor(workers) as pool:
        hashes = pool.map(lambda photo: _content_hash(root / photo.file), photos, chunksize=256)
        return list(zip(photos, hashes, strict=True))


def gallery_digest(hashed: Sequence[HashedPhoto]) -> str:
    """One sha256 over every photo's file name and content, in the order given."""
    digest = hashlib.sha256()
    for photo, content in hashed:
        digest.update(f"{photo.file}\0{content}\n".encode())
    return digest.hexdigest()


def gather(
    root: Path, hashed: Sequence[HashedPhoto], outcomes: dict[str, Embedded]
) -> tuple[list[PhotoRecord], list[Miss], NDArray[np.float16]]:
    """The outcome of every photo of the gallery, in its order: who goes into the index, and what could not."""
    records: list[PhotoRecord] = []
    misses: list[Miss] = []
    vectors: list[NDArray[np.float16]] = []
    for photo, content in hashed:
        outcome = outcomes.get(content)
        if outcome is None:
            changed = bool(content) and (root / photo.file).exists()
            misses.append(Miss(photo.person, photo.file, "", CHANGED if changed else UNREADABLE))
        elif outcome.vector is None:
            misses.append(Miss(photo.person, photo.file, content, outcome.reason))
        else:
            records.append(PhotoRecord(photo.person, photo.file, content, outcome.face_box))
            vectors.append(outcome.vector)
    return records, misses, np.array(vectors, np.float16)


def _content_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage ("hash", "embed", "index", "verify"), how many are done and how many there are."""
