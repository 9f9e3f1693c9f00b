"""The photos of a benchmark are what their names say."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import NoFaceError
from rvs.evaluation.bench_photos import GROUP, ONE_MEGAPIXEL, BenchPhoto, make_gallery, make_photos
from rvs.gallery.folder import list_photos
from rvs.photo import PhotoLimits, read_photo
from rvs.pipeline import Pipeline
from tests.gallery.small import pipeline_of_patches


@pytest.fixture(scope="module")
def photos(astronaut: Pixels, pipeline: Pipeline) -> dict[str, BenchPhoto]:
    return {photo.name: photo for photo in make_photos(astronaut, pipeline, PhotoLimits())}


def picture(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return image.convert("RGB")


def test_each_has_the_size_in_its_name(photos: dict[str, BenchPhoto]) -> None:
    assert list(photos) == ["250 px", ONE_MEGAPIXEL, "4 MP", "12 MP", GROUP]
    assert picture(photos["250 px"].jpeg).size == (250, 250)
    for name, millions in ((ONE_MEGAPIXEL, 1), ("4 MP", 4), ("12 MP", 12)):
        width, height = picture(photos[name].jpeg).size
        assert (width, height) == (photos[name].width_px, photos[name].height_px)
        assert width * height == pytest.approx(millions * 1e6, rel=1e-3)


def test_only_the_group_has_several_faces(photos: dict[str, BenchPhoto], pipeline: Pipeline) -> None:
    assert {photo.faces for name, photo in photos.items() if name != GROUP} == {1}
    assert photos[GROUP].faces == 12 == len(pipeline.faces(read_photo(photos[GROUP].jpeg).pixels))


def test_they_cost_what_photos_cost(photos: dict[str, BenchPhoto], astronaut: Pixels) -> None:
    smooth = io.BytesIO()
    Image.fromarray(astronaut).resize((3464, 3464)).save(smooth, "JPEG", quality=90)
    assert len(photos["12 MP"].jpeg) > 1.5 * len(smooth.getvalue())


def test_a_wide_photo_stays_wide(astronaut: Pixels, pipeline: Pipeline) -> None:
    wide = np.hstack([astronaut, np.full((512, 256, 3), 99, np.uint8)])
    photos = {photo.name: photo for photo in make_photos(wide, pipeline, PhotoLimits())}
    assert (photos["250 px"].width_px, photos["250 px"].height_px) == (250, 167)
    assert photos["4 MP"].width_px / photos["4 MP"].height_px == pytest.approx(1.5, rel=1e-3)


def test_the_same_photo_gives_the_same_files(
    photos: dict[str, BenchPhoto], astronaut: Pixels, pipeline: Pipeline
) -> None:
    assert list(make_photos(astronaut, pipeline, PhotoLimits())) == list(photos.values())


def test_no_face_no_benchmark(pipeline: Pipeline) -> None:
    with pytest.raises(NoFaceError, match="in this photo"):
        make_photos(np.full((300, 300, 3), 120, np.uint8), pipeline, PhotoLimits())


def test_a_face_that_is_gone_in_a_small_photo(astronaut: Pixels, pipeline: Pipeline) -> None:
    far = np.full((3000, 3000, 3), 99, np.uint8)
    far[:512, :512] = astronaut
    with pytest.raises(NoFaceError, match='"250 px"'):
        make_photos(far, pipeline, PhotoLimits(working_side_px=3000))


def test_without_a_detector_there_is_no_group(astronaut: Pixels) -> None:
    photos = make_photos(astronaut, pipeline_of_patches(whole_image=True), PhotoLimits())
    assert GROUP not in [photo.name for photo in photos]
    assert {photo.faces for photo in photos} == {0}


def test_a_gallery_of_different_files(astronaut: Pixels, pipeline: Pipeline, tmp_path: Path) -> None:
    make_gallery(tmp_path, astronaut, 3)
    photos = list_photos(tmp_path)
    assert len({photo.person for photo in photos}) == 3
    read = [read_photo(tmp_path / photo.file) for photo in photos]
    assert len({photo.sha256 for photo in read}) == 3
    assert all(len(pipeline.faces(photo.pixels)) == 1 for photo in read)
