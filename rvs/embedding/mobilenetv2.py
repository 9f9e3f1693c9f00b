"""torchvision's MobileNetV2 as a Keras model: a normalised 224 px image in, 1280 averages of its last maps out.

Not that of `keras.applications`, which pads stride-2 convolutions on two sides only and normalises otherwise, so
that torchvision's weights do not fit it. It knows the layers and nothing of weight files or runtimes.
"""

from functools import partial
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

    numbers = iter(range(CONVOLUTIONS))

    def relu6(x: Any) -> Any:
        return keras.layers.ReLU(max_value=6)(x)

    def pointwise(x: Any, filters: int) -> Any:
        return keras.layers.Conv2D(filters, 1, name=f"conv_{next(numbers):02d}")(x)

    def spatial(x: Any, layer: Any, stride: int) -> Any:
        # 3 x 3, padded by one on every side; "same" would pad the right and the bottom only when the stride is 2.
        padded = keras.layers.ZeroPadding2D(1)(x)
        name = f"conv_{next(numbers):02d}"
        return relu6(layer(kernel_size=3, strides=stride, padding="valid", name=name)(padded))

    def block(x: Any, expansion: int, filters: int, stride: int) -> Any:
        inner = x if expansion == 1 else relu6(pointwise(x, x.shape[-1] * expansion))
        out = pointwise(spatial(inner, keras.layers.DepthwiseConv2D, stride), filters)
        return keras.layers.Add()([x, out]) if stride == 1 and filters == x.shape[-1] else out

    inputs = keras.Input((INPUT_SIDE_PX, INPUT_SIDE_PX, 3), name="normalised_rgb")
    x = spatial(inputs, partial(keras.layers.Conv2D, _STEM), 2)
    for expansion, filters, blocks, stride in _STAGES:
        for number in range(blocks):
            x = block(x, expansion, filters, stride if number == 0 else 1)
    x = relu6(pointwise(x, DIMENSION))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="mobilenetv2")
