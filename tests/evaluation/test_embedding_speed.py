"""What is timed is what a build does: many photos, side by side."""

from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Pixels
from rvs.embedding.spec import embedder_spec
from rvs.evaluation.embedding_speed import random_pipeline, time_photos
from rvs.inference import InferenceOptions
from tests.gallery.small import DIMENSION, Colours, draw, pipeline_of_patches

PHOTOS = [np.asarray(draw(person)) for person in range(4)]
BLANK: Pixels = np.zeros((64, 64, 3), np.uint8)


def test_every_worker_embeds_every_face_in_every_round() -> None:
    network = Colours()
    times = time_photos(pipeline_of_patches(network), [*PHOTOS, BLANK], 3, "openvino", "f32")
    assert network.shown == (1 + 3) * 3 * 4
    assert times.photos == 4  # the blank one has no face
    assert times.workers == 3
    assert times.embed_ms > 0
    assert times.detect_ms is not None
    assert times.detect_ms > 0


def test_over_whole_images_nothing_is_detected() -> None:
    times = time_photos(pipeline_of_patches(whole_image=True), [*PHOTOS, BLANK], 1, "openvino", "f32")
    assert (times.photos, times.detect_ms) == (5, None)


def test_photos_without_faces_cannot_be_timed() -> None:
    with pytest.raises(ValueError, match="no photo has a face"):
        time_photos(pipeline_of_patches(), [BLANK], 1, "openvino", "f32")


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_random_weights_need_no_file(options: InferenceOptions, tmp_path: Path) -> None:
    spec = embedder_spec("mobilenet")
    own = InferenceOptions(options.runtime, options.precision, tmp_path, threads=2)
    pipeline = random_pipeline(spec, own)
    vectors = pipeline.embed([pipeline.chip(PHOTOS[0], None), pipeline.chip(PHOTOS[1], None)])
    assert vectors.shape == (2, spec.dimension)
    assert spec.dimension != DIMENSION
    assert time_photos(pipeline, PHOTOS[:1], 1, "openvino", "f32").embed_ms > 0
