"""What goes wrong is told in a sentence with a hint, and what may help is offered."""

import json
from typing import Any

import pytest

from rvs.answer import Served
from tests.web.page.tabs import FIND, Tab, opened
from tests.web.running import KEY, PHOTO_BYTES, Running, Setup, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEPT = "async () => [localStorage.length, sessionStorage.length, (await caches.keys()).length]"


@pytest.mark.parametrize(
    ("photo", "kind"),
    [(b"this is no photo", "text/plain"), (b"", "image/jpeg"), (b"\xff\xd8\xff", "image/jpeg")],
)
async def test_a_file_that_is_no_photo(tab: Tab, site: Running, photo: bytes, kind: str) -> None:
    await tab.choose(photo, "me.jpg", kind)
    await tab.settled()
    error = (await site.post("/v1/find", photo)).document["error"]
    assert await tab.text("#problem") == f"{error['message']}\n\n{error['hint']}"
    assert await tab.page.is_hidden("#frame")
    assert await tab.page.is_hidden("#again")


async def test_a_photo_of_nobody_stays_in_sight(
    tab: Tab, site: Running, portrait: bytes, wall: bytes
) -> None:
    await tab.ask(portrait)
    await tab.ask(wall)
    error = (await site.post("/v1/find", wall)).document["error"]
    assert await tab.problem() == error["message"]
    assert await tab.text("#problem-hint") == error["hint"]
    assert await tab.page.is_visible("#photo")
    for hidden in ("#words", "#picture", "#people"):
        assert await tab.page.is_hidden(hidden)
    await tab.ask(portrait)
    assert await tab.page.is_hidden("#problem")


async def test_a_photo_that_is_too_large_is_not_sent(tab: Tab) -> None:
    await tab.ask(b"\xff\xd8" + bytes(PHOTO_BYTES))
    assert await tab.problem() == "This photo has 1.9 MB; at most 1.907 MB are taken."
    assert tab.asked() == []


async def test_a_photo_as_large_as_is_allowed_is_sent(tab: Tab, portrait: bytes) -> None:
    await tab.ask(portrait + bytes(PHOTO_BYTES - len(portrait)))
    assert len(await tab.rows()) == 8


async def test_a_folder_is_told_from_a_file(tab: Tab) -> None:
    await tab.page.evaluate(
        "() => { File.prototype.arrayBuffer = async () => { throw new DOMException(); }; }"
    )
    await tab.ask(b"x")
    assert await tab.problem() == "This file cannot be read."


async def test_a_service_that_cannot_be_reached_is_asked_again(tab: Tab, group: bytes) -> None:
    await tab.ask(group)
    await tab.page.route(FIND, lambda route: route.abort("connectionrefused"))
    await tab.page.click("#faces label >> nth=1")
    assert await tab.problem() == "The service cannot be reached."
    assert await tab.page.locator("#faces label").count() == 3
    await tab.page.unroute(FIND)
    await tab.page.click("#again")
    await tab.page.wait_for_selector("#words:not([hidden])")
    assert (await tab.text("#status")).startswith("Face 2 of 3")
    assert await tab.page.is_hidden("#problem")


@pytest.mark.parametrize(("status", "again"), [(413, False), (502, True), (200, False)])
async def test_a_page_of_a_proxy_is_no_answer(tab: Tab, portrait: bytes, status: int, again: bool) -> None:
    await tab.page.route(FIND, lambda route: route.fulfill(status=status, body="<html>nginx</html>"))
    await tab.ask(portrait)
    assert await tab.problem() == "The service sent no answer."
    assert str(status) in await tab.text("#problem-hint")
    assert await tab.page.is_visible("#again") == again


async def test_an_error_cannot_become_markup(tab: Tab, portrait: bytes) -> None:
    text = "<img src=/page/icon.svg>"
    body = json.dumps({"error": {"code": "x", "message": text, "hint": text}})
    await tab.page.route(FIND, lambda route: route.fulfill(status=422, body=body))
    await tab.ask(portrait)
    assert await tab.text("#problem") == f"{text}\n\n{text}"


