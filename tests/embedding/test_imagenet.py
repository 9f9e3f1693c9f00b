"""The study's five networks: what Keras defines, with its preprocessing, whichever file holds the weights.

Their weights here are random: the published ones are not ours to ship, and nothing is downloaded.
"""

import importlib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rvs.arrays import Chips, Pixels, Vectors
from rvs.embedding.embedder import Embedder, network_definition, unit_length
from rvs.embedding.imagenet import build_imagenet_network, weights_at_hand, weights_identity
from rvs.embedding.spec import EMBEDDERS, EmbedderSpec, embedder_spec
from rvs.errors import WeightsError
from rvs.inference import InferenceOptions, cache_folder
from rvs.pipeline import Pipeline, load_pipeline, parse_pipeline

# Keras 3.15 under NumPy 2 when it reads a TensorFlow variable; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

# name -> module and function of keras.applications
ORIGINALS = {
    "resnet50": ("resnet50", "ResNet50"),
    "vgg16": ("vgg16", "VGG16"),
    "mobilenet": ("mobilenet", "MobileNet"),
    "inceptionv3": ("inception_v3", "InceptionV3"),
    "xception": ("xception", "Xception"),
}
FIVE = [spec for spec in EMBEDDERS if spec.downloaded]
SMALL_TOPPED = [spec for spec in FIVE if spec.name != "vgg16"]  # whose last layers are half a gigabyte


@dataclass(frozen=True)
class Donor:
    """A network as Keras defines it, with random numbers inside, and the files they were saved to.

    `without_top` is in today's format, `with_top` in that of the published files (none for VGG16).
    """

    spec: EmbedderSpec
    model: Any
    without_top: Path
    with_top: Path

    def embed(self, chips: Chips) -> Vectors:
        """What the spec promises, said in Keras' own words."""
        module = importlib.import_module(f"keras.applications.{ORIGINALS[self.spec.name][0]}")
        prepared = module.preprocess_input(chips.astype(np.float32))
        return unit_length(self.model(prepared, training=False).numpy())


@pytest.fixture(scope="session", params=FIVE, ids=lambda spec: spec.name)
def donor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Donor]:
    """One network after the other: each is built once and gone before the next."""
    import keras  # noqa: PLC0415

    spec: EmbedderSpec = request.param
    folder = tmp_path_factory.mktemp(spec.name)
    original = getattr(keras.applications, ORIGINALS[spec.name][1])
    without_top, with_top = folder / "without_top.weights.h5", folder / "published.h5"
    if spec not in SMALL_TOPPED:
        shape = (spec.input_side_px, spec.input_side_px, 3)
        model = original(include_top=False, pooling="avg", weights=None, input_shape=shape)
        shake(model)
    else:
        full = original(weights=None)
        shake(full)
        model = without_last_layer(full)
        save_as_published(full, with_top)
    model.save_weights(without_top)
    yield Donor(spec, model, without_top, with_top)
    for file in folder.iterdir():
        file.unlink()


