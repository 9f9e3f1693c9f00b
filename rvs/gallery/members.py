"""People and photos of a folder gallery: added whole or not at all, removed in one step.

What is added was read and has a face, so that a build can use it; nothing is ever overwritten. An index knows
of a change when it is built again: building is for `rvs.gallery.build`.
"""

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rvs.errors import ConfigError, GalleryMissingError, NoFaceError, PhotoError
from rvs.gallery.folder import PHOTO_SUFFIXES, list_photos, person_name
from rvs.gallery.lfw import is_lfw
from rvs.photo import PhotoLimits, read_photo
from rvs.pipeline import Pipeline
from rvs.whole_files import finish_removals, hide, sha256_of, whole_directory, write_new

_MOST_BYTES_OF_A_NAME = 200  # systems take 255; numbers and suffixes come on top
_PEOPLE_OF_LFW = 5000  # a few may be missing
_SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}  # others are called as they are


@dataclass(frozen=True, slots=True)
class Added:
    """What `add_photos` did.

    Attributes:
        person: the name as it will be read.
        files: the new photos, relative to the gallery, with "/".
        known: the paths given whose very content this person has already; not added again.
        crowded: those of `files` with several faces, of which the largest will count.
    """

    person: str
    files: tuple[str, ...]
    known: tuple[Path, ...]
    crowded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    source: Path
    name: str
    sha256: str
    faces: int


def add_photos(
    root: Path, person: str, photos: Sequence[Path], pipeline: Pipeline, limits: PhotoLimits
) -> Added:
    """Copy photos of a person into a gallery, all of them or none.

    A person who is in the gallery keeps their folder; a new one gets a folder of that name. A new person is
    there with all photos or not at all even when the process is killed; of photos added to somebody each is.

    Args:
        root: the gallery's folder; made when it is not there.
        person: the name; "Ada Lovelace" and "Ada_Lovelace" are one.
        photos: pictures of any kind that can be read, called as they like.
        pipeline: what a build will use; what finds no face in a photo cannot use it.
        limits: what a build will accept.

    Raises:
        ConfigError: the name cannot be that of a folder, or the gallery is LFW.
        PhotoError: a file is not a photo that can be read; the sentence says which.
        NoFaceError: a photo has no face; likewise.
        OSError: the disk is full or read-only.
    """
    folder_name = _folder_name(person)
    _refuse_lfw(root)
    if not photos:
        raise ConfigError("No photo was given.", hint="Name one or more photos of this person.")
    checked = [_check(path, pipeline, limits) for path in photos]
    root.mkdir(parents=True, exist_ok=True)
    finish_removals(root)
    folders = _folders_of(root, person_name(person))
    have = {sha256_of(path) for folder in folders for path in folder.rglob("*") if path.is_file()}
    new: list[_Checked] = []
    known: list[Path] = []
    for photo in checked:
        if photo.sha256 in have:
            known.append(photo.source)
        else:
            new.append(photo)
            have.add(photo.sha256)
    written: list[Path] = []
    if new:
        if folders:
            _write_all(folders[0], new, written)
        else:
            with whole_directory(root / folder_name) as part:
                _write_all(part, new, written)
            written = [root / folder_name / path.name for path in written]
    files = tuple(path.relative_to(root).as_posix() for path in written)
    crowded = tuple(file for file, photo in zip(files, new, strict=True) if photo.faces > 1)
    return Added(person_name(person), files, tuple(known), crowded)


def remove_person(root: Path, person: str) -> int:
    """Remove a person with all photos from a gallery; returns how many photos that were.

    Copies of these photos under other names stay. The person is in the index until it is built again.

    Raises:
        GalleryMissingError: the gallery or the person is not there.
        ConfigError: the gallery is LFW.
        OSError: the folder is read-only.
    """
    _refuse_lfw(root)
    name = person_name(person)
    before = list_photos(root)
    folders = _folders_of(root, name)
    if not folders:
        alike = sorted({photo.person for photo in before if photo.person.casefold() == name.casefold()})
        hint = f"Is it {alike[0]}?" if alike else "Names are those of the folders in it."
        raise GalleryMissingError(f"Nobody in the gallery {root} is called {name}.", hint=hint)
    for folder in folders:
        hide(folder)
    finish_removals(root)
    return sum(photo.person == name for photo in before)


def _refuse_lfw(root: Path) -> None:
    # By its size too: anybody may call their photos like those of LFW.
    if is_lfw(root) and sum(1 for _ in root.iterdir()) > _PEOPLE_OF_LFW:
        raise ConfigError(
            f"{root} is LFW, which is what it is: others compare their figures with it.",
            hint="Make a gallery of your own, and name it with --gallery.",
        )


def _folder_name(person: str) -> str:
    """The folder for a new person: the name with underscores, refused if it could be anything but a name."""
    name = " ".join(person.replace("_", " ").split())
    odd = any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in name)
    if not name or name.startswith(".") or odd or set(name) & set('/\\:*?"<>|'):
        raise ConfigError(
            f"{person!r} cannot be the name of a person's folder.",
            hint='Leave out signs such as / \\ : * ? " < > | and a dot at the beginning.',
        )
    folder = person_name(name).replace(" ", "_")
    if len(folder.encode()) > _MOST_BYTES_OF_A_NAME:
        raise ConfigError("That name is too long for a folder.", hint=f"Up to {_MOST_BYTES_OF_A_NAME} bytes.")
    return folder


def _folders_of(root: Path, person: str) -> list[Path]:
    """The folders that `list_photos` takes for this person's, sorted."""
    with os.scandir(root) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".")
            and entry.is_dir(follow_symlinks=False)
            and person_name(entry.name) == person
        )


def _check(path: Path, pipeline: Pipeline, limits: PhotoLimits) -> _Checked:
    try:
        photo = read_photo(path, limits)
    except PhotoError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise PhotoError(message, hint=error.hint) from error
    faces = pipeline.faces(photo.pixels)
    if not faces and pipeline.detector is not None:
        raise NoFaceError(
            f"{path}: no face was found.", hint="Choose a photo that shows the face from the front."
        )
    suffix = path.suffix.lower()
    if suffix not in PHOTO_SUFFIXES:
        suffix = _SUFFIXES.get(photo.format, f".{photo.format.lower()}")  # or a build would not see it
    stem = path.stem.lstrip(".") or "photo"
    while len(stem.encode(errors="replace")) > _MOST_BYTES_OF_A_NAME:
        stem = stem[:-1]
    stem = stem.encode(errors="replace").decode()
    return _Checked(path, stem + suffix, photo.sha256, len(faces))


def _write_all(folder: Path, photos: Sequence[_Checked], written: list[Path]) -> None:
    try:
        for photo in photos:
            written.append(_write(folder, photo))  # noqa: PERF401  (it must know them when one fails)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _write(folder: Path, photo: _Checked) -> Path:
    """Under its own name, or that with the first number that is free."""
    data = photo.source.read_bytes()  # again, one at a time: a thousand photos do not fit into memory
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise PhotoError(f"{photo.source} changed while it was added.", hint="Try again.")
    stem, suffix = os.path.splitext(photo.name)  # noqa: PTH122
    number = 1
    while True:
        path = folder / (photo.name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            write_new(path, data)
        except FileExistsError:
            number += 1
        else:
            return path
