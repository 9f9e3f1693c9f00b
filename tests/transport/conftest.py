"""One running bot for all tests of a module; tests that end it, or set it up otherwise, start their own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import skimage.data
from PIL import Image

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.questions import file_of, start, started


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """A good face in a JPEG of 18 kB."""
    return file_of(Image.fromarray(skimage.data.astronaut()).resize((300, 300)))


@pytest.fixture(scope="session")
def group() -> bytes:
    """The same face three times, in three sizes."""
    face = Image.fromarray(skimage.data.astronaut())
    photo = Image.new("RGB", (1020, 480), "gray")
    for left, side in ((0, 220), (220, 320), (540, 480)):
        photo.paste(face.resize((side, side)), (left, 0))
    return file_of(photo)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Settings of the module's bot. Its people ask more often than people do."""
    return {"RVS_DISCORD_CHANNEL_ASKS": "100000"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _town() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _running(
    _town: FakeDiscord,
    environment: dict[str, str],
    cache_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[BotProcess]:
    async with start(_town, tmp_path_factory.mktemp("bot"), cache_dir, environment) as process:
        yield await started(process)


@pytest.fixture
def town(_town: FakeDiscord, _running: BotProcess) -> Iterator[FakeDiscord]:
    """The Discord of the module's bot. Its record is clean: what a test sees has happened in it."""
    _town.requests.clear()
    yield _town
    _town.faults.clear()
    assert _town.unknown_routes == []


@pytest.fixture
def bot(_running: BotProcess) -> Iterator[BotProcess]:
    """The module's bot, whose log is clean likewise, and which no test may end."""
    _running.lines.clear()
    yield _running
    print("The bot wrote:", *_running.lines, sep="\n  ")
    assert _running.returncode is None


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    """A Discord of the test's own, for a bot that is started anew."""
    async with FakeDiscord() as fake:
        yield fake
        assert fake.unknown_routes == []
