"""Pipelines by name, what tells their vectors apart, and what their networks are shown."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import rvs.pipeline
from rvs.arrays import Pixels
from rvs.embedding.embedder import Embedder
from rvs.embedding.spec import EMBEDDERS, FaceCrop, embedder_spec
from rvs.errors import ConfigError, WeightsError
from rvs.faces import alignment
from rvs.faces.detector import DETECTOR_NAMES
from rvs.inference import InferenceOptions
from rvs.pipeline import (
    DEFAULT_PIPELINE,
    FACE_CROPS,
    WHOLE_IMAGE,
    Pipeline,
    PipelineName,
    load_pipeline,
    parse_pipeline,
)


class TestNames:
    @pytest.mark.parametrize("detector", [WHOLE_IMAGE, *DETECTOR_NAMES])
    @pytest.mark.parametrize("embedder", [spec.name for spec in EMBEDDERS])
    def test_every_combination_is_a_pipeline_and_says_its_name(self, detector: str, embedder: str) -> None:
        name = parse_pipeline(f"{detector} + {embedder}")
        assert name.detector == (None if detector == WHOLE_IMAGE else detector)
        assert name.embedder == embedder_spec(embedder)
        assert str(name) == f"{detector} + {embedder}"

    @pytest.mark.parametrize("text", ["whole-image+vgg16", "  whole-image  +\tvgg16\n"])
    def test_spaces_do_not_matter(self, text: str) -> None:
        assert str(parse_pipeline(text)) == "whole-image + vgg16"

    @pytest.mark.parametrize(
        ("text", "crop"),
        [
            ("retinaface-mobilenet + face-resnet", "aligned"),
            ("retinaface-mobilenet + resnet50", "face"),
            ("retinaface-resnet50 + xception", "face"),
            ("whole-image + face-resnet", "whole"),
            ("whole-image + resnet50", "whole"),
            ("retinaface-mobilenet + aligned + resnet50", "aligned"),
            ("retinaface-resnet50+face+face-resnet", "face"),
        ],
    )
    def test_crop(self, text: str, crop: str) -> None:
        assert parse_pipeline(text).crop == crop

    @pytest.mark.parametrize("detector", DETECTOR_NAMES)
    @pytest.mark.parametrize("embedder", [spec.name for spec in EMBEDDERS])
    @pytest.mark.parametrize("crop", FACE_CROPS)
    def test_every_crop_is_taken_and_the_embedder_s_own_goes_without_saying(
        self, detector: str, crop: FaceCrop, embedder: str
    ) -> None:
        name = parse_pipeline(f"{detector} + {crop} + {embedder}")
        plain = parse_pipeline(f"{detector} + {embedder}")
        assert name.crop == crop
        assert parse_pipeline(str(name)) == name
        if crop == name.embedder.face_crop:
            assert name == plain
            assert str(name) == f"{detector} + {embedder}"
        else:
            assert name != plain
            assert str(name) == f"{detector} + {crop} + {embedder}"

    @pytest.mark.parametrize("crop", ["", "whole", "Aligned", "vgg16"])
    def test_no_such_crop(self, crop: str) -> None:
        with pytest.raises(ConfigError, match=f'There is no face crop "{crop}"') as caught:
            parse_pipeline(f"retinaface-mobilenet + {crop} + vgg16")
        assert all(name in caught.value.hint for name in FACE_CROPS)

    @pytest.mark.parametrize("crop", FACE_CROPS)
    def test_the_whole_image_takes_no_crop(self, crop: FaceCrop) -> None:
        with pytest.raises(ConfigError, match='"whole-image" looks for no face') as caught:
            parse_pipeline(f"whole-image + {crop} + vgg16")
        assert '"whole-image + vgg16"' in caught.value.hint
        with pytest.raises(ValueError, match="whole-image has no crop"):
            PipelineName(None, embedder_spec("vgg16"), crop)

    def test_a_detector_s_face_is_not_the_whole_image(self) -> None:
        with pytest.raises(ValueError, match="retinaface-mobilenet has no crop 'whole'"):
            PipelineName("retinaface-mobilenet", embedder_spec("vgg16"), "whole")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "face-resnet",
            "retinaface-mobilenet face-resnet",
            "retinaface-mobilenet + face + face + vgg16",
        ],
    )
    def test_not_of_the_form(self, text: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(f'"{text}" is not a pipeline')) as caught:
            parse_pipeline(text)
        examples = re.findall('"([^"]+)"', caught.value.hint)
        assert DEFAULT_PIPELINE in examples
        assert [str(parse_pipeline(example)) for example in examples] == examples

    @pytest.mark.parametrize("text", ["mtcnn + face-resnet", " + face-resnet", "RetinaFace + vgg16"])
    def test_no_such_detector(self, text: str) -> None:
        with pytest.raises(ConfigError, match="There is no face detector") as caught:
            parse_pipeline(text)
        assert all(name in caught.value.hint for name in (WHOLE_IMAGE, *DETECTOR_NAMES))

    @pytest.mark.parametrize(
        "text", ["whole-image + arcface", "whole-image +", "retinaface-mobilenet + face + arcface"]
    )
    def test_no_such_embedder(self, text: str) -> None:
        with pytest.raises(ConfigError, match="There is no embedding network") as caught:
            parse_pipeline(text)
        assert all(spec.name in caught.value.hint for spec in EMBEDDERS)


class TestFingerprint:
    def test_is_stable(self) -> None:
        # Every index carries it: where this line must change, every index must be built again.
        assert parse_pipeline(DEFAULT_PIPELINE).fingerprint() == "b47e8ee7dfc45d81"

    def test_differs_between_any_two_pipelines(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.weights.h5"
        file.write_bytes(b"weights")
        shown = [WHOLE_IMAGE, *(f"{detector} + {crop}" for detector in DETECTOR_NAMES for crop in FACE_CROPS)]
        names = [parse_pipeline(f"{what} + {spec.name}") for what in shown for spec in EMBEDDERS]
        assert len({name.fingerprint(file) for name in names}) == len(names) == 5 * len(EMBEDDERS)
        assert len({name.fingerprint() for name in names if name.embedder.downloaded}) == 5 * 5

    def test_a_crop_that_goes_without_saying_does_not_matter(self) -> None:
        said = parse_pipeline("retinaface-mobilenet + aligned + face-resnet")
        assert said.fingerprint() == parse_pipeline(DEFAULT_PIPELINE).fingerprint()

    @pytest.mark.parametrize(
        "change",
        [
            {"mirrored": False},
            {"face_crop": "face"},
            {"input_side_px": 160},
            {"preprocessing": replace(embedder_spec("face-resnet").preprocessing, scale=1 / 255)},
            {"preprocessing": replace(embedder_spec("face-resnet").preprocessing, channels="bgr")},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_differs_when_the_network_is_shown_something_else(self, change: dict[str, object]) -> None:
        name = parse_pipeline(DEFAULT_PIPELINE)
        changed = replace(name, embedder=replace(name.embedder, **change))  # type: ignore[arg-type]
        assert changed.fingerprint() != name.fingerprint()

    def test_words_do_not_matter(self) -> None:
        name = parse_pipeline(DEFAULT_PIPELINE)
        reworded = replace(name.embedder, description="Another", licence="CC0 1.0")
        assert replace(name, embedder=reworded).fingerprint() == name.fingerprint()

    def test_differs_by_weights_and_not_by_where_they_are(self, tmp_path: Path) -> None:
        first, same, other = (tmp_path / name for name in ("a.weights.h5", "b.weights.h5", "c.weights.h5"))
        first.write_bytes(b"weights")
        same.write_bytes(b"weights")
        other.write_bytes(b"weightz")
        name = parse_pipeline("whole-image + resnet50")
        assert name.fingerprint(first) == name.fingerprint(same)
        assert len({name.fingerprint(), name.fingerprint(first), name.fingerprint(other)}) == 3

    def test_weights_that_are_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="cannot be read") as caught:
            parse_pipeline("whole-image + resnet50").fingerprint(tmp_path / "missing.weights.h5")
        assert "--weights" in caught.value.hint

    def test_changes_with_the_revision(self, monkeypatch: pytest.MonkeyPatch) -> None:
        name = parse_pipeline(DEFAULT_PIPELINE)
        before = name.fingerprint()
        monkeypatch.setattr(rvs.pipeline, "_REVISION", 1_000)
        assert name.fingerprint() != before

    def test_a_loaded_pipeline_carries_it(self, pipeline: Pipeline) -> None:
        assert pipeline.fingerprint == pipeline.name.fingerprint()


@dataclass
class Watched:
    """A network that keeps what it was shown; a vector is the mean colour."""

    shown: list[NDArray[np.uint8]] = field(default_factory=list)

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        self.shown.append(batch)
        return (batch.mean(axis=(1, 2)).astype(np.float32),)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def with_network(text: str, watched: Watched, real: Pipeline) -> Pipeline:
    """A pipeline with the real detector, whose network only watches."""
    name = parse_pipeline(text)
    spec = replace(name.embedder, dimension=3, mirrored=False)
    detector = None if name.detector is None else real.detector
    return Pipeline(name, detector, Embedder(spec, watched, "none"), "none")


class TestChips:
    def test_a_whole_image_pipeline_looks_for_no_faces(
        self, pipeline: Pipeline, watched: Watched, astronaut: Pixels
    ) -> None:
        whole = with_network("whole-image + resnet50", watched, pipeline)
        assert whole.faces(astronaut) == []
        chip = whole.chip(astronaut, None)
        np.testing.assert_array_equal(chip, alignment.whole(astronaut, 224))
        whole.embed([chip])
        np.testing.assert_array_equal(watched.shown, [[chip]])

    @pytest.mark.parametrize(("embedder", "side_px"), [("resnet50", 224), ("xception", 299)])
    def test_an_imagenet_network_is_shown_the_face_with_a_margin(
        self, pipeline: Pipeline, watched: Watched, astronaut: Pixels, embedder: str, side_px: int
    ) -> None:
        faces = with_network(f"retinaface-mobilenet + {embedder}", watched, pipeline)
        (face,) = faces.faces(astronaut)
        chip = faces.chip(astronaut, face)
        np.testing.assert_array_equal(chip, alignment.crop(astronaut, face.box, side_px))
        faces.embed([chip])
        np.testing.assert_array_equal(watched.shown, [[chip]])

    def test_the_face_network_is_shown_the_aligned_face(
        self, pipeline: Pipeline, watched: Watched, astronaut: Pixels
    ) -> None:
        aligned = with_network(DEFAULT_PIPELINE, watched, pipeline)
        (face,) = aligned.faces(astronaut)
        chip = aligned.chip(astronaut, face)
        np.testing.assert_array_equal(chip, alignment.align(astronaut, face))
        aligned.embed([chip, chip])
        np.testing.assert_array_equal(watched.shown, [[chip, chip]])

    @pytest.mark.parametrize(("embedder", "side_px"), [("resnet50", 224), ("xception", 299)])
    def test_an_imagenet_network_is_shown_the_aligned_face_when_asked(
        self, pipeline: Pipeline, watched: Watched, astronaut: Pixels, embedder: str, side_px: int
    ) -> None:
        aligned = with_network(f"retinaface-mobilenet + aligned + {embedder}", watched, pipeline)
        (face,) = aligned.faces(astronaut)
        chip = aligned.chip(astronaut, face)
        np.testing.assert_array_equal(chip, alignment.align(astronaut, face, side_px))
        aligned.embed([chip])
        np.testing.assert_array_equal(watched.shown, [[chip]])

    def test_the_face_network_is_shown_the_face_with_a_margin_when_asked(
        self, pipeline: Pipeline, watched: Watched, astronaut: Pixels
    ) -> None:
        cropped = with_network("retinaface-mobilenet + face + face-resnet", watched, pipeline)
        (face,) = cropped.faces(astronaut)
        chip = cropped.chip(astronaut, face)
        np.testing.assert_array_equal(chip, alignment.crop(astronaut, face.box, 150))
        cropped.embed([chip])
        np.testing.assert_array_equal(watched.shown, [[chip]])

    def test_vectors_come_in_the_order_of_the_chips(self, pipeline: Pipeline, watched: Watched) -> None:
        colours = [np.full((224, 224, 3), colour, np.uint8) for colour in ((9, 0, 0), (0, 0, 9), (0, 9, 0))]
        vectors = with_network("whole-image + vgg16", watched, pipeline).embed(colours)
        np.testing.assert_array_equal(vectors, [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


class TestTheDefault:
    def test_finds_and_embeds_a_face(self, pipeline: Pipeline, astronaut: Pixels) -> None:
        (face,) = pipeline.faces(astronaut)
        vectors = pipeline.embed([pipeline.chip(astronaut, face)])
        assert vectors.shape == (1, 128)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-6)

    def test_knows_a_face_again_in_a_smaller_darker_photo(
        self, pipeline: Pipeline, astronaut: Pixels
    ) -> None:
        smaller = np.ascontiguousarray(astronaut[::2, ::2] // 4 * 3)
        chips = [pipeline.chip(pixels, pipeline.faces(pixels)[0]) for pixels in (astronaut, smaller)]
        first, second = pipeline.embed(chips)
        # Photos of two people are about 1.3 apart, 0.6 is where one person is as likely as two.
        assert np.linalg.norm(first - second) < 0.4

    def test_no_chips(self, pipeline: Pipeline) -> None:
        assert pipeline.embed([]).shape == (0, 128)

    def test_weights_that_are_not_there(self, options: InferenceOptions, tmp_path: Path) -> None:
        name = parse_pipeline("whole-image + mobilenet")
        with pytest.raises(WeightsError, match="cannot be read"):
            load_pipeline(name, options, weights=tmp_path / "missing.weights.h5")
