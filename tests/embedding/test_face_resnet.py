"""The face network is dlib's, number for number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Chips, Pixels
from rvs.embedding.embedder import network_definition
from rvs.embedding.face_resnet import build_face_resnet
from rvs.embedding.spec import embedder_spec
from rvs.faces import alignment
from rvs.pipeline import Pipeline
from tools.convert_weights import Weights, face_resnet_dat, face_resnet_weights, set_weights

# Keras 3.15 under NumPy 2 when it reads a TensorFlow variable; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.fixture(scope="module")
def chips(pipeline: Pipeline, astronaut: Pixels) -> Chips:
    """A face, its mirror image, the same face turned and off the template, and noise."""
    (face,) = pipeline.faces(astronaut)
    aligned = alignment.align(astronaut, face)
    noise = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), np.uint8)
    return np.stack([aligned, aligned[:, ::-1], np.rot90(aligned), np.roll(aligned, 30, axis=0), *noise])


@pytest.fixture(scope="module")
def dlib_file(wheels_dir: Path) -> bytes:
    return face_resnet_dat(wheels_dir)


@pytest.fixture(scope="module")
def descriptors(dlib_file: bytes, chips: Chips, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """dlib's own descriptors of the chips."""
    import dlib  # noqa: PLC0415

    path = tmp_path_factory.mktemp("dlib") / "face_resnet.dat"
    path.write_bytes(dlib_file)
    network = dlib.face_recognition_model_v1(str(path))
    return np.array([network.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips])


@pytest.fixture(scope="module")
def original(dlib_file: bytes) -> Weights:
    return face_resnet_weights(dlib_file)


@pytest.fixture(scope="module")
def packaged() -> Any:
    """The Keras model as it is packaged."""
    return network_definition(embedder_spec("face-resnet")).build()


def run(model: Any, chips: Chips) -> NDArray[np.float32]:
    result: NDArray[np.float32] = model(chips, training=False).numpy()
    return result


def test_agrees_with_dlib(original: Weights, descriptors: Any, chips: Chips) -> None:
    ours = run(set_weights(build_face_resnet(), original), chips)
    assert np.linalg.norm(descriptors, axis=1).min() > 0.5
    np.testing.assert_allclose(ours, descriptors, rtol=0, atol=1e-5)  # 3e-7 measured


def test_packaged_it_still_does(packaged: Any, descriptors: Any, chips: Chips) -> None:
    np.testing.assert_allclose(run(packaged, chips), descriptors, rtol=0, atol=1e-3)


def test_packaged_numbers_are_the_originals_in_float16(packaged: Any, original: Weights) -> None:
    layers = {layer.name: layer.get_weights() for layer in packaged.layers if layer.weights}
    assert layers.keys() == original.keys()
    for name, arrays in original.items():
        for ours, theirs in zip(layers[name], arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs.astype(np.float16).astype(np.float32))


def test_the_spec_describes_it(packaged: Any) -> None:
    spec = embedder_spec("face-resnet")
    assert packaged.input_shape == (None, spec.input_side_px, spec.input_side_px, 3)
    assert packaged.output_shape == (None, spec.dimension)
    colour = np.arange(150 * 150 * 3, dtype=np.uint8).reshape(1, 150, 150, 3)
    how = spec.preprocessing
    assert how.channels == "rgb"
    np.testing.assert_allclose(
        packaged.get_layer("normalise")(colour), (colour - np.array(how.mean_rgb)) * how.scale, atol=1e-6
    )


def test_its_size_is_the_published_one(packaged: Any) -> None:
    assert packaged.count_params() == 5_607_488
    assert sum(layer.name.startswith("conv_") for layer in packaged.layers) == 29


def test_a_file_of_another_network_is_refused(dlib_file: bytes) -> None:
    first_layers_missing = dlib_file[100_000:]
    for another in (first_layers_missing, b""):
        with pytest.raises(SystemExit, match="does not hold the layers of dlib's face ResNet"):
            face_resnet_weights(another)
