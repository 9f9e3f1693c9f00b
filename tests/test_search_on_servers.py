"""A service whose index is on a server: versions that take over under load, a server that is away and comes back."""

import asyncio
import io
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from rvs.answer import Question, Served, answer
from rvs.engine import GalleryPhotos, engine_over
from rvs.errors import SearchUnavailableError
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.hot_swap import HotSwap
from rvs.photo import PhotoLimits
from rvs.search_watch import SearchWatch
from rvs.searching import publisher_for, searching_for, store_for
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings, load_settings
from rvs.stages import Stages
from rvs.vectors.remote_index import RemoteIndex
from tests.gallery.small import builder, draw, make_gallery, pipeline_of_patches, save, unheard
from tests.search_servers import Postgres

PATIENCE_S = 60
PEOPLE = 8
SWAPS = 6


@dataclass
class Bench:
    """An index with two versions, in which the same faces have other names, and a service over the first."""

    gallery: Path
    versions: list[str]
    settings: Settings
    service: Service
    swap: HotSwap

    async def ask(self, person: int) -> tuple[str, list[str]]:
        """Which version answered, and with whom."""
        file = io.BytesIO()
        draw(person, photo=9).save(file, "PNG")

        def job(served: Served) -> tuple[str, list[str]]:
            found = answer(served, file.getvalue(), Question(3), Stages()).found
            return served.engine.version.folder.name, [match.person for match in found.matches]

        async with self.service.turn(Stages()) as turn:
            return await turn.run(job)

    def names_of(self, version: str) -> str:
        """What the people of a version are called."""
        return ("Person", "Other")[self.versions.index(version)]

    async def until(self, works: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.swap.search.works != works:
                await asyncio.sleep(0.01)


def _settings(engine: str, folder: Path, request: pytest.FixtureRequest) -> Settings:
    common = partial(load_settings, index_dir=folder, index="small", index_poll_seconds=0.05)
    match engine:
        case "milvus-lite":
            return common(search="milvus", milvus_uri=request.getfixturevalue("milvus_lite"))
        case "milvus":
            return common(search="milvus", milvus_uri=request.getfixturevalue("real_milvus").uri)
        case "pgvector":
            return common(search="pgvector", pgvector_dsn=request.getfixturevalue("postgres").dsn)
        case _:
            return common(search=engine)


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    engine, _, shared = request.param.partition(", ")
    gallery = make_gallery(tmp_path / "gallery", range(PEOPLE), 3)
    first = builder(tmp_path / "small").build(gallery, unheard).version
    for folder in sorted(gallery.iterdir()):
        folder.rename(folder.with_name(folder.name.replace("Person", "Other")))
    if shared:
        # Somebody comes before all others, and a photo goes: what a row means differs for nearly all of them.
        save(draw(40, photo=1), gallery / "Other" / "1.png")
        (gallery / "Other_06" / "2.png").unlink()
    second = builder(tmp_path / "small").build(gallery, unheard).version
    settings = _settings(engine, tmp_path, request)
    publisher = publisher_for(settings)
    if publisher is not None and shared:
        published = [publisher.publish(open_version(version), unheard) for version in (first, second)]
        assert [one.shared is not None for one in published] == [False, True]
        assert published[0].place == published[1].place
    elif publisher is not None:
        with ThreadPoolExecutor(2) as pool:  # most of it is waiting
            opened = [open_version(version) for version in (first, second)]
            list(pool.map(partial(publisher.publish, progress=unheard), opened))
    searching = searching_for(settings)
    searching.store.activate(first.name)

    def load() -> Served:
        engine = engine_over(searching.store.current(), pipeline_of_patches(), searching)
        return Served(engine, GalleryPhotos(gallery), PhotoLimits())

    service = Service(load, ServiceLimits(workers=3))
    await service.start()
    swap = HotSwap(service, settings, searching)
    swap.search = SearchWatch(service, every_s=0.1)
    yield Bench(gallery, [first.name, second.name], settings, service, swap)
    await service.close()


SERVERS = ["milvus-lite", "milvus", "pgvector"]


@pytest.mark.parametrize(
    "bench", ["annoy", "exact", *SERVERS, *(f"{one}, shared" for one in SERVERS)], indirect=True
)
async def test_versions_take_over_under_continuous_questions(bench: Bench) -> None:
    """No question fails, and no answer mixes two versions, though another process moves alias and pointer.

    Also where both are searched in one collection.
    """
    answers: list[tuple[str, int, list[str]]] = []
    stop = False

    async def keep_asking(person: int) -> None:
        while not stop:
            version, names = await bench.ask(person)
            answers.append((version, person, names))

    watching = asyncio.create_task(bench.swap.watch())
    asking = [asyncio.create_task(keep_asking(person)) for person in range(6)]
    other = store_for(bench.settings)  # as another process has it
    for number in range(SWAPS):
        wanted = bench.versions[(number + 1) % 2]
        await asyncio.to_thread(other.activate, wanted)
        async with asyncio.timeout(PATIENCE_S):
            while bench.swap.serving != wanted:
                await asyncio.sleep(0.01)
        before = len(answers)
        while len(answers) < before + 6:
            await asyncio.sleep(0.01)
    stop = True
    await asyncio.gather(*asking)  # raises what any question raised
    watching.cancel()
    assert {version for version, _, _ in answers} == set(bench.versions)
    for version, person, names in answers:
        assert names[0] == f"{bench.names_of(version)} {person:02d}"
        assert all(name.startswith(bench.names_of(version)) for name in names)


@pytest.mark.parametrize("bench", ["pgvector"], indirect=True)
async def test_while_the_server_is_away_whoever_asks_is_told_and_then_all_goes_on(
    bench: Bench, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    watching = asyncio.create_task(bench.swap.watch())
    await bench.until(works=True)
    assert (await bench.ask(3))[1][0] == "Person 03"
    postgres.kill()
    try:
        await bench.until(works=False)  # without that anybody asks
        with pytest.raises(SearchUnavailableError) as caught:
            await bench.ask(3)
        assert caught.value.message == "Search is not available right now."
        # Another version cannot take over now, but is not refused for that.
        folder = bench.swap.store.folder
        (folder / "current").write_text(f"{bench.versions[1]}\n")
        await asyncio.sleep(0.3)
        assert bench.swap.refused == ""
        assert bench.swap.serving == bench.versions[0]
    finally:
        await asyncio.to_thread(postgres.start)
    await bench.until(works=True)
    async with asyncio.timeout(PATIENCE_S):
        while bench.swap.serving != bench.versions[1]:
            await asyncio.sleep(0.01)
    assert (await bench.ask(3))[1][0] == "Other 03"

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "rvs.search"]

    async with asyncio.timeout(PATIENCE_S):
        while len(said()) < 2:
            await asyncio.sleep(0.01)
    watching.cancel()
    assert [line.split(":")[0] for line in said()] == ["no search", "search works again"]


@pytest.mark.parametrize("bench", ["pgvector"], indirect=True)
async def test_it_starts_without_its_server(bench: Bench, postgres: Postgres) -> None:
    postgres.kill()
    try:
        store = Store(bench.swap.store.folder)

        def load() -> Served:
            searching = searching_for(bench.settings)
            engine = engine_over(store.current(), pipeline_of_patches(), searching)
            return Served(engine, GalleryPhotos(bench.gallery), PhotoLimits())

        bench.service = Service(load, ServiceLimits(workers=1))
        await bench.service.start()
        assert bench.service.ready
        assert not SearchWatch(bench.service).works
        with pytest.raises(SearchUnavailableError):
            await bench.ask(2)
    finally:
        await asyncio.to_thread(postgres.start)
    assert (await bench.ask(2))[1][0] == "Person 02"
    assert SearchWatch(bench.service).works
    await bench.service.close()


@pytest.mark.parametrize("bench", ["annoy"], indirect=True)
async def test_where_no_server_searches_the_search_always_works(bench: Bench) -> None:
    assert bench.service.served is not None
    assert not isinstance(bench.service.served.engine.index, RemoteIndex)
    watching = asyncio.create_task(bench.swap.search.watch())
    await asyncio.sleep(0.3)
    assert not watching.done()
    assert bench.swap.search.works
    watching.cancel()
