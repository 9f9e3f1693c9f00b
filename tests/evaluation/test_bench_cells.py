"""Figures in words: as many digits as mean something, and where one search becomes cheaper than the other."""

import pytest

from rvs.evaluation.bench_cells import crossings, milliseconds
from rvs.evaluation.growth import GrowthStep
from tests.evaluation.figures import growth, step


@pytest.mark.parametrize(
    ("steps", "sentences"),
    [
        (
            growth().steps,
            [
                # Half as dear at 10,000 and 1.67 times at 100,000; half at 100,000 and 1.25 times at 1,000,000.
                "At a recall of 0.95, exact search is the cheaper one up to about 38,000 vectors.",
                "At a recall of 0.99, exact search is the cheaper one up to about 570,000 vectors.",
            ],
        ),
        (
            (step(1000, 1.0, 0.5, None),),
            ["At a recall of 0.95, Annoy is the cheaper one at every size, from 1,000 vectors on."],
        ),
        (
            (step(1000, 1.0, 2.0, None), step(5000, 1.0, 2.0, None)),
            ["At a recall of 0.95, exact search is the cheaper one at every size, up to 5,000 vectors."],
        ),
    ],
)
def test_where_exact_search_stops_being_cheaper(steps: tuple[GrowthStep, ...], sentences: list[str]) -> None:
    assert crossings(steps) == sentences


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (1.26, "1.3"), (99.94, "99.9"), (123.6, "124"), (1234.5, "1,234")]
)
def test_times_have_as_many_digits_as_mean_something(value: float, text: str) -> None:
    assert milliseconds(value) == text
