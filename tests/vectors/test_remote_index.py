"""What happens when the server that proposes does not answer, or proposes nonsense.

Here the server is one of ours that fails as it is told; `test_outage` does the same to real ones.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.errors import SearchUnavailableError
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.row_map import matched_rows
from rvs.vectors.server import Collection, GraphKind, Told
from rvs.vectors.shared_rows import SharedRows
from tests.vectors.crowd import crowd

VECTORS = crowd(20, 3)
COLLECTION = Collection("sixty", "hnsw", 60)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Server:
    """Proposes what is near, unless told what goes wrong at the next calls."""

    engine = "ours"
    where = "The server at nowhere"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[tuple[str, float]] = []
        self.next: list[Callable[[], list[Ids] | None]] = []

    def check(self, collection: Collection, timeout_s: float) -> None:
        assert collection == COLLECTION
        self.calls.append(("check", timeout_s))
        if self.next:
            self.next.pop(0)()

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        assert collection == COLLECTION
        assert width == 7
        self.calls.append((f"candidates {k}", timeout_s))
        said = self.next.pop(0)() if self.next else None
        return list(ExactIndex(VECTORS).search(probes, k)[0]) if said is None else said

    def fails(self, after_s: float = 0.0) -> Callable[[], None]:
        def fail() -> None:
            self.clock.now_s += after_s
            raise SearchUnavailableError(why="It is down.")

        return fail

    def widths(self, graph: GraphKind) -> tuple[int, ...]:
        raise NotImplementedError

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        raise NotImplementedError

    def erase(self, collection: Collection, rows: Ids) -> int:
        raise NotImplementedError

    def point(self, alias: str, collection: Collection) -> None:
        raise NotImplementedError

    def pointed(self, alias: str) -> str:
        raise NotImplementedError

    def unload(self, collection: Collection) -> None:
        raise NotImplementedError

    def drop(self, name: str) -> None:
        raise NotImplementedError


def fine() -> None:
    """Nothing goes wrong at this call."""


@pytest.fixture
def server() -> Server:
    return Server(Clock())


@pytest.fixture
def index(server: Server) -> RemoteIndex:
    return RemoteIndex(server, COLLECTION, VECTORS, 7, 2.0, clock=server.clock)


def test_it_connects_at_the_first_search_and_checks_once(server: Server, index: RemoteIndex) -> None:
    assert server.calls == []
    assert len(index) == 60
    index.search(VECTORS[:1], 3)
    index.search(VECTORS[:1], 3)
    assert [call for call, _ in server.calls] == ["check", "candidates 3", "candidates 3"]
    assert index.trouble == ""


def test_one_failure_is_tried_again_within_the_same_time(server: Server, index: RemoteIndex) -> None:
    server.next = [fine, server.fails(after_s=1.5)]
    ids, _ = index.search(VECTORS[:1], 1)
    assert ids.tolist() == [[0]]
    # Checked again: what comes back may have lost the collection.
    assert server.calls == [("check", 2.0), ("candidates 1", 2.0), ("check", 0.5), ("candidates 1", 0.5)]
    assert index.trouble == ""


def test_two_failures_are_told(server: Server, index: RemoteIndex) -> None:
    server.next = [server.fails(), server.fails()]
    with pytest.raises(SearchUnavailableError) as caught:
        index.search(VECTORS[:1], 1)
    assert caught.value.message == "Search is not available right now."
    assert caught.value.hint == "Try again in a minute."
    assert len(server.calls) == 2
    assert index.trouble == "It is down."
    index.ping()
    assert index.trouble == ""


def test_when_the_time_is_up_there_is_no_second_try(server: Server, index: RemoteIndex) -> None:
    server.next = [fine, server.fails(after_s=1.99)]
    with pytest.raises(SearchUnavailableError):
        index.search(VECTORS[:1], 1)
    assert len(server.calls) == 2


def test_nothing_is_asked_for_more_than_there_is(server: Server, index: RemoteIndex) -> None:
    index.search(VECTORS[:1], 1000)
    assert server.calls[-1][0] == "candidates 60"
    server.calls.clear()
    assert index.search(VECTORS[:0], 3)[0].shape == (0, 3)
    with pytest.raises(ValueError, match="probes must be"):
        index.search(VECTORS[:1, 1:], 3)
    assert server.calls == []


@pytest.mark.parametrize("rows", [[-1], [60], [0, 1, 2, 1 << 40]])
def test_rows_that_are_not_there_are_refused(server: Server, index: RemoteIndex, rows: list[int]) -> None:
    """-1 would be the last photo, of another person."""
    wrong = np.array(rows, np.int64)
    server.next = [fine, lambda: [wrong], fine, lambda: [wrong]]
    with pytest.raises(SearchUnavailableError) as caught:
        index.search(VECTORS[:1], 3)
    assert "rows of another version" in caught.value.why
    assert index.trouble == caught.value.why


def test_what_was_not_found_is_minus_one_at_infinity(server: Server, index: RemoteIndex) -> None:
    server.next = [fine, lambda: [np.array([5], np.int64)]]
    ids, distances = index.search(VECTORS[:1], 3)
    assert ids.tolist() == [[5, -1, -1]]
    assert np.isposinf(distances[0, 1:]).all()


# A version without the first twelve rows of the collection, and with four photos that the collection lacks.
GONE = 12
VERSION = np.concatenate([VECTORS[GONE:], crowd(2, 2, seed=9)]).astype(np.float16)


@pytest.fixture
def sharing(server: Server) -> RemoteIndex:
    rows = matched_rows(VECTORS.astype(np.float16), VERSION)
    return RemoteIndex(
        server, COLLECTION, VERSION, 7, 2.0, shared=SharedRows(rows, VERSION), clock=server.clock
    )


def asked(server: Server) -> list[str]:
    return [call for call, _ in server.calls if call != "check"]


def test_of_a_shared_collection_once_is_enough_where_nothing_near_is_gone(
    server: Server, sharing: RemoteIndex
) -> None:
    ids, distances = sharing.search(VERSION[[5, 50]].astype(np.float32), 2)
    assert ids[:, 0].tolist() == [5, 50]
    truth, exact = ExactIndex(VERSION).search(VERSION[[5, 50]].astype(np.float32), 2)
    np.testing.assert_array_equal(ids, truth)
    np.testing.assert_allclose(distances, exact, atol=1e-3)
    assert len(sharing) == len(VERSION) == 52


def test_photos_that_are_gone_do_not_take_places(server: Server, sharing: RemoteIndex) -> None:
    """Of a person who was removed there are three photos, nearest of all; only who sees them is asked for again."""
    probes = np.concatenate([VECTORS[:1], VECTORS[30:31]])
    ids, _ = sharing.search(probes, 3)
    np.testing.assert_array_equal(ids, ExactIndex(VERSION).search(probes, 3)[0])
    assert (ids >= 0).all()
    assert asked(server) == ["candidates 3", "candidates 12"]
    server.calls.clear()
    np.testing.assert_array_equal(sharing.search(probes, 13)[0], ExactIndex(VERSION).search(probes, 13)[0])
    # Never more than the places that the gone ones could take.
    assert asked(server) == ["candidates 13", "candidates 25"]
    server.calls.clear()
    ids, _ = sharing.search(probes, 100)
    assert [sorted(row[:52].tolist()) for row in ids] == [list(range(52))] * 2
    assert (ids[:, 52:] == -1).all()
    assert asked(server) == ["candidates 52", "candidates 60"]


def test_a_server_that_has_no_more_to_propose_is_not_asked_for_ever(
    server: Server, sharing: RemoteIndex
) -> None:
    near = np.array([0])
    server.next = [fine, lambda: [near], lambda: [near]]
    ids, _ = sharing.search(VECTORS[:1], 1)
    assert asked(server) == ["candidates 1", "candidates 4"]
    assert ids[0, 0] >= 60 - GONE  # one of those beside the collection


def test_all_that_is_asked_for_must_come_within_the_same_time(server: Server, sharing: RemoteIndex) -> None:
    def slow() -> None:
        server.clock.now_s += 1.5

    server.next = [fine, slow, server.fails(after_s=0.48)]
    with pytest.raises(SearchUnavailableError):
        sharing.search(VECTORS[:1], 3)
    assert server.calls == [("check", 2.0), ("candidates 3", 2.0), ("candidates 12", 0.5)]
    assert sharing.trouble == "It is down."


def test_a_row_that_a_shared_collection_cannot_have_is_refused(server: Server, sharing: RemoteIndex) -> None:
    """There it may be larger than the version, or smaller."""
    wrong = np.array([60], np.int64)
    server.next = [fine, lambda: [wrong], fine, lambda: [wrong]]
    with pytest.raises(SearchUnavailableError):
        sharing.search(VECTORS[:1], 1)
    server.next = [fine, lambda: [wrong - 1]]
    assert sharing.search(VECTORS[59:], 1)[0].tolist() == [[59 - GONE]]
