"""Another version takes over while people ask: nobody is refused, nobody is told wrong, nothing stays behind."""

import asyncio
import contextlib
import io
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rvs.answer import Answer, Question, Served, answer
from rvs.arrays import Distances, Ids, Vectors
from rvs.engine import GalleryPhotos, engine_over
from rvs.errors import (
    BusyError,
    GalleryCorruptError,
    GalleryMismatchError,
    GalleryMissingError,
    RebuildFailedError,
)
from rvs.gallery.in_use import is_held
from rvs.gallery.store import Store
from rvs.gallery.version import VECTORS, read_manifest, record_files, write_manifest
from rvs.hot_swap import HotSwap, self_check
from rvs.photo import PhotoLimits
from rvs.searching import searching_for
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings, load_settings
from rvs.stages import Stages
from tests.gallery.small import builder, draw, make_gallery, pipeline_of_patches, unheard

PATIENCE_S = 30
PEOPLE = 8


@dataclass
class Bench:
    """An index with two versions, in which the same faces have other names, and a service over the first."""

    folder: Path
    first: str
    second: str
    settings: Settings
    service: Service
    swap: HotSwap

    @property
    def store(self) -> Store:
        return Store(self.folder / "small")

    def point_to(self, version: str) -> None:
        """Take a version into use as another process would that checks nothing."""
        (self.store.folder / "current").write_text(f"{version}\n")

    def damage(self, version: str, *, hidden: bool) -> None:
        """Zero the vectors of a version; hidden: its manifest says that they are to be so."""
        folder = self.store.folder / version
        vectors = np.load(folder / VECTORS)
        np.save(folder / VECTORS, np.zeros_like(vectors))
        if hidden:
            write_manifest(
                folder / "manifest.json", replace(read_manifest(folder), files=record_files(folder))
            )

    async def ask(self, person: int) -> tuple[str, Answer]:
        """Which version answered, and what."""
        file = io.BytesIO()
        draw(person, photo=9).save(file, "PNG")

        def job(served: Served) -> tuple[str, Answer]:
            found = answer(served, file.getvalue(), Question(3), Stages())
            return served.engine.version.folder.name, found

        async with self.service.turn(Stages()) as turn:
            return await turn.run(job)

    def is_right(self, version: str, person: int, found: Answer) -> bool:
        """Whether an answer names the person as that version does, and nobody as the other one does."""
        family = {self.first: "Person", self.second: "Other"}[version]
        names = [match.person for match in found.found.matches]
        return names[0] == f"{family} {person:02d}" and all(name.startswith(family) for name in names)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    gallery = make_gallery(tmp_path / "gallery", range(PEOPLE), 3)
    store = Store(tmp_path / "small")
    first = builder(store.folder).build(gallery, unheard).version.name
    for folder in sorted(gallery.iterdir()):
        folder.rename(folder.with_name(folder.name.replace("Person", "Other")))
    second = builder(store.folder).build(gallery, unheard).version.name
    store.activate(first)
    settings = load_settings(index="small", index_dir=tmp_path, index_poll_seconds=0.01)
    searching = searching_for(settings)

    def load() -> Served:
        engine = engine_over(store.current(), pipeline_of_patches(), searching)
        return Served(engine, GalleryPhotos(gallery), PhotoLimits())

    service = Service(load, ServiceLimits(workers=3))
    await service.start()
    yield Bench(tmp_path, first, second, settings, service, HotSwap(service, settings, searching))
    await service.close()


def _mapped(version: str) -> bool:
    return version in Path("/proc/self/maps").read_text()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def _more_than(answers: list[tuple[str, int, Answer]], count: int) -> bool:
    return len(answers) > count


