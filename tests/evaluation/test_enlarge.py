"""An enlarged gallery lies as the real one does: same directions, same distances, only denser."""

from pathlib import Path

import numpy as np
import pytest

from rvs.evaluation.enlarge import enlarge
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.settings import load_settings
from rvs.vectors.exact_index import ExactIndex
from tests.vectors.crowd import crowd


def test_the_real_ones_come_first(tmp_path: Path) -> None:
    real = crowd(30, 2).astype(np.float16)
    many = enlarge(real, 200, tmp_path / "many.npy")
    assert many.shape == (200, 32)
    assert many.dtype == np.float16
    assert np.array_equal(many[:60], real)
    assert np.linalg.norm(many.astype(np.float32), axis=1) == pytest.approx(1, abs=2e-3)
    assert len(np.unique(many, axis=0)) == 200


def test_the_same_vectors_give_the_same(tmp_path: Path) -> None:
    first, second = (enlarge(crowd(30, 2), 200, tmp_path / name) for name in ("a.npy", "b.npy"))
    assert np.array_equal(first, second)


def test_fewer_than_there_are_is_a_sample(tmp_path: Path) -> None:
    real = crowd(30, 2).astype(np.float16)
    few = enlarge(real, 20, tmp_path / "few.npy")
    ids, distances = ExactIndex(real).search(few.astype(np.float32), 1)
    assert distances.max() < 1e-3
    assert len(np.unique(ids)) == 20
    assert ids.max() >= 40, "not only the first ones"


def test_faces_stay_as_far_from_each_other(tmp_path: Path) -> None:
    """Over the committed index of LFW, four times as large."""
    settings = load_settings()
    real = open_version(Store(settings.index_dir / settings.index).current()).vectors
    many = enlarge(real, 4 * len(real), tmp_path / "many.npy").astype(np.float32)
    draw = np.random.default_rng(3)

    def apart(low: int, high: int) -> list[float]:
        one, other = draw.integers(low, high, (2, 20_000))
        return [
            float(np.quantile(np.linalg.norm(many[one] - many[other], axis=1), share))
            for share in (0.05, 0.5, 0.95)
        ]

    assert apart(len(real), len(many)) == pytest.approx(apart(0, len(real)), abs=0.02)
    # A new one is about as far from the nearest real one as two photos of one person are.
    _, nearest = ExactIndex(real).search(many[len(real) : len(real) + 500], 1)
    assert 0.2 < np.median(nearest) < 0.35
