"""The engine over the packaged networks and the committed index, loaded once; a server for each test."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from rvs.answer import Served, load_served
from rvs.arrays import Pixels
from rvs.settings import load_settings
from tests.web.running import PHOTO_BYTES, Running, Setup, running


@pytest.fixture(scope="session")
def served(cache_dir: Path) -> Served:
    return load_served(load_settings(cache_dir=cache_dir, max_photo_bytes=PHOTO_BYTES))


def file_of(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def portrait(astronaut: Pixels) -> bytes:
    return file_of(Image.fromarray(astronaut))


@pytest.fixture(scope="session")
def group(astronaut: Pixels) -> bytes:
    """The same face three times, in three sizes, the smallest at the left."""
    face = Image.fromarray(astronaut)
    photo = Image.new("RGB", (1020, 480), "gray")
    for left, side in ((0, 220), (220, 320), (540, 480)):
        photo.paste(face.resize((side, side)), (left, 0))
    return file_of(photo)


@pytest.fixture(scope="session")
def wall() -> bytes:
    """A photo of nobody."""
    return file_of(Image.new("RGB", (200, 200), "gray"))


@pytest.fixture(autouse=True)
def _warm_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is used once when a service starts; here the one engine of all tests has been."""
    monkeypatch.setattr("rvs.service.warm_up", lambda _: None)


@pytest.fixture
def setup() -> Setup:
    """How the service is set up; tests that want it otherwise parametrize this."""
    return Setup()


@pytest.fixture
async def web(served: Served, setup: Setup) -> AsyncIterator[Running]:
    async with running(served, setup) as server:
        yield server
