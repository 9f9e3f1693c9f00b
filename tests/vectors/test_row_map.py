"""Which rows of one table are which of another: by their bytes, each for one only, as many as there are."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rvs.vectors import row_map
from rvs.vectors.row_map import followed, gone_from_all, matched_rows, rows_without

Table = NDArray[np.float16]

# Few different rows, so that there are copies; minus zero and NaN have bytes like any other number.
_NUMBERS = st.sampled_from([0.0, -0.0, 1.0, float("nan")])


@st.composite
def tables(draw: st.DrawFn, count: int = 2) -> list[Table]:
    dimension = draw(st.integers(1, 9))
    rows = st.lists(st.lists(_NUMBERS, min_size=dimension, max_size=dimension), max_size=12)
    return [np.array(draw(rows), np.float16).reshape(-1, dimension) for _ in range(count)]


def contents(table: Table) -> list[bytes]:
    return [row.tobytes() for row in table]


@given(tables())
def test_equal_rows_find_each_other_and_no_row_is_taken_twice(both: list[Table]) -> None:
    first, second = both
    rows = matched_rows(first, second)
    assert (rows.shape, rows.dtype) == ((len(first),), np.dtype(np.int32))
    kept = np.flatnonzero(rows >= 0)
    assert len(set(rows[kept].tolist())) == len(kept)
    assert rows.min(initial=0) >= -1
    assert all(first[row].tobytes() == second[rows[row]].tobytes() for row in kept)
    common = Counter(contents(first)) & Counter(contents(second))
    assert len(kept) == common.total()


@given(tables())
def test_what_is_not_mapped_is_what_the_second_has_more(both: list[Table]) -> None:
    first, second = both
    left = rows_without(matched_rows(first, second), len(second))
    more = Counter(contents(second)) - Counter(contents(first))
    assert Counter(contents(second[left])) == more
    assert (np.diff(left) > 0).all()


@given(tables(3))
def test_one_map_after_another_leads_to_equal_rows(three: list[Table]) -> None:
    first, second, third = three
    rows = followed(matched_rows(first, second), matched_rows(second, third)) if len(second) else None
    if rows is None:
        return
    kept = np.flatnonzero(rows >= 0)
    assert rows.dtype == np.int32
    assert len(set(rows[kept].tolist())) == len(kept)
    assert all(first[row].tobytes() == third[rows[row]].tobytes() for row in kept)
    # What is in all three is found, whatever way is taken for copies.
    least = Counter(contents(first)) & Counter(contents(second)) & Counter(contents(third))
    assert {*least} >= {first[row].tobytes() for row in kept}
    if all(count == 1 for table in three for count in Counter(contents(table)).values()):
        assert len(kept) == least.total()


@pytest.mark.parametrize("row_hashes", [0, 1])
def test_two_vectors_with_one_hash_are_not_taken_for_each_other(
    row_hashes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen that happen: so here the hash is a poor one, of nothing or of the first number alone."""

    def poor(vectors: Table) -> NDArray[np.uint64]:
        return row_hashes * np.ascontiguousarray(vectors[:, 0]).view(np.uint16).astype(np.uint64)

    monkeypatch.setattr(row_map, "_hashes", poor)
    draw = np.random.default_rng(3)
    first = draw.integers(0, 3, (200, 4)).astype(np.float16)
    second = draw.permutation(first)
    rows = matched_rows(first, second)
    kept = np.flatnonzero(rows >= 0)
    assert 0 < len(kept) < 200
    np.testing.assert_array_equal(first[kept], second[rows[kept]])
    assert len(set(rows[kept].tolist())) == len(kept)


def test_rows_that_moved_over_more_than_one_block() -> None:
    draw = np.random.default_rng(1)
    first = draw.standard_normal((40_000, 16)).astype(np.float16)
    order = draw.permutation(40_000)
    second = np.concatenate([draw.standard_normal((3, 16)).astype(np.float16), first[order][7:]])
    rows = matched_rows(first, second)
    assert sorted(np.flatnonzero(rows < 0)) == sorted(order[:7])
    np.testing.assert_array_equal(first[rows >= 0], second[rows[rows >= 0]])
    assert rows_without(rows, len(second)).tolist() == [0, 1, 2]


def test_one_changed_bit_makes_another_vector() -> None:
    first = np.random.default_rng(2).standard_normal((64, 128)).astype(np.float16)
    second = first.copy()
    bits = second.view(np.uint16)
    bits[np.arange(64), np.arange(64) * 2] ^= np.uint16(1) << np.arange(64, dtype=np.uint16) % 16
    assert (matched_rows(first, second) == -1).all()


def test_gone_is_what_no_map_has_any_more() -> None:
    first, second = (np.array(rows, np.int32) for rows in ([-1, -1, 0, 1, -1], [4, -1, -1, 0, -1]))
    assert gone_from_all([first]).tolist() == [0, 1, 4]
    assert gone_from_all([first, second]).tolist() == [1, 4]
    assert gone_from_all([second[:0]]).tolist() == []
