"""Exact search and Annoy side by side, and what trees and search_k do, against neighbours found by a loop."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Distances, Ids, Vectors
from rvs.evaluation.annoy_sweep import sweep_annoy
from rvs.evaluation.neighbours import compare_neighbours, time_in_turns
from rvs.gallery.verify import realistic_probes
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy
from tests.evaluation.made_version import made_version
from tests.vectors.crowd import crowd, nearest_by_loop, owners

PEOPLE = 300


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return crowd(PEOPLE, 2, dimension=24, spread=0.6)


def test_recall_is_the_share_of_true_neighbours(tmp_path: Path, vectors: Vectors) -> None:
    version = made_version(tmp_path / "v1", vectors, owners(PEOPLE, 2), trees=1, search_k=220)
    found = compare_neighbours(version, most_probes=40, workers=2)
    assert found.probes == 40

    forest, stored = version.index("annoy"), version.vectors.astype(np.float32)

    def recall(probes: Vectors, k: int) -> float:
        hits = 0
        for probe in probes:
            true = {row for _, row in nearest_by_loop(stored, probe, k)}
            hits += len(true & set(forest.search(probe[None], k)[0][0].tolist()))
        return hits / (k * len(probes))

    asked = stored[np.random.default_rng(0).permutation(len(stored))[:40]]
    assert found.recall_at_10 == pytest.approx(recall(asked, 11), abs=3e-3)
    assert found.recall_at_10_of_new == pytest.approx(recall(realistic_probes(version.vectors), 10), abs=1e-3)
    # So narrow a search loses some.
    assert 0.2 < found.recall_at_10 < 0.99
    assert 0.2 < found.recall_at_10_of_new < 0.99


def test_sizes_are_those_of_the_files(tmp_path: Path, vectors: Vectors) -> None:
    version = made_version(tmp_path / "v1", vectors, owners(PEOPLE, 2), trees=7)
    found = compare_neighbours(version, most_probes=10_000, workers=1)
    assert found.vectors_bytes == (version.folder / "vectors.npy").stat().st_size
    assert found.forest_bytes == (version.folder / "photos.annoy").stat().st_size
    assert (found.probes, found.trees, found.search_k) == (2 * PEOPLE, 7, 2000)


class _Noting:
    """An index that notes who was asked for what."""

    def __init__(self, name: str, asked: list[tuple[str, int]]) -> None:
        self._name, self._asked = name, asked

    def __len__(self) -> int:
        return 1

    def search(self, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
        self._asked.append((self._name, len(vectors)))
        return np.zeros((len(vectors), k), np.int64), np.zeros((len(vectors), k), np.float32)


def test_queries_are_timed_alone_and_in_turns() -> None:
    asked: list[tuple[str, int]] = []
    times = time_in_turns([_Noting("a", asked), _Noting("b", asked)], np.ones((3, 2), np.float32))
    assert len(times) == 2
    assert all(time > 0 for time in times)
    assert asked[2:] == [("a", 1), ("b", 1)] * 3  # the first two are to warm up


def test_the_sweep(vectors: Vectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stored = vectors.astype(np.float16)
    sweep = sweep_annoy(stored, trees=(1, 4), search_k=(250, 1_000, 100_000))
    assert (sweep.photos, sweep.probes) == (2 * PEOPLE, 200)
    assert list(tmp_path.iterdir()) == []  # the forests are gone

    for trees in (1, 4):
        points = [point for point in sweep.points if point.trees == trees]
        recall = [point.recall_at_10 for point in points]
        assert recall == sorted(recall)
        assert recall[-1] > 0.999  # all was looked at; neighbours as far as each other may change places
        assert 1 not in recall[:-1]  # past full recall it does not go on
    few, many = (next(point for point in sweep.points if point.trees == trees) for trees in (1, 4))
    assert few.forest_bytes < many.forest_bytes

    # One point again, by a loop over the definition.
    build_annoy(stored, tmp_path / "one.annoy", 1)
    forest, exact = AnnoyVectorIndex(tmp_path / "one.annoy", stored, 250), stored.astype(np.float32)
    probes = realistic_probes(stored)[:200]
    hits = sum(
        len({row for _, row in nearest_by_loop(exact, probe, 10)} & set(found.tolist()))
        for probe, found in zip(probes, forest.search(probes, 10)[0], strict=True)
    )
    assert few.recall_at_10 == pytest.approx(hits / 2000, abs=1e-3)
