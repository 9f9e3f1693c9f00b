"""A build is complete or absent, embeds only what it must, and never touches the index in use."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import BusyError, GalleryMissingError, RebuildFailedError, RebuildRunningError
from rvs.faces.face import nearest_to_centre
from rvs.gallery import embed
from rvs.gallery.build import Builder, BuildReport
from rvs.gallery.embed import CHANGED, NO_FACE, UNREADABLE
from rvs.gallery.in_use import SHARED_LOCKS
from rvs.gallery.store import Store
from rvs.gallery.verify import check_recall, realistic_probes
from rvs.gallery.version import Manifest, Version, open_version
from rvs.inference import InferenceOptions
from rvs.photo import PhotoLimits, read_photo
from rvs.pipeline import Pipeline
from tests.gallery.small import (
    FINGERPRINT,
    Colours,
    builder,
    draw,
    make_gallery,
    photo_path,
    pipeline_of_patches,
    save,
    unheard,
)

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bench:
    """A gallery, an index beside it, and a network that counts what it is shown."""

    gallery: Path
    index: Path
    network: Colours

    @property
    def builder(self) -> Builder:
        return builder(self.index, pipeline_of_patches(self.network))

    def build(self, **options: bool) -> BuildReport:
        return self.builder.build(self.gallery, unheard, **options)

    @property
    def current(self) -> Version:
        return open_version(Store(self.index).current(), fingerprint=FINGERPRINT)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Five people with three photos each, not built yet."""
    return Bench(make_gallery(tmp_path / "gallery", range(5), 3), tmp_path / "index", Colours())


def _vector_of(version: Version, file: str) -> NDArray[np.float16]:
    row = [photo.file for photo in version.photos].index(file)
    return np.array(version.vectors[row])


def _same_content(first: Version, second: Version) -> None:
    """Two versions over the same photos, whenever and however they were built."""
    assert first.photos == second.photos
    assert first.misses == second.misses
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert first.manifest.gallery_digest == second.manifest.gallery_digest
    assert first.manifest.files == second.manifest.files
    assert first.manifest.forest == second.manifest.forest


def _all_whole(index: Path) -> None:
    """Every version there is opens and is sound."""
    for folder, manifest in Store(index).versions():
        assert isinstance(manifest, Manifest)
        version = open_version(folder)
        check_recall(version, realistic_probes(version.vectors))


class TestFirst:
    def test_counts_and_order(self, bench: Bench) -> None:
        report = bench.build()
        assert report.changed
        assert (report.embedded, report.reused, report.photos, report.people) == (15, 0, 15, 5)
        assert report.misses == ()
        assert report.seconds > 0
        assert bench.network.shown == 15
        version = bench.current
        assert version.folder == report.version
        assert version.manifest == report.manifest
        assert [photo.file for photo in version.photos[:4]] == [
            "Person_00/1.png",
            "Person_00/2.png",
            "Person_00/3.png",
            "Person_01/1.png",
        ]

    def test_the_manifest_says_what_was_done(self, bench: Bench) -> None:
        manifest = bench.build().manifest
        assert manifest.pipeline == "patches + colours"
        assert manifest.fingerprint == FINGERPRINT
        assert (manifest.runtime, manifest.precision) == ("openvino", "f32")
        assert manifest.face_choice == "largest"
        assert manifest.forest.trees == 4
        assert manifest.forest.recall_at_10 >= 0.999
        assert {"hash", "embed", "index"} <= manifest.timings_s.keys()
        assert manifest.software["numpy"] == np.__version__

    def test_each_vector_belongs_to_its_photo(self, bench: Bench) -> None:
        """However many workers take however many photos at a time."""
        bench.build()
        version, pipeline = bench.current, pipeline_of_patches()
        for row, record in enumerate(version.photos):
            pixels = read_photo(bench.gallery / record.file).pixels
            (face,) = pipeline.faces(pixels)
            (vector,) = pipeline.embed([pipeline.chip(pixels, face)])
            assert record.face_box == face.box
            np.testing.assert_array_equal(version.vectors[row], vector.astype(np.float16))

    def test_progress_is_told_from_the_start_to_the_end(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embed, "CHUNK", 4)
        steps: list[tuple[str, int, int]] = []
        bench.builder.build(bench.gallery, lambda *step: steps.append(step))
        assert list(dict.fromkeys(stage for stage, _, _ in steps)) == ["hash", "embed", "index", "verify"]
        counted = [(done, total) for stage, done, total in steps if stage == "embed"]
        assert counted[0] == (0, 15)
        assert counted[-1] == (15, 15)
        assert len(counted) == 5
        assert counted == sorted(counted)

    def test_one_photo_is_a_gallery(self, tmp_path: Path) -> None:
        report = builder(tmp_path / "index").build(make_gallery(tmp_path / "gallery", [3], 1), unheard)
        assert (report.photos, report.people) == (1, 1)

    def test_two_files_of_one_photo_are_embedded_once(self, bench: Bench) -> None:
        shutil.copy(photo_path(bench.gallery, 0, 1), photo_path(bench.gallery, 4, 9))
        report = bench.build()
        assert bench.network.shown == report.embedded == 15
        assert report.photos == 16
        version = bench.current
        np.testing.assert_array_equal(
            _vector_of(version, "Person_00/1.png"), _vector_of(version, "Person_04/9.png")
        )

    def test_a_gallery_that_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(GalleryMissingError):
            bench.builder.build(bench.gallery / "nothing", unheard)
        assert not bench.index.exists()

    def test_workers_make_no_difference(self, bench: Bench, tmp_path: Path) -> None:
        one = replace(builder(tmp_path / "one"), workers=1).build(bench.gallery, unheard)
        many = replace(builder(tmp_path / "many"), workers=7).build(bench.gallery, unheard)
        _same_content(open_version(one.version), open_version(many.version))


