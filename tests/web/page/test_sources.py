"""A photo is dropped, pasted, or taken with the camera; and what is none is told from one."""

import base64

import pytest
from PIL import Image

from rvs.arrays import Pixels
from tests.web.conftest import file_of
from tests.web.page.tabs import Tab, found
from tests.web.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_photo_is_dropped(tab: Tab, site: Running, portrait: bytes) -> None:
    dropped = await tab.page.evaluate_handle(
        """text => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File(["some text"], "notes.txt", { type: "text/plain" }));
            transfer.items.add(new File([bytes], "me.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        base64.b64encode(portrait).decode(),
    )
    await tab.page.dispatch_event("#drop", "dragover", {"dataTransfer": dropped})
    assert await tab.page.is_visible("body.dropping")
    await tab.page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    await tab.settled()
    assert not await tab.page.is_visible("body.dropping")
    assert (await tab.rows())[0][1] == (await found(site, portrait))["searched"][0]["matches"][0]["person"]


async def test_a_dropped_address_is_no_photo(tab: Tab) -> None:
    address = await tab.page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.setData("text/uri-list", "/me.jpg");
            return transfer;
        }"""
    )
    await tab.page.dispatch_event("#drop", "drop", {"dataTransfer": address})
    assert await tab.problem() == "What was dropped is not a photo."
    assert tab.asked() == []


@pytest.mark.parametrize("context", [{"permissions": ["clipboard-read", "clipboard-write"]}])
async def test_a_photo_is_pasted(tab: Tab, site: Running, astronaut: Pixels) -> None:
    photo = file_of(Image.fromarray(astronaut), "PNG")
    await tab.page.evaluate(
        """async text => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const item = new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) });
            await navigator.clipboard.write([item]);
        }""",
        base64.b64encode(photo).decode(),
    )
    await tab.page.keyboard.press("Control+v")
    await tab.settled()
    assert (await tab.rows())[0][1] == (await found(site, photo))["searched"][0]["matches"][0]["person"]


@pytest.mark.parametrize("context", [{"permissions": ["clipboard-read", "clipboard-write"]}])
async def test_a_pasted_address_is_no_photo(tab: Tab) -> None:
    await tab.page.evaluate("navigator.clipboard.writeText('/me.jpg')")
    await tab.page.keyboard.press("Control+v")
    assert await tab.problem() == "What was pasted is not a photo."


async def test_a_photo_is_taken_with_the_camera(tab: Tab) -> None:
    await tab.page.click("#open-camera")
    await tab.page.click("#shoot:enabled")
    await tab.settled()
    assert len(await tab.rows()) == 8
    assert await tab.page.is_hidden("#camera")
    assert await tab.page.evaluate("document.getElementById('viewfinder').srcObject") is None
    (asked,) = tab.asked()
    assert asked.post_data_buffer.startswith(b"\xff\xd8")


async def test_a_camera_that_is_closed_takes_nothing(tab: Tab) -> None:
    await tab.page.click("#open-camera")
    await tab.page.evaluate("document.getElementById('open-camera').click()")  # impatient
    await tab.page.wait_for_selector("#shoot:enabled")
    stream = await tab.page.evaluate_handle("document.getElementById('viewfinder').srcObject")
    assert await stream.evaluate("stream => stream.active")
    await tab.page.keyboard.press("Escape")
    await tab.page.wait_for_selector("#camera", state="hidden")
    assert not await stream.evaluate("stream => stream.active")
    assert await tab.page.evaluate("document.activeElement.id") == "open-camera"
    assert tab.asked() == []


async def test_a_page_that_may_not_have_a_camera_offers_none(tab: Tab) -> None:
    assert await tab.page.is_visible("#open-camera")
    # As over http from another machine.
    await tab.page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    await tab.page.reload()
    assert await tab.page.is_hidden("#open-camera")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NotAllowedError", "The camera may not be used."),
        ("NotFoundError", "There is no camera."),
        ("NotReadableError", "The camera cannot be used."),
    ],
)
async def test_a_camera_that_cannot_be_had(tab: Tab, name: str, sentence: str) -> None:
    refuse = (
        "name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }"
    )
    await tab.page.evaluate(refuse, name)
    await tab.page.click("#open-camera")
    assert await tab.problem() == sentence
