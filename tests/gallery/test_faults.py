"""What a build and an index must survive: SIGKILL at any moment, a full disk, a read-only one, damage, junk.

Two builds at once, photos that change or vanish during a build, and errors in its steps are in `test_build`;
every damaged file in `test_version`; pointers to nothing in `test_store`.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rvs.cli.app import run
from rvs.errors import GalleryError, GalleryMismatchError
from rvs.gallery.in_use import SHARED_LOCKS
from rvs.gallery.members import remove_person
from rvs.gallery.store import Store
from rvs.gallery.verify import check_recall, realistic_probes
from rvs.gallery.version import FOREST, MANIFEST, PHOTOS, VECTORS, Manifest, open_version
from tests.gallery.doomed_build import PHASES
from tests.gallery.small import (
    FINGERPRINT,
    Colours,
    builder,
    make_gallery,
    photo_path,
    pipeline_of_patches,
    unheard,
)

REPOSITORY = Path(__file__).parents[2]
MOMENTS = 50

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork and no SIGKILL")

_chance = random.Random(20261122)  # noqa: S311
_MOMENTS = [(PHASES[number % len(PHASES)], round(_chance.random(), 4)) for number in range(MOMENTS)]


class Nursery:
    """Builds in processes of their own, which begin at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gallery.doomed_build", "each"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def build(self, gallery: Path, index: Path, *how: str) -> list[str]:
        """What the build printed, and its exit status last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(gallery), str(index), *how]) + "\n")
        self._process.stdin.flush()
        lines = [self._process.stdout.readline().strip()]
        if how[0] == "count" and lines[0].startswith("{"):
            lines.append(self._process.stdout.readline().strip())
        return lines

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def _all_whole(index: Path) -> list[str]:
    """The names of all versions there are, each of which opens and is sound."""
    names = []
    for folder, manifest in Store(index).versions():
        assert isinstance(manifest, Manifest)
        version = open_version(folder, fingerprint=FINGERPRINT)
        check_recall(version, realistic_probes(version.vectors))
        names.append(folder.name)
    # Nothing else that could be taken for one.
    assert sorted(path.name for path in index.glob("[!.]*") if path.is_dir()) == names
    return names


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with three versions, the last over 8 photos, a gallery of 40, and what a build of those gives."""
    root = tmp_path_factory.mktemp("faults")
    for people in (2, 3, 4):
        make_gallery(root / "gallery", range(people), 2)
        builder(root / "index").build(root / "gallery", unheard)
    make_gallery(root / "gallery", range(10), 4)
    builder(root / "whole").build(root / "gallery", unheard)
    return root


