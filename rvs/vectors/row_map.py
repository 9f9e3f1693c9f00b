"""Which rows of one table of vectors are which rows of another: how a version can use another one's collection.

Rows are the same when their bytes are: what is searched are vectors, and whose they are is for others to know.
Of copies any may stand for any, but each for one only. A map is (rows of the first table,) int32: the row of the
second table, or -1 where it has none.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids

RowMap: TypeAlias = NDArray[np.int32]

_GONE = -1
_BLOCK = 16_384  # rows looked at together: some megabytes
_WORD_BYTES = 8
# An odd factor and a shift that mix the bits of a word well (Steele, Lea and Flood, SplitMix64, 2014).
_FACTOR, _SHIFT = np.uint64(0xBF58476D1CE4E5B9), np.uint64(31)


def matched_rows(first: NDArray[np.float16], second: NDArray[np.float16]) -> RowMap:
    """For each row of one table a row of another with the same bytes, as many as there are.

    Args:
        first: (n, dimension); may be memory-mapped, as may `second`: beyond that some 60 bytes a row are needed.
        second: (m, dimension).

    Returns:
        the map; no row of the second table is in it twice.
    """
    hashes, order = _sorted_hashes(first)
    second_hashes, second_order = _sorted_hashes(second)
    # The third of several rows with one hash goes to the third with that hash.
    nth = np.arange(len(hashes)) - np.searchsorted(hashes, hashes)
    place = np.searchsorted(second_hashes, hashes) + nth
    found = place < len(second_hashes)
    found[found] = second_hashes[place[found]] == hashes[found]
    rows: RowMap = np.full(len(first), _GONE, np.int32)
    rows[order[found]] = second_order[place[found]]
    # Two vectors may have one hash: what counts is that they are equal.
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        here = np.flatnonzero(block >= 0)
        same = (_words(first[start + here]) == _words(second[block[here]])).all(axis=1)
        block[here[~same]] = _GONE
    return rows


def followed(first: RowMap, second: RowMap) -> RowMap:
    """The map from a first table to a third, by that to the second and that from there.

    Args:
        first: (n,), with rows of the second table, each once at most.
        second: (m,), of every row of the second table.
    """
    return np.where(first >= 0, second[first], np.int32(_GONE))


def gone_from_all(maps: Sequence[RowMap]) -> Ids:
    """The rows of a first table that none of some other tables has any more; rising.

    Args:
        maps: (rows of the first table,) each: to one of the others; one at the least.
    """
    return np.flatnonzero(np.logical_and.reduce([rows < 0 for rows in maps]))


def rows_without(rows: RowMap, count: int) -> Ids:
    """The rows of the second table, which has `count`, that are not in a map; rising."""
    there = np.zeros(count, np.bool_)
    there[rows[rows >= 0]] = True
    return np.flatnonzero(~there)


def _sorted_hashes(vectors: NDArray[np.float16]) -> tuple[NDArray[np.uint64], Ids]:
    """The hashes rising, and whose each is; equal ones in the order of the rows."""
    hashes = _hashes(vectors)
    order = np.argsort(hashes, kind="stable")
    return hashes[order], order


def _hashes(vectors: NDArray[np.float16]) -> NDArray[np.uint64]:
    """A number for each row, the same for the same bytes, and hardly ever for others."""
    hashes = np.zeros(len(vectors), np.uint64)
    for start in range(0, len(vectors), _BLOCK):
        block = hashes[start : start + _BLOCK]
        for column in _words(vectors[start : start + _BLOCK]).T:
            block ^= column
            block *= _FACTOR
            block ^= block >> _SHIFT
    return hashes


def _words(vectors: NDArray[np.float16]) -> NDArray[np.uint64]:
    """The bytes of some rows as whole words, with zeros behind where they are too few."""
    raw = np.ascontiguousarray(vectors).view(np.uint8)
    missing = -raw.shape[1] % _WORD_BYTES
    return (np.pad(raw, ((0, 0), (0, missing))) if missing else raw).view(np.uint64)
