"""torchvision's MobileNetV2 as a Keras model: a normalised 224 px image in, 1280 averages of its last maps out.

Not that of `keras.applications`, which pads stride-2 convolutions on two sides only and normalises otherwise, so
that torchvision's weights do not fit it. It knows the layers and nothing of weight files or runtimes.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

INPUT_SIDE_PX = 224
DIMENSION = 1280
CONVOLUTIONS = 52

# What torchvision does to RGB values 0..1, carried to 0..255. Its division by STD_RGB is not done here but in
# the numbers of the first convolution, which `tools/convert_mobilenetv2.py` divides.
MEAN_RGB = (123.675, 116.28, 103.53)
SCALE = 1 / 255
STD_RGB = (0.229, 0.224, 0.225)

_STEM = 32
# (expansion, filters, blocks, stride of the first block) of each stage: table 2 of Sandler et al., "MobileNetV2:
# Inverted Residuals and Linear Bottlenecks" (2018).
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def build_mobilenetv2() -> "keras.Model":
    """The network without weights, without its last layer, batch normalisation folded into the convolutions.

    Returns:
        A model from (n, 224, 224, 3) float32, RGB, (value - MEAN_RGB) * SCALE, to (n, 1280) float32 >= 0, not of
        unit length. Convolutions are named in torchvision's order, `conv_00` .. `conv_51`.
    """
    import keras  # noqa: PLC0415  (TensorFlow comes with it)

    counts: Counter[str] = Counter()

    def name(kind: str) -> str:
        # Every layer is named here: the names that Keras makes up depend on what was built before, and they are
        # written into weight files, which are told apart by their hash.
        counts[kind] += 1
        return f"{kind}_{counts[kind] - 1:02d}"

    def conv(x: Any, filters: int, *, stride: int = 1, size: int = 1, linear: bool = False) -> Any:
        x = keras.layers.Conv2D(filters, size, strides=stride, name=name("conv"))(x)
        return x if linear else keras.layers.ReLU(max_value=6, name=name("relu6"))(x)

    def padded(x: Any) -> Any:
        # On every side; padding="same" pads the right and the bottom only when the stride is 2.
        return keras.layers.ZeroPadding2D(1, name=name("pad"))(x)

    def depthwise(x: Any, stride: int) -> Any:
        x = keras.layers.DepthwiseConv2D(3, strides=stride, name=name("conv"))(padded(x))
        return keras.layers.ReLU(max_value=6, name=name("relu6"))(x)

    def block(x: Any, expansion: int, filters: int, stride: int) -> Any:
        channels = x.shape[-1]
        inner = x if expansion == 1 else conv(x, channels * expansion)
        out = conv(depthwise(inner, stride), filters, linear=True)
        return keras.layers.Add(name=name("add"))([x, out]) if (stride, filters) == (1, channels) else out

    inputs = keras.Input((INPUT_SIDE_PX, INPUT_SIDE_PX, 3), name="normalised_rgb")
    x = conv(padded(inputs), _STEM, size=3, stride=2)
    for expansion, filters, blocks, stride in _STAGES:
        for number in range(blocks):
            x = block(x, expansion, filters, stride if number == 0 else 1)
    x = conv(x, DIMENSION)
    outputs = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, outputs, name="mobilenetv2")