@pytest.fixture(scope="module")
def calls(prepared: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many calls of functions each phase of that build has."""
    index = Path(shutil.copytree(prepared / "index", tmp_path_factory.mktemp("count") / "index"))
    counts, status = nursery.build(prepared / "gallery", index, "count")
    assert status == "0"
    found: dict[str, int] = json.loads(counts)
    assert set(found) == set(PHASES)
    return found


class TestKilledAtAnyMoment:
    @pytest.mark.parametrize(("phase", "share"), _MOMENTS)
    def test_never_half_always_resumable_and_the_old_one_serves(
        self,
        prepared: Path,
        tmp_path: Path,
        nursery: Nursery,
        calls: dict[str, int],
        phase: str,
        share: float,
    ) -> None:
        index = Path(shutil.copytree(prepared / "index", tmp_path / "index"))
        *older, old = _all_whole(index)
        call = 1 + int(share * calls[phase])
        assert nursery.build(prepared / "gallery", index, "moment", phase, str(call)) == [
            f"-{signal.SIGKILL}"
        ]

        names = _all_whole(index)
        version = Store(index).open_current(fingerprint=FINGERPRINT)
        new = version.folder.name != old
        if phase != "activate":
            assert new == (PHASES.index(phase) > PHASES.index("activate"))
        assert version.manifest.photos == (40 if new else 8)
        assert old in names
        assert set(older) <= set(names) or new  # they go after the activation, and not before
        before = Store(index).previous().name
        assert before == (old if new else older[-1])
        del version

        network = Colours()
        again = replace(builder(index, pipeline_of_patches(network)), keep=1)
        report = again.build(prepared / "gallery", unheard)
        assert report.changed != new
        assert report.reused >= 8
        assert report.embedded == network.shown == 40 - report.reused
        expected = open_version(Store(prepared / "whole").current())
        resumed = Store(index).open_current()
        assert resumed.photos == expected.photos
        np.testing.assert_array_equal(resumed.vectors, expected.vectors)
        assert _all_whole(index) == [old, resumed.folder.name]
        assert not list(index.glob(".journal*")) + list(index.glob("*.gone"))
        assert len(list(index.glob("*.part"))) <= 1  # the next build removes it, if that is not at once
        assert Store(index).roll_back() == old

    def test_a_person_removed_before_it_is_resumed_does_not_come_back(
        self, prepared: Path, tmp_path: Path, nursery: Nursery, calls: dict[str, int]
    ) -> None:
        """One whom only the killed build has embedded, and one whom the version in use has; for good."""
        index = Path(shutil.copytree(prepared / "index", tmp_path / "index"))
        gallery = Path(shutil.copytree(prepared / "gallery", tmp_path / "gallery"))
        shutil.copy(photo_path(gallery, 7, 1), photo_path(gallery, 8, 9))
        assert nursery.build(gallery, index, "kill", "verify", "0") == [f"-{signal.SIGKILL}"]
        (journal,) = index.glob(".journal*")
        assert list(journal.glob("shard-*.npz"))
        removed = {photo_path(gallery, 7, 1).read_bytes()}
        assert remove_person(gallery, "Person 07") == 4
        assert remove_person(gallery, "Person_01") == 4

        network = Colours()
        build = builder(index, pipeline_of_patches(network)).build
        assert build(gallery, unheard).people == 8
        assert network.shown == 0  # it was resumed, nevertheless
        version = Store(index).open_current()
        assert not {"Person 07", "Person 01"} & set(version.people)
        assert "Person_08/9.png" in {photo.file for photo in version.photos}  # the same photo, of another
        assert (gallery / "Person_08" / "9.png").read_bytes() in removed
        assert not list(index.glob(".journal*"))
        # Nor by a build after a rollback to a version that has them.
        Store(index).roll_back()
        assert "Person 01" in Store(index).open_current().people
        build(gallery, unheard)
        assert not {"Person 07", "Person 01"} & set(Store(index).open_current().people)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or _mount(mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)) != 0:
        pytest.skip("no disk can be mounted here: that takes root on Linux")
    yield disk
    assert _mount("umount", str(disk)) == 0


def _mount(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


class TestFullDisk:
    def test_whatever_it_has_room_for(self, prepared: Path, small_disk: Path, nursery: Nursery) -> None:
        """A build fails with an error, the old version serves, and with more room it is done."""
        index = Path(shutil.copytree(prepared / "index", small_disk / "index"))
        old = Store(index).current().name
        failures = 0
        for room_kib in range(0, 256, 8):
            ballast = small_disk / "ballast"
            ballast.touch()
            free = shutil.disk_usage(small_disk).free
            with ballast.open("wb") as file:
                file.write(bytes(max(0, free - room_kib * 1024)))
            (status,) = nursery.build(prepared / "gallery", index, "whole")
            if status == "0":
                break
            assert status == "7"
            failures += 1
            assert Store(index).current().name == old
            assert len(_all_whole(index)) == 3
            assert not list(index.glob("*.part"))
            Store(index).open_current()
            ballast.unlink()
        assert failures >= 4
        assert Store(index).open_current().manifest.photos == 40
        _all_whole(index)


class TestReadOnly:
    @pytest.fixture
    def index(self, prepared: Path, small_disk: Path) -> Path:
        """An index on a disk that was made read-only."""
        index = Path(shutil.copytree(prepared / "index", small_disk / "crew"))
        for lock in index.glob(".*"):
            lock.unlink()
        assert _mount("mount", "-o", "remount,ro", str(small_disk)) == 0
        return index

    def test_it_is_read_as_ever(self, index: Path) -> None:
        version = Store(index).open_current(fingerprint=FINGERPRINT)
        assert version.manifest.photos == 8
        assert version.hold is not None
        assert not version.hold.held
        assert Store(index).previous()
        assert len(Store(index).versions()) == 3

    def test_a_lock_that_is_there_already_is_used(self, prepared: Path, small_disk: Path) -> None:
        index = Path(shutil.copytree(prepared / "index", small_disk / "crew"))
        assert _mount("mount", "-o", "remount,ro", str(small_disk)) == 0
        version = Store(index).open_current()
        assert version.hold is not None
        assert version.hold.held == SHARED_LOCKS

    @pytest.mark.parametrize(
        "what",
        [
            lambda store: store.activate(store.previous().name),
            lambda store: store.roll_back(),
            lambda store: store.prune(0),
        ],
    )
    def test_what_would_change_it_is_an_error(self, index: Path, what: Callable[[Store], object]) -> None:
        store = Store(index)
        before = store.current()
        with pytest.raises(OSError, match="Read-only"):
            what(store)
        assert store.current() == before
        assert len(_all_whole(index)) == 3

    def test_a_build_is_an_error(self, index: Path, prepared: Path, nursery: Nursery) -> None:
        assert nursery.build(prepared / "gallery", index, "whole") == ["7"]
        assert Store(index).open_current().manifest.photos == 8

    def test_it_is_said_in_a_sentence(
        self, index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RVS_INDEX_DIR", str(index.parent))
        assert run(["index", "rollback", "--index", "crew"]) == 7
        assert "Read-only" in capsys.readouterr().err


class TestDamage:
    @pytest.fixture
    def store(self, prepared: Path, tmp_path: Path) -> Store:
        return Store(Path(shutil.copytree(prepared / "index", tmp_path / "index")))

    @pytest.mark.parametrize("file", [VECTORS, FOREST, PHOTOS])
    def test_one_bit_anywhere(self, store: Store, file: str) -> None:
        path = store.current() / file
        sound = path.read_bytes()
        for bit in _chance.sample(range(8 * len(sound)), 100):
            path.write_bytes(_flipped(sound, bit))
            with pytest.raises(GalleryError, match=file):
                store.open_current(fingerprint=FINGERPRINT)
        path.write_bytes(sound)
        store.open_current(fingerprint=FINGERPRINT)

    @pytest.mark.parametrize("file", [VECTORS, FOREST, MANIFEST])
    @pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
    def test_a_file_cut_off_is_rolled_back_from_and_built_again(
        self, store: Store, prepared: Path, file: str, share: float
    ) -> None:
        path = store.current() / file
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(GalleryError):
            store.open_current()
        previous = store.previous().name
        assert store.roll_back() == previous
        assert store.open_current().manifest.people == 3
        assert builder(store.folder).build(prepared / "gallery", unheard).photos == 40

    def test_a_version_of_another_pipeline(self, store: Store, prepared: Path) -> None:
        other = builder(store.folder, pipeline_of_patches(fingerprint="f" * 16))
        built = other.build(prepared / "gallery", unheard).version.name
        with pytest.raises(GalleryMismatchError):
            store.open_current(fingerprint=FINGERPRINT)
        store.roll_back(fingerprint=FINGERPRINT)
        assert store.open_current(fingerprint=FINGERPRINT).manifest.photos == 8
        with pytest.raises(GalleryMismatchError):
            store.activate(built, fingerprint=FINGERPRINT)


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_ten_thousand_junk_files(tmp_path: Path) -> None:
    """Some called like photos, some not, among people, and where no person is; the people are found."""
    gallery = make_gallery(tmp_path / "gallery", range(3), 2)
    draw = random.Random(3)  # noqa: S311
    folders = [gallery / name for name in ("", "Person_00", "Junk", ".hidden", "Person_01/deep")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(10_000):
        suffix = ".jpg" if number // 5 % 10 == 0 else (".tmp", "", ".txt")[number % 3]
        (folders[number % 5] / f"junk{number}{suffix}").write_bytes(draw.randbytes(number % 50))
    report = builder(tmp_path / "index").build(gallery, unheard)
    assert (report.photos, report.people) == (6, 3)
    assert len(report.misses) == 600
    assert builder(tmp_path / "index").build(gallery, unheard).changed is False
