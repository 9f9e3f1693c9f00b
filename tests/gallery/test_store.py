"""Versions side by side and the pointer to one of them."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rvs.errors import GalleryCorruptError, GalleryError, GalleryMismatchError, GalleryMissingError
from rvs.gallery.in_use import SHARED_LOCKS, Hold, is_held
from rvs.gallery.store import Store, stores
from rvs.gallery.version import FOREST, MANIFEST, PHOTOS, VECTORS, Manifest, open_version
from rvs.whole_files import whole_directory, write_whole
from tests.gallery.small import FINGERPRINT, builder, draw, make_gallery, photo_path, save, unheard


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

    @pytest.mark.parametrize("file", [PHOTOS, VECTORS, FOREST])
    @pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
    def test_every_file_is_checked_before_the_pointer_moves(
        self, store: Store, file: str, damage: str
    ) -> None:
        old, new = _names(store)
        path = store.folder / old / file
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.unlink()
        if damage != "missing":
            path.write_bytes(data if damage == "flipped" else data[:-1])
        with pytest.raises(GalleryCorruptError, match=file):
            store.activate(old)
        assert store.current().name == new

    def test_a_version_of_another_pipeline_if_asked(self, store: Store) -> None:
        old, new = _names(store)
        with pytest.raises(GalleryMismatchError, match="another pipeline"):
            store.activate(old, fingerprint="f" * 16)
        assert store.current().name == new
        store.activate(old, fingerprint=FINGERPRINT)
        assert store.current().name == old

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


A, B, C, D, E = (f"20260101T00000{number}.000Z-aaaaaaaa" for number in range(5))


@pytest.fixture
def five(two_versions: Path, tmp_path: Path) -> Store:
    """Five versions, A to E, that were taken into use in this order."""
    folder = tmp_path / "five"
    source = Store(two_versions).current()
    for name in (A, B, C, D, E):
        shutil.copytree(source, folder / name)
        Store(folder).activate(name)
    return Store(folder)


def _add(store: Store, name: str) -> str:
    """As a build does."""
    shutil.copytree(store.current(), store.folder / name)
    store.activate(name)
    return name


def _damage(store: Store, name: str) -> None:
    (store.folder / name / VECTORS).write_bytes(b"damaged")


class TestRollBack:
    def test_each_goes_further_back(self, five: Store) -> None:
        for name in (D, C, B, A):
            assert five.previous() == five.folder / name
            assert five.roll_back() == name
            assert five.current() == five.folder / name
        with pytest.raises(GalleryMissingError):
            five.previous()
        with pytest.raises(GalleryMissingError):
            five.roll_back()
        assert five.current().name == A

    def test_after_a_rebuild_it_is_what_was_in_use_and_not_what_was_newest(self, five: Store) -> None:
        five.roll_back()
        five.roll_back()
        _add(five, "20260102T000000.000Z-aaaaaaaa")
        assert [five.roll_back(), five.roll_back(), five.roll_back()] == [C, B, A]

    def test_order_of_use_counts_not_of_building(self, five: Store) -> None:
        five.activate(B)
        assert [five.roll_back() for _ in range(4)] == [E, D, C, A]

    def test_the_same_again_changes_nothing(self, five: Store) -> None:
        five.activate(E)
        assert five.roll_back() == D
        five.activate(D)
        assert five.roll_back() == C

    def test_there_and_back(self, five: Store) -> None:
        five.roll_back()
        five.activate(E)
        assert five.roll_back() == D

    def test_damaged_ones_are_passed_over_with_a_warning(
        self, five: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        _damage(five, D)
        (five.folder / C / MANIFEST).write_text("{")
        assert five.roll_back() == B
        assert D in caplog.text
        assert C in caplog.text
        assert five.roll_back() == A

    def test_all_damaged(self, five: Store) -> None:
        for name in (A, B, C, D):
            _damage(five, name)
        with pytest.raises(GalleryMissingError, match="sound"):
            five.roll_back()
        assert five.current().name == E

    def test_those_of_another_pipeline_are_passed_over_if_asked(self, five: Store) -> None:
        with pytest.raises(GalleryMissingError):
            five.roll_back(fingerprint="f" * 16)
        assert five.current().name == E
        assert five.roll_back(fingerprint=FINGERPRINT) == D

    def test_removed_ones_are_not_missed(self, five: Store) -> None:
        shutil.rmtree(five.folder / D)
        assert five.previous().name == C
        assert five.roll_back() == C

    def test_away_from_a_pointer_to_nothing(self, five: Store) -> None:
        shutil.rmtree(five.current())
        assert five.roll_back() == D

    def test_an_index_from_before_there_was_a_history(self, five: Store) -> None:
        (five.folder / "history").unlink()
        assert five.previous().name == D
        five.activate(B)
        assert [five.roll_back(), five.roll_back()] == [E, D]

    @pytest.mark.parametrize(
        "history", [b"", b"\xff\xfe\n", b"\0\n", b"../x\n.\n\n", b"x" * 100_000, b"\n" * 1000]
    )
    def test_a_damaged_history_leads_nowhere_wrong(self, five: Store, history: bytes) -> None:
        (five.folder / "history").write_bytes(history)
        try:
            assert five.roll_back() in (A, B, C, D)
        except GalleryMissingError:
            assert five.current().name == E
        _add(five, "20260102T000000.000Z-aaaaaaaa")
        assert five.previous().name in (A, B, C, D, E)

    def test_a_version_that_never_came_into_use_is_none_to_go_back_to(self, five: Store) -> None:
        """Its build was killed before."""
        shutil.copytree(five.current(), five.folder / "20260102T000000.000Z-aaaaaaaa")
        _add(five, "20260103T000000.000Z-aaaaaaaa")
        assert five.roll_back() == E

    @pytest.mark.parametrize("then", ["activate", "roll_back"])
    def test_killed_between_its_two_files(
        self, five: Store, then: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[Path] = []
        really = write_whole

        def once(path: Path, data: bytes) -> None:
            if written:
                raise KeyboardInterrupt
            written.append(path)
            really(path, data)

        with monkeypatch.context() as patched:
            patched.setattr("rvs.gallery.store.write_whole", once)
            with pytest.raises(KeyboardInterrupt):
                five.activate(B) if then == "activate" else five.roll_back()
        assert five.current().name == (E if then == "activate" else D)
        assert five.roll_back() == (D if then == "activate" else C)

    def test_an_index_of_one_version_and_none(self, two_versions: Path, tmp_path: Path) -> None:
        shutil.copytree(Store(two_versions).current(), tmp_path / "one" / A)
        store = Store(tmp_path / "one")
        with pytest.raises(GalleryMissingError):
            store.roll_back()
        store.activate(A)
        with pytest.raises(GalleryMissingError):
            store.roll_back()
        with pytest.raises(GalleryMissingError):
            Store(tmp_path / "nothing").roll_back()
        assert not (tmp_path / "nothing").exists()


needs_locks = pytest.mark.skipif(not SHARED_LOCKS, reason="this system has no shared locks")


class TestPrune:
    @pytest.mark.parametrize(
        ("keep", "removed"), [(0, [A, B, C, D]), (1, [A, B, C]), (2, [A, B]), (4, []), (99, [])]
    )
    def test_the_newest_stay(self, five: Store, keep: int, removed: list[str]) -> None:
        assert five.prune(keep).removed == removed
        assert _names(five) == [name for name in (A, B, C, D, E) if name not in removed]
        assert five.current().name == E
        assert not [path for path in five.folder.glob(".*") if path.suffix in (".gone", ".in-use")][
            keep + 1 :
        ]
        assert five.prune(keep).removed == []

    def test_the_one_in_use_stays_however_old(self, five: Store) -> None:
        five.activate(A)
        assert five.prune(0).removed == [B, C, D, E]
        assert five.current().name == A

    def test_the_previous_one_stays_before_newer_ones(self, five: Store) -> None:
        """The newer ones were rolled back from, for a reason."""
        for _ in range(3):
            five.roll_back()
        new = _add(five, "20260102T000000.000Z-aaaaaaaa")
        assert five.prune(1).removed == [A, C, D, E]
        assert _names(five) == [B, new]
        assert five.roll_back() == B

    def test_damaged_ones_do_not_count_and_go(self, five: Store) -> None:
        _damage(five, D)
        (five.folder / B / MANIFEST).write_text("{")
        assert five.prune(1).removed == [A, B, D]
        assert _names(five) == [C, E]

    def test_those_of_a_newer_program_stay(self, five: Store) -> None:
        five.activate(C)
        (five.folder / D / MANIFEST).write_text('{"format_version": 2}')
        assert five.prune(0).removed == [A, B, E]
        assert _names(five) == [C, D]

    @needs_locks
    def test_what_this_process_uses_stays(self, five: Store) -> None:
        five.activate(B)
        opened = five.open_current(fingerprint=FINGERPRINT)
        five.activate(E)
        assert five.prune(0).removed == [A, C, D]
        assert opened.vectors.shape[0] == opened.manifest.photos
        del opened
        assert five.prune(0).removed == [B]

    @needs_locks
    def test_what_another_process_uses_stays(self, five: Store) -> None:
        command = [sys.executable, "-m", "tests.gallery.holder", str(five.folder / B)]
        with subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            assert five.prune(0).removed == [A, C, D]
            other.kill()
        assert five.prune(0).removed == [B]

    def test_a_build_in_progress_stays(self, five: Store) -> None:
        part = shutil.copytree(five.current(), five.folder / ".20260102T0.0123456789ab.part")
        (five.folder / ".journal-x-largest").mkdir()
        (five.folder / "gallery").write_text("/photos\n")
        five.prune(0)
        assert (part / MANIFEST).is_file()
        assert (five.folder / ".journal-x-largest").is_dir()
        assert (five.folder / "gallery").is_file()

    @needs_locks
    def test_a_version_that_a_build_is_about_to_take_into_use_stays(self, five: Store) -> None:
        new = five.folder / "20260102T000000.000Z-aaaaaaaa"
        with Hold(new, not_there_yet=True):
            shutil.copytree(five.current(), new)
            assert five.prune(0).removed == [A, B, C, D]
            five.activate(new.name)
        assert five.current() == new

    def test_one_that_was_killed_is_finished(self, five: Store) -> None:
        gone = shutil.copytree(five.current(), five.folder / ".0123456789ab.gone")
        (gone / VECTORS).unlink()
        (five.folder / f".{A}x.in-use").touch()
        assert _names(five) == [A, B, C, D, E]
        assert five.prune(10).removed == []
        assert not gone.exists()
        assert not (five.folder / f".{A}x.in-use").exists()

    def test_the_pointer_moves_while_hashes_are_computed(
        self, five: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = Store._superfluous

        def slow(store: Store, current: str, keep: int) -> list[str]:
            going = really(store, current, keep)
            store.activate(B)
            return going

        with monkeypatch.context() as patched:
            patched.setattr(Store, "_superfluous", slow)
            removed = five.prune(1).removed
        assert five.current().name == B
        assert E in _names(five)  # the previous one now
        assert removed == [A, C]

    def test_nothing_is_in_use(self, five: Store) -> None:
        (five.folder / "current").unlink()
        with pytest.raises(GalleryMissingError):
            five.prune(0)
        assert _names(five) == [A, B, C, D, E]


class TestOpen:
    @needs_locks
    def test_it_is_held_as_long_as_it_lives(self, five: Store) -> None:
        version = five.open_current(fingerprint=FINGERPRINT)
        assert version.folder == five.current()
        assert is_held(version.folder)
        vectors = version.vectors
        del version
        assert not is_held(five.current())
        assert len(vectors)

    def test_what_cannot_be_opened_is_not_held(self, five: Store) -> None:
        with pytest.raises(GalleryMismatchError):
            five.open_current(fingerprint="f" * 16)
        assert not is_held(five.current())
        with pytest.raises(GalleryMissingError):
            five.open("nothing")
        with pytest.raises(GalleryMissingError):
            five.hold("../five/" + E)

    def test_one_that_is_replaced_and_pruned_in_between(
        self, five: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really, calls = Store.hold, []

        def late(store: Store, version: str) -> Hold:
            calls.append(version)
            if len(calls) == 1:
                assert version == E
                store.activate(D)
                shutil.rmtree(store.folder / E)
            return really(store, version)

        monkeypatch.setattr(Store, "hold", late)
        assert five.open_current().folder.name == D


class TestAtOnce:
    def test_readers_never_fail_while_versions_come_and_go(self, five: Store) -> None:
        """One builds and prunes, one rolls back, one prunes everything it may, and three read."""
        source = shutil.copytree(five.current(), five.folder.parent / "source")
        done = threading.Event()
        opened: list[str] = []

        def build() -> None:
            try:
                for number in range(15):
                    name = f"20260102T0000{number:02d}.000Z-aaaaaaaa"
                    with Hold(five.folder / name, not_there_yet=True):
                        with whole_directory(five.folder / name) as part:
                            shutil.copytree(source, part, dirs_exist_ok=True)
                        five.activate(name)
                    five.prune(1)
            finally:
                done.set()

        def roll_back() -> None:
            while not done.is_set():
                with contextlib.suppress(GalleryMissingError):  # nothing left to go back to
                    five.roll_back()

        def prune() -> None:
            while not done.is_set():
                five.prune(0)

        def read() -> None:
            while not done.is_set():
                version = five.open_current(fingerprint=FINGERPRINT)
                assert version.folder.is_dir()
                version.index("annoy").search(np.array(version.vectors[:1], np.float32), 3)
                assert all((version.folder / name).is_file() for name in (MANIFEST, PHOTOS, VECTORS, FOREST))
                opened.append(version.folder.name)

        with ThreadPoolExecutor() as pool:
            for outcome in [pool.submit(work) for work in (build, roll_back, prune, read, read, read)]:
                outcome.result()
        assert len(set(opened)) > 1
        five.prune(0)
        assert _names(five) == [five.current().name]


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
