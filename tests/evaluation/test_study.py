"""The rows of the study: which there are, and what is read off a row's index."""

import re
from pathlib import Path

import numpy as np
import pytest

from rvs.embedding.spec import EMBEDDERS
from rvs.evaluation import study
from rvs.evaluation.embedding_speed import PhotoTimes
from rvs.evaluation.pairs import pair_distances
from rvs.evaluation.retrieval import leave_one_out
from rvs.evaluation.study import measure_row, planned_rows, row_of
from rvs.evaluation.verification import verify
from rvs.gallery.lfw import Pair
from rvs.pipeline import DEFAULT_PIPELINE, parse_pipeline
from rvs.settings import load_settings
from tests.evaluation.made_version import files_of, made_version
from tests.vectors.crowd import crowd, owners

TIMES = PhotoTimes(32, 2, "openvino", "f32", 1.5, None)


@pytest.fixture(autouse=True)
def nothing_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder where Keras would keep its weights."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    return tmp_path / "keras"


def test_every_network_over_every_crop_has_a_row() -> None:
    assert set(study.EMBEDDERS) == {spec.name for spec in EMBEDDERS}
    rows = planned_rows({}, "lfw")
    assert len(rows) == len({str(row.pipeline) for row in rows}) == 21
    assert all(parse_pipeline(str(row.pipeline)) == row.pipeline for row in rows)
    assert {row.pipeline.crop for row in rows} == {"whole", "face", "aligned"}


def test_every_row_has_an_index_of_its_own_and_the_default_has_lfws() -> None:
    rows = planned_rows({}, "lfw")
    assert len({row.index for row in rows}) == len(rows)
    assert [str(row.pipeline) for row in rows if row.index == "lfw"] == [DEFAULT_PIPELINE]
    assert all(load_settings(index=row.index).index == row.index for row in rows)
    others = [row for row in rows if row.index != "lfw"]
    assert all(re.fullmatch(r"study-[a-z0-9-]+-(whole|face|aligned)", row.index) for row in others)


def test_weights_make_rows_come_alive(tmp_path: Path, nothing_downloaded: Path) -> None:
    def alive(weights: dict[str, Path]) -> set[str]:
        return {row.pipeline.embedder.name for row in planned_rows(weights, "lfw") if row.weights_here}

    assert alive({}) == {"face-resnet"}
    file = tmp_path / "mine.weights.h5"
    file.write_bytes(b"")
    assert alive({"mobilenet": file}) == {"face-resnet", "mobilenet"}
    assert all(
        row.weights == (file if row.pipeline.embedder.name == "mobilenet" else None)
        for row in planned_rows({"mobilenet": file}, "lfw")
    )


def test_a_row_without_weights_says_what_can_be_known() -> None:
    planned = next(row for row in planned_rows({}, "lfw") if row.index == "study-vgg16-face")
    row = row_of(planned, None)
    assert (row.embedder, row.crop, row.dimension, row.figures) == ("vgg16", "face", 512, None)


def test_the_figures_are_those_of_the_index(tmp_path: Path) -> None:
    vectors, people = crowd(30, 3, spread=0.8), owners(30, 3)
    version = made_version(tmp_path / "v1", vectors, people)
    files = files_of(people)
    pairs = [
        pair
        for fold in range(10)
        for pair in (
            Pair(files[9 * fold], files[9 * fold + 1], True, fold),
            Pair(files[9 * fold], files[9 * fold + 3], False, fold),
        )
    ]
    row = measure_row(version, pairs, TIMES, 2, "2026-11-26T00:00Z")
    found = leave_one_out(version.vectors, version.person_of)
    assert (row.precision_at_1, row.mean_average_precision) == (
        found.precision_at_1,
        found.mean_average_precision,
    )
    distances, same = pair_distances(version, pairs)
    folds = np.array([pair.fold for pair in pairs])
    assert row.accuracy == verify(distances, same, folds).accuracy
    files_on_disk = (path for path in version.folder.iterdir() if path.name != "manifest.json")
    assert row.index_bytes == sum(path.stat().st_size for path in files_on_disk)
    assert (row.photos, row.misses, row.times) == (90, 0, TIMES)
    assert row.neighbours.probes == 90


def test_a_gallery_without_the_photos_of_the_pairs_has_no_accuracy(tmp_path: Path) -> None:
    version = made_version(tmp_path / "v1", crowd(10, 2), owners(10, 2))
    pairs = [Pair("Zoe/Zoe_0001.jpg", "Zoe/Zoe_0002.jpg", True, 0)]
    row = measure_row(version, pairs, TIMES, 1, "2026-11-26T00:00Z")
    assert (row.accuracy, row.accuracy_sd) == (None, None)
    assert row.precision_at_1 > 0
