"""Pictures of the page of `rvs serve` for the README: `make pictures`. It needs playwright and Debian's chromium.

The gallery's photos are left out on purpose, as in `tools.pictures`: those of LFW are not ours to publish.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from tools.pictures import group
from tools.sample_photo import sample_photo

_DOCS = Path("docs")
_TABS: dict[str, dict[str, Any]] = {
    "page.png": {"viewport": {"width": 1100, "height": 1010}},
    "page-phone.png": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    | {"color_scheme": "dark", "device_scale_factor": 1.5},
}


async def draw(folder: Path) -> None:
    """Show the page a photo of three faces, choose the second, and photograph that."""
    photo = {"name": "crew.jpg", "mimeType": "image/jpeg", "buffer": group(sample_photo().read_bytes())}
    async with serving() as url, async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, context in _TABS.items():
            page = await browser.new_page(**context)
            await page.goto(url)
            await page.set_input_files("#file", photo)
            await page.click("#faces label >> nth=1")
            await page.wait_for_selector("#status:has-text('Face 2 of 3')")
            await page.screenshot(path=folder / name)
        await browser.close()


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """The address of a service without the photos of its gallery."""
    with tempfile.TemporaryDirectory() as nowhere:
        environment = {name: value for name, value in os.environ.items() if name != "RVS_LFW_DIR"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rvs", "serve", "--port", "0"),
            cwd=nowhere,  # where there is no `.env` either
            env=environment | {"RVS_DATA_DIR": nowhere},
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None  # noqa: S101
        try:
            log = ""
            while "ready to answer" not in log:
                line = (await process.stderr.readline()).decode()
                log += line
                if not line:
                    raise RuntimeError(f"The service did not start:\n{log}")
            found = re.search(r"http://[\d.]+:\d+", log)
            yield found[0] if found else ""
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


if __name__ == "__main__":
    asyncio.run(draw(_DOCS))
