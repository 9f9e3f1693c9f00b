"""Many photos: all are counted, and the shares of the stages are shares of one whole."""

from pathlib import Path

import pytest

from rvs.evaluation.batch import measure_batch, photos_needed
from rvs.gallery.embed import CHUNK, FolderFiles, PhotoEmbedder
from rvs.gallery.folder import list_photos
from rvs.photo import PhotoLimits
from tests.gallery.small import Colours, draw, make_gallery, pipeline_of_patches, save


def test_every_photo_goes_through_once_in_each_pass(tmp_path: Path) -> None:
    root = make_gallery(tmp_path, range(10), 2)
    (root / "Person_00" / "broken.png").write_bytes(b"no picture")
    save(draw(1, brightness=0.0).point(lambda _: 0), root / "Person_00" / "dark.png")
    network = Colours()
    ticks: list[int] = []
    embedder = PhotoEmbedder(FolderFiles(root), pipeline_of_patches(network), "largest", PhotoLimits())
    photos = list_photos(root)
    speed = measure_batch(embedder, 2, photos, "gallery", ticks.append)
    assert (speed.source, speed.photos, speed.usable, speed.workers) == ("gallery", 22, 20, 2)
    # Seconds have three digits, photos a second one: so few photos take hardly longer than that.
    assert (
        22 / (speed.seconds + 0.001) - 0.1 <= speed.per_second <= 22 / max(speed.seconds - 0.001, 1e-6) + 0.1
    )
    assert sum(ticks) == 44
    # Twenty in each of the two passes, and those that warm up: every eighth of the first two chunks.
    assert network.shown == 2 * 20 + sum(photo.file.endswith(("1.png", "2.png")) for photo in photos[::8])
    assert list(speed.stage_ms) == list(speed.shares) == ["decode", "detect", "align", "embed"]
    assert sum(speed.shares.values()) == pytest.approx(1, abs=1e-3)
    largest = max(speed.stage_ms, key=lambda stage: speed.stage_ms[stage])
    assert speed.shares[largest] == max(speed.shares.values())


def test_whole_images_have_no_face_but_a_chip(tmp_path: Path) -> None:
    root = make_gallery(tmp_path, range(3), 1)
    pipeline = pipeline_of_patches(whole_image=True)
    embedder = PhotoEmbedder(FolderFiles(root), pipeline, "centre", PhotoLimits())
    speed = measure_batch(embedder, 1, list_photos(root), "made", lambda _: None)
    assert speed.usable == 3
    assert speed.stage_ms["align"] > 0


def test_more_workers_need_more_photos() -> None:
    assert photos_needed(1) == photos_needed(2) == 10 * CHUNK
    assert photos_needed(16) == 48 * CHUNK
