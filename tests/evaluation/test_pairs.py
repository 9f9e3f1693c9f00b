"""Distances of pairs, read off an index."""

import numpy as np
import pytest
from PIL import Image

from rvs.errors import GalleryMismatchError
from rvs.evaluation.pairs import pair_distances
from rvs.gallery.lfw import Pair
from rvs.gallery.version import Version, open_version
from tests.gallery.small import builder, make_gallery, photo_path, save, unheard


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Three people with two photos each; Person 02 has a third photo without a face."""
    root = tmp_path_factory.mktemp("pairs")
    make_gallery(root / "gallery", range(3), 2)
    save(Image.new("RGB", (64, 64)), photo_path(root / "gallery", 2, 9))
    return open_version(builder(root / "index").build(root / "gallery", unheard).version)


def _pair(first: str, second: str, *, same: bool) -> Pair:
    return Pair(f"Person_{first}.png", f"Person_{second}.png", same, 0)


def test_distances_and_truth_in_the_order_of_the_pairs(version: Version) -> None:
    pairs = [
        _pair("00/1", "00/2", same=True),
        _pair("00/1", "02/2", same=False),
        _pair("02/2", "01/1", same=False),
    ]
    distances, same = pair_distances(version, pairs)
    assert same.tolist() == [True, False, False]
    rows = {photo.file: row for row, photo in enumerate(version.photos)}
    for distance, pair in zip(distances, pairs, strict=True):
        first, second = (version.vectors[rows[file]].astype(np.float64) for file in (pair.first, pair.second))
        assert distance == pytest.approx(np.linalg.norm(first - second), abs=1e-5)
    assert distances[0] < 0.4 < distances[1:].min()


def test_a_photo_to_itself(version: Version) -> None:
    assert pair_distances(version, [_pair("01/2", "01/2", same=True)])[0].tolist() == [0]


@pytest.mark.parametrize(("first", "second"), [("02/9", "02/1"), ("02/1", "02/9"), ("02/9", "02/9")])
def test_where_no_face_was_found_it_cannot_be_the_same(version: Version, first: str, second: str) -> None:
    """As far as can be: the pair counts, as one that was called different."""
    distances, same = pair_distances(version, [_pair(first, second, same=True)])
    assert distances.tolist() == [2.0]
    assert same.tolist() == [True]


def test_no_pairs(version: Version) -> None:
    distances, same = pair_distances(version, [])
    assert len(distances) == len(same) == 0


@pytest.mark.parametrize(("first", "second"), [("00/1", "77/1"), ("77/1", "00/1"), ("00/1", "00/3")])
def test_an_index_over_another_gallery_is_refused(version: Version, first: str, second: str) -> None:
    pairs = [_pair("00/1", "00/2", same=True), _pair(first, second, same=False)]
    with pytest.raises(GalleryMismatchError, match="LFW's pairs") as caught:
        pair_distances(version, pairs)
    assert "--index" in caught.value.hint
