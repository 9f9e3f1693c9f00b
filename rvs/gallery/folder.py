"""Any folder of the form `Person/photo.jpg` is a gallery: this lists who is in it and in which files.

Only names are looked at. Whether a file is really a picture is for `rvs.photo` to say, and what becomes
of it for the build.
"""

import logging
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rvs.errors import GalleryMissingError

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff", ".heic", ".heif"}
)

_LAYOUT = (
    "A gallery is a folder with one folder per person in it, and that person's photos inside: "
    "gallery/Ada_Lovelace/portrait.jpg, gallery/Alan_Turing/1.png."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GalleryPhoto:
    """One photo of a gallery.

    Attributes:
        person: the name as people read it: "Abel Pacheco" for the folder "Abel_Pacheco".
        file: where the photo is, relative to the gallery's folder, with "/"; as the disk spells it.
    """

    person: str
    file: str


def list_photos(root: Path) -> list[GalleryPhoto]:
    """Every photo of the gallery in `root`, ordered by file name (by code point, the same everywhere).

    Folders inside a person's folder belong to that person, and folders that read the same
    (`Abel_Pacheco`, `Abel Pacheco`) are one person. Left out: hidden files and folders, files without a
    picture's suffix, photos that lie directly in `root`, linked folders, and linked files that lead out
    of `root`. A folder that cannot be read, or a name that is not Unicode, is left out with a warning.

    Raises:
        GalleryMissingError: `root` is missing, not a folder, unreadable, or has no person with a photo.
    """
    photos: list[GalleryPhoto] = []
    loose_photos = 0
    real_root = os.path.realpath(root)
    for entry in _entries_of_root(root):
        if entry.is_dir(follow_symlinks=False):
            person = person_name(entry.name)
            photos += [GalleryPhoto(person, file) for file in _photo_files(entry.path, entry.name, real_root)]
        elif _has_photo_suffix(entry.name):
            loose_photos += 1
    if photos:
        photos.sort(key=lambda photo: photo.file)
        return photos
    if loose_photos:
        raise GalleryMissingError(
            f"The gallery folder {root} has photos, but no folder per person with photos in it.", hint=_LAYOUT
        )
    raise GalleryMissingError(f"The gallery folder {root} has no photos.", hint=_LAYOUT)


def photos_among(files: Iterable[str], place: str) -> list[GalleryPhoto]:
    """The photos among files that a store has listed, by the rules of `list_photos`.

    Args:
        files: names relative to the gallery, with "/".
        place: the gallery, for people to read.

    Raises:
        GalleryMissingError: there is none.
    """
    photos = []
    for file in files:
        parts = file.split("/")
        hidden = any(not part or part.startswith(".") for part in parts)
        if len(parts) > 1 and not hidden and _has_photo_suffix(file):
            photos.append(GalleryPhoto(person_name(parts[0]), file))
    if not photos:
        raise GalleryMissingError(
            f"The gallery {place} has no folder per person with photos in it, or cannot be read.",
            hint=_LAYOUT,
        )
    return sorted(photos, key=lambda photo: photo.file)


def person_name(folder_name: str) -> str:
    """The name as people read it: underscores become spaces, runs of white space one, Unicode NFC."""
    readable = " ".join(folder_name.replace("_", " ").split())
    return unicodedata.normalize("NFC", readable or folder_name)


def _entries_of_root(root: Path) -> list[os.DirEntry[str]]:
    try:
        return list(_visible_entries(root))
    except FileNotFoundError as error:
        raise GalleryMissingError(f"The gallery folder {root} does not exist.", hint=_LAYOUT) from error
    except NotADirectoryError as error:
        raise GalleryMissingError(f"The gallery {root} is not a folder.", hint=_LAYOUT) from error
    except OSError as error:
        raise GalleryMissingError(
            f"The gallery folder {root} cannot be read.", hint="Check the permissions of the folder."
        ) from error


def _visible_entries(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not _is_unicode(entry.name):
                _log.warning("left out of the gallery, its name is not Unicode: %r", entry.path)
                continue
            yield entry


def _photo_files(folder: str, relative: str, real_root: str) -> Iterator[str]:
    pending = [(folder, relative)]
    while pending:
        path, prefix = pending.pop()
        try:
            for entry in _visible_entries(path):
                name = f"{prefix}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, name))
                elif _has_photo_suffix(entry.name) and _is_file_within(entry, real_root):
                    yield name
        except OSError as error:
            _log.warning("left out of the gallery, cannot be read: %s (%s)", path, error.strerror)


def _has_photo_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES  # noqa: PTH122  a Path per file is slow


def _is_file_within(entry: os.DirEntry[str], real_root: str) -> bool:
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    target = os.path.realpath(entry.path)
    inside = target.startswith(real_root.rstrip(os.sep) + os.sep)
    return inside and os.path.isfile(target)  # noqa: PTH113  target is a string from realpath


def _is_unicode(name: str) -> bool:
    # Bytes that are not UTF-8 arrive as lone surrogates, which no manifest could hold.
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
