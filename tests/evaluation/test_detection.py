"""A face counts as found when its box holds the middle of the photo."""

from pathlib import Path

import pytest

from rvs.evaluation.detection import centre_faces
from rvs.faces.face import Box
from rvs.gallery.photo_list import Miss
from tests.evaluation.made_version import MIDDLE, made_version
from tests.vectors.crowd import crowd, owners


def test_found_beside_and_not_at_all(tmp_path: Path) -> None:
    boxes = [
        MIDDLE,
        Box(125.0, 125.0, 200.0, 200.0),  # just holds it
        Box(126.0, 80.0, 200.0, 200.0),  # to the right of it
        Box(10.0, 10.0, 240.0, 124.0),  # above it
    ]
    misses = [Miss("P09", "P09/P09_0001.jpg", "", "No face was found.")]
    version = made_version(tmp_path / "v1", crowd(2, 2), owners(2, 2), boxes=boxes, misses=misses)
    found = centre_faces(version)
    assert found is not None
    assert found.photos == 5
    assert found.found == pytest.approx(2 / 5)
    assert [missed.file for missed in found.missed] == [
        "P01/P01_0001.jpg",
        "P01/P01_0002.jpg",
        "P09/P09_0001.jpg",
    ]
    assert found.missed[-1].reason == "No face was found."


def test_a_pipeline_over_whole_images_looks_for_none(tmp_path: Path) -> None:
    version = made_version(tmp_path / "v1", crowd(2, 2), owners(2, 2), boxes=[None] * 4)
    assert centre_faces(version) is None
