"""Debian's chromium, driven by playwright: started once for a module, with a service to look at."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rvs.answer import Served
from tests.web.page.tabs import Tab, opened
from tests.web.running import Running, running

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(portrait: bytes, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """A browser whose camera sees the portrait."""
    api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    film: Path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    film.write_bytes(3 * portrait)
    async with api.async_playwright() as driver:
        flags = [*_FLAGS, f"--use-file-for-fake-video-capture={film}"]
        started = await driver.chromium.launch(executable_path=chromium, args=flags)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(served: Served) -> AsyncIterator[Running]:
    async with running(served) as server:
        yield server


@pytest.fixture
def context() -> dict[str, Any]:
    """What kind of tab; tests that want another parametrize this."""
    return {}


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Any, site: Running, context: dict[str, Any]) -> AsyncIterator[Tab]:
    async with opened(browser, site.url, **context) as tab:
        yield tab