class TestMisses:
    def test_what_cannot_be_used_is_listed_with_the_reason(self, bench: Bench) -> None:
        person = bench.gallery / "Person_02"
        save(Image.new("RGB", (64, 64)), person / "black.png")
        (person / "text.jpg").write_text("This is not a photo.")
        (person / "empty.jpg").write_bytes(b"")
        draw(9).save(person / "cut.jpg", quality=95)
        (person / "cut.jpg").write_bytes((person / "cut.jpg").read_bytes()[:900])
        save(draw(9).resize((400, 400)), person / "large.png")
        limits = PhotoLimits(max_pixels=100_000)
        report = replace(bench.builder, limits=limits).build(bench.gallery, unheard)
        assert (report.photos, report.people) == (15, 5)
        reasons = {miss.file.removeprefix("Person_02/"): miss.reason for miss in report.misses}
        assert set(reasons) == {"black.png", "text.jpg", "empty.jpg", "cut.jpg", "large.png"}
        assert reasons["black.png"] == NO_FACE
        assert "empty" in reasons["empty.jpg"]
        assert "400 x 400" in reasons["large.png"]
        assert len(set(reasons.values())) == 5
        assert all(reason.endswith(".") and len(reason) > 10 for reason in reasons.values())
        assert all(miss.person == "Person 02" and len(miss.sha256) == 64 for miss in report.misses)

    def test_they_are_not_looked_at_again(self, bench: Bench) -> None:
        save(Image.new("RGB", (64, 64)), photo_path(bench.gallery, 2, 8))
        (bench.gallery / "Person_02" / "text.jpg").write_text("This is not a photo.")
        first = bench.build()
        assert first.embedded == 17
        save(draw(6), photo_path(bench.gallery, 6, 1))
        second = bench.build()
        assert (second.embedded, second.reused) == (1, 17)
        assert second.misses == first.misses

    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
    def test_a_vector_that_is_none_is_a_miss_of_that_photo_alone(self, bench: Bench, value: float) -> None:
        class Sick(Colours):
            def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
                (vectors,) = super().__call__(batch)
                vectors[(vectors == sick).all(axis=1)] = value
                return (vectors,)

        pipeline = pipeline_of_patches()
        pixels = read_photo(photo_path(bench.gallery, 3, 2)).pixels
        (sick,) = Colours()(np.stack([pipeline.chip(pixels, pipeline.faces(pixels)[0])]))
        report = builder(bench.index, pipeline_of_patches(Sick())).build(bench.gallery, unheard)
        assert report.photos == 14
        assert [miss.file for miss in report.misses] == ["Person_03/2.png"]

    def test_no_usable_photo_leaves_the_old_version_serving(self, bench: Bench) -> None:
        before = bench.build().version
        for photo in bench.gallery.glob("*/*.png"):
            photo.write_text("")
        with pytest.raises(RebuildFailedError, match="None of the 15 photos"):
            bench.build()
        assert bench.current.folder == before
        assert len(Store(bench.index).versions()) == 1

    def test_photos_that_all_disappear_during_the_build(self, bench: Bench) -> None:
        before = bench.build().version
        other = make_gallery(bench.gallery.parent / "other", [8], 2)

        def remove(stage: str, done: int, total: int) -> None:
            if stage == "embed":
                shutil.rmtree(other, ignore_errors=True)

        with pytest.raises(RebuildFailedError, match=UNREADABLE):
            bench.builder.build(other, remove)
        assert bench.current.folder == before