def without_last_layer(full: Any) -> Any:
    """The network up to its average over the maps."""
    import keras  # noqa: PLC0415

    (pool,) = (layer for layer in full.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    return keras.Model(full.input, keras.layers.Flatten()(pool.output))


def shake(model: Any) -> None:
    """Random weights that keep the signal alive through all layers, and every number different."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        arrays: list[NDArray[np.float32]] = []
        for variable in layer.weights:
            noise = rng.standard_normal(variable.shape, np.float32)
            if "kernel" in variable.name:
                depthwise = "Depthwise" in type(layer).__name__ or "depthwise" in variable.name
                inputs = noise[..., 0, 0].size if depthwise else noise[..., 0].size
                arrays.append(noise * np.float32(np.sqrt(2 / inputs)))
            elif variable.name in ("gamma", "moving_variance"):
                arrays.append(1 + 0.01 * np.abs(noise))
            else:
                arrays.append(0.01 * noise)
        layer.set_weights(arrays)


def save_as_published(model: Any, path: Path) -> None:
    """In the older format, which the files that Keras publishes have."""
    import h5py  # noqa: PLC0415
    from keras.src.legacy.saving import legacy_h5_format  # noqa: PLC0415

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.fixture(scope="session")
def tensorflow(options: InferenceOptions) -> InferenceOptions:
    """Converting all five would take longer than all other tests."""
    return replace(options, runtime="tensorflow")


@pytest.fixture(scope="session")
def loaded(donor: Donor, tensorflow: InferenceOptions) -> Pipeline:
    """The network over whole images, as `--weights` loads it."""
    name = parse_pipeline(f"whole-image + {donor.spec.name}")
    return load_pipeline(name, tensorflow, weights=donor.without_top)


def assert_same_numbers(ours: Any, theirs: Any) -> None:
    for our_array, their_array in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(our_array, their_array)


class TestEachOfTheFive:
    def test_embeds_a_whole_image_as_keras_does(
        self, donor: Donor, loaded: Pipeline, astronaut: Pixels
    ) -> None:
        chips = np.stack([loaded.chip(astronaut, None), loaded.chip(astronaut[::-1, :300], None)])
        vectors = loaded.embed(list(chips))
        assert vectors.shape == (2, donor.spec.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=0, atol=1e-5)
        np.testing.assert_allclose(vectors, donor.embed(chips), rtol=0, atol=1e-5)
        assert np.linalg.norm(vectors[0] - vectors[1]) > 0.01

    def test_embeds_the_crop_of_a_face(
        self, donor: Donor, loaded: Pipeline, pipeline: Pipeline, astronaut: Pixels
    ) -> None:
        name = parse_pipeline(f"retinaface-mobilenet + {donor.spec.name}")
        faces = Pipeline(name, pipeline.detector, loaded.embedder, "")
        (face,) = faces.faces(astronaut)
        whole, cropped = faces.chip(astronaut, None), faces.chip(astronaut, face)
        assert cropped.shape == (donor.spec.input_side_px, donor.spec.input_side_px, 3)
        vectors = faces.embed([whole, cropped])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=0, atol=1e-5)
        assert np.linalg.norm(vectors[0] - vectors[1]) > 0.01

    @pytest.mark.parametrize("donor", SMALL_TOPPED, indirect=True, ids=lambda spec: spec.name)
    def test_takes_a_file_with_the_last_layer(self, donor: Donor) -> None:
        assert_same_numbers(build_imagenet_network(donor.spec, donor.with_top), donor.model)

    def test_knows_its_weights(self, donor: Donor, loaded: Pipeline) -> None:
        identity = weights_identity(donor.spec, donor.without_top)
        assert loaded.embedder.weights_sha256 == identity
        assert loaded.fingerprint == loaded.name.fingerprint(donor.without_top)
        assert loaded.fingerprint != loaded.name.fingerprint()


@pytest.mark.parametrize("spec", FIVE, ids=lambda spec: spec.name)
def test_preprocessing_is_what_keras_does(spec: EmbedderSpec) -> None:
    module = importlib.import_module(f"keras.applications.{ORIGINALS[spec.name][0]}")
    colours = np.random.default_rng(0).integers(0, 256, (10_000, 3), np.uint8)
    how = spec.preprocessing
    ours = (colours - np.array(how.mean_rgb)) * how.scale
    ours = ours[:, ::-1] if how.channels == "bgr" else ours
    np.testing.assert_allclose(ours, module.preprocess_input(colours.astype(np.float32)), rtol=0, atol=1e-4)


MOBILENET = embedder_spec("mobilenet")


@pytest.fixture(scope="module")
def mobilenet() -> tuple[Any, Any]:
    """MobileNet with random weights, without its last layer and with it."""
    import keras  # noqa: PLC0415

    full = keras.applications.MobileNet(weights=None)
    shake(full)
    return without_last_layer(full), full


class TestOtherFiles:
    def test_as_published_without_the_last_layer(self, mobilenet: tuple[Any, Any], tmp_path: Path) -> None:
        body, _ = mobilenet
        save_as_published(body, tmp_path / "no_top.h5")
        assert_same_numbers(build_imagenet_network(MOBILENET, tmp_path / "no_top.h5"), body)

    def test_as_saved_today_with_the_last_layer(self, mobilenet: tuple[Any, Any], tmp_path: Path) -> None:
        body, full = mobilenet
        full.save_weights(tmp_path / "full.weights.h5")
        assert_same_numbers(build_imagenet_network(MOBILENET, tmp_path / "full.weights.h5"), body)

    @pytest.mark.parametrize("name", ["numbers.weights.h5", "numbers.h5", "numbers.bin"])
    def test_not_a_weight_file(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_bytes(b"not a weight file")
        with pytest.raises(WeightsError, match="does not hold weights of mobilenet") as caught:
            build_imagenet_network(MOBILENET, path)
        assert str(path) in caught.value.message
        assert "keras.applications.MobileNet" in caught.value.hint

    # Keras' own way of saying that something did not fit, before it gives up.
    @pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
    def test_weights_of_another_network(self, tmp_path: Path) -> None:
        import keras  # noqa: PLC0415

        another = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        path = tmp_path / "another.weights.h5"
        another.save_weights(path)
        with pytest.raises(WeightsError, match="does not hold weights of mobilenet"):
            build_imagenet_network(MOBILENET, path)

    def test_a_file_cut_short(self, mobilenet: tuple[Any, Any], tmp_path: Path) -> None:
        path = tmp_path / "cut.weights.h5"
        mobilenet[0].save_weights(path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(WeightsError, match="does not hold weights of mobilenet"):
            build_imagenet_network(MOBILENET, path)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "missing.weights.h5", tmp_path):
            with pytest.raises(WeightsError, match="cannot be read") as caught:
                weights_identity(MOBILENET, path)
            assert "--weights" in caught.value.hint

    def test_other_numbers_are_another_network_to_the_cache(self, tmp_path: Path) -> None:
        paths = [tmp_path / name for name in ("a.weights.h5", "b.weights.h5", "c.weights.h5")]
        for path, data in zip(paths, (b"one", b"two", b"one"), strict=True):
            path.write_bytes(data)
        one, two, copy, published = (
            cache_folder(network_definition(MOBILENET, path), tmp_path) for path in (*paths, None)
        )
        assert one == copy
        assert len({one, two, published}) == 3


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network: the way out is a port where nobody listens. Returns an empty home for Keras."""
    from keras.src.backend import config  # noqa: PLC0415

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # may have been made for another way out
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path))
    return tmp_path


