"""Versions side by side and the pointer to one of them."""

import os
import shutil
import time
from pathlib import Path

import pytest

from rvs.errors import GalleryCorruptError, GalleryError, GalleryMismatchError, GalleryMissingError
from rvs.gallery.store import Store, stores
from rvs.gallery.version import MANIFEST, Manifest, open_version
from tests.gallery.small import builder, draw, make_gallery, photo_path, save, unheard


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index with two versions, the second in use."""
    root = tmp_path_factory.mktemp("store")
    make_gallery(root / "gallery", range(2), 2)
    builder(root / "index").build(root / "gallery", unheard)
    save(draw(7), photo_path(root / "gallery", 7, 1))
    builder(root / "index").build(root / "gallery", unheard)
    return root / "index"


@pytest.fixture
def store(two_versions: Path, tmp_path: Path) -> Store:
    return Store(Path(shutil.copytree(two_versions, tmp_path / "index")))


def _names(store: Store) -> list[str]:
    return [folder.name for folder, _ in store.versions()]


class TestPointer:
    def test_the_version_in_use(self, store: Store) -> None:
        assert store.current() == store.folder / _names(store)[1]
        assert open_version(store.current()).manifest.people == 3

    def test_another_version_is_taken_into_use_and_back(self, store: Store) -> None:
        old, new = _names(store)
        store.activate(old)
        assert store.current().name == old
        assert open_version(store.current()).manifest.people == 2
        store.activate(new)
        assert store.current().name == new
        assert _names(store) == [old, new]

    def test_a_version_that_is_open_stays_open(self, store: Store) -> None:
        opened = open_version(store.current())
        before = opened.vectors.copy()
        store.activate(_names(store)[0])
        assert (opened.vectors == before).all()

    @pytest.mark.parametrize("folder", ["nothing", "index"])
    def test_nothing_in_use(self, tmp_path: Path, folder: str) -> None:
        (tmp_path / "index").mkdir()
        with pytest.raises(GalleryMissingError) as caught:
            Store(tmp_path / folder).current()
        assert f"rvs index build --index {folder}" in caught.value.hint

    @pytest.mark.parametrize(
        "pointer",
        [
            b"",
            b"\n",
            b"   ",
            b".",
            b"..",
            b"20200101T000000Z-00000000",
            b"../index/{name}",
            b"./{name}",
            b"{name}/",
            b"{absolute}",
            b"{name}\n{name}",
            b"{name}\0",
            b"\0",
            b"\xff\xfe",
            b"x" * 300,
            b"x" * 100_000,
        ],
    )
    def test_a_pointer_to_no_version(self, store: Store, pointer: bytes) -> None:
        name = store.current().name.encode()
        absolute = str(store.current()).encode()
        pointer = pointer.replace(b"{name}", name).replace(b"{absolute}", absolute)
        (store.folder / "current").write_bytes(pointer)
        with pytest.raises(GalleryCorruptError) as caught:
            store.current()
        assert caught.value.hint

    def test_a_pointer_into_a_build_that_is_running(self, store: Store) -> None:
        store.current().rename(store.folder / ".half.part")
        (store.folder / "current").write_text(".half.part\n")
        with pytest.raises(GalleryCorruptError):
            store.current()

    def test_a_pointer_that_is_a_folder(self, store: Store) -> None:
        (store.folder / "current").unlink()
        (store.folder / "current").mkdir()
        with pytest.raises(GalleryCorruptError):
            store.current()

    def test_a_version_that_was_removed(self, store: Store) -> None:
        shutil.rmtree(store.current())
        with pytest.raises(GalleryCorruptError):
            store.current()
        store.activate(_names(store)[0])
        assert open_version(store.current()).manifest.people == 2

    def test_an_index_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "index").write_text("")
        with pytest.raises(GalleryError):
            Store(tmp_path / "index").current()
        assert Store(tmp_path / "index").versions() == []


class TestActivate:
    @pytest.mark.parametrize(
        "version", ["", ".", "..", "nothing", "../index/{name}", "./{name}", "{name}/", "\0", "x" * 300]
    )
    def test_what_is_no_version_changes_nothing(self, store: Store, version: str) -> None:
        before = store.current()
        with pytest.raises(GalleryMissingError):
            store.activate(version.replace("{name}", _names(store)[0]))
        assert store.current() == before

    def test_a_damaged_version_changes_nothing(self, store: Store) -> None:
        before = store.current()
        old = _names(store)[0]
        (store.folder / old / MANIFEST).write_text("{")
        with pytest.raises(GalleryCorruptError):
            store.activate(old)
        (store.folder / old / MANIFEST).write_text('{"format_version": 2}')
        with pytest.raises(GalleryMismatchError):
            store.activate(old)
        assert store.current() == before

    def test_the_pointer_is_replaced_in_one_step(self, store: Store) -> None:
        """Whoever has it open goes on reading the old one; nothing else appears beside it."""
        with (store.folder / "current").open() as before:
            store.activate(_names(store)[0])
            assert before.read().strip() == _names(store)[1]
        assert not list(store.folder.glob("*.part")) + list(store.folder.glob(".*.part"))

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_cannot_be_written(self, store: Store) -> None:
        store.folder.chmod(0o500)
        try:
            with pytest.raises(OSError, match="denied"):
                store.activate(_names(store)[0])
            assert store.current().name == _names(store)[1]
        finally:
            store.folder.chmod(0o700)


class TestList:
    def test_oldest_first_with_manifests(self, store: Store) -> None:
        found = store.versions()
        assert [manifest.people for _, manifest in found if isinstance(manifest, Manifest)] == [2, 3]
        assert all(folder.parent == store.folder for folder, _ in found)

    def test_a_broken_version_among_good_ones(self, store: Store) -> None:
        old, new = _names(store)
        shutil.copytree(store.folder / old, store.folder / "20990101T000000Z-corrupt")
        (store.folder / "20990101T000000Z-corrupt" / MANIFEST).write_text("[")
        shutil.copytree(store.folder / old, store.folder / "20990101T000000Z-newer")
        (store.folder / "20990101T000000Z-newer" / MANIFEST).write_text('{"format_version": 2}')
        found = {folder.name: manifest for folder, manifest in store.versions()}
        assert list(found) == [old, new, "20990101T000000Z-corrupt", "20990101T000000Z-newer"]
        assert isinstance(found[old], Manifest)
        assert isinstance(found[new], Manifest)
        assert isinstance(found["20990101T000000Z-corrupt"], GalleryCorruptError)
        assert isinstance(found["20990101T000000Z-newer"], GalleryMismatchError)

    def test_what_is_not_a_version_is_left_out(self, store: Store) -> None:
        before = _names(store)
        (store.folder / "notes").mkdir()
        (store.folder / "readme.txt").write_text("")
        shutil.copytree(store.folder / before[0], store.folder / ".20990101.0123456789ab.part")
        assert _names(store) == before

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert Store(tmp_path / "nothing").versions() == []
        assert Store(tmp_path).versions() == []

    def test_versions_made_at_once_are_in_the_order_they_were_made(self, tmp_path: Path) -> None:
        """A small gallery is built several times within a second."""
        made = []
        for person in range(4):
            make_gallery(tmp_path / "gallery", [person], 1)
            made.append(builder(tmp_path / "index").build(tmp_path / "gallery", unheard).version)
            time.sleep(0.002)
        assert [folder for folder, _ in Store(tmp_path / "index").versions()] == made


def test_every_index_of_a_folder(tmp_path: Path) -> None:
    for name in ("lfw", "friends", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("")
    assert stores(tmp_path) == [Store(tmp_path / "friends"), Store(tmp_path / "lfw")]
    assert stores(tmp_path / "nothing") == []
