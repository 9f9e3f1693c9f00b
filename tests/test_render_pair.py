"""What the picture of a comparison promises: both faces, the word, the percentile, and nothing more."""

import io

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import ConfigError
from rvs.render import ALT_TEXT_LIMIT, Picture, look, pair
from rvs.render.lettering import width
from rvs.render.pair import _CARD, _MEASURE, _WORD
from rvs.render.phrases import closer_text
from rvs.result import Score, Word
from rvs.search import Comparison

WORDS: tuple[Word, ...] = ("uncanny", "strong", "fair", "faint")
RED, BLUE = (200, 40, 40), (40, 60, 200)


def plain(colour: tuple[int, int, int], width_px: int = 150, height_px: int = 150) -> Pixels:
    return np.full((height_px, width_px, 3), colour, dtype=np.uint8)


def comparison(
    percentile: float = 99.25,
    word: Word = "fair",
    *,
    probability: float | None = 0.5,
    chips: tuple[Pixels, Pixels] | None = None,
) -> Comparison:
    score = Score(0.8, percentile, probability, word)
    return Comparison(score, chips or (plain(RED), plain(BLUE)), (None, None))


def decoded(picture: Picture) -> Pixels:
    image = Image.open(io.BytesIO(picture.jpeg))
    assert image.format == "JPEG"
    assert image.size == (picture.width_px, picture.height_px)
    return np.asarray(image)


def share_near(pixels: Pixels, colour: tuple[int, int, int], tolerance: int = 24) -> float:
    return float(np.mean(np.abs(pixels.astype(int) - colour).max(axis=2) <= tolerance))


def test_the_first_face_is_at_the_left_and_the_second_at_the_right() -> None:
    pixels = decoded(pair(comparison()))
    assert pixels.shape[1] == 960
    left, right = pixels[:, :480], pixels[:, 480:]
    assert share_near(left, RED) > 0.4
    assert share_near(right, BLUE) > 0.4
    assert share_near(left, BLUE) == 0
    assert share_near(right, RED) == 0


def test_faces_are_equally_large_and_square() -> None:
    pixels = decoded(pair(comparison())).astype(int)
    for colour in (RED, BLUE):
        rows, columns = np.nonzero(np.abs(pixels - colour).max(axis=2) <= 24)
        assert columns.max() - columns.min() == pytest.approx(rows.max() - rows.min(), abs=4)
        assert columns.max() - columns.min() > 400


@pytest.mark.parametrize("word", WORDS)
def test_the_word_is_written_in_its_colour(word: Word) -> None:
    below = decoded(pair(comparison(word=word)))[470:600]
    assert share_near(below, look.ACCENTS[word]) > 0.02
    for other in WORDS:
        assert other == word or share_near(below, look.ACCENTS[other], 12) < 0.005


def test_the_percentile_is_below_the_word_and_changes_nothing_else() -> None:
    one, other = (decoded(pair(comparison(percentile))).astype(int) for percentile in (99.25, 99.64))
    rows, _ = np.nonzero(np.abs(one - other).max(axis=2) > 60)
    assert 580 < rows.min() < rows.max() < _CARD.bottom_px


@pytest.mark.parametrize("probability", [None, 0.0, 0.37, 1.0])
def test_no_probability_is_shown(probability: float | None) -> None:
    picture = pair(comparison(probability=probability))
    assert picture.jpeg == pair(comparison(probability=0.5)).jpeg
    assert "37" not in picture.alt_text


def test_a_footer_stands_on_the_paper() -> None:
    below = decoded(pair(comparison()))[_CARD.bottom_px + 20 :]
    assert share_near(below, look.MUTED) > 0.005
    assert share_near(below, look.PAPER) > 0.8


@pytest.mark.parametrize("percentile", [0, 1, 55, 89.9, 97.31, 99.98, 99.997, 99.99995, 100])
@pytest.mark.parametrize("word", WORDS)
def test_all_words_fit_into_the_card(percentile: float, word: Word) -> None:
    room = _CARD.width_px - 2 * look.PAD_PX
    assert width(closer_text(percentile), _MEASURE) <= room
    assert width(word, _WORD) <= room


@pytest.mark.parametrize(
    ("percentile", "text"),
    [
        (0, "closer than under 1 % of pairs of strangers"),
        (73.9, "closer than 73 % of pairs of strangers"),
        (99.2, "closer than 99.20 % of pairs of strangers"),
        (99.99995, "closer than over 99.999 % of pairs of strangers"),
    ],
)
def test_alt_text_says_what_the_picture_says(percentile: float, text: str) -> None:
    words = pair(comparison(percentile, "strong")).alt_text
    assert (
        words == f"Two faces side by side. Their resemblance: strong, {text}. A resemblance, not an identity."
    )
    assert len(words) <= ALT_TEXT_LIMIT
    assert " is " not in words


@pytest.mark.parametrize("shape", [(1, 1), (150, 90), (40, 300), (224, 224), (2000, 3), (0, 0)])
def test_chips_of_any_shape_are_drawn(shape: tuple[int, int]) -> None:
    pixels = decoded(pair(comparison(chips=(plain(RED, *shape), plain(BLUE)))))
    assert (share_near(pixels[:, :480], RED) > 0.4) == (shape != (0, 0))


@pytest.mark.parametrize("max_bytes", [1_000_000, 100_000, 30_000, 5_000])
def test_the_limit_of_bytes_holds(max_bytes: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (424, 424, 3), dtype=np.uint8)
    picture = pair(comparison(chips=(noise, noise)), max_bytes=max_bytes)
    assert len(picture.jpeg) <= max_bytes
    decoded(picture)


def test_what_makes_no_sense_is_a_readable_error() -> None:
    with pytest.raises(ConfigError, match="into 10 bytes"):
        pair(comparison(), max_bytes=10)
    with pytest.raises(ConfigError, match="percentile"):
        pair(comparison(101.0))


def test_the_same_input_gives_the_same_bytes_and_is_only_read() -> None:
    chips = (plain(RED), plain(BLUE))
    for chip in chips:
        chip.setflags(write=False)
    assert pair(comparison(chips=chips)).jpeg == pair(comparison()).jpeg