class TestAgain:
    def test_nothing_changed_nothing_done(self, bench: Bench) -> None:
        first = bench.build()
        shown = bench.network.shown
        second = bench.build()
        assert not second.changed
        assert second.version == first.version
        assert (second.embedded, second.reused, second.photos, second.people) == (0, 15, 15, 5)
        assert second.manifest == first.manifest
        assert bench.network.shown == shown
        assert len(Store(bench.index).versions()) == 1

    def test_a_changed_photo(self, bench: Bench) -> None:
        bench.build()
        before = bench.current
        save(draw(1, photo=77), photo_path(bench.gallery, 1, 2))
        report = bench.build()
        assert (report.embedded, report.reused, report.photos) == (1, 14, 15)
        assert bench.network.shown == 15 + 1
        after = bench.current
        for photo in after.photos:
            same = (_vector_of(before, photo.file) == _vector_of(after, photo.file)).all()
            assert same == (photo.file != "Person_01/2.png")

    def test_an_added_photo_and_person(self, bench: Bench) -> None:
        bench.build()
        save(draw(9, photo=1), photo_path(bench.gallery, 9, 1))
        report = bench.build()
        assert (report.embedded, report.reused, report.photos, report.people) == (1, 15, 16, 6)
        assert bench.network.shown == 16
        assert bench.current.people[-1] == "Person 09"

    def test_a_removed_person(self, bench: Bench) -> None:
        bench.build()
        shutil.rmtree(bench.gallery / "Person_03")
        report = bench.build()
        assert report.changed
        assert (report.embedded, report.reused, report.photos, report.people) == (0, 12, 12, 4)
        assert bench.network.shown == 15
        assert "Person 03" not in bench.current.people

    def test_a_renamed_person(self, bench: Bench) -> None:
        bench.build()
        before = bench.current
        (bench.gallery / "Person_00").rename(bench.gallery / "Renamed")
        report = bench.build()
        assert report.changed
        assert (report.embedded, report.photos, report.people) == (0, 15, 5)
        assert bench.network.shown == 15
        np.testing.assert_array_equal(
            _vector_of(before, "Person_00/3.png"), _vector_of(bench.current, "Renamed/3.png")
        )

    def test_photos_that_changed_places(self, bench: Bench) -> None:
        bench.build()
        one, two = photo_path(bench.gallery, 0, 1), photo_path(bench.gallery, 4, 1)
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)
        before = bench.current
        assert bench.build().embedded == 0
        np.testing.assert_array_equal(
            _vector_of(before, "Person_00/1.png"), _vector_of(bench.current, "Person_04/1.png")
        )

    def test_fresh_embeds_everything_again(self, bench: Bench) -> None:
        first = bench.build()
        second = bench.build(fresh=True)
        assert second.changed
        assert second.version != first.version
        assert (second.embedded, second.reused) == (15, 0)
        assert bench.network.shown == 30
        _same_content(open_version(first.version), open_version(second.version))

    def test_another_pipeline_reuses_nothing(self, bench: Bench) -> None:
        bench.build()
        other = builder(bench.index, pipeline_of_patches(bench.network, fingerprint="f" * 16))
        report = other.build(bench.gallery, unheard)
        assert (report.embedded, report.reused) == (15, 0)
        assert report.manifest.fingerprint == "f" * 16

    def test_another_face_choice_reuses_nothing(self, bench: Bench) -> None:
        bench.build()
        report = replace(bench.builder, face_choice="centre").build(bench.gallery, unheard)
        assert (report.embedded, report.reused) == (15, 0)
        assert report.manifest.face_choice == "centre"

    def test_more_trees_make_another_forest_over_the_same_vectors(self, bench: Bench) -> None:
        """It is what a failed check of the recall asks for."""
        first = bench.build()
        report = replace(bench.builder, trees=9).build(bench.gallery, unheard)
        assert report.changed
        assert report.manifest.forest.trees == 9
        assert (report.embedded, report.reused) == (0, 15)
        np.testing.assert_array_equal(open_version(first.version).vectors, bench.current.vectors)

    def test_a_damaged_version_is_built_again(self, bench: Bench) -> None:
        first = bench.build()
        (first.version / "vectors.npy").write_bytes(b"damaged")
        report = bench.build()
        assert (report.changed, report.embedded) == (True, 15)
        assert bench.current.folder == report.version

    def test_a_damaged_pointer_too(self, bench: Bench) -> None:
        bench.build()
        (bench.index / "current").write_text("x" * 1000)
        report = bench.build()
        assert bench.current.folder == report.version

    def test_the_journal_is_gone_when_it_has_served(self, bench: Bench) -> None:
        bench.build()
        assert not list(bench.index.glob(".journal*"))
        assert not list(bench.index.glob("*.part"))


