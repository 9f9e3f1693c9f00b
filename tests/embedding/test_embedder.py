"""Chips in, unit vectors out, whatever the size of the batch."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Chips, Pixels
from rvs.embedding.embedder import Embedder, load_embedder, network_definition, unit_length
from rvs.embedding.spec import embedder_spec
from rvs.errors import WeightsError
from rvs.faces import alignment
from rvs.inference import InferenceOptions
from rvs.pipeline import Pipeline
from rvs.weights import FACE_RESNET

# Seen by the network at once; more would cost memory and gain nothing.
MOST_AT_ONCE = 32


@pytest.fixture
def face_resnet(pipeline: Pipeline) -> Embedder:
    return pipeline.embedder


@pytest.fixture(scope="module")
def chips(pipeline: Pipeline, astronaut: Pixels) -> Chips:
    """33 different ones: one more than fit into a batch. Faces and noise."""
    (face,) = pipeline.faces(astronaut)
    chip = alignment.align(astronaut, face)
    shifted = [np.roll(chip, (7 * step, 5 * step), axis=(0, 1)) for step in range(29)]
    noise = np.random.default_rng(0).integers(0, 256, (4, *chip.shape), np.uint8)
    return np.stack([*shifted, *noise])


@dataclass
class MeanColours:
    """A network of ours: the mean colour of the left and of the right half."""

    batch_sizes: list[int] = field(default_factory=list)

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        self.batch_sizes.append(len(batch))
        half = batch.shape[2] // 2
        halves = [part.mean(axis=(1, 2)) for part in (batch[:, :, :half], batch[:, :, half:])]
        return (np.concatenate(halves, axis=1).astype(np.float32),)


@pytest.fixture
def network() -> MeanColours:
    return MeanColours()


def mean_colours(network: MeanColours, *, mirrored: bool) -> Embedder:
    spec = replace(embedder_spec("resnet50"), input_side_px=8, dimension=6, mirrored=mirrored)
    return Embedder(spec, network, "none")


def small_chips(count: int) -> Chips:
    return np.random.default_rng(1).integers(0, 256, (count, 8, 8, 3), np.uint8)


class TestTheFaceNetwork:
    @pytest.mark.parametrize("count", [1, 2, 33])
    def test_a_batch_is_as_good_as_one_by_one(self, face_resnet: Embedder, chips: Chips, count: int) -> None:
        together = face_resnet.embed(chips[:count])
        one_by_one = np.concatenate([face_resnet.embed(chips[i : i + 1]) for i in range(count)])
        assert together.shape == (count, 128)
        assert together.dtype == np.float32
        np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=0, atol=1e-6)

    def test_none(self, face_resnet: Embedder, chips: Chips) -> None:
        vectors = face_resnet.embed(chips[:0])
        assert vectors.shape == (0, 128)
        assert vectors.dtype == np.float32

    def test_different_chips_have_different_vectors(self, face_resnet: Embedder, chips: Chips) -> None:
        vectors = face_resnet.embed(chips[[0, 5, 30]])
        gaps = [np.linalg.norm(vectors[i] - vectors[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        assert min(gaps) > 0.1

    def test_the_mirror_image_has_the_same_vector(self, face_resnet: Embedder, chips: Chips) -> None:
        vectors = face_resnet.embed(np.stack([chips[0], chips[0][:, ::-1]]))
        np.testing.assert_allclose(vectors[0], vectors[1], rtol=0, atol=1e-5)

    def test_which_is_the_mean_of_both_unit_vectors(self, face_resnet: Embedder, chips: Chips) -> None:
        one_way = replace(face_resnet, spec=replace(face_resnet.spec, mirrored=False))
        ahead, mirrored = one_way.embed(np.stack([chips[0], chips[0][:, ::-1]]))
        assert np.linalg.norm(ahead - mirrored) > 0.01
        mean = (ahead + mirrored) / np.linalg.norm(ahead + mirrored)
        np.testing.assert_allclose(face_resnet.embed(chips[:1])[0], mean, rtol=0, atol=1e-5)

    def test_chips_may_be_views_and_read_only(self, face_resnet: Embedder, chips: Chips) -> None:
        view = chips[::-3]
        view.flags.writeable = False
        np.testing.assert_array_equal(face_resnet.embed(view), face_resnet.embed(view.copy()))

    def test_chips_are_left_as_they_were(self, face_resnet: Embedder, chips: Chips) -> None:
        before = chips.copy()
        face_resnet.embed(chips)
        np.testing.assert_array_equal(chips, before)

    @pytest.mark.parametrize(
        "wrong",
        [
            np.zeros((1, 151, 150, 3), np.uint8),
            np.zeros((1, 150, 150, 4), np.uint8),
            np.zeros((1, 224, 224, 3), np.uint8),
            np.zeros((150, 150, 3), np.uint8),
            np.zeros((1, 150, 150, 3), np.float32),
            np.zeros((1, 150, 150, 3), np.int8),
            np.zeros((0, 150, 150), np.uint8),
        ],
        ids=lambda wrong: f"{wrong.shape} {wrong.dtype}",
    )
    def test_wrong_chips(self, face_resnet: Embedder, wrong: Chips) -> None:
        with pytest.raises(ValueError, match=r"chips must be \(n, 150, 150, 3\) uint8, not"):
            face_resnet.embed(wrong)

    def test_knows_its_weights(self, face_resnet: Embedder) -> None:
        assert face_resnet.weights_sha256 == FACE_RESNET.sha256


@pytest.mark.parametrize("mirrored", [False, True])
class TestBatches:
    @pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 32, 33, 100])
    def test_of_any_size_equal_one_by_one(self, network: MeanColours, mirrored: bool, count: int) -> None:
        embedder = mean_colours(network, mirrored=mirrored)
        chips = small_chips(count)
        vectors = embedder.embed(chips)
        assert vectors.shape == (count, 6)
        for chip, vector in zip(chips, vectors, strict=True):
            np.testing.assert_allclose(embedder.embed(chip[None])[0], vector, rtol=0, atol=1e-6)

    def test_are_bounded_and_full(self, network: MeanColours, mirrored: bool) -> None:
        mean_colours(network, mirrored=mirrored).embed(small_chips(100))
        assert max(network.batch_sizes) == MOST_AT_ONCE
        assert sum(network.batch_sizes) == 100 * (1 + mirrored)
        assert len(network.batch_sizes) == -(-100 * (1 + mirrored) // MOST_AT_ONCE)


def test_only_a_mirrored_spec_ignores_left_and_right(network: MeanColours) -> None:
    chips = small_chips(1)
    for mirrored, same in ((True, True), (False, False)):
        embedder = mean_colours(network, mirrored=mirrored)
        assert np.allclose(embedder.embed(chips), embedder.embed(chips[:, :, ::-1]), atol=1e-6) is same


class TestUnitLength:
    def test_divides_by_the_length(self) -> None:
        vectors = np.array([[3, 4], [-5, 12]], np.float32)
        np.testing.assert_allclose(unit_length(vectors), [[0.6, 0.8], [-5 / 13, 12 / 13]], rtol=1e-6)
        assert unit_length(vectors).dtype == np.float32

    def test_zero_stays_zero(self) -> None:
        np.testing.assert_array_equal(unit_length(np.zeros((2, 3), np.float32)), np.zeros((2, 3)))

    @pytest.mark.parametrize("size", [1e-15, 1e15])
    def test_of_very_short_and_very_long_vectors(self, size: float) -> None:
        vectors = np.array([[3, 4]], np.float32) * np.float32(size)
        np.testing.assert_allclose(unit_length(vectors), [[0.6, 0.8]], rtol=1e-5)


class TestWeights:
    def test_missing_ones_are_noticed_before_anything_is_loaded(self, options: InferenceOptions) -> None:
        missing = options.cache_dir / "missing.weights.h5"
        for fails in (network_definition, lambda spec, path: load_embedder(spec, options, path)):
            with pytest.raises(WeightsError, match="cannot be read") as caught:
                fails(embedder_spec("vgg16"), missing)
            assert str(missing) in caught.value.message
            assert "--weights" in caught.value.hint

    def test_the_packaged_network_is_known_by_its_sha256(self) -> None:
        definition = network_definition(embedder_spec("face-resnet"))
        assert definition.weights_sha256 == FACE_RESNET.sha256
        assert definition.outputs == ()
