"""One version of an index on disk: what is in it, how it is written whole, and how it is checked and opened.

    manifest.json   what the version is: pipeline, counts, figures, and the size and sha256 of the other files
    photos.json     the people and the photos, one line each, and the photos that could not be used
    vectors.npy     float16 (photos, dimension), unit length
    photos.annoy    the Annoy forest over the vectors

Nothing is mapped before its size and hash are those of the manifest: Annoy crashes on a damaged file. Which
version is in use, and where they lie, is for `store` to say.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from rvs.arrays import Ids
from rvs.errors import GalleryCorruptError, GalleryMismatchError, GalleryMissingError
from rvs.gallery.in_use import Hold
from rvs.gallery.photo_list import Miss, PhotoRecord, read_photos
from rvs.gallery.seal import check_seal, sealed
from rvs.vectors.annoy_index import AnnoyVectorIndex
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex
from rvs.whole_files import sha256_of

FORMAT_VERSION = 1
MANIFEST, PHOTOS, VECTORS, FOREST = "manifest.json", "photos.json", "vectors.npy", "photos.annoy"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and sha256 of a file of the version."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Forest:
    """How the Annoy file was built and what was measured with it.

    `recall_at_10` is the share of the ten exact neighbours found with `search_k`, for probes like the
    photos people send: near a photo of the gallery, but not in it.
    """

    trees: int
    search_k: Annotated[int, Field(gt=0, lt=2**31)]  # what Annoy can take
    recall_at_10: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version is.

    Attributes:
        format_version: of this layout.
        version: name of the version's folder.
        created_at: UTC, ISO 8601.
        pipeline, fingerprint: what made the vectors; only equal fingerprints can be compared.
        runtime, precision: what computed them.
        dimension, people, photos, misses: counts.
        gallery_digest: sha256 over every photo's file name and content.
        face_choice: which face of a photo was taken.
        forest: the Annoy file.
        timings_s: seconds per stage of the build.
        software: versions of the packages that matter.
        files: the other files.
    """

    format_version: int
    version: str
    created_at: str
    pipeline: str
    fingerprint: str
    runtime: str
    precision: str
    dimension: int
    people: int
    photos: int
    misses: int
    gallery_digest: str
    face_choice: Literal["centre", "largest"]
    forest: Forest
    timings_s: Mapping[str, float]
    software: Mapping[str, str]
    files: Mapping[str, FileRecord]


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version that was checked and opened.

    Attributes:
        folder: where it is.
        manifest: what it is.
        photos: row by row of `vectors`.
        misses: photos of the gallery that are not in it.
        vectors: (photos, dimension) float16, memory-mapped, read-only.
        people: every name once, sorted.
        person_of: (photos,) which of `people` is on each photo.
        photos_of: (people,) how many photos each has.
        hold: keeps others from removing the version as long as this object lives; None: nobody asked for it.
    """

    folder: Path
    manifest: Manifest
    photos: tuple[PhotoRecord, ...]
    misses: tuple[Miss, ...]
    vectors: NDArray[np.float16]
    people: tuple[str, ...]
    person_of: Ids
    photos_of: Ids
    hold: Hold | None = None

    def rows_of_content(self, sha256: str) -> frozenset[int]:
        """The rows whose photo has these very bytes."""
        return frozenset(row for row, photo in enumerate(self.photos) if photo.sha256 == sha256)

    def index(self, kind: Literal["annoy", "exact"]) -> VectorIndex:
        """The vectors as an index that can be searched.

        Raises:
            GalleryCorruptError: the forest is gone by now, or is not over these vectors.
        """
        if kind == "exact":
            return ExactIndex(self.vectors)
        try:
            return AnnoyVectorIndex(self.folder / FOREST, self.vectors, self.manifest.forest.search_k)
        except (OSError, ValueError) as error:
            raise _corrupt(self.folder, f"{FOREST} does not fit the vectors") from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version, without looking at its other files.

    Raises:
        GalleryMissingError: there is no version in that folder.
        GalleryCorruptError: the manifest is damaged or not ours.
        GalleryMismatchError: it was written by a newer or older program.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise GalleryMissingError(f"There is no index in {folder}.", hint=_BUILD_HINT) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _corrupt(folder, "its manifest cannot be read") from error
    try:
        found = json.loads(text)
        format_version = found["format_version"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _corrupt(folder, "its manifest is damaged") from error
    if format_version != FORMAT_VERSION:
        raise GalleryMismatchError(
            f"The index in {folder} has format {format_version!r}; this program reads format {FORMAT_VERSION}.",
            hint=_BUILD_HINT,
        )
    try:
        check_seal(found)
        manifest: Manifest = _reader_of(Manifest).validate_json(text, strict=True)
    except ValueError as error:
        raise _corrupt(folder, "its manifest is damaged") from error
    return manifest


def open_version(folder: Path, *, fingerprint: str | None = None) -> Version:
    """Check every file of a version against its manifest and open it.

    Args:
        folder: the version's folder.
        fingerprint: of the pipeline that will ask; None opens any.

    Raises:
        GalleryMissingError: there is no version in that folder.
        GalleryCorruptError: a file is missing, truncated, changed or inconsistent.
        GalleryMismatchError: another format, or made by another pipeline.
    """
    manifest = read_manifest(folder)
    if fingerprint is not None and manifest.fingerprint != fingerprint:
        raise GalleryMismatchError(
            f"The index in {folder} was built by another pipeline ({manifest.pipeline}).",
            hint="Choose that pipeline, or build an index with this one: rvs index build --pipeline ...",
        )
    _check_files(folder, manifest)
    try:
        photos, misses = read_photos(folder / PHOTOS)
    except (OSError, ValueError) as error:
        raise _corrupt(folder, f"{PHOTOS} is damaged") from error
    vectors = _mapped(folder, manifest)
    if len(photos) != manifest.photos or len(misses) != manifest.misses:
        raise _corrupt(folder, f"{PHOTOS} does not have as many photos as the manifest gives")
    people, person_of, photos_of = np.unique(
        [photo.person for photo in photos], return_inverse=True, return_counts=True
    )
    return Version(
        folder=folder,
        manifest=manifest,
        photos=photos,
        misses=misses,
        vectors=vectors,
        people=tuple(str(person) for person in people),
        person_of=person_of.astype(np.int64),
        photos_of=photos_of.astype(np.int64),
    )


def open_vectors(folder: Path) -> tuple[NDArray[np.float16], FileRecord]:
    """The vectors of a version, mapped and checked, and what the manifest says of their file; no other file is read.

    Raises:
        GalleryError: as `open_version`.
    """
    manifest = read_manifest(folder)
    if VECTORS not in manifest.files:
        raise _corrupt(folder, "its manifest lists other files than it should")
    _check_file(folder, VECTORS, manifest.files[VECTORS])
    return _mapped(folder, manifest), manifest.files[VECTORS]


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `manifest.json`."""
    path.write_text(json.dumps(sealed(asdict(manifest)), indent=1) + "\n", encoding="utf-8")


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every file of a version but its manifest."""
    return {
        name: FileRecord((folder / name).stat().st_size, sha256_of(folder / name))
        for name in (PHOTOS, VECTORS, FOREST)
    }


_reader_of = functools.cache(TypeAdapter)  # making one takes longer than reading a manifest
_BUILD_HINT = "Build it with `rvs index build`."


def _corrupt(folder: Path, why: str) -> GalleryCorruptError:
    return GalleryCorruptError(f"The index in {folder} is damaged: {why}.", hint=_BUILD_HINT)


def _check_files(folder: Path, manifest: Manifest) -> None:
    if set(manifest.files) != {PHOTOS, VECTORS, FOREST}:
        raise _corrupt(folder, "its manifest lists other files than it should")
    for name, record in manifest.files.items():
        _check_file(folder, name, record)


def _check_file(folder: Path, name: str, record: FileRecord) -> None:
    try:
        size = (folder / name).stat().st_size
        if size != record.bytes:
            raise _corrupt(folder, f"{name} has {size} bytes instead of {record.bytes}")
        if sha256_of(folder / name) != record.sha256:
            raise _corrupt(folder, f"{name} was changed after it was built")
    except OSError as error:
        raise _corrupt(folder, f"{name} cannot be read") from error


def _mapped(folder: Path, manifest: Manifest) -> NDArray[np.float16]:
    try:
        # Unlike `np.load` it opens nothing but an array, and maps it or fails.
        vectors = np.lib.format.open_memmap(folder / VECTORS, mode="r")
    except (OSError, ValueError) as error:
        raise _corrupt(folder, f"{VECTORS} is damaged") from error
    if vectors.shape != (manifest.photos, manifest.dimension) or vectors.dtype != np.float16:
        raise _corrupt(folder, f"{VECTORS} does not have the shape the manifest gives")
    return vectors
