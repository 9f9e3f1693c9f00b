"""How the page looks and reads: by day and by night, on a phone, to those who see little, move little or wait."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import pytest

from rvs.answer import Served
from rvs.render import look
from rvs.render.lettering import Colour
from tests.web.page.tabs import FIND, Tab, opened
from tests.web.running import KEY, Setup, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
DARK = {"color_scheme": "dark"}
# What reaches over the margins of the page. (The width of the window is no measure: it grows with such a thing.)
BEYOND = """() => [...document.querySelectorAll("body *")]
    .filter((element) => element.checkVisibility() && !element.closest(".unseen"))
    .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        return left < 15 || right > screen.width - 15;
    })
    .map((element) => element.outerHTML.slice(0, 100))"""


@asynccontextmanager
async def waiting(tab: Tab, photo: bytes) -> AsyncIterator[None]:
    """Until this is left, the service does not answer."""
    go_on = asyncio.Event()

    async def hold(route: Any) -> None:
        await go_on.wait()
        await route.continue_()

    await tab.page.route(FIND, hold)
    await tab.choose(photo)
    await tab.page.wait_for_selector("body.busy")
    yield
    go_on.set()
    await tab.settled()
    await tab.page.unroute(FIND)


@pytest.mark.parametrize("context", [{}, DARK, PHONE, DARK | PHONE])
async def test_nobody_is_kept_out(tab: Tab, group: bytes, wall: bytes) -> None:
    assert await tab.problems_to_access() == []
    async with waiting(tab, group):
        assert await tab.problems_to_access() == []
    await tab.page.click("summary")
    assert await tab.problems_to_access() == []
    await tab.ask(wall)
    assert await tab.problems_to_access() == []
    if await tab.page.is_visible("#open-camera"):
        await tab.page.click("#open-camera")
        await tab.page.wait_for_selector("#shoot:enabled")
        assert await tab.problems_to_access() == []


@pytest.mark.parametrize("context", [{}, DARK, PHONE])
async def test_nobody_is_kept_out_by_the_key(
    browser: Any, served: Served, portrait: bytes, context: dict[str, Any]
) -> None:
    async with running(served, Setup(key=KEY)) as site, opened(browser, site.url, **context) as tab:
        await tab.ask(portrait)
        assert await tab.page.is_visible("#key-form")
        assert await tab.problems_to_access() == []
        assert await tab.page.evaluate(BEYOND) == []


@pytest.mark.parametrize("context", [PHONE, PHONE | {"viewport": {"width": 320, "height": 600}}])
async def test_on_a_phone_nothing_sticks_out(tab: Tab, group: bytes, wall: bytes) -> None:
    assert await tab.page.evaluate(BEYOND) == []
    await tab.ask(group)
    await tab.page.click("summary")
    assert await tab.page.evaluate(BEYOND) == []
    assert await tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await tab.ask(wall)
    assert await tab.page.evaluate(BEYOND) == []


@pytest.mark.parametrize("context", [PHONE])
async def test_on_a_phone_its_own_camera_takes_the_photo(tab: Tab, portrait: bytes) -> None:
    assert await tab.page.is_hidden("#open-camera")
    assert await tab.page.is_hidden("text=Drop a photo here")
    await tab.page.tap("#phone-camera")
    chosen = await tab.file_dialog()
    assert await chosen.element.get_attribute("capture") == "user"
    await chosen.set_files({"name": "me.jpg", "mimeType": "image/jpeg", "buffer": portrait})
    await tab.settled()
    assert len(await tab.rows()) == 8


@pytest.mark.parametrize("context", [PHONE])
async def test_a_finger_finds_a_small_face(tab: Tab, group: bytes) -> None:
    await tab.ask(group)
    box = await tab.page.locator("#faces label >> nth=2").bounding_box()
    assert box["width"] < 44
    assert box["height"] < 40
    # Not by touch: the browser itself would look for what may have been meant.
    await tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 21)
    await tab.shows("#status", "Face 3 of 3")


@pytest.mark.parametrize(("context", "ground"), [({}, look.PAPER), (DARK, None)])
async def test_the_page_is_light_or_dark(tab: Tab, ground: tuple[int, int, int] | None) -> None:
    seen = await tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = map(int, re.findall(r"\d+", seen))
    if ground is not None:
        assert (red, green, blue) == ground
    else:
        assert max(red, green, blue) < 50


async def test_the_colours_are_those_of_the_grid() -> None:
    style = (files("rvs.web.page") / "page.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--(\w[\w-]*): #(\w{6});", style.partition("@media")[0]))
    ours: dict[str, Colour] = {
        "paper": look.PAPER,
        "card": look.CARD,
        "ink": look.INK,
        "muted": look.MUTED,
        "night": look.NIGHT,
        "on-night": look.ON_NIGHT,
    }
    ours |= {str(word): accent for word, accent in look.ACCENTS.items()}
    assert {name: tuple(bytes.fromhex(light[name])) for name in ours} == ours


@pytest.mark.parametrize(("context", "moves"), [({}, True), ({"reduced_motion": "reduce"}, False)])
async def test_nothing_moves_for_those_who_do_not_want_it(tab: Tab, portrait: bytes, moves: bool) -> None:
    async with waiting(tab, portrait):
        assert await tab.text("#status") == "Looking at the photo…"
        assert bool(await tab.page.evaluate("document.getAnimations().length")) == moves
    assert await tab.page.evaluate("document.getAnimations().length") == 0


async def test_screen_readers_hear_of_progress_and_problems(tab: Tab, group: bytes) -> None:
    assert await tab.page.get_attribute("#status", "role") == "status"
    assert await tab.page.get_attribute("#problem", "role") == "alert"
    await tab.ask(group)
    heard = await tab.page.text_content("#status")
    assert heard == f"Face 1 of 3. You can choose another. {await tab.text('#headline')}."
    seen = await tab.page.aria_snapshot()
    for part in (
        'radio "Face 1" [checked]',
        'radio "Face 3"',
        'group "Faces in the photo"',
        'heading "Resembles',
    ):
        assert part in seen
    assert 'rowheader "' in seen


@pytest.mark.parametrize("context", [{"java_script_enabled": False}])
async def test_without_javascript_the_page_says_so(tab: Tab) -> None:
    assert await tab.page.is_visible("noscript strong")
