"""The words on the page are those of the chat bot and of the grid."""

from typing import Any

import pytest

from rvs.render import percentile_text
from tests.web.page.tabs import Tab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "percentiles",
    [
        [0, 1e-7, 0.99, 1, 1.5, 12.34567, 50, 89.99999, 90, 90.05, 97.3, 98.99999, 99, 99.1, 99.93],
        [99.98765, 99.98999, 99.99, 99.9901, 99.99899, 99.999, 99.99901, 99.99999, 100],
    ],
)
async def test_percentiles_are_written_as_everywhere(tab: Tab, percentiles: list[float]) -> None:
    written = await tab.page.evaluate(
        "async (all) => all.map((await import('/page/words.js')).percentileText)",
        percentiles,
    )
    assert [text.replace("\u00a0", " ") for text in written] == [percentile_text(one) for one in percentiles]


CLOSER = "closer than over 99.999 % of pairs of strangers."
GOOD = {"problems": [], "usable": True}
POOR = {"problems": ["the face is blurred", "the face is not upright"], "usable": True}
USELESS = {"problems": ["the face is only 12 px wide"], "usable": False}


@pytest.mark.parametrize(
    ("quality", "word", "headline", "sentence", "poor"),
    [
        (GOOD, "uncanny", "Resembles Ada", f"An uncanny resemblance: {CLOSER}", ""),
        (None, "fair", "Resembles Ada", f"A fair resemblance: {CLOSER}", ""),
        (POOR, "strong", "Resembles Ada", f"A strong resemblance: {CLOSER}",
         "The photo is poor: the face is blurred; the face is not upright. Take the answer with care."),
        (USELESS, "fair", "The photo is too poor to say", "The nearest is Ada.",
         "The photo is poor: the face is only 12 px wide. The answer means little."),
        (GOOD, "faint", "No good match", "Nobody in this gallery looks much like this face. The nearest is Ada.", ""),
        (GOOD, None, "No resemblance", "Nobody in this gallery resembles this face.", ""),
    ],
)  # fmt: skip
async def test_an_answer_is_put_into_the_words_of_the_bot(
    tab: Tab, quality: Any, word: str | None, headline: str, sentence: str, poor: str
) -> None:
    matches = [{"person": "Ada", "score": {"word": word, "percentile": 99.9995}}] if word else []
    said = await tab.page.evaluate(
        "async (searched) => (await import('/page/words.js')).describe(searched)",
        {"quality": quality, "matches": matches},
    )
    said = {name: text.replace("\u00a0", " ") for name, text in said.items()}
    assert said == {"headline": headline, "sentence": sentence, "poor": poor}