async def test_a_service_that_is_still_starting(browser: Any, served: Served, portrait: bytes) -> None:
    async with running(served, Setup(started=False)) as site, opened(browser, site.url) as tab:
        await tab.ask(portrait)
        assert "starting" in await tab.problem()
        await site.service.start()
        await tab.page.click("#again")
        await tab.page.wait_for_selector("#words:not([hidden])")
        assert len(await tab.rows()) == 8


async def test_a_key_is_asked_for_and_kept_in_the_tab_only(
    browser: Any, served: Served, group: bytes
) -> None:
    async with running(served, Setup(key=KEY)) as site, opened(browser, site.url) as tab:
        await tab.page.wait_for_selector("#key-form")
        await tab.ask(group)
        assert await tab.problem() == "This service asks for a key."
        for typed, shown in (("short", "asks for a key"), ("not-the-key-of-it", "not the key")):
            await tab.page.fill("#key", typed)
            await tab.page.keyboard.press("Enter")
            await tab.shows("#problem-message", shown)
            assert await tab.page.evaluate("document.activeElement.id") == "key"
        assert sum(request.url.endswith("/metrics") for request in tab.requests) == 1  # not for the short one
        assert tab.asked() == []
        await tab.page.fill("#key", f" {KEY} ")
        await tab.page.click("text=Use it")
        await tab.page.wait_for_selector("#words:not([hidden])")
        assert await tab.page.is_hidden("#key-form")
        assert await tab.page.input_value("#key") == ""
        await tab.page.click("#faces label >> nth=1")
        await tab.shows("#status", "Face 2")
        assert await tab.page.evaluate(KEPT) == [0, 0, 0]
        assert not any(KEY in request.url for request in tab.requests)
        await tab.page.reload()
        await tab.page.wait_for_selector("#key-form")


async def test_a_key_that_is_no_longer_right_is_asked_for_again(
    browser: Any, served: Served, portrait: bytes
) -> None:
    async with running(served, Setup(key=KEY)) as site, opened(browser, site.url) as tab:
        await tab.page.fill("#key", KEY)
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_selector("#key-form", state="hidden")
        assert await tab.page.evaluate("document.activeElement.id") == "file"
        body = json.dumps({"error": {"code": "unauthorized", "message": "A key.", "hint": "In a header."}})
        await tab.page.route(FIND, lambda route: route.fulfill(status=401, body=body))
        await tab.ask(portrait)
        assert await tab.problem() == "This is not the key of the service."
        assert await tab.page.is_visible("#key-form")


async def test_without_a_connection_the_key_stays_to_be_tried_again(browser: Any, served: Served) -> None:
    async with running(served, Setup(key=KEY)) as site, opened(browser, site.url) as tab:
        await tab.page.route("**/metrics", lambda route: route.abort("connectionrefused"))
        await tab.page.fill("#key", KEY)
        await tab.page.keyboard.press("Enter")
        assert await tab.problem() == "The service cannot be reached."
        assert await tab.page.is_hidden("#again")  # there is no photo to ask with
        await tab.page.unroute("**/metrics")
        await tab.page.click("text=Use it")
        await tab.page.wait_for_selector("#key-form", state="hidden")
        assert await tab.page.is_hidden("#problem")


async def test_nothing_is_stored(tab: Tab, group: bytes) -> None:
    await tab.ask(group)
    assert await tab.page.context.storage_state(indexed_db=True) == {"cookies": [], "origins": []}
    pages = await tab.page.evaluate("history.length")
    await tab.page.click("#faces label >> nth=1")
    await tab.shows("#status", "Face 2")
    assert await tab.page.evaluate(KEPT) == [0, 0, 0]
    assert await tab.page.evaluate("history.length") == pages
    response = await tab.asked()[0].response()
    assert response.headers["cache-control"] == "no-store"
    await tab.page.reload()
    assert await tab.page.is_visible("#invitation")
