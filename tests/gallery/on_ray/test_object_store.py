"""A store is listed, read and written whole; one that does not answer is not taken for an empty one."""

import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rvs.errors import ConfigError, GalleryMissingError, PhotoError, RebuildFailedError, TooLargeError
from rvs.gallery.folder import list_photos
from rvs.gallery.on_ray import object_store
from rvs.gallery.on_ray.gallery_files import StoreFiles, gallery_files, local_folder
from rvs.gallery.on_ray.object_store import ObjectStore
from rvs.gallery.on_ray.packages import needed
from rvs.photo import PhotoLimits

fsspec = pytest.importorskip("fsspec", reason="the extra is not installed: pip install lookalike[ray]")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """An empty store in memory, without patience."""
    monkeypatch.setattr(object_store, "_PAUSES_S", (0, 0, 0))
    made = ObjectStore("memory://bucket/crew")
    made.remove()
    yield made
    made.remove()


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Any]]:
    """A kind of store that fails as often as one tells it, and knows no quick way to list."""
    memory: Any = fsspec.get_filesystem_class("memory")
    base: Any = fsspec.AbstractFileSystem

    class Moody(base):  # type: ignore[misc]
        protocol = "moody"
        cachable = False
        failures = 0
        bad_folder = ""
        _memory = memory()

        def _fail(self) -> None:
            if Moody.failures:
                Moody.failures -= 1
                raise OSError("503 slow down")

        def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
            self._fail()
            if path == Moody.bad_folder:
                raise OSError("500 internal error")
            return self._memory.ls(path, detail=detail)

        def cat_file(self, path: str, **options: Any) -> Any:
            self._fail()
            return self._memory.cat_file(path)

        def info(self, path: str, **options: Any) -> Any:
            return self._memory.info(path)

    monkeypatch.setattr(object_store, "_PAUSES_S", (0, 0, 0))
    fsspec.register_implementation("moody", Moody, clobber=True)
    for name in ("Ada/1.jpg", "Alan/1.jpg", "Alan/more/2.jpg"):
        memory().pipe_file(f"/moody/{name}", name.encode())
    yield Moody
    memory().rm("/moody", recursive=True)


def test_written_whole_listed_and_read(store: ObjectStore) -> None:
    assert store.find() == []
    store.write("Ada/1.jpg", b"one")
    store.write("Ada/deep/2.jpg", b"two")
    assert store.find() == ["Ada/1.jpg", "Ada/deep/2.jpg"]
    assert store.read("Ada/deep/2.jpg") == b"two"
    assert store.size("Ada/1.jpg") == 3
    assert store.sha256("Ada/1.jpg") == hashlib.sha256(b"one").hexdigest()
    assert store.exists("Ada/1.jpg")
    assert not store.exists("Ada/3.jpg")
    store.remove()
    assert store.find() == []
    store.remove()  # twice does no harm


def test_what_is_not_there(store: ObjectStore) -> None:
    for ask in (store.read, store.sha256, store.size):
        with pytest.raises(FileNotFoundError):
            ask("nothing.jpg")


def test_it_travels_as_its_url(store: ObjectStore) -> None:
    store.write("Ada/1.jpg", b"one")
    there = pickle.loads(pickle.dumps(store))  # noqa: S301  (our own)
    assert there.url == store.url
    assert there.read("Ada/1.jpg") == b"one"


@pytest.mark.parametrize("url", ["nosuchthing://bucket/crew", "nosuchthing:///"])
def test_a_url_of_an_unknown_kind(url: str) -> None:
    with pytest.raises(ConfigError, match="nosuchthing"):
        ObjectStore(url)


def test_a_store_that_is_slow_is_asked_again(moody: Any) -> None:
    store = ObjectStore("moody:///moody")
    moody.failures = 2
    assert store.find() == ["Ada/1.jpg", "Alan/1.jpg", "Alan/more/2.jpg"]
    moody.failures = 3
    assert store.read("Ada/1.jpg") == b"Ada/1.jpg"


def test_a_store_that_does_not_answer_ends_the_work(moody: Any) -> None:
    store = ObjectStore("moody:///moody")
    moody.failures = 4
    with pytest.raises(RebuildFailedError, match="moody:///moody does not answer: 503"):
        store.read("Ada/1.jpg")


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(moody: Any) -> None:
    """The people in it would be gone from the next version."""
    moody.bad_folder = "/moody/Alan"
    with pytest.raises(RebuildFailedError, match="500"):
        ObjectStore("moody:///moody").find()


class TestGallery:
    NAMES = (
        "Ada_Lovelace/1.jpg",
        "Ada_Lovelace/deep/2.PNG",
        "Zoë/1.webp",
        "Ada_Lovelace/notes.txt",
        "Ada_Lovelace/.hidden.jpg",
        ".git/1.jpg",
        "loose.jpg",
    )

    def test_the_same_photos_as_in_a_folder(self, store: ObjectStore, tmp_path: Path) -> None:
        for name in self.NAMES:
            store.write(name, b"x")
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        files = gallery_files(store.url, PhotoLimits())
        assert files.photos() == list_photos(tmp_path) == gallery_files(str(tmp_path), PhotoLimits()).photos()
        assert len(files.photos()) == 3

    def test_none(self, store: ObjectStore) -> None:
        store.write("loose.jpg", b"x")
        with pytest.raises(GalleryMissingError, match="bucket/crew"):
            gallery_files(store.url, PhotoLimits()).photos()

    def test_a_photo_that_is_gone_is_a_photo_error_and_has_no_hash(self, store: ObjectStore) -> None:
        files = gallery_files(store.url, PhotoLimits())
        store.write("Ada/1.jpg", b"x")
        assert files.source("Ada/1.jpg") == b"x"
        assert files.is_there("Ada/1.jpg")
        assert not files.is_there("Ada/2.jpg")
        assert files.sha256("Ada/2.jpg") == ""
        with pytest.raises(PhotoError):
            files.source("Ada/2.jpg")

    def test_a_huge_file_is_not_fetched(self, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
        store.write("Ada/1.jpg", b"x" * 1000)
        monkeypatch.setattr(ObjectStore, "read", lambda *_: pytest.fail("it was fetched"))
        with pytest.raises(TooLargeError):
            StoreFiles(store, PhotoLimits(max_bytes=999)).source("Ada/1.jpg")


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ("/srv/crew", "/srv/crew"),
        ("crew", "crew"),
        ("file:///srv/crew", "/srv/crew"),
        ("s3://bucket/crew", None),
        ("zip://::file:///srv/crew.zip", None),
    ],
)
def test_which_places_are_folders_of_this_machine(place: str, folder: str | None) -> None:
    assert local_folder(place) == (None if folder is None else Path(folder))


def test_a_relative_folder_is_the_same_one_for_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert gallery_files("crew", PhotoLimits()).source("Ada/1.jpg") == tmp_path / "crew" / "Ada" / "1.jpg"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="no_such_package") as caught:
        needed("no_such_package.inside")
    assert "lookalike[ray]" in caught.value.hint
