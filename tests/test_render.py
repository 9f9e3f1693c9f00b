"""What the grid promises: it fits, it is readable, it never says more than was measured."""

import io
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from rvs.arrays import Pixels
from rvs.errors import ConfigError
from rvs.faces.face import Box
from rvs.render import ALT_TEXT_LIMIT, MAX_PEOPLE, PhotoLoader, alt_text, grid, look, percentile_text
from rvs.render.crop import crop_box, cropped
from rvs.render.lettering import Type, _advance, _font, _ink, _letter, drawable, fit, width, write
from rvs.render.phrases import readable_name
from rvs.render.picture import _places
from rvs.render.tiles import name_lines, portrait, tile_height
from rvs.result import FaceResult, Match, Score, Word

FACE = Box(75, 70, 175, 190)
NAMES = (
    "Abel Pacheco",
    "Øyvind Ågård-Nuñez",
    "Sheikh Mohammed bin Rashid Al Maktoum",
    "José Manuel Durão Barroso",
    "Łukasz Żółć",
    "Дмитрий Медведев",
    "山田太郎",
    "Wolfeschlegelsteinhausenbergerdorff",
    "Nguyễn Văn Đức",
    "Bo",
    "Anna-Maria Freifrau von und zu Hohenlohe-Langenburg-Weikersheim",
    "Ελένη Παπαδοπούλου",
)
WORDS: tuple[Word, ...] = ("uncanny", "strong", "fair", "faint")


def match(
    rank: int = 1, person: str = "Abel Pacheco", *, percentile: float = 99.5, word: Word = "strong"
) -> Match:
    score = Score(distance=0.5, percentile=percentile, probability=0.5, word=word)
    return Match(rank, person, f"{rank}.jpg", FACE, score, photos_agreeing=1, photos_total=2)


