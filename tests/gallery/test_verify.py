"""A wrong index is noticed before it answers anybody."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Vectors
from rvs.errors import RebuildFailedError
from rvs.gallery.verify import check_recall, check_vectors, realistic_probes
from rvs.gallery.version import FOREST, Version, open_version
from rvs.vectors.annoy_index import build_annoy, recall_at_k
from tests.gallery.small import DIMENSION, builder, make_gallery, unheard
from tests.vectors.crowd import crowd, unit


def _stored(rows: int = 50) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
    return crowd(rows, 1, dimension=128).astype(np.float16)


class TestVectors:
    def test_rounded_to_float16_they_are_still_of_unit_length(self) -> None:
        for dimension in (8, 128, 2048):
            check_vectors(crowd(200, 1, dimension=dimension).astype(np.float16))

    @pytest.mark.parametrize(
        "wrong", [np.nan, np.inf, -np.inf, 0.0, 2.0], ids=["NaN", "inf", "-inf", "zeros", "too long"]
    )
    def test_the_first_wrong_row_is_named(self, wrong: float) -> None:
        vectors = _stored()
        vectors[17] = vectors[17] * np.float16(2) if wrong == 2 else np.float16(wrong)
        vectors[31] = 0
        with pytest.raises(RebuildFailedError, match=r"photo 17 is not of unit length \(2 such") as caught:
            check_vectors(vectors)
        assert "--fresh" in caught.value.hint

    def test_one_nan_among_good_numbers(self) -> None:
        vectors = _stored()
        vectors[49, 127] = np.nan
        with pytest.raises(RebuildFailedError, match="photo 49"):
            check_vectors(vectors)

    @pytest.mark.parametrize("factor", [0.99, 1.01])
    def test_one_hundredth_is_too_much(self, factor: float) -> None:
        vectors = _stored()
        vectors[3] = vectors[3].astype(np.float32) * factor
        with pytest.raises(RebuildFailedError, match="photo 3 "):
            check_vectors(vectors)


class TestProbes:
    def test_are_near_photos_but_none_of_them(self) -> None:
        vectors = _stored(300)
        probes = realistic_probes(vectors)
        assert probes.shape == (300, 128)
        assert probes.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(probes, axis=1), 1, atol=1e-5)
        every = np.linalg.norm(probes[:, None] - vectors[None].astype(np.float32), axis=2)
        assert (every.min(axis=1) > 0.2).all()
        assert (every.min(axis=1) < 0.4).all()
        # Each is made of another photo.
        assert sorted(every.argmin(axis=1).tolist()) == list(range(300))

    def test_are_five_hundred_at_most_and_the_same_every_time(self) -> None:
        vectors = _stored(1200)
        probes = realistic_probes(vectors)
        assert len(probes) == 500
        np.testing.assert_array_equal(probes, realistic_probes(vectors))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("verify")
    return builder(root / "index").build(make_gallery(root / "gallery", range(40), 3), unheard).version


@pytest.fixture
def version(built: Path, tmp_path: Path) -> Version:
    return open_version(Path(shutil.copytree(built, tmp_path / "version")))


def _over(version: Version, vectors: Vectors, forest_over: Vectors) -> Version:
    """The version, but over these vectors, with a forest over those. Who is on which photo does not matter."""
    build_annoy(forest_over, version.folder / FOREST, trees=40)
    return dataclasses.replace(version, vectors=vectors.astype(np.float16))


class TestRecall:
    def test_a_sound_index(self, version: Version) -> None:
        report = check_recall(version, realistic_probes(version.vectors))
        assert report.photos == 120
        assert report.people == 40
        assert report.recall_at_10 == 1
        assert report.self_found == 1

    # Below: far more rows than a search proposes, or it would propose them all and nothing could be wrong.
    def test_a_forest_over_other_vectors(self, version: Version) -> None:
        vectors, others = (crowd(4000, 1, dimension=DIMENSION, seed=seed) for seed in (0, 1))
        sound = _over(version, vectors, vectors)
        probes = realistic_probes(sound.vectors)
        assert check_recall(sound, probes).recall_at_10 > 0.95
        with pytest.raises(RebuildFailedError, match="true neighbours") as caught:
            check_recall(_over(version, vectors, others), probes)
        assert "--trees" in caught.value.hint

    def test_photos_that_do_not_find_themselves(self, version: Version) -> None:
        """A forest that is wrong in one of fifty only, asked about the rest, has a fine recall."""
        vectors = crowd(400, 10, dimension=DIMENSION)
        forest_over = vectors.copy()
        forest_over[:80] = crowd(80, 1, dimension=DIMENSION, seed=1)
        wrong = _over(version, vectors, forest_over)
        probes = vectors[3000:]
        truth, _ = wrong.index("exact").search(probes, 10)
        found, _ = wrong.index("annoy").search(probes, 10)
        assert recall_at_k(found, truth) > 0.95
        with pytest.raises(RebuildFailedError, match="find themselves"):
            check_recall(wrong, probes)

    @pytest.mark.parametrize("people", [1, 2, 5])
    def test_tiny_galleries(self, tmp_path: Path, people: int) -> None:
        report = builder(tmp_path / "i").build(make_gallery(tmp_path / "g", range(people), 1), unheard)
        version = open_version(report.version)
        verified = check_recall(version, realistic_probes(version.vectors))
        assert verified.recall_at_10 == verified.self_found == 1
        assert verified.photos == verified.people == people

    def test_two_files_of_one_photo(self, tmp_path: Path) -> None:
        """Either may be found for the other."""
        gallery = make_gallery(tmp_path / "g", range(6), 2)
        for photo in sorted(gallery.glob("*/1.png")):
            shutil.copy(photo, photo.with_name("copy.png"))
        opened = open_version(builder(tmp_path / "i").build(gallery, unheard).version)
        assert opened.manifest.photos == 18
        assert check_recall(opened, unit(np.asarray(opened.vectors, np.float32))).self_found == 1