class TestWithoutNetwork:
    def test_the_error_names_the_two_ways(self, offline: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(WeightsError, match="could not be downloaded") as caught:
            build_imagenet_network(MOBILENET, None)
        assert "mobilenet" in caught.value.message
        assert "network access" in caught.value.hint
        assert "--weights PATH" in caught.value.hint
        assert "storage.googleapis.com" in str(caught.value.__cause__)
        # Programs read what a command prints.
        assert capsys.readouterr().out == ""
        assert [path for path in offline.rglob("*") if path.is_file()] == []

    def test_so_does_loading_a_pipeline(self, offline: Path, tensorflow: InferenceOptions) -> None:
        with pytest.raises(WeightsError, match="could not be downloaded"):
            load_pipeline(parse_pipeline("whole-image + mobilenet"), tensorflow)

    def test_a_file_is_enough(self, offline: Path, mobilenet: tuple[Any, Any], tmp_path: Path) -> None:
        path = tmp_path / "mine.weights.h5"
        mobilenet[0].save_weights(path)
        assert build_imagenet_network(MOBILENET, path).output_shape == (None, MOBILENET.dimension)


class TestWeightsAtHand:
    @pytest.fixture
    def home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """An empty home for Keras."""
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
        (tmp_path / "keras" / "models").mkdir(parents=True)
        return tmp_path / "keras"

    @pytest.mark.parametrize("spec", EMBEDDERS, ids=lambda spec: spec.name)
    def test_a_given_file(self, home: Path, tmp_path: Path, spec: EmbedderSpec) -> None:
        given = tmp_path / "given.weights.h5"
        for missing in (None, given, tmp_path):
            assert weights_at_hand(spec, missing) == spec.packaged
        given.touch()
        assert weights_at_hand(spec, given)

    @pytest.mark.parametrize("spec", FIVE, ids=lambda spec: spec.name)
    def test_the_file_that_keras_would_download(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, spec: EmbedderSpec
    ) -> None:
        from keras.src.utils import file_utils  # noqa: PLC0415

        def told(name: str, origin: str, cache_subdir: str = "datasets", **_: object) -> str:
            """Takes note, downloads nothing."""
            (home / cache_subdir / name).touch()
            raise OSError("no network")

        monkeypatch.setattr(file_utils, "get_file", told)
        assert not weights_at_hand(spec, None)
        with pytest.raises(WeightsError, match="could not be downloaded"):
            build_imagenet_network(spec, None)
        assert weights_at_hand(spec, None)
        assert not any(weights_at_hand(other, None) for other in FIVE if other != spec)

    def test_what_is_at_hand_needs_no_network(
        self, offline: Path, mobilenet: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KERAS_HOME", str(offline))
        (offline / "models").mkdir()
        save_as_published(mobilenet[0], offline / "models" / "mobilenet_1_0_224_tf_no_top.h5")
        assert weights_at_hand(MOBILENET, None)
        assert_same_numbers(build_imagenet_network(MOBILENET, None), mobilenet[0])

    def test_in_the_user_s_own_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("KERAS_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".keras" / "models").mkdir(parents=True)
        assert not weights_at_hand(MOBILENET, None)
        (tmp_path / ".keras" / "models" / "mobilenet_1_0_224_tf_no_top.h5").touch()
        assert weights_at_hand(MOBILENET, None)

    def test_keras_stays_unloaded(self) -> None:
        code = (
            "import sys; from rvs.embedding.imagenet import weights_at_hand; "
            "from rvs.embedding.spec import EMBEDDERS; "
            "[weights_at_hand(spec, None) for spec in EMBEDDERS]; print(*sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert {"keras", "tensorflow"}.isdisjoint(done.stdout.split())


def test_random_weights_need_nothing(offline: Path) -> None:
    model = build_imagenet_network(MOBILENET, None, random=True)
    noise = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)

    def network(batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        return (model(batch, training=False).numpy(),)

    assert Embedder(MOBILENET, network, "random").embed(noise).shape == (2, 1024)
