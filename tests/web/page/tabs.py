"""The page in a tab of a real browser, watched: it has to stay at home, and to have nothing to complain of."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.web.running import Running

FIND = "**/v1/find*"
SETTLED = "body:not(.busy):has(:is(#words, #problem):not([hidden]))"


@dataclass(frozen=True)
class Tab:
    """A tab, what it asked of the network, and what it complained of."""

    page: Any
    requests: list[Any] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    choosers: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    async def choose(self, photo: bytes, name: str = "me.jpg", kind: str = "image/jpeg") -> None:
        """Choose a file."""
        await self.page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": photo})

    async def file_dialog(self) -> Any:
        """The dialog to choose a file, which has been opened or soon is."""
        async with asyncio.timeout(20):
            return await self.choosers.get()

    async def settled(self) -> None:
        """Wait until there is an answer or a problem."""
        await self.page.wait_for_selector(SETTLED)

    async def ask(self, photo: bytes) -> None:
        """Choose a photo and wait."""
        await self.choose(photo)
        await self.settled()

    async def text(self, selector: str) -> str:
        """Visible text, with ordinary spaces."""
        return str(await self.page.inner_text(selector)).replace("\u00a0", " ")

    async def shows(self, selector: str, text: str) -> None:
        """Wait until a text is there to be seen."""
        # Not by a function: the page's policy would have to allow `eval`.
        await self.page.wait_for_selector(f"{selector}:has-text({json.dumps(text)})")

    async def problem(self) -> str:
        """The sentence of the problem that is shown."""
        await self.page.wait_for_selector("#problem:not([hidden])")
        return await self.text("#problem-message")

    async def rows(self) -> list[list[str]]:
        """The table of people."""
        cells = (
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.replace('\\u00a0', ' ')))"
        )
        rows: list[list[str]] = await self.page.eval_on_selector_all("#rows tr", cells)
        return rows

    async def picture(self) -> bytes:
        """The picture grid that is shown."""
        source: str = await self.page.get_attribute("#picture img", "src")
        return base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))

    async def problems_to_access(self) -> list[str]:
        """What axe finds that keeps people out."""
        axe = pytest.importorskip(
            "axe_playwright_python.async_playwright", reason="axe-playwright-python is not installed"
        )
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = await axe.Axe().run(self.page, options={"runOnly": tags, "resultTypes": ["violations"]})
        return [
            f"{violation['id']}: {node['html'][:120]} ({node['failureSummary']})"
            for violation in found.response["violations"]
            for node in violation["nodes"]
        ]

    def asked(self) -> list[Any]:
        """The questions that were sent."""
        return [request for request in self.requests if "/v1/find" in request.url]


@asynccontextmanager
async def opened(browser: Any, url: str, **context: Any) -> AsyncIterator[Tab]:
    """The page in a tab of its own, which has stayed at home when it is closed.

    Args:
        browser: playwright's.
        url: of the service.
        context: what kind of tab: its size, its colours, ...
    """
    own = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context)
    try:
        tab = Tab(await own.new_page())
        tab.page.set_default_timeout(20_000)
        tab.page.on("request", lambda request: tab.requests.append(request))  # noqa: PLW0108
        # From the start, because it takes a moment until the browser shows no dialog of its own.
        tab.page.on("filechooser", lambda chooser: tab.choosers.put_nowait(chooser))  # noqa: PLW0108
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("console", lambda message: _note(tab, message))
        await tab.page.goto(url)
        yield tab
    finally:
        await own.close()
    away = [request.url for request in tab.requests if not request.url.startswith((url, "blob:", "data:"))]
    assert away == []
    assert tab.complaints == []


def _note(tab: Tab, message: Any) -> None:
    # Every answer that is an error is one to a browser as well.
    url = message.location["url"]
    refused = message.text.startswith("Failed to load") and ("/v1/find" in url or url.endswith("/metrics"))
    if message.type in ("warning", "error") and not refused:
        tab.complaints.append(message.text)


async def found(site: Running, photo: bytes, face: int = 1) -> Any:
    """What the service itself answers."""
    reply = await site.post(f"/v1/find?grid=true&face={face}", photo)
    assert reply.status == 200
    return reply.document


def changed(answer: Any) -> Any:
    """A route's handler that lets a question pass and changes its answer: `answer` is called with the document."""

    async def handler(route: Any) -> None:
        response = await route.fetch()
        document = await response.json()
        answer(document)
        await route.fulfill(response=response, body=json.dumps(document))

    return handler