def found(people: int, name: Callable[[int], str] = lambda i: NAMES[i % len(NAMES)]) -> FaceResult:
    matches = (
        match(i + 1, name(i), percentile=100 - i * i / 3, word=WORDS[min(i // 2, 3)]) for i in range(people)
    )
    return FaceResult(face=None, quality=None, chip=gradient(150, 150), matches=tuple(matches))


def gradient(width_px: int, height_px: int) -> Pixels:
    across = np.linspace(0, 255, width_px)[None, :].repeat(height_px, axis=0)
    down = np.linspace(0, 255, height_px)[:, None].repeat(width_px, axis=1)
    return np.stack([across, down, 255 - across], axis=2).astype(np.uint8)


def plain(colour: tuple[int, int, int], side: int = 250) -> Pixels:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def always(photo: Pixels | None) -> PhotoLoader:
    return lambda _: photo


def decoded(jpeg: bytes) -> Pixels:
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    return np.asarray(image)


def share_near(pixels: Pixels, colour: tuple[int, int, int], tolerance: int = 24) -> float:
    """The share of the pixels that have about this colour."""
    return float(np.mean(np.abs(pixels.astype(int) - colour).max(axis=2) <= tolerance))


# The picture


@pytest.mark.parametrize("people", range(MAX_PEOPLE + 1))
def test_any_number_of_people_makes_a_composed_picture(people: int) -> None:
    result = found(people)
    picture = grid(result, lambda m: gradient(250, 250) if m.rank % 2 else None)
    pixels = decoded(picture.jpeg)
    assert pixels.shape == (picture.height_px, picture.width_px, 3)
    assert picture.width_px == 960
    assert picture.alt_text == alt_text(result)

    probe, tiles, height = _places(result.matches)
    assert height == picture.height_px
    assert len(tiles) == people
    for place in (probe, *tiles):
        assert place.left_px >= look.MARGIN_PX
        assert place.right_px <= picture.width_px - look.MARGIN_PX
        assert place.bottom_px <= picture.height_px - look.MARGIN_PX
    everything = [probe, *tiles]
    for number, one in enumerate(everything):
        for other in everything[number + 1 :]:
            beside = one.right_px < other.left_px or other.right_px < one.left_px
            assert beside or one.bottom_px < other.top_px or other.bottom_px < one.top_px
    # Every row is full: it ends at the same right edge as all others.
    for top in {place.top_px for place in everything}:
        row = [place for place in everything if place.top_px == top]
        assert max(place.right_px for place in row) == picture.width_px - look.MARGIN_PX
        assert len({place.height_px for place in row}) == 1


def test_people_after_the_twelfth_are_not_drawn_nor_loaded() -> None:
    asked: list[int] = []

    def load(m: Match) -> None:
        asked.append(m.rank)

    many = grid(found(15), load)
    assert asked == list(range(1, 13))
    assert many.jpeg == grid(found(12), always(None)).jpeg
    assert "13." not in many.alt_text
    assert "12 people" in many.alt_text


def test_each_photo_is_asked_for_once_and_in_order() -> None:
    asked: list[Match] = []

    def load(m: Match) -> Pixels | None:
        asked.append(m)
        return None if m.rank == 2 else gradient(250, 250)

    result = found(9)
    grid(result, load, max_bytes=40_000)  # several encodings, still one load each
    assert asked == list(result.matches)


def test_what_the_loader_raises_comes_through() -> None:
    def load(_: Match) -> Pixels | None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        grid(found(1), load)


def test_photos_and_probe_are_in_the_picture() -> None:
    green = (20, 200, 60)
    without = decoded(grid(found(3), always(None)).jpeg)
    with_photos = decoded(grid(found(3), always(plain(green))).jpeg)
    assert share_near(without, green) < 0.001
    assert share_near(with_photos, green) > 0.25

    red = (220, 30, 30)
    result = found(1)
    probe = decoded(grid(FaceResult(None, None, plain(red, 150), result.matches), always(None)).jpeg)
    assert share_near(probe, red) > 0.1


def test_a_photo_stands_in_the_tile_of_its_person() -> None:
    colours = {1: (200, 30, 30), 2: (30, 180, 30), 3: (30, 30, 200), 4: (200, 200, 30)}
    result = found(4)
    pixels = decoded(grid(result, lambda m: plain(colours[m.rank])).jpeg)
    _, tiles, _ = _places(result.matches)
    for number, place in enumerate(tiles, start=1):
        x, y = place.left_px + place.width_px // 2, place.top_px + look.PHOTO_PX // 2
        assert share_near(pixels[y - 20 : y + 20, x - 20 : x + 20], colours[number]) == 1


def test_a_missing_photo_is_a_tinted_card_that_keeps_its_colour() -> None:
    _, (place,), _ = _places(found(1).matches)
    area = np.s_[
        place.top_px + 30 : place.top_px + look.PHOTO_PX - 4, place.left_px + 70 : place.right_px - 8
    ]
    shown = [
        decoded(grid(found(1), always(photo)).jpeg)[area] for photo in (None, np.zeros((0, 0, 3), np.uint8))
    ]
    np.testing.assert_array_equal(shown[0], shown[1])
    ground, ink = max(look.TINTS, key=lambda tint: share_near(shown[0], tint[0], 3))
    assert share_near(shown[0], ground, 3) > 0.6
    assert 0.01 < share_near(shown[0], ink) < 0.3  # the initials


def test_two_people_have_different_name_cards() -> None:
    one = grid(found(1, lambda _: "Anna Berg"), always(None)).jpeg
    other = grid(found(1, lambda _: "Anna Dahl"), always(None)).jpeg
    assert one != other


def test_words_have_their_own_colours() -> None:
    for word in WORDS:
        base = found(0)
        result = FaceResult(None, None, base.chip, (match(word=word),))
        pixels = decoded(grid(result, always(None)).jpeg)
        _, (place,), _ = _places(result.matches)
        badge = pixels[place.top_px + 12 : place.top_px + 58, place.left_px + 12 : place.left_px + 58]
        assert share_near(badge, look.ACCENTS[word]) > 0.4


def test_name_word_and_percentile_stand_below_the_photo() -> None:
    def text_of(m: Match) -> Pixels:
        result = FaceResult(None, None, gradient(150, 150), (m,))
        _, (place,), _ = _places(result.matches)
        pixels = decoded(grid(result, always(None)).jpeg)
        return pixels[place.top_px + look.PHOTO_PX : place.bottom_px, place.left_px : place.right_px]

    def changed(one: Pixels, other: Pixels) -> tuple[bool, bool, bool]:
        differs = np.abs(one.astype(int) - other).max(axis=2) > 60
        name_end, middle = 13 + look.NAME_PITCH_PX, look.TILE_PX // 2
        above, below = differs[:name_end], differs[name_end + 8 :]
        return bool(above.any()), bool(below[:, : middle - 16].any()), bool(below[:, middle + 16 :].any())

    base = match(percentile=73, word="fair")
    assert changed(text_of(base), text_of(match(percentile=73, word="fair"))) == (False, False, False)
    assert changed(text_of(base), text_of(match(person="Bo", percentile=73, word="fair"))) == (
        True,
        False,
        False,
    )
    assert changed(text_of(base), text_of(match(percentile=73, word="faint"))) == (False, True, False)
    assert changed(text_of(base), text_of(match(percentile=84, word="fair"))) == (False, False, True)

    ink_known = share_near(text_of(base)[: 13 + look.NAME_PITCH_PX], look.INK)
    pointer = text_of(match(person="山田太郎", percentile=73, word="fair"))[: 13 + look.NAME_PITCH_PX]
    assert ink_known > 0.02
    assert share_near(pointer, look.INK) < 0.002  # quieter than a name
    assert share_near(pointer, look.MUTED) > 0.02


def test_word_and_percentile_never_touch() -> None:
    longest = max(width(word, look.WORD) for word in WORDS) + width("> 99.999 %", look.QUIET)
    assert longest + 10 <= look.TILE_PX - 2 * look.PAD_PX


def test_the_footer_explains_the_percentage_where_there_is_one() -> None:
    with_people = decoded(grid(found(2), always(None)).jpeg)
    footer = with_people[-look.MARGIN_PX - 22 : -look.MARGIN_PX]
    assert share_near(footer, look.MUTED) > 0.05
    assert share_near(footer[:, : look.MARGIN_PX], look.PAPER) == 1
    assert share_near(footer[:, -look.MARGIN_PX :], look.PAPER) == 1


@pytest.mark.parametrize("people", [0, 1, 2, 3, 12])
def test_the_probe_has_its_words_within_its_card(people: int) -> None:
    result = found(people)
    probe, _, _ = _places(result.matches)
    pixels = decoded(grid(result, always(None)).jpeg)
    card = pixels[probe.top_px : probe.bottom_px, probe.left_px : probe.right_px]
    words = card[look.PHOTO_PX :] if people == 2 else card[:, card.shape[1] // 2 :]
    assert share_near(words, look.ON_NIGHT) > 0.01
    assert share_near(card[30:-30, -14:], look.NIGHT) == 1


def test_texts_have_the_contrast_that_wcag_aa_asks_for() -> None:
    def luminance(colour: tuple[int, int, int]) -> float:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = [(look.CARD, accent) for accent in look.ACCENTS.values()]
    pairs += [(look.CARD, look.INK), (look.CARD, look.MUTED), (look.PAPER, look.MUTED), *look.TINTS]
    pairs += [(look.NIGHT, look.ON_NIGHT), (look.NIGHT, look.ON_NIGHT_MUTED)]
    for pair in pairs:
        dark, light = sorted(luminance(colour) for colour in pair)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


# Its size


def test_noise_stays_below_the_default_limit() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    picture = grid(found(12), always(noise))
    assert len(picture.jpeg) <= 1_000_000
    assert picture.width_px == 960


@pytest.mark.parametrize("max_bytes", [400_000, 150_000, 60_000, 20_000, 5_000])
def test_the_limit_holds_whatever_it_is(max_bytes: int) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    picture = grid(found(9), always(noise), max_bytes=max_bytes)
    assert len(picture.jpeg) <= max_bytes
    assert decoded(picture.jpeg).shape == (picture.height_px, picture.width_px, 3)


def test_a_generous_limit_does_not_cost_quality() -> None:
    result, load = found(5), always(gradient(250, 250))
    free = grid(result, load, max_bytes=10_000_000)
    assert grid(result, load, max_bytes=len(free.jpeg)).jpeg == free.jpeg
    assert len(grid(result, load, max_bytes=len(free.jpeg) - 1).jpeg) < len(free.jpeg)


@pytest.mark.parametrize("max_bytes", [0, -1, 300])
def test_an_impossible_limit_is_a_readable_error(max_bytes: int) -> None:
    with pytest.raises(ConfigError, match=f"into {max_bytes} bytes"):
        grid(found(2), always(None), max_bytes=max_bytes)


# Same in, same out


def test_the_same_input_gives_the_same_bytes() -> None:
    load = always(gradient(250, 250))
    assert grid(found(7), load).jpeg == grid(found(7), load).jpeg


def test_several_threads_draw_at_once() -> None:
    results = [found(people) for people in range(1, 9)]

    def load(m: Match) -> Pixels | None:
        return gradient(200 + m.rank, 250) if m.rank % 3 else None

    alone = [grid(result, load).jpeg for result in results]
    # From cold caches, so that fonts and shapes are made while others ask for them.
    for kept in (look.rounded, look._card, fit, name_lines, _ink, _letter, _advance, _font):
        kept.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda result: grid(result, load).jpeg, results * 2))
    assert together == alone * 2


class Idle(ThreadPoolExecutor):
    """A second thread that never gets a core while the page is drawn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._end = threading.Event()
        self.submit(self._end.wait)

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self.shutdown()


class Eager(ThreadPoolExecutor):
    """A second thread that is always done before the first one looks."""

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        order: Future[Any] = super().submit(*args, **kwargs)
        wait([order])
        return order


@pytest.mark.parametrize("kind", [Idle, Eager])
def test_whichever_thread_makes_the_portraits_the_page_is_the_same(
    kind: type[ThreadPoolExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: list[str] = []

    def noted(*args: Any) -> Image.Image:
        makers.append(threading.current_thread().name)
        return portrait(*args)

    def load(m: Match) -> Pixels | None:
        return gradient(200 + m.rank, 250) if m.rank % 3 else None

    usual = grid(found(8), load).jpeg
    monkeypatch.setattr("rvs.render.picture.ThreadPoolExecutor", kind)
    monkeypatch.setattr("rvs.render.picture.portrait", noted)
    assert grid(found(8), load).jpeg == usual
    here = threading.current_thread().name
    assert len(makers) == 8
    assert all((maker == here) == (kind is Idle) for maker in makers)


def test_photos_are_loaded_by_the_thread_that_asks_and_no_other_is_left_behind() -> None:
    before, loaders = threading.active_count(), set()

    def load(m: Match) -> Pixels | None:
        loaders.add(threading.get_ident())
        if m.rank == 5:
            raise OSError("the disk is gone")
        return gradient(250, 250)

    with pytest.raises(OSError, match="the disk is gone"):
        grid(found(8), load)
    assert loaders == {threading.get_ident()}
    assert threading.active_count() == before


def test_inputs_are_only_read() -> None:
    photo, result = gradient(250, 250), found(2)
    photo.setflags(write=False)
    result.chip.setflags(write=False)
    grid(result, always(photo))
    np.testing.assert_array_equal(photo, gradient(250, 250))
    np.testing.assert_array_equal(result.chip, gradient(150, 150))


# Odd photos


@pytest.mark.parametrize("size", [(1, 1), (2000, 1), (1, 2000), (3000, 20), (7, 5), (2500, 1900)])
def test_photos_of_any_shape_fill_their_tile(size: tuple[int, int]) -> None:
    photo = np.full((size[1], size[0], 3), (10, 120, 250), dtype=np.uint8)
    assert share_near(np.asarray(cropped(photo, FACE, (288, 242))), (10, 120, 250), 1) == 1
    picture = grid(found(2), always(photo))
    assert picture.width_px == 960


@pytest.mark.parametrize(
    "face",
    [
        Box(-60, -80, 60, 70),
        Box(220, 200, 330, 340),
        Box(-500, -500, 900, 900),
        Box(400, 400, 500, 500),
        Box(100, 100, 100, 100),
        Box(150, 150, 50, 50),
        Box(math.nan, 0, 50, 50),
        Box(-math.inf, -math.inf, math.inf, math.inf),
        None,
    ],
)
def test_a_crop_never_leaves_the_photo(face: Box | None) -> None:
    x0, y0, x1, y1 = crop_box(250, 250, face, 288 / 242)
    assert 0 <= x0 < x1 <= 250
    assert 0 <= y0 < y1 <= 250
    assert (x1 - x0) / (y1 - y0) == pytest.approx(288 / 242)
    assert cropped(gradient(250, 250), face, (288, 242)).size == (288, 242)


def test_a_crop_shows_the_face_with_margin_and_not_the_whole_photo() -> None:
    face = Box(700, 500, 800, 620)
    x0, y0, x1, y1 = crop_box(2000, 1500, face, 1.2)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(face.centre_px)
    assert 1.5 <= (y1 - y0) / face.height_px <= 2.5
    assert x0 < face.x0_px - 20
    assert x1 > face.x1_px + 20


def test_without_a_face_the_middle_is_shown() -> None:
    assert crop_box(300, 100, None, 1.0) == (100, 0, 200, 100)
    assert crop_box(100, 300, None, 1.0) == (0, 100, 100, 200)
    assert crop_box(300, 100, Box(900, 900, 950, 950), 1.0) == (100, 0, 200, 100)


def test_a_crop_has_the_pixels_of_its_place() -> None:
    photo = plain((255, 255, 255), 1000)
    photo[300:400, 600:700] = (200, 0, 0)
    around = np.asarray(cropped(photo, Box(600, 300, 700, 400), (180, 180)))
    assert share_near(around[50:130, 50:130], (200, 0, 0)) == 1
    assert share_near(around[:30], (255, 255, 255)) == 1


@pytest.mark.parametrize("shape", [(1, 1), (224, 224), (150, 90), (40, 300)])
def test_chips_of_any_shape_are_drawn(shape: tuple[int, int]) -> None:
    result = FaceResult(None, None, gradient(*shape), found(2).matches)
    assert grid(result, always(None)).jpeg


# Names


@pytest.mark.parametrize(
    "name",
    [
        *NAMES,
        "W" * 500,
        "i" * 60,
        "Ab " * 40,
        "A-" * 40,
        "Ǻ" * 80,
        "a\u0301\u0302" * 60,
        "Q W" + "M" * 40,
        "\U0001d56c\U0001d587\U0001d58a \U0001d57b",
    ],
)
def test_names_stay_within_their_tile(name: str) -> None:
    lines, _ = name_lines(name)
    room = look.TILE_PX - 2 * look.PAD_PX
    assert 1 <= len(lines.texts) <= 2
    assert lines.type.size_px in look.NAME_SIZES
    for text in lines.texts:
        assert text
        assert text == text.strip()
        assert width(text, lines.type) <= room


def test_ink_stays_within_the_width_that_was_measured() -> None:
    for name in NAMES:
        lines, _ = name_lines(name)
        for text in lines.texts:
            canvas = Image.new("RGB", (600, 120))
            write(canvas, text, (100, 70), lines.type, colour=(255, 255, 255))
            box = canvas.getbbox()
            assert box is not None
            assert box[0] >= 97
            assert box[2] <= 100 + look.TILE_PX - 2 * look.PAD_PX + 3


def test_a_line_is_as_wide_as_the_font_says() -> None:
    for type_ in (Type(32, 600), look.QUIET, look.FOOTER, look.INITIALS, Type(48, 650)):
        for name in map(drawable, NAMES):
            assert width(name, type_) == _font(type_).getlength(name)


def test_a_line_of_letters_has_the_pixels_of_a_line_drawn_at_once() -> None:
    white = (255, 255, 255)
    for type_ in (Type(32, 600), Type(27, 600), look.WORD, look.INITIALS):
        for name in (*map(drawable, NAMES), "jetjet", "AVATAR To. fjörd ÅÇ", "> 99.999 %"):
            canvas, expected = Image.new("RGB", (3000, 200)), Image.new("RGB", (3000, 200))
            write(canvas, name, (40, 130), type_, colour=white)
            ImageDraw.Draw(expected).text((40, 130), name, fill=white, font=_font(type_), anchor="ls")
            np.testing.assert_array_equal(np.asarray(canvas), np.asarray(expected), name)


def test_short_names_are_large_longer_ones_shrink_then_break_then_end_in_an_ellipsis() -> None:
    sizes = (32, 29, 27)
    assert fit("Bo", 250, sizes, 600).type == Type(32, 600)
    name = "Serena Wil"
    room = math.ceil(width(name, Type(29, 600)))
    assert width(name, Type(32, 600)) > room
    assert fit(name, room, sizes, 600).texts == (name,)
    assert fit(name, room, sizes, 600).type.size_px == 29
    assert fit("José Manuel Durão Barroso", 256, sizes, 600).texts == ("José Manuel", "Durão Barroso")
    assert fit("Øyvind Ågård-Nuñez", 180, sizes, 600).texts[0] in {"Øyvind", "Øyvind Ågård-"}
    endless = fit("Anna Berta Clara Dora Emma Frieda Gerda Hanna Ida", 200, sizes, 600)
    assert endless.texts[0].startswith("Anna Berta")
    assert endless.texts[1].endswith("…")
    assert endless.type.size_px == 27
    word = fit("Wolfeschlegelsteinhausenbergerdorff", 256, sizes, 600)
    assert word.texts[0].endswith("-")
    assert "Wolfeschlegelsteinhausenbergerdorff".startswith(word.texts[0][:-1] + word.texts[1][:3])


def test_a_row_is_as_high_as_its_longest_name() -> None:
    names = ("Bo", "Bo", "Bo", "Bo", "José Manuel Durão Barroso", "Bo")
    _, tiles, _ = _places(found(6, lambda i: names[i]).matches)
    assert [place.height_px for place in tiles] == [tile_height(1)] * 3 + [tile_height(2)] * 3


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("Дмитрий Медведев", "Дмитрий Медведев"),
        ("Nguyễn Văn Đức", "Nguyễn Văn Đức"),
        ("Jose\u0301", "José"),
        ("\uff2a\uff4f\uff53\uff45", "Jose"),  # full-width forms
        ("Abel 😀 Pacheco", "Abel Pacheco"),
        ("Taro Yamada (太郎)", "Taro Yamada"),
        ("山田太郎", ""),
        ("محمد", ""),
        ("山田太郎 T", ""),
        ("😀", ""),
        ("", ""),
    ],
)
def test_what_can_be_drawn_of_a_name(name: str, drawn: str) -> None:
    assert drawable(name) == drawn


def test_a_name_that_cannot_be_drawn_points_to_the_caption_and_is_in_the_alt_text() -> None:
    assert name_lines("山田太郎") == (name_lines("محمد")[0], False)
    assert name_lines("山田太郎")[0].texts == ("name in caption",)
    assert name_lines("\n\u202e")[0].texts == ("no name",)
    assert "山田太郎" in grid(found(1, lambda _: "山田太郎"), always(None)).alt_text


def test_readable_names_have_no_controls_and_no_stray_surrogates() -> None:
    assert readable_name("  Abel\n\tPacheco\u202e\u200b\x00\udcff ") == "Abel Pacheco"
    assert len(readable_name("x" * 5000)) == 80
    grid(found(1, lambda _: "\udcff\udcfe"), always(None))


# Words


@pytest.mark.parametrize(
    ("percentile", "text"),
    [
        (0, "< 1 %"),
        (0.99, "< 1 %"),
        (1, "1 %"),
        (29, "29 %"),
        (73.9, "73 %"),
        (89.999, "89 %"),
        (90, "90.0 %"),
        (97.3, "97.3 %"),
        (98.99, "98.9 %"),
        (99, "99.00 %"),
        (99.3, "99.30 %"),
        (99.98, "99.98 %"),
        (99.9899999, "99.98 %"),
        (99.99, "99.990 %"),
        (99.9971, "99.997 %"),
        (99.9990001, "> 99.999 %"),
        (99.9999999, "> 99.999 %"),
        (100, "> 99.999 %"),
        (np.float64(97.3), "97.3 %"),
        (1e-12, "< 1 %"),
    ],
)
def test_percentiles_are_cut_never_rounded_up(percentile: float, text: str) -> None:
    assert percentile_text(percentile) == text


def test_a_larger_percentile_never_reads_smaller_nor_more_than_it_is() -> None:
    shown = []
    for hundredths in range(100, 9999 + 1):
        text = percentile_text(hundredths / 100)
        shown.append(float(text.removesuffix(" %")))
        assert shown[-1] <= hundredths / 100
    assert shown == sorted(shown)


@pytest.mark.parametrize("percentile", [-0.1, 100.1, math.nan, math.inf, -math.inf])
def test_a_percentile_outside_its_range_is_refused(percentile: float) -> None:
    with pytest.raises(ConfigError):
        percentile_text(percentile)


def test_alt_text_names_rank_word_and_percentile() -> None:
    text = alt_text(found(3))
    assert text.startswith("One face and the 3 people it resembles, best first.")
    assert "1. Abel Pacheco: uncanny, more than 99.999 %." in text
    assert "2. Øyvind Ågård-Nuñez: uncanny, 99.66 %." in text
    assert "3. Sheikh Mohammed bin Rashid Al Maktoum: strong, 98.6 %." in text
    assert "pairs of strangers" in text


def test_alt_text_of_one_and_of_nobody() -> None:
    assert "the person it resembles" in alt_text(found(1))
    assert "No resemblance was found" in alt_text(found(0))


@pytest.mark.parametrize("name", ["Maximiliane " * 20, "\U0001d56c" * 300, "\u0344" * 300, "山" * 100])
def test_alt_text_fits_however_long_the_names_are(name: str) -> None:
    text = alt_text(found(12, lambda _: name))
    assert len(text.encode("utf-16-le")) // 2 <= ALT_TEXT_LIMIT
    assert "1. " in text
    told = sum(f" {rank}. " in text for rank in range(1, 13))
    assert told < 12
    assert text.endswith(f"And {12 - told} more.")


def test_alt_text_counts_the_rest_within_the_limit() -> None:
    def units(size: int) -> int:
        return len(alt_text(found(12, lambda _: "x" * size)))

    # Among these lengths are some where the last sentence fits only without the count behind it.
    assert max(map(units, range(40, 80))) <= ALT_TEXT_LIMIT


def test_alt_text_uses_its_room() -> None:
    text = alt_text(found(12, lambda _: "Maximiliane von Hohenlohe"))
    assert " 12. " in text
    assert "more." not in text


def test_nothing_says_is() -> None:
    for people in range(4):
        assert " is " not in alt_text(found(people)).replace("is the share", "")