class TestSwapping:
    async def test_twenty_swaps_under_continuous_questions(self, bench: Bench) -> None:
        answers: list[tuple[str, int, Answer]] = []
        stop = False

        async def keep_asking(person: int) -> None:
            while not stop:
                version, found = await bench.ask(person)
                answers.append((version, person, found))

        asking = [asyncio.create_task(keep_asking(person)) for person in range(6)]
        for number in range(20):
            before = len(answers)
            assert await bench.swap.activate([bench.second, bench.first][number % 2])
            await _until(partial(_more_than, answers, before))
        stop = True
        await asyncio.gather(*asking)  # raises what any question raised
        assert {version for version, _, _ in answers} == {bench.first, bench.second}
        assert all(bench.is_right(*one) for one in answers)
        assert bench.swap.serving == bench.first
        assert _mapped(bench.first)
        assert not _mapped(bench.second)

    async def test_who_computes_ends_with_the_version_it_began_with(self, bench: Bench) -> None:
        begun, may_end = threading.Event(), threading.Event()

        def slow(served: Served) -> tuple[str, int]:
            begun.set()
            may_end.wait(PATIENCE_S)
            probe = np.asarray(served.engine.version.vectors[:1], np.float32)
            return served.engine.version.folder.name, served.engine.rank_people(probe, 1)[0].row

        async def ask() -> tuple[str, int]:
            async with bench.service.turn(Stages()) as turn:
                return await turn.run(slow)

        asking = asyncio.create_task(ask())
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        assert await bench.swap.activate(bench.second)
        old = bench.store.folder / bench.first
        assert (await bench.ask(1))[0] == bench.second
        assert _mapped(bench.first)
        assert is_held(old)
        may_end.set()
        assert await asking == (bench.first, 0)
        await _until(lambda: not _mapped(bench.first))
        assert not is_held(old)
        assert is_held(bench.store.folder / bench.second)

    async def test_the_version_that_answers_already_is_left_alone(self, bench: Bench) -> None:
        before = bench.service.served
        assert not await bench.swap.follow()
        assert bench.service.served is before

    async def test_back_to_the_one_before(self, bench: Bench) -> None:
        await bench.swap.activate(bench.second)
        assert await bench.swap.roll_back()
        assert bench.swap.serving == bench.store.current().name == bench.first

    async def test_before_anything_is_loaded(self, bench: Bench) -> None:
        service = Service(lambda: None, ServiceLimits())  # type: ignore[arg-type,return-value]
        swap = HotSwap(service, bench.settings, searching_for(bench.settings))
        assert swap.serving == ""
        for attempt in (swap.follow, swap.roll_back):
            with pytest.raises(BusyError):
                await attempt()
        assert bench.store.current().name == bench.first
        await service.close()


