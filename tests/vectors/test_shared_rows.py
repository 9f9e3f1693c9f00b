"""A collection of other rows, told in rows of a version; `test_contract` searches with that on real servers."""

import numpy as np
import pytest

from rvs.vectors.row_map import matched_rows
from rvs.vectors.shared_rows import SharedRows
from tests.vectors.crowd import crowd, nearest_by_loop

ALL = crowd(20, 3).astype(np.float16)
FILLED, VERSION = ALL[:50], ALL[4:]


@pytest.fixture
def shared() -> SharedRows:
    return SharedRows(matched_rows(FILLED, VERSION), VERSION)


def test_what_is_gone_and_what_is_beside_is_counted(shared: SharedRows) -> None:
    assert (shared.gone, shared.beside) == (4, 10)


def test_rows_become_those_of_the_version_and_what_is_gone_vanishes(shared: SharedRows) -> None:
    rows = shared.living(np.array([49, 2, 4, 0, 17]))
    assert rows.dtype == np.int64
    assert rows.tolist() == [45, 0, 13]


def test_of_what_is_beside_the_nearest_are_proposed(shared: SharedRows) -> None:
    probes = VERSION[[0, 55]].astype(np.float32)
    for probe, near in zip(probes, shared.near(probes, 3), strict=True):
        expected = [46 + row for _, row in nearest_by_loop(VERSION[46:], probe, 3)]
        assert set(expected) <= set(near.tolist()) <= set(range(46, 56))
    assert [sorted(near.tolist()) for near in shared.near(probes, 1000)] == [list(range(46, 56))] * 2


def test_where_nothing_is_beside_nothing_is_compared() -> None:
    shared = SharedRows(matched_rows(ALL, VERSION), VERSION)
    assert (shared.gone, shared.beside) == (4, 0)
    assert [near.tolist() for near in shared.near(VERSION[:2].astype(np.float32), 5)] == [[], []]


@pytest.mark.parametrize(
    ("rows", "why"),
    [([0, 1, 56], "other vectors"), ([0, -2, 1], "other vectors"), ([3, 3, 1], "cannot be one")],
)
def test_a_map_that_leads_elsewhere_is_refused(rows: list[int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SharedRows(np.array(rows, np.int32), VERSION)
