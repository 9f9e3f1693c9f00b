"""A question's times: every stage is there, and the floor is what the networks were really given."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from rvs.answer import Question, Served, load_served
from rvs.arrays import Pixels
from rvs.errors import NoFaceError
from rvs.evaluation.bench_photos import BenchPhoto, make_photos
from rvs.evaluation.queries import can_be_recorded, measure_query, network_calls, repeat_in_all
from rvs.settings import load_settings
from tests.gallery.small import draw
from tests.test_answer import file_of, small_served

ONE_FACE = {"decode", "detect", "align", "embed", "search", "group", "quality", "render"}


@pytest.fixture(scope="module")
def served(cache_dir: Path) -> Served:
    return load_served(load_settings(cache_dir=cache_dir, runtime="openvino", precision="f32"))


@pytest.fixture(scope="module")
def photos(served: Served, astronaut: Pixels) -> dict[str, BenchPhoto]:
    made = make_photos(astronaut, served.engine.pipeline, served.limits)
    return {photo.name: photo for photo in made}


def test_every_stage_of_a_portrait(served: Served, photos: dict[str, BenchPhoto]) -> None:
    ticks: list[None] = []
    speed = measure_query(served, photos["250 px"], 3, 2, lambda: ticks.append(None))
    assert speed.photo == "250 px"
    assert set(speed.stages) == ONE_FACE
    assert list(speed.path) == ["decode", "search", "grid"]
    assert len(ticks) == repeat_in_all(2)
    for one in (speed.whole, *speed.stages.values(), *speed.networks.values()):
        assert 0 < one.median_ms <= one.p95_ms
    # Each is a median of its own, but none can have been a whole longer than the two together.
    assert speed.floor is not None
    assert speed.floor.median_ms <= sum(one.p95_ms for one in speed.networks.values())
    assert speed.overhead == round(speed.whole.median_ms / speed.floor.median_ms, 2)


def test_a_group_has_an_overview_and_more_calls(served: Served, photos: dict[str, BenchPhoto]) -> None:
    speed = measure_query(served, photos["group photo"], 3, 1, lambda: None)
    assert set(speed.stages) == ONE_FACE | {"overview"}
    assert list(speed.path) == ["decode", "search", "grid", "overview"]
    one = network_calls(served, photos["250 px"].jpeg, Question(3))
    assert speed.network_calls > len(one)


def test_the_floor_is_over_what_the_networks_were_given(
    served: Served, photos: dict[str, BenchPhoto]
) -> None:
    calls = network_calls(served, photos["250 px"].jpeg, Question(3))
    assert [call.role for call in calls] == ["detector", "embedder"]
    canvas, chips = (call.batch for call in calls)
    assert canvas.shape == (1, 256, 256, 3)
    assert chips.shape == (2, 150, 150, 3)  # the face and its mirror image
    assert np.array_equal(chips[0], chips[1, :, ::-1])
    assert calls[0].network is served.engine.pipeline.detector.network  # type: ignore[union-attr]
    assert calls[1].network is served.engine.pipeline.embedder.network


def test_a_detector_that_keeps_its_network_has_no_floor(tmp_path: Path) -> None:
    served = small_served(tmp_path, 4)
    photo = BenchPhoto("patch", file_of(draw(2), "PNG"), 64, 64, 1)
    speed = measure_query(served, photo, 3, 1, lambda: None)
    assert not can_be_recorded(served.engine.pipeline)
    assert (speed.floor, speed.overhead) == (None, None)
    assert set(speed.networks) == {"embedder"}


def test_a_whole_image_has_no_face_to_judge(tmp_path: Path) -> None:
    served = small_served(tmp_path, 4, whole_image=True)
    photo = BenchPhoto("patch", file_of(draw(2), "PNG"), 64, 64, 0)
    speed = measure_query(served, photo, 3, 1, lambda: None)
    assert set(speed.stages) == ONE_FACE - {"quality"}
    assert speed.floor is not None


def test_searching_is_part_of_ranking(tmp_path: Path) -> None:
    """The search is timed inside of what ranks people, so grouping never takes less than nothing."""
    served = small_served(tmp_path, 12)
    photo = BenchPhoto("patch", file_of(draw(2), "PNG"), 64, 64, 1)
    stages = measure_query(served, photo, 5, 3, lambda: None).stages
    assert stages["search"].median_ms > 0
    assert stages["group"].median_ms > 0


def test_errors_of_the_photo_come_through(tmp_path: Path) -> None:
    served = small_served(tmp_path, 2)
    black = dataclasses.replace(
        BenchPhoto("black", b"", 32, 32, 0), jpeg=file_of(np.zeros((32, 32, 3), np.uint8))
    )
    with pytest.raises(NoFaceError):
        measure_query(served, black, 3, 1, lambda: None)