class TestRefusing:
    async def test_a_version_that_lacks_its_people_is_not_taken_over(self, bench: Bench) -> None:
        bench.damage(bench.second, hidden=True)
        with pytest.raises(RebuildFailedError):
            await bench.swap.activate(bench.second)
        await self._old_one_answers(bench)
        assert bench.store.current().name == bench.first

    async def test_a_damaged_version_is_not_taken_over(self, bench: Bench) -> None:
        bench.damage(bench.second, hidden=False)
        with pytest.raises(GalleryCorruptError):
            await bench.swap.activate(bench.second)
        await self._old_one_answers(bench)
        assert bench.store.current().name == bench.first

    async def test_a_version_that_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(GalleryMissingError):
            await bench.swap.activate("20000101T000000.000Z-00000000")
        await self._old_one_answers(bench)

    async def test_the_numbers_are_those_of_the_version_that_answers(self, bench: Bench) -> None:
        for version, search in ((bench.second, "exact"), (bench.first, "annoy")):
            settings = bench.settings.model_copy(update={"search": search})
            swap = HotSwap(bench.service, settings, searching_for(settings))
            await swap.activate(version)
            answering = swap.answering()
            assert answering is not None
            assert answering.manifest.version == version
            measured = answering.manifest.forest.recall_at_10
            assert answering.recall_at_10 == (1 if search == "exact" else measured)

    async def test_after_a_build_the_pointer_goes_back(self, bench: Bench) -> None:
        bench.damage(bench.second, hidden=True)
        bench.point_to(bench.second)
        with pytest.raises(RebuildFailedError):
            await bench.swap.follow_or_return()
        await self._old_one_answers(bench)
        assert bench.store.current().name == bench.first
        assert bench.swap.refused == ""

    async def test_what_was_refused_is_not_what_a_rollback_goes_back_to(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        make_gallery(tmp_path / "gallery", range(30, 31), 3)
        third = builder(bench.store.folder).build(tmp_path / "gallery", unheard).version.name
        assert await bench.swap.follow()
        bench.damage(bench.second, hidden=True)
        with pytest.raises(RebuildFailedError):
            await bench.swap.activate(bench.second)
        assert bench.swap.serving == bench.store.current().name == third
        assert await bench.swap.roll_back()
        assert bench.swap.serving == bench.first

    async def test_a_version_of_another_pipeline(self, bench: Bench, tmp_path: Path) -> None:
        other = pipeline_of_patches(fingerprint="f" * 16)
        made = builder(bench.store.folder, other).build(tmp_path / "gallery", unheard).version.name
        assert bench.store.current().name == made
        with pytest.raises(GalleryMismatchError):
            await bench.swap.follow()
        await self._old_one_answers(bench)
        assert bench.swap.refused == made

    async def test_what_was_refused_is_unmapped(self, bench: Bench) -> None:
        bench.damage(bench.second, hidden=True)
        with contextlib.suppress(RebuildFailedError):
            await bench.swap.activate(bench.second)
        assert not _mapped(bench.second)
        assert not is_held(bench.store.folder / bench.second)

    async def _old_one_answers(self, bench: Bench) -> None:
        assert bench.swap.serving == bench.first
        version, found = await bench.ask(2)
        assert bench.is_right(version, 2, found)


class TestWatching:
    @pytest.fixture
    async def watching(self, bench: Bench) -> AsyncIterator[None]:
        task = asyncio.create_task(bench.swap.watch())
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    @pytest.mark.usefixtures("watching")
    async def test_what_another_process_takes_into_use_answers(self, bench: Bench) -> None:
        bench.store.activate(bench.second)
        await _until(lambda: bench.swap.serving == bench.second)
        version, found = await bench.ask(4)
        assert bench.is_right(version, 4, found)

    @pytest.mark.usefixtures("watching")
    async def test_a_bad_one_is_tried_once_and_the_pointer_is_not_ours_to_change(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.damage(bench.second, hidden=True)
        bench.point_to(bench.second)
        await _until(lambda: bench.swap.refused == bench.second)
        await asyncio.sleep(0.1)  # several looks later
        assert bench.store.current().name == bench.second
        assert bench.swap.serving == bench.first
        assert len([one for one in caplog.records if "not taken over" in one.message]) == 1

    @pytest.mark.usefixtures("watching")
    async def test_a_pointer_to_nowhere_and_back(self, bench: Bench) -> None:
        bench.point_to("20000101T000000.000Z-00000000")
        await asyncio.sleep(0.05)
        assert bench.swap.serving == bench.first
        bench.point_to(bench.second)
        await _until(lambda: bench.swap.serving == bench.second)

    async def test_it_can_be_switched_off(self, bench: Bench) -> None:
        settings = bench.settings.model_copy(update={"index_poll_seconds": 0})
        task = asyncio.create_task(HotSwap(bench.service, settings, searching_for(settings)).watch())
        bench.store.activate(bench.second)
        await asyncio.sleep(0.05)
        assert not task.done()
        assert bench.swap.serving == bench.first
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Backwards:
    """Finds the farthest first, as an index over other vectors might."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        distances = np.linalg.norm(self._vectors - vectors, axis=1)
        order = np.argsort(-distances)[:k]
        return order[None].astype(np.int64), distances[order][None].astype(np.float32)


class TestTheSelfCheck:
    async def test_it_notices_an_index_that_finds_others(self, bench: Bench) -> None:
        assert bench.service.served is not None
        engine = bench.service.served.engine
        self_check(engine)
        wrong = replace(engine, index=Backwards(np.asarray(engine.version.vectors, np.float32)))
        with pytest.raises(RebuildFailedError, match="known people"):
            self_check(wrong)

    async def test_two_people_on_one_photo_are_no_fault(self, bench: Bench, tmp_path: Path) -> None:
        gallery = make_gallery(tmp_path / "twins", range(3), 1)
        for folder in sorted(gallery.iterdir()):
            twin = folder.with_name(f"Twin_of_{folder.name}")
            twin.mkdir()
            (twin / "1.png").write_bytes((folder / "1.png").read_bytes())
        made = builder(tmp_path / "pairs").build(gallery, unheard).version
        self_check(engine_over(made, pipeline_of_patches(), searching_for(bench.settings)))
