"""A photo is asked about: its faces are chosen from, and what is shown is what the service answers."""

import asyncio
import base64
import io
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.photo import read_photo
from rvs.render import percentile_text
from tests.web.conftest import file_of
from tests.web.page.tabs import FIND, SETTLED, Tab, changed, found
from tests.web.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ORIENTATION = 0x0112


def turned(astronaut: Pixels, kind: str, orientation: int) -> bytes:
    """The head as a camera held otherwise writes it, wider than high."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return file_of(Image.fromarray(astronaut[:300]), kind, exif=exif)


def moving(astronaut: Pixels) -> bytes:
    head = Image.fromarray(astronaut[:300])
    blank = Image.new("RGB", head.size, "white")
    return file_of(head, "GIF", save_all=True, append_images=[blank], duration=20, loop=0)


def heic(astronaut: Pixels) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(astronaut[:300])).save(file, quality=90)
    return file.getvalue()


async def test_the_answer_is_shown_as_picture_and_as_text(tab: Tab, site: Running, portrait: bytes) -> None:
    await tab.ask(portrait)
    (searched,) = (await found(site, portrait))["searched"]
    best = searched["matches"][0]
    assert await tab.text("#headline") == f"Resembles {best['person']}"
    percentile = percentile_text(best["score"]["percentile"])
    words = f"A {best['score']['word']} resemblance: closer than {percentile} of pairs of strangers."
    assert await tab.text("#sentence") == words
    assert await tab.rows() == [
        [
            str(match["rank"]),
            match["person"],
            match["score"]["word"],
            percentile_text(match["score"]["percentile"]),
            f"{match['photos_agreeing']} of {match['photos_total']}",
        ]
        for match in searched["matches"]
    ]
    assert await tab.picture() == base64.b64decode(searched["grid"]["base64"])
    assert await tab.page.get_attribute("#picture img", "alt") == searched["grid"]["alt_text"]
    assert await tab.page.is_hidden("#poor")


async def test_another_face_is_asked_for_with_the_photo_again(tab: Tab, site: Running, group: bytes) -> None:
    await tab.ask(group)
    assert (await tab.text("#status")).startswith("Face 1 of 3. You can choose another.")
    await tab.page.click("#faces label >> nth=2")
    await tab.shows("#status", "Face 3 of 3")
    answer = await found(site, group, face=3)
    people = [match["person"] for match in answer["searched"][0]["matches"]]
    assert [row[1] for row in await tab.rows()] == people
    assert await tab.picture() == base64.b64decode(answer["searched"][0]["grid"]["base64"])
    first, second = tab.asked()
    assert ("face=1" in first.url, "face=3" in second.url) == (True, True)
    assert first.post_data_buffer == second.post_data_buffer == group


@pytest.mark.parametrize("context", [{}, {"viewport": {"width": 360, "height": 740}}])
async def test_a_frame_lies_on_each_face(tab: Tab, site: Running, group: bytes) -> None:
    await tab.ask(group)
    answer = await found(site, group)
    rectangle = """(element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return [x, y, width, height];
    }"""
    left, top, width, height = await tab.page.eval_on_selector("#photo", rectangle)
    zoom = width / answer["width_px"]
    assert height == pytest.approx(zoom * answer["height_px"], abs=1)
    labels = await tab.page.query_selector_all("#faces label")
    for label, face in zip(labels, answer["faces"], strict=True):
        x0, y0, x1, y1 = (zoom * value for value in face["box_px"])
        where = await label.evaluate(rectangle)
        assert where == pytest.approx([left + x0, top + y0, x1 - x0, y1 - y0], abs=1)


@pytest.mark.parametrize(
    ("kind", "orientation"), [("JPEG", 6), ("JPEG", 3), ("JPEG", 2), ("PNG", 6), ("WEBP", 8), ("AVIF", 3)]
)
async def test_the_photo_that_is_shown_is_the_one_that_was_read(
    tab: Tab, astronaut: Pixels, kind: str, orientation: int
) -> None:
    photo = turned(astronaut, kind, orientation)
    upright = read_photo(photo).pixels
    assert (upright.shape[0] > upright.shape[1]) == (orientation > 4)
    await assert_shown(tab, photo, upright)


async def test_of_moving_pictures_the_first_is_shown(tab: Tab, astronaut: Pixels) -> None:
    photo = moving(astronaut)
    await assert_shown(tab, photo, read_photo(photo).pixels)


async def test_a_photo_that_the_browser_cannot_read_is_shown_by_the_service(
    tab: Tab, astronaut: Pixels
) -> None:
    photo = heic(astronaut)
    await tab.choose(photo, "me.heic", "image/heic")
    await assert_shown(tab, photo, read_photo(photo).pixels)


async def assert_shown(tab: Tab, photo: bytes, expected: Pixels) -> None:
    """Ask, and compare what is on the screen, scaled, with the pixels that were searched."""
    await tab.ask(photo)
    await tab.page.wait_for_selector("#frame:not([hidden])")
    drawn: str = await tab.page.eval_on_selector(
        "#photo",
        """async (photo, [width, height]) => {
            await photo.decode();
            const canvas = Object.assign(document.createElement("canvas"), { width, height });
            canvas.getContext("2d").drawImage(photo, 0, 0, width, height);
            return canvas.toDataURL("image/png");
        }""",
        [expected.shape[1], expected.shape[0]],
    )
    with Image.open(io.BytesIO(base64.b64decode(drawn.partition(",")[2]))) as opened:
        shown = np.asarray(opened.convert("RGB"), dtype=np.float32)
    assert np.abs(shown - expected).mean() < 6


async def test_a_newer_photo_ends_the_question_before(
    tab: Tab, site: Running, portrait: bytes, group: bytes
) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        if route.request.post_data_buffer == group:
            held.set()
            await go_on.wait()
        await route.continue_()

    await tab.page.route(FIND, hold)
    failed = []
    tab.page.on("requestfailed", lambda request: failed.append((request.post_data_buffer, request.failure)))
    await tab.choose(group)
    await held.wait()
    await tab.ask(portrait)
    assert failed == [(group, "net::ERR_ABORTED")]
    assert (await tab.rows())[0][1] == (await found(site, portrait))["searched"][0]["matches"][0]["person"]
    assert await tab.page.locator("#faces label").count() == 1
    go_on.set()
    await tab.page.unroute_all(behavior="ignoreErrors")


async def test_another_face_ends_the_question_before(tab: Tab, site: Running, group: bytes) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        if "face=2" in route.request.url:
            held.set()
            await go_on.wait()
        await route.continue_()

    await tab.ask(group)
    await tab.page.route(FIND, hold)
    failed = []
    tab.page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
    await tab.page.click("#faces label >> nth=1")
    await held.wait()
    await tab.page.click("#faces label >> nth=2")
    await tab.shows("#status", "Face 3 of 3")
    ((url, failure),) = failed
    assert ("face=2" in url, failure) == (True, "net::ERR_ABORTED")
    answer = await found(site, group, face=3)
    assert await tab.picture() == base64.b64decode(answer["searched"][0]["grid"]["base64"])
    go_on.set()
    await tab.page.unroute_all(behavior="ignoreErrors")


async def test_a_file_that_is_slow_to_read_does_not_take_the_place_of_a_newer_one(
    tab: Tab, portrait: bytes, group: bytes
) -> None:
    await tab.page.evaluate(
        """() => {
            const read = Blob.prototype.arrayBuffer;
            let first = true;
            Blob.prototype.arrayBuffer = async function () {
                const slow = first;
                first = false;
                if (slow) {
                    document.body.classList.add("reading");
                    await new Promise((resolve) => { window.readAtLast = resolve; });
                }
                return read.call(this);
            };
        }"""
    )
    await tab.choose(portrait)
    await tab.page.wait_for_selector("body.reading")
    await tab.ask(group)
    await tab.page.evaluate("window.readAtLast()")
    await tab.page.click("#faces label >> nth=1")
    await tab.shows("#status", "Face 2 of 3")
    assert [request.post_data_buffer for request in tab.asked()] == [group, group]


async def test_a_photo_is_forgotten_when_asked(tab: Tab, group: bytes) -> None:
    await tab.ask(group)
    await tab.page.click("#forget")
    for hidden in ("#frame", "#words", "#picture", "#people", "#forget"):
        assert await tab.page.is_hidden(hidden)
    assert await tab.page.get_attribute("#photo", "src") is None
    assert await tab.page.locator("#faces label").count() == 0
    assert await tab.page.is_visible("#invitation")
    assert await tab.page.evaluate("document.activeElement.id") == "file"


async def test_names_cannot_become_markup(tab: Tab, portrait: bytes) -> None:
    def rename(document: Any) -> None:
        names = ["<img src=/page/icon.svg>", "Ada\u202e\n Lovelace", "\u200b"]
        for match, name in zip(document["searched"][0]["matches"], names, strict=False):
            match["person"] = name

    await tab.page.route(FIND, changed(rename))
    await tab.ask(portrait)
    assert await tab.text("#headline") == "Resembles <img src=/page/icon.svg>"
    names = [row[1] for row in await tab.rows()]
    assert names[:3] == ["<img src=/page/icon.svg>", "Ada Lovelace", "A person without a name"]
    assert await tab.page.locator("#people img, #words img").count() == 0


async def test_a_pipeline_that_looks_for_no_face_has_no_frames(tab: Tab, portrait: bytes) -> None:
    def whole(document: Any) -> None:
        document["faces"] = []
        document["searched"][0] |= {"face": None, "quality": None}

    await tab.page.route(FIND, changed(whole))
    await tab.ask(portrait)
    assert (await tab.text("#status")).startswith("The photo as a whole.")
    assert await tab.page.locator("#faces label").count() == 0


async def test_everything_can_be_done_with_the_keyboard(tab: Tab, group: bytes) -> None:
    async def press(*keys: str) -> Any:
        for key in keys:
            await tab.page.keyboard.press(key)
        focused = "({ id, value, tagName }) => [id || tagName, value ?? null]"
        return await tab.page.evaluate(f"({focused})(document.activeElement)")

    assert (await press("Tab"))[0] == "file"
    await press("Enter")
    await (await tab.file_dialog()).set_files({"name": "us.jpg", "mimeType": "image/jpeg", "buffer": group})
    await tab.settled()
    assert (await press("Shift+Tab"))[1] == "1"  # the radio button of the first face
    assert (await press("ArrowRight"))[1] == "2"
    await tab.shows("#status", "Face 2 of 3")
    assert [(await press("Tab"))[0] for _ in range(5)] == ["file", "open-camera", "forget", "SUMMARY", "A"]
    await press("Shift+Tab", "Enter")
    assert await tab.page.is_visible("dl")
    await press("Shift+Tab", "Enter")
    assert await tab.page.is_visible("#invitation")
    assert await tab.page.locator(SETTLED).count() == 0