class TestOlderVersions:
    def _build(self, bench: Bench, person: int, keep: int) -> BuildReport:
        save(draw(person), photo_path(bench.gallery, person, 1))
        return replace(bench.builder, keep=keep).build(bench.gallery, unheard)

    def test_as_many_stay_as_asked_for(self, bench: Bench) -> None:
        made = [self._build(bench, 10 + number, 2).version for number in range(5)]
        assert [folder for folder, _ in Store(bench.index).versions()] == made[-3:]
        assert Store(bench.index).roll_back() == made[-2].name

    def test_they_go_when_nothing_has_changed_too(self, bench: Bench) -> None:
        made = [self._build(bench, 10 + number, 9).version for number in range(3)]
        report = replace(bench.builder, keep=1).build(bench.gallery, unheard)
        assert not report.changed
        assert [folder for folder, _ in Store(bench.index).versions()] == made[-2:]

    def test_one_in_use_stays(self, bench: Bench) -> None:
        bench.build()
        opened = Store(bench.index).open_current()
        for number in range(3):
            self._build(bench, 10 + number, 1)
        assert opened.folder.is_dir()
        assert len(Store(bench.index).versions()) == 3

    @pytest.mark.skipif(not SHARED_LOCKS, reason="this system has no shared locks")
    def test_nobody_prunes_a_version_before_it_is_in_use(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.build()
        really = Store.activate

        def late(store: Store, version: str) -> None:
            assert Store(bench.index).prune(0).removed == []  # by another process
            really(store, version)

        monkeypatch.setattr(Store, "activate", late)
        assert self._build(bench, 10, 1).version == Store(bench.index).current()

    @pytest.mark.parametrize("error", [OSError(errno.EROFS, "read-only"), BusyError("Another process.")])
    def test_a_build_does_not_fail_because_they_cannot_be_removed(
        self,
        bench: Bench,
        error: Exception,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def refuse(store: Store, keep: int) -> list[str]:
            raise error

        monkeypatch.setattr(Store, "prune", refuse)
        assert bench.build().changed
        assert "could not be removed" in caplog.text

    def test_the_version_in_use_is_checked_once_when_nothing_has_changed(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.build()
        opened: list[Path] = []

        def counted(folder: Path, *, fingerprint: str | None = None) -> Version:
            opened.append(folder)
            return open_version(folder, fingerprint=fingerprint)

        monkeypatch.setattr("rvs.gallery.store.open_version", counted)
        assert not bench.build().changed
        assert len(opened) == 1


class TestWhileItRuns:
    def _build(self, bench: Bench, when: str, then: Callable[[], object]) -> BuildReport:
        """Build, with something happening when a stage begins."""
        happened: list[object] = []

        def progress(stage: str, done: int, total: int) -> None:
            if stage == when and not happened:
                happened.append(then())

        return bench.builder.build(bench.gallery, progress)

    def test_a_deleted_photo_is_a_miss(self, bench: Bench) -> None:
        report = self._build(bench, "embed", photo_path(bench.gallery, 1, 1).unlink)
        assert report.photos == 14
        assert [(miss.file, miss.reason) for miss in report.misses] == [("Person_01/1.png", UNREADABLE)]

    def test_a_photo_that_comes_back_is_embedded_by_the_next_build(self, bench: Bench) -> None:
        """With the content the first build had listed: it must not take that for done."""
        photo = photo_path(bench.gallery, 1, 1)
        content = photo.read_bytes()
        self._build(bench, "embed", photo.unlink)
        photo.write_bytes(content)
        report = bench.build()
        assert (report.changed, report.embedded, report.photos, report.misses) == (True, 1, 15, ())

    def test_a_changed_photo_is_a_miss_and_embedded_by_the_next_build(self, bench: Bench) -> None:
        photo = photo_path(bench.gallery, 1, 1)
        report = self._build(bench, "embed", lambda: save(draw(1, photo=50), photo))
        assert report.photos == 14
        assert [(miss.file, miss.reason) for miss in report.misses] == [("Person_01/1.png", CHANGED)]
        report = bench.build()
        assert (report.photos, report.misses) == (15, ())
        assert "Person_01/1.png" in {photo.file for photo in bench.current.photos}

    def test_a_photo_that_changed_and_changed_back(self, bench: Bench) -> None:
        photo = photo_path(bench.gallery, 1, 1)
        content = photo.read_bytes()
        self._build(bench, "embed", lambda: save(draw(1, photo=50), photo))
        photo.write_bytes(content)
        assert bench.build().photos == 15

    def test_a_photo_added_too_late_is_in_the_next_build(self, bench: Bench) -> None:
        report = self._build(bench, "embed", lambda: save(draw(8), photo_path(bench.gallery, 8, 1)))
        assert report.photos == 15
        report = bench.build()
        assert (report.photos, report.embedded) == (16, 1)

    def test_the_old_version_serves_until_the_new_one_is_whole(self, bench: Bench) -> None:
        before = bench.build()
        save(draw(8), photo_path(bench.gallery, 8, 1))
        seen = set()

        def watch(stage: str, done: int, total: int) -> None:
            seen.add((stage, Store(bench.index).current(), len(Store(bench.index).versions())))

        after = bench.builder.build(bench.gallery, watch)
        assert {(folder, count) for _, folder, count in seen} == {(before.version, 1)}
        assert {stage for stage, _, _ in seen} == {"hash", "embed", "index", "verify"}
        assert bench.current.folder == after.version != before.version

    def test_what_is_open_goes_on_answering(self, bench: Bench) -> None:
        bench.build()
        opened = bench.current
        index = opened.index("annoy")
        probes = np.array(opened.vectors, np.float32)
        before = index.search(probes, 5)
        save(draw(8), photo_path(bench.gallery, 8, 1))
        bench.build()
        for expected, found in zip(before, index.search(probes, 5), strict=True):
            np.testing.assert_array_equal(expected, found)

    def test_one_who_watches_and_raises_stops_it(self, bench: Bench) -> None:
        """That is how a build is cancelled; what was embedded is kept."""

        def cancel() -> None:
            raise KeyboardInterrupt

        before = bench.build()
        save(draw(8), photo_path(bench.gallery, 8, 1))
        with pytest.raises(KeyboardInterrupt):
            self._build(bench, "index", cancel)
        assert bench.current.folder == before.version
        assert not list(bench.index.glob(".*.part"))
        report = bench.build()
        assert (report.embedded, report.photos) == (0, 16)

    def test_fresh_forgets_what_was_left_half_done_too(self, bench: Bench) -> None:
        def cancel() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self._build(bench, "index", cancel)
        report = bench.build(fresh=True)
        assert (report.embedded, report.reused) == (15, 0)
        assert bench.network.shown == 30


class TestLock:
    def test_a_second_build_is_refused_while_one_runs(self, bench: Bench) -> None:
        refused: list[RebuildRunningError] = []

        def progress(stage: str, done: int, total: int) -> None:
            if stage == "embed" and not refused:
                with pytest.raises(RebuildRunningError, match="index") as caught:
                    bench.build()
                refused.append(caught.value)

        assert bench.builder.build(bench.gallery, progress).photos == 15
        assert refused[0].hint

    def test_another_index_is_not_concerned(self, bench: Bench) -> None:
        built: list[BuildReport] = []

        def progress(stage: str, done: int, total: int) -> None:
            if stage == "embed" and not built:
                other = builder(bench.index.with_name("other"))
                built.append(other.build(bench.gallery, unheard))

        bench.builder.build(bench.gallery, progress)
        assert built[0].photos == 15

    @pytest.mark.parametrize("error", [RuntimeError("the detector broke"), KeyboardInterrupt()])
    def test_it_is_let_go_after_a_failure(self, bench: Bench, error: BaseException) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            raise error

        with pytest.raises(type(error)):
            bench.builder.build(bench.gallery, progress)
        assert bench.build().photos == 15


needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def _doomed(bench: Bench, *how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.gallery.doomed_build", str(bench.gallery), str(bench.index), *how]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(bench: Bench, *how: str) -> int:
    """The exit status of a build that ends as told."""
    with _doomed(bench, *how) as process:
        process.communicate(timeout=60)
    return process.returncode


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index over 8 photos, a gallery that has 32 more since, and what a build of all 40 gives."""
    root = tmp_path_factory.mktemp("killed")
    make_gallery(root / "gallery", range(4), 2)
    builder(root / "index").build(root / "gallery", unheard)
    make_gallery(root / "gallery", range(10), 4)
    builder(root / "whole").build(root / "gallery", unheard)
    return root


@needs_signals
class TestKilled:
    @pytest.mark.parametrize(
        ("how", "embedded_at_least", "activated"),
        [
            (("kill", "hash", "0"), 0, False),
            (("kill", "embed", "8"), 0, False),
            (("kill", "embed", "16"), 8, False),
            (("kill", "embed", "32"), 24, False),
            (("kill", "embed", "40"), 32, False),
            (("sync", "1"), 0, False),  # half a shard
            (("sync", "4"), 8, False),  # a later one
            (("kill", "index", "0"), 32, False),
            (("kill", "verify", "0"), 32, False),
            (("kill", "verify", "1"), 32, False),
            (("sync", "10"), 32, False),  # half-way through writing the version to the disk
            (("after", "activate"), 32, False),
            (("after", "delete"), 32, True),
        ],
    )
    def test_at_any_moment(
        self, prepared: Path, tmp_path: Path, how: tuple[str, ...], embedded_at_least: int, activated: bool
    ) -> None:
        shutil.copytree(prepared / "index", tmp_path / "index")
        bench = Bench(prepared / "gallery", tmp_path / "index", Colours())
        old = bench.current.folder
        assert _end(bench, *how) == -signal.SIGKILL

        # No half version, and the pointer is where it was.
        _all_whole(bench.index)
        if activated:
            assert bench.current.folder != old
            assert bench.current.manifest.photos == 40
        else:
            assert bench.current.folder == old
            assert bench.current.manifest.photos == 8

        # The next build goes on where that one was.
        report = bench.build()
        assert report.changed != activated
        assert report.reused >= 8 + embedded_at_least
        assert report.embedded == bench.network.shown == 40 - report.reused
        _same_content(bench.current, open_version(Store(prepared / "whole").current()))
        _all_whole(bench.index)

    def test_again_and_again(self, prepared: Path, tmp_path: Path) -> None:
        """Each build gets a shard further than the one before."""
        shutil.copytree(prepared / "index", tmp_path / "index")
        bench = Bench(prepared / "gallery", tmp_path / "index", Colours())
        for done in ("16", "24", "32"):
            assert _end(bench, "kill", "embed", done) == -signal.SIGKILL
        report = bench.build()
        assert report.reused >= 8 + 3 * 8
        _same_content(bench.current, open_version(Store(prepared / "whole").current()))

    def test_the_lock_is_held_by_another_process_and_free_when_that_is_killed(self, bench: Bench) -> None:
        with _doomed(bench, "wait", "embed", "0") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            with pytest.raises(RebuildRunningError):
                bench.build()
            process.kill()
            process.communicate(timeout=60)
        assert bench.build().photos == 15

    def test_what_killed_builds_left_does_not_pile_up(self, bench: Bench) -> None:
        assert _end(bench, "kill", "verify", "0") == -signal.SIGKILL
        (left,) = bench.index.glob(".*.part")
        os.utime(left, (0, 0))  # a long time ago
        bench.build()
        assert not list(bench.index.glob(".*.part"))


class TestDisk:
    @needs_signals
    @pytest.mark.parametrize("size", [100, 3000, 4500, 6000])
    def test_no_room_for_a_file(self, bench: Bench, size: int) -> None:
        """The system refuses to let files grow: shards at first, then vectors, then Annoy's own writing."""
        before = bench.build()
        make_gallery(bench.gallery, range(5, 9), 3)
        assert _end(bench, "limit", str(size)) == 1  # an error, not a crash, and not a success
        assert bench.current.folder == before.version
        assert len(Store(bench.index).versions()) == 1
        assert not list(bench.index.glob(".*.part"))
        assert bench.build().photos == 27

    def test_full_at_every_moment(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whichever write the disk refuses, the old version serves, and nothing half is left behind."""
        before = bench.build()
        really, failures = os.fsync, 0
        written: list[int] = []
        for number in range(1, 100):
            save(draw(20 + number), photo_path(bench.gallery, 20 + number, 1))
            written.clear()

            def full(fd: int, number: int = number) -> None:
                written.append(fd)
                if len(written) >= number:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                really(fd)

            with monkeypatch.context() as patched, contextlib.suppress(OSError):
                patched.setattr(os, "fsync", full)
                bench.build()
                break
            failures += 1
            assert bench.current.folder == before.version
            assert not list(bench.index.glob(".*.part"))
            _all_whole(bench.index)
        assert failures >= 5
        assert bench.current.manifest.photos == 15 + number

    @pytest.mark.parametrize("step", ["build_annoy", "write_photos", "write_manifest", "tune_search_k"])
    def test_an_error_in_any_step(self, bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        before = bench.build()
        save(draw(8), photo_path(bench.gallery, 8, 1))

        def full(*arguments: object, **options: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(f"rvs.gallery.build.{step}", full)
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                bench.build()
        assert bench.current.folder == before.version
        assert not list(bench.index.glob(".*.part"))
        report = bench.build()
        assert (report.embedded, report.photos) == (0, 16)  # what was embedded was not lost

    def test_a_version_that_fails_its_checks_does_not_appear(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = bench.build()
        save(draw(8), photo_path(bench.gallery, 8, 1))

        def unsound(*arguments: object) -> None:
            raise RebuildFailedError("It finds nothing.")

        with monkeypatch.context() as patched:
            patched.setattr("rvs.gallery.build.check_recall", unsound)
            with pytest.raises(RebuildFailedError, match="finds nothing"):
                bench.build()
        assert bench.current.folder == before.version
        assert len(Store(bench.index).versions()) == 1

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_cannot_be_written(self, bench: Bench) -> None:
        before = bench.build()
        save(draw(8), photo_path(bench.gallery, 8, 1))
        bench.index.chmod(0o500)
        try:
            with pytest.raises(OSError, match=os.strerror(errno.EACCES)):
                bench.build()
            assert bench.current.folder == before.version
        finally:
            bench.index.chmod(0o700)


class TestWhichFace:
    @pytest.fixture
    def crowded(self, tmp_path: Path) -> Path:
        """On each photo a small face in the middle and a larger one at the side."""
        for person in range(4):
            pixels = np.zeros((64, 192, 3), np.uint8)
            pixels[:, :64] = np.asarray(draw(90))
            pixels[16:48, 80:112] = np.asarray(draw(person).resize((43, 43)))[6:38, 6:38]
            save(Image.fromarray(pixels), photo_path(tmp_path / "gallery", person, 1))
        return tmp_path / "gallery"

    def test_the_largest_or_the_one_in_the_middle(self, crowded: Path, tmp_path: Path) -> None:
        boxes = {}
        for choice in ("largest", "centre"):
            built = builder(tmp_path / choice, face_choice=choice).build(crowded, unheard)
            version = open_version(built.version)
            boxes[choice] = [photo.face_box for photo in version.photos]
            # The same bystander everywhere makes all people look alike.
            near = version.index("exact").search(np.asarray(version.vectors, np.float32), 2)[1][:, 1]
            assert (near < 0.1).all() == (choice == "largest")
        assert all(box is not None and box.x1_px < 64 for box in boxes["largest"])
        assert all(box is not None and 75 < box.x0_px < 100 for box in boxes["centre"])

    def test_the_whole_image_has_no_box(self, bench: Bench) -> None:
        pipeline = pipeline_of_patches(whole_image=True)
        version = open_version(builder(bench.index, pipeline).build(bench.gallery, unheard).version)
        assert all(photo.face_box is None for photo in version.photos)
        assert version.manifest.pipeline == "whole-image + colours"


@pytest.fixture(scope="module")
def real_gallery(tmp_path_factory: pytest.TempPathFactory, astronaut: Pixels) -> Path:
    """Photos of one face, shifted, brightened and turned; a wall, a text, nothing, and half a photo."""
    root = tmp_path_factory.mktemp("astronaut")
    whole = Image.fromarray(astronaut)
    save(whole, root / "Eileen_Collins" / "1.png")
    save(whole.crop((100, 0, 400, 300)), root / "Eileen_Collins" / "2.png")
    save(whole.point(lambda value: value * 0.7), root / "Eileen_Darker" / "1.png")
    save(whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT), root / "Eileen_Mirrored" / "1.png")
    save(whole.crop((130, 0, 330, 200)).resize((400, 400)), root / "Eileen_Near" / "1.jpg")
    save(whole.crop((0, 380, 130, 510)), root / "Nobody" / "wall.png")
    (root / "Nobody" / "text.jpg").write_text("This is not a photo.")
    (root / "Nobody" / "empty.jpg").write_bytes(b"")
    half = save(whole, root / "Nobody" / "half.jpg")
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    return root


class TestRealNetworks:
    def test_vectors_are_the_pipelines_own(
        self, real_gallery: Path, tmp_path: Path, pipeline: Pipeline, options: InferenceOptions
    ) -> None:
        build = Builder(Store(tmp_path / "index"), pipeline, options, "largest", trees=4).build
        report = build(real_gallery, unheard)
        assert (report.photos, report.people) == (5, 4)
        assert {miss.file: miss.reason for miss in report.misses}["Nobody/wall.png"] == NO_FACE
        assert {Path(miss.file).name for miss in report.misses} == {
            "wall.png",
            "text.jpg",
            "empty.jpg",
            "half.jpg",
        }
        version = open_version(report.version, fingerprint=pipeline.fingerprint)
        for row, record in enumerate(version.photos):
            pixels = read_photo(real_gallery / record.file).pixels
            face = pipeline.faces(pixels)[0]
            assert record.face_box == face.box
            (vector,) = pipeline.embed([pipeline.chip(pixels, face)])
            # The batch is another one, which may move the last digits.
            assert float(version.vectors[row].astype(np.float32) @ vector) > 0.9999
        assert not build(real_gallery, unheard).changed


class TestLfw:
    def _sixty_people(self, lfw_dir: Path) -> list[str]:
        """Sixty of those with four to six photos: every third, so that they come from the whole alphabet."""
        folders = sorted(folder for folder in lfw_dir.iterdir() if folder.is_dir())
        return [folder.name for folder in folders if 4 <= len(list(folder.glob("*.jpg"))) <= 6][::3][:60]

    def test_a_small_lfw(
        self,
        lfw_dir: Path,
        tmp_path: Path,
        pipeline: Pipeline,
        options: InferenceOptions,
    ) -> None:
        people = self._sixty_people(lfw_dir)
        for person in people:
            shutil.copytree(lfw_dir / person, tmp_path / "gallery" / person)
        report = Builder(Store(tmp_path / "index"), pipeline, options, "centre").build(
            tmp_path / "gallery", unheard
        )
        assert report.people == len(people) == 60
        assert report.photos >= 250
        version = open_version(report.version)
        assert report.manifest.forest.recall_at_10 >= 0.999
        verified = check_recall(version, realistic_probes(version.vectors))
        assert verified.recall_at_10 >= 0.999
        assert verified.self_found == 1
        # The nearest other photo shows the same person.
        vectors = np.asarray(version.vectors, np.float32)
        ids, _ = version.index("annoy").search(vectors, 2)
        right = version.person_of[ids[:, 1]] == version.person_of
        assert right.mean() >= 0.97
        self._bystanders_do_not_win(tmp_path / "gallery", version, pipeline)

    def _bystanders_do_not_win(self, root: Path, version: Version, pipeline: Pipeline) -> None:
        """The named person is in the middle of an LFW photo, whoever else is larger."""
        looked_at = 0
        for record in version.photos:
            assert record.face_box is not None
            x, y = record.face_box.centre_px
            if abs(x - 125) + abs(y - 125) < 15:
                continue  # plainly the one
            looked_at += 1
            photo = read_photo(root / record.file)
            first = nearest_to_centre(pipeline.faces(photo.pixels), photo.width_px, photo.height_px)[0]
            assert first.box == record.face_box
        assert looked_at >= 3
