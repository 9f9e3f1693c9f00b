"""The words of an answer: how a percentile is written, how a name is made safe, what a screen reader hears.

Plain strings only. This module knows nothing of pixels or fonts, so the command line and the bot use it too.
"""

import unicodedata
from decimal import ROUND_DOWN, Decimal

from rvs.errors import ConfigError
from rvs.result import FaceResult, Match

MAX_PEOPLE = 12
"""How many people a picture shows, and so how many its description speaks of."""

ALT_TEXT_LIMIT = 1024
"""What Discord accepts as the description of an attachment, in characters."""

_NAME_LIMIT = 80
_STEPS = tuple(
    (Decimal(below), Decimal(step))
    for below, step in (("90", "1"), ("99", "0.1"), ("99.99", "0.01"), ("100", "0.001"))
)
_HIGHEST_WRITTEN = Decimal("99.999")


def percentile_text(percentile: float) -> str:
    """Write a percentile so that it never promises more than was measured.

    Digits are cut, not rounded ("closer than 99.98 %" stays true for 99.989), and there are more of them
    where they matter: none below 90, one below 99, two below 99.99, three above. The ends are "< 1 %" and
    "> 99.999 %"; nothing is ever "100 %", because the strangers it was measured on are finitely many.

    Args:
        percentile: 0..100.

    Returns:
        For example "73 %", "97.3 %", "99.98 %", "> 99.999 %", with an ordinary space before the sign.

    Raises:
        ConfigError: the number is not within 0..100.
    """
    if not 0 <= percentile <= 100:  # also true for NaN
        raise ConfigError(f"A percentile lies between 0 and 100, not at {percentile}.")
    # By way of the shortest decimal text: binary floats would cut 97.3 down to 97.2.
    exact = Decimal(str(float(percentile)))
    if exact > _HIGHEST_WRITTEN:
        return f"> {_HIGHEST_WRITTEN} %"
    if exact < 1:
        return "< 1 %"
    step = next(step for below, step in _STEPS if exact < below)
    return f"{exact.quantize(step, rounding=ROUND_DOWN)} %"


def closer_text(percentile: float) -> str:
    """A percentile as a phrase: "closer than 99.98 % of pairs of strangers".

    Raises:
        ConfigError: the number is not within 0..100.
    """
    # "closer than > 99.999 %" is no sentence.
    share = percentile_text(percentile).replace("> ", "over ").replace("< ", "under ")
    return f"closer than {share} of pairs of strangers"


def alt_text(found: FaceResult) -> str:
    """Say in words what the grid shows: the best people with rank, word and percentile.

    As many of the first `MAX_PEOPLE` as fit; the rest of them are counted ("And 3 more.").

    Returns:
        Plain text of at most `ALT_TEXT_LIMIT` characters (UTF-16 units, which is how browsers count).
    """
    matches = found.matches[:MAX_PEOPLE]
    people = len(matches)
    if not people:
        return "One face. No resemblance was found: nobody in this gallery resembles it."
    whom = "the person it resembles" if people == 1 else f"the {people} people it resembles, best first"
    text = f"One face and {whom}. The percentage is the share of pairs of strangers that are less alike."
    for position, match in enumerate(matches):
        sentence = " " + _sentence(match)
        left = people - position - 1
        reserve = _units(f" And {left} more.") if left else 0
        if _units(text) + _units(sentence) + reserve > ALT_TEXT_LIMIT:
            return f"{text} And {left + 1} more."
        text += sentence
    return text


def readable_name(person: str) -> str:
    """A name without anything that is not meant to be read, composed (NFC) and of bounded length.

    Galleries are named by folders, so a name may hold line breaks, direction overrides or the stray
    halves of undecodable bytes; those would break a layout, or the encoding of a reply.

    Returns:
        At most 80 characters on one line; possibly empty.
    """
    composed = unicodedata.normalize("NFC", person)
    kept = (" " if char.isspace() else char for char in composed)
    text = " ".join("".join(char for char in kept if not unicodedata.category(char).startswith("C")).split())
    return text if len(text) <= _NAME_LIMIT else text[: _NAME_LIMIT - 1].rstrip() + "…"


def _sentence(match: Match) -> str:
    name = readable_name(match.person) or "A person without a name"
    percentile = percentile_text(match.score.percentile)
    # A screen reader skips or mangles the signs.
    spoken = percentile.replace("> ", "more than ").replace("< ", "less than ")
    return f"{match.rank}. {name}: {match.score.word}, {spoken}."


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
