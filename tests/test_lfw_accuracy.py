"""The accuracy the README promises, measured on the index that ships with the project."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Ids
from rvs.evaluation.pairs import pair_distances
from rvs.evaluation.retrieval import leave_one_out
from rvs.evaluation.verification import verify
from rvs.faces.face import nearest_to_centre
from rvs.gallery.lfw import PEOPLE, PHOTOS, read_pairs
from rvs.gallery.store import Store
from rvs.gallery.verify import check_vectors
from rvs.gallery.version import Version, open_version
from rvs.photo import read_photo
from rvs.pipeline import DEFAULT_PIPELINE, Pipeline, parse_pipeline
from rvs.vectors.annoy_index import recall_at_k

INDEX = Path(__file__).parents[1] / "index" / "lfw"


@pytest.fixture(scope="module")
def version() -> Version:
    if not (INDEX / "current").is_file():
        pytest.skip("index/lfw is not in this checkout: build it with `rvs index build`")
    return open_version(Store(INDEX).current(), fingerprint=parse_pipeline(DEFAULT_PIPELINE).fingerprint())


def test_it_is_all_of_lfw(version: Version) -> None:
    manifest = version.manifest
    assert manifest.pipeline == DEFAULT_PIPELINE
    assert manifest.face_choice == "centre"
    assert manifest.photos + manifest.misses == PHOTOS
    assert manifest.misses <= 5
    assert PEOPLE - 2 <= manifest.people <= PEOPLE
    assert manifest.forest.recall_at_10 >= 0.999
    check_vectors(version.vectors)


def test_it_carries_no_photos_and_no_paths(version: Version) -> None:
    assert {path.name for path in version.folder.iterdir()} == {
        "manifest.json",
        "photos.json",
        "vectors.npy",
        "photos.annoy",
    }
    assert all(photo.file.count("/") == 1 and photo.file.endswith(".jpg") for photo in version.photos)


def test_verification(version: Version, lfw_pairs_file: Path) -> None:
    """Ten folds of 600 pairs: at least 99.1 in 100 judged rightly."""
    pairs = read_pairs(lfw_pairs_file)
    distances, same = pair_distances(version, pairs)
    result = verify(distances, same, np.array([pair.fold for pair in pairs]))
    assert len(pairs) == 6000
    assert result.accuracy >= 0.991
    assert result.accuracy_sd < 0.01
    assert result.auc > 0.998
    assert 0.96 <= result.tar_at_far_1e3 <= result.tar_at_far_1e2 < 1
    assert 0.4 < result.threshold < 0.75


def test_identification(version: Version) -> None:
    """The nearest other photo shows the same person, for 95.5 in 100 photos of people with two or more."""
    result = leave_one_out(version.vectors, version.person_of)
    assert result.probes > 9000
    assert result.precision_at_1 >= 0.955
    assert result.precision_at_1 < result.hit_at_5 < 1
    assert 0.72 < result.precision_at_5 < result.best_precision_at_5
    assert result.hit_at_5 <= result.by_person.hit_at_5 < 1
    assert result.by_person.mean_reciprocal_rank >= 0.965


def test_annoy_finds_what_exact_search_finds(version: Version) -> None:
    """Over all photos of the index, each asked for its ten nearest."""
    vectors = np.asarray(version.vectors, np.float32)
    truth, exact = version.index("exact").search(vectors, 10)
    forest = version.index("annoy")
    with ThreadPoolExecutor(2) as pool:  # Annoy lets other threads run while it searches
        parts = list(pool.map(lambda part: forest.search(part, 10), np.array_split(vectors, 20)))
    found: Ids = np.concatenate([ids for ids, _ in parts])
    distances = np.concatenate([part for _, part in parts])
    assert recall_at_k(found, truth) >= 0.999
    # Every photo finds itself, or another of no distance, where LFW has a photo twice.
    assert distances[:, 0].max() < 1e-3
    same = (found == truth) & (exact > 0.05)
    np.testing.assert_allclose(distances[same], exact[same], atol=1e-4)


def test_photos_embedded_now_have_the_vectors_of_the_index(
    version: Version, lfw_dir: Path, pipeline: Pipeline
) -> None:
    """Nothing drifted since it was built: not the decoder, the detector, the alignment or the network."""
    cosines = []
    for row in _sample(len(version.photos), 40):
        record = version.photos[row]
        photo = read_photo(lfw_dir / record.file)
        assert photo.sha256 == record.sha256
        face = nearest_to_centre(pipeline.faces(photo.pixels), photo.width_px, photo.height_px)[0]
        (vector,) = pipeline.embed([pipeline.chip(photo.pixels, face)])
        cosines.append(float(version.vectors[row].astype(np.float32) @ vector))
    assert min(cosines) >= 0.999


def _sample(rows: int, count: int) -> Iterator[int]:
    yield from range(rows // (2 * count), rows, rows // count)
