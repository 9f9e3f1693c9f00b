"""The photos of a gallery that every worker reaches: in a folder that they share, or behind a URL."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rvs.errors import PhotoError
from rvs.gallery.embed import FolderFiles, PhotoFiles
from rvs.gallery.folder import GalleryPhoto, list_photos, photos_among
from rvs.gallery.on_ray.object_store import ObjectStore
from rvs.photo import PhotoLimits, check_bytes

_FILE_URLS = ("file://", "local://")


class GalleryFiles(PhotoFiles, Protocol):
    """A gallery's files, with the list of them. Goes to another machine."""

    def photos(self) -> list[GalleryPhoto]:
        """Every photo, ordered by file name.

        Raises:
            GalleryMissingError: there are none.
        """

    def is_there(self, file: str) -> bool:
        """Whether the file is there now."""


class SharedFolder(FolderFiles):
    """The files below a folder that is at the same place on all machines."""

    def photos(self) -> list[GalleryPhoto]:
        """See `GalleryFiles`."""
        return list_photos(self.root)

    def is_there(self, file: str) -> bool:
        """See `GalleryFiles`."""
        return (self.root / file).exists()


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """The files behind a URL; `limits` keep a huge one from being fetched."""

    store: ObjectStore
    limits: PhotoLimits

    def photos(self) -> list[GalleryPhoto]:
        """See `GalleryFiles`."""
        return photos_among(self.store.find(), self.store.url)

    def source(self, file: str) -> bytes:
        """See `PhotoFiles`."""
        try:
            size = self.store.size(file)
            if size is not None:
                check_bytes(size, self.limits)
            return self.store.read(file)
        except OSError as error:
            raise PhotoError(f"{file} cannot be read.", hint="Check path and permissions.") from error

    def sha256(self, file: str) -> str:
        """See `PhotoFiles`."""
        try:
            return self.store.sha256(file)
        except OSError:
            return ""

    def is_there(self, file: str) -> bool:
        """See `GalleryFiles`."""
        return self.store.exists(file)


def gallery_files(place: str, limits: PhotoLimits) -> GalleryFiles:
    """The files of the gallery at a path or URL.

    Raises:
        ConfigError: a URL that fsspec does not know.
    """
    folder = local_folder(place)
    return StoreFiles(ObjectStore(place), limits) if folder is None else SharedFolder(folder.absolute())


def local_folder(place: str) -> Path | None:
    """The folder that a path or a `file://` URL names; None for any other URL."""
    for scheme in _FILE_URLS:
        if place.startswith(scheme):
            return Path(place.removeprefix(scheme))
    return None if "://" in place else Path(place)
