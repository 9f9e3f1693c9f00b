"""Settings in, engine out: what is known before the networks are loaded."""

import dataclasses
from pathlib import Path

import pytest

from rvs.engine import calibration_for, gallery_photos, remember_gallery
from rvs.errors import GalleryError
from rvs.gallery.version import Version, open_version
from rvs.pipeline import DEFAULT_PIPELINE
from rvs.scoring import packaged_calibration
from rvs.settings import load_settings
from tests.gallery.small import builder, make_gallery, unheard


def small_version(folder: Path, people: int) -> Version:
    make_gallery(folder / "gallery", range(people), 2)
    return open_version(builder(folder / "index").build(folder / "gallery", unheard).version)


def of_pipeline(version: Version, pipeline: str) -> Version:
    return dataclasses.replace(version, manifest=dataclasses.replace(version.manifest, pipeline=pipeline))


def test_the_packaged_calibration_goes_before_the_gallerys_own(tmp_path: Path) -> None:
    version = of_pipeline(small_version(tmp_path, 1), DEFAULT_PIPELINE)
    assert calibration_for(version) == packaged_calibration(DEFAULT_PIPELINE)


def test_other_pipelines_are_calibrated_on_the_gallery(tmp_path: Path) -> None:
    calibration = calibration_for(of_pipeline(small_version(tmp_path, 5), "whole-image + vgg16"))
    assert calibration.stranger_pairs == 10
    assert calibration.source == "the gallery itself"


def test_one_person_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="one person"):
        calibration_for(of_pipeline(small_version(tmp_path, 1), "whole-image + vgg16"))


def test_an_index_remembers_where_its_photos_are(tmp_path: Path) -> None:
    settings = load_settings(index_dir=tmp_path, index="crew", data_dir=tmp_path / "data")
    assert gallery_photos(settings).root is None
    (tmp_path / "crew").mkdir()
    (tmp_path / "photos").mkdir()
    remember_gallery(settings, tmp_path / "photos")
    assert gallery_photos(settings).root == tmp_path / "photos"
    (tmp_path / "photos").rmdir()
    assert gallery_photos(settings).root is None
