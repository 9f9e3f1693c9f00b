"""Results as documents: what is rounded, and that nothing looks better than it is."""

import pytest

from rvs.render import percentile_text
from rvs.report import score_document
from rvs.result import Score


@pytest.mark.parametrize(
    "percentile", [0.0, 0.999999, 97.3, 99.979999, 99.98, 99.9899996, 99.99899999, 99.9999, 99.999999, 100.0]
)
def test_a_percentile_reads_the_same_after_it_was_sent(percentile: float) -> None:
    sent = score_document(Score(0.4, percentile, None, "fair")).percentile
    assert sent <= percentile
    assert percentile_text(sent) == percentile_text(percentile)


def test_the_word_is_sent_not_found_again() -> None:
    assert score_document(Score(0.4, 99.99999999, None, "faint")).word == "faint"
