"""The versions of one index side by side, and the pointer to the one in use.

    index/lfw/current          the name of the version in use, one line
    index/lfw/20261122-.../    a version (see `version`)

A version appears by a rename and is never changed afterwards; taking it into use is one replaced file.
"""

from dataclasses import dataclass
from pathlib import Path

from rvs.errors import GalleryCorruptError, GalleryError, GalleryMissingError
from rvs.gallery.version import MANIFEST, Manifest, read_manifest
from rvs.whole_files import write_whole

_POINTER = "current"


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of one index, such as `index/lfw`. It need not exist yet."""

    folder: Path

    def current(self) -> Path:
        """The folder of the version in use.

        Raises:
            GalleryMissingError: no version is in use.
            GalleryCorruptError: the pointer names no version.
        """
        hint = f"Build it with `rvs index build --index {self.folder.name}`, or see `rvs index list`."
        try:
            name = (self.folder / _POINTER).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise GalleryMissingError(f"There is no index in {self.folder}.", hint=hint) from error
        except (OSError, UnicodeDecodeError) as error:
            raise GalleryCorruptError(
                f"The pointer {self.folder / _POINTER} cannot be read.", hint=hint
            ) from error
        if not self._has(name):
            raise GalleryCorruptError(
                f"The index {self.folder} points to a version that is not there.", hint=hint
            )
        return self.folder / name

    def activate(self, version: str) -> None:
        """Take a version into use.

        Raises:
            GalleryMissingError: there is no such version.
            GalleryCorruptError: its manifest is damaged.
            GalleryMismatchError: it was written by a newer or older program.
        """
        if not self._has(version):
            raise GalleryMissingError(
                f'The index {self.folder} has no version "{version}".', hint="See `rvs index list`."
            )
        read_manifest(self.folder / version)
        write_whole(self.folder / _POINTER, f"{version}\n".encode())

    def _has(self, version: str) -> bool:
        # A name with a folder in it could lead anywhere.
        if not version or version.startswith(".") or Path(version).name != version:
            return False
        try:
            return (self.folder / version / MANIFEST).is_file()
        except (OSError, ValueError):  # longer than names can be
            return False

    def versions(self) -> list[tuple[Path, Manifest | GalleryError]]:
        """Every version, oldest first, with its manifest or what is wrong with it."""
        if not self.folder.is_dir():
            return []
        found: list[tuple[Path, Manifest | GalleryError]] = []
        for folder in sorted(path.parent for path in self.folder.glob(f"*/{MANIFEST}")):
            if folder.name.startswith("."):
                continue  # still being written
            try:
                found.append((folder, read_manifest(folder)))
            except GalleryError as error:
                found.append((folder, error))
        return found


def stores(index_dir: Path) -> list[Store]:
    """Every index under a folder, by name."""
    if not index_dir.is_dir():
        return []
    return [
        Store(path) for path in sorted(index_dir.iterdir()) if path.is_dir() and not path.name.startswith(".")
    ]
