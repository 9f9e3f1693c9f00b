"""OpenVINO and TensorFlow name the same people: the whole way from a photo of LFW to the first person."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rvs.engine import calibration_for
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.inference import InferenceOptions
from rvs.photo import read_photo
from rvs.pipeline import Pipeline, load_pipeline
from rvs.search import Lookalike

INDEX = Path(__file__).parent.parent / "index" / "lfw"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own, at import
def test_same_vectors_and_same_first_person(
    lfw_dir: Path, pipeline: Pipeline, options: InferenceOptions
) -> None:
    version = open_version(Store(INDEX).current())
    tensorflow = load_pipeline(pipeline.name, replace(options, runtime="tensorflow"))
    rows = np.random.default_rng(5).permutation(len(version.photos))[:24]
    index, calibration = version.index("exact"), calibration_for(version)
    first = []
    for engine in (Lookalike(p, version, index, calibration) for p in (pipeline, tensorflow)):
        photos = [read_photo(lfw_dir / version.photos[row].file) for row in rows]
        results = [engine.find(photo, 1, exclude_self=True) for photo in photos]
        first.append([result.searched[0].matches[0].person for result in results])
    assert first[0] == first[1]

    chips = [pipeline.chip(photo.pixels, pipeline.faces(photo.pixels)[0]) for photo in photos]
    cosine = np.sum(pipeline.embed(chips) * tensorflow.embed(chips), axis=1)
    assert cosine.min() >= 0.999
