"""The archives of Labeled Faces in the Wild: which ones are public, and how one is unpacked without trust.

Knows nothing of the network (`rvs.gallery.lfw_fetch`), nor of where LFW is looked for (`rvs.gallery.lfw`).

The committed index was computed from the *deep-funneled* pictures; what is public with a sha256 is the
originals and *funneled*, and funneled is the default here. All three have the same people, the same file
names, 250 x 250 pixels and the face at the centre, so a grid made of funneled pictures shows the right
person and the right photo; only the crop of a tile, which is recorded in deep-funneled pixels, may sit a
little off. Vectors differ a little too: to measure or rebuild, embed the pictures that are there.
"""

import gzip
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from rvs.errors import GalleryCorruptError
from rvs.gallery.lfw import PEOPLE, PHOTOS, check_lfw
from rvs.whole_files import whole_directory

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage ("download lfw-funneled.tgz", "unpack lfw-funneled.tgz"), what is done and the
total: bytes while downloading (total 0 when the server does not say), photos while unpacking."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to fetch.

    Attributes:
        name: file name, as published and as expected on a mirror.
        urls: where it is public, tried in this order.
        sha256: of the file, hexadecimal.
        becomes: what it is called in the data folder: a folder when `photos` > 0, else a file.
        people, photos: what is in it; 0 for a plain file.
        max_bytes: the most that is downloaded, and the most that is unpacked.
        max_members: the most entries the archive may have.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    becomes: str
    people: int = 0
    photos: int = 0
    max_bytes: int = 1 << 30
    max_members: int = 50_000


# Names, hashes and places as scikit-learn publishes them (sklearn/datasets/_lfw.py). The second address of
# each is the same file by Figshare's API: the first one answers robots with 403 or an empty 202 at times
# (scikit-learn issue 32961).
_FIGSHARE = ("https://ndownloader.figshare.com/files/{}", "https://api.figshare.com/v2/file/download/{}")

FUNNELED = Archive(
    name="lfw-funneled.tgz",
    urls=tuple(url.format(5976015) for url in _FIGSHARE),
    sha256="b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
    becomes="lfw",
    people=PEOPLE,
    photos=PHOTOS,
)
ORIGINAL = Archive(
    name="lfw.tgz",
    urls=tuple(url.format(5976018) for url in _FIGSHARE),
    sha256="055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0",
    becomes="lfw",
    people=PEOPLE,
    photos=PHOTOS,
)
PAIRS = Archive(
    name="pairs.txt",
    urls=tuple(url.format(5976006) for url in _FIGSHARE),
    sha256="ea42330c62c92989f9d7c03237ed5d591365e89b3e649747777b70e692dc1592",
    becomes="lfw_pairs.txt",
    max_bytes=1 << 20,
)
PUBLIC_ARCHIVES = (FUNNELED, PAIRS)


_BLOCK_BYTES = 65_536
_MOST_PADDING_BYTES = 1 << 20  # programs fill an archive up to 10 KiB


class _RefusedArchiveError(Exception):
    """The archive is not one of photos and nothing else."""


def unpack(archive: Archive, packed: Path, final: Path, progress: Progress) -> None:
    """Make the folder `final` of the photos in `packed`, without its top folder; then `packed` is removed.

    The folder appears only after `check_lfw` has found every person and photo sound. When another process
    made it in the meantime, that one stays. An interruption leaves `packed` for the next attempt.

    Raises:
        GalleryCorruptError: damaged, too large, not the expected photos, or with entries that lead out of
            the folder, links or devices. `packed` is removed then: it would be refused again.
        OSError: the disk is full or not writable.
    """
    try:
        with whole_directory(final, first_wins=True) as part:
            _extract_photos(archive, packed, part, progress)
            _check_photos(archive, part)
    except FileNotFoundError:
        if final.exists():
            return  # another fetch was faster, and has removed the archive
        raise
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, _RefusedArchiveError) as error:
        packed.unlink(missing_ok=True)
        raise GalleryCorruptError(
            f"The archive {archive.name} was refused: {error}.",
            hint="Nothing of it was kept. Fetch again, or from another mirror.",
        ) from error
    packed.unlink(missing_ok=True)


def _extract_photos(archive: Archive, packed: Path, folder: Path, progress: Progress) -> None:
    photos = unpacked_bytes = 0
    with tarfile.open(packed, "r:gz") as tar:
        for count, member in enumerate(tar, start=1):
            unpacked_bytes += member.size
            if count > archive.max_members or unpacked_bytes > archive.max_bytes:
                raise _RefusedArchiveError("it is larger than LFW can be")
            place = _photo_place(member)
            if place is None:
                continue
            # The standard library's filter is a second lock: it refuses what leads out of `folder`, and
            # drops owners and odd permissions.
            tar.extract(member.replace(name=place, deep=False), folder, filter="data")
            photos += 1
            progress(f"unpack {archive.name}", photos, archive.photos)
        _read_to_the_end(tar)


def _read_to_the_end(tar: tarfile.TarFile) -> None:
    # The checksum stands there. A tar ends before its file does, so that what was changed inside would pass.
    rest = 0
    while tar.fileobj is not None and (block := tar.fileobj.read(_BLOCK_BYTES)):
        rest += len(block)
        if rest > _MOST_PADDING_BYTES:
            raise _RefusedArchiveError("it is larger than LFW can be")


def _check_photos(archive: Archive, folder: Path) -> None:
    report = check_lfw(folder, people=archive.people, photos=archive.photos)
    if report.problems:
        raise _RefusedArchiveError(report.problems[0])
    if not report.complete:
        raise _RefusedArchiveError(
            f"it has {report.photos} photos of {report.people} people, "
            f"not {archive.photos} of {archive.people}"
        )


def _photo_place(member: tarfile.TarInfo) -> str | None:
    """`Person/photo.jpg` for a photo, None for what is skipped (folders, the lists in lfw-funneled.tgz)."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or any(sign in member.name for sign in "\\:\0"):
        raise _RefusedArchiveError(f"{member.name!r} leads out of the folder")
    if not (member.isfile() or member.isdir()):
        raise _RefusedArchiveError(f"{member.name!r} is a link or a device, not a file")
    is_photo = member.isfile() and len(path.parts) == 3 and path.suffix == ".jpg" and path.name[0] != "."
    return "/".join(path.parts[1:]) if is_photo else None
