"""Shares and their intervals, against values from the literature."""

import pytest

from rvs.evaluation.shares import share_of


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson(count: int, of: int, low: float, high: float) -> None:
    found = share_of(count, of)
    assert found is not None
    assert (found.share, found.of) == (count / of, of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_more_cases_make_it_narrower() -> None:
    few, many = share_of(9, 10), share_of(900, 1000)
    assert few is not None
    assert many is not None
    assert few.low < many.low < 0.9 < many.high < few.high


def test_of_nothing_there_is_no_share() -> None:
    assert share_of(0, 0) is None
