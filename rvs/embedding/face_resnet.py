"""dlib's face ResNet as a Keras model: an aligned 150 px face in, a 128-d descriptor out.

The network (29 convolutions, trained by Davis King on about three million faces, CC0) is rebuilt from the
description in dlib's `dnn_face_recognition_ex.cpp`; dlib's affine layers (frozen batch normalisation) are
folded into the convolutions. It knows the layers and nothing of weights files or runtimes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

INPUT_SIDE_PX = 150
DIMENSION = 128
MEAN_RGB = (122.782, 117.001, 104.298)
SCALE = 1 / 256

# (filters, blocks) of each stage; every stage but the first opens with a block that halves the size.
_STAGES = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))


def build_face_resnet() -> "keras.Model":
    """The network without weights.

    Returns:
        A model from (n, 150, 150, 3) uint8 RGB to (n, 128) float32 descriptors. They are not of unit
        length (about 1.25..1.64). Convolutions are named in dlib's order, `conv_00` .. `conv_28`.
    """
    import keras  # noqa: PLC0415  (TensorFlow comes with it; only needed to convert)

    numbers = iter(range(29))

    def conv(x: Any, filters: int, size: int, stride: int = 1) -> Any:
        # dlib pads by half the filter when the stride is 1, and not at all otherwise.
        padding = "same" if stride == 1 else "valid"
        name = f"conv_{next(numbers):02d}"
        return keras.layers.Conv2D(filters, size, strides=stride, padding=padding, name=name)(x)

    def block(x: Any, filters: int, *, down: bool) -> Any:
        skip = keras.layers.AveragePooling2D(2, padding="valid")(x) if down else x
        x = keras.layers.ReLU()(conv(x, filters, 3, stride=2 if down else 1))
        return keras.layers.ReLU()(_add_padded(conv(x, filters, 3), skip))

    inputs = keras.Input((INPUT_SIDE_PX, INPUT_SIDE_PX, 3), dtype="uint8", name="rgb")
    x = keras.layers.Rescaling(SCALE, offset=[-mean * SCALE for mean in MEAN_RGB], name="normalise")(inputs)
    x = keras.layers.ReLU()(conv(x, 32, 7, stride=2))
    x = keras.layers.MaxPooling2D(3, strides=2, padding="valid")(x)
    for stage, (filters, blocks) in enumerate(_STAGES):
        for number in range(blocks):
            x = block(x, filters, down=stage > 0 and number == 0)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(DIMENSION, use_bias=False, name="descriptor")(x)
    return keras.Model(inputs, outputs, name="face_resnet")


def _add_padded(a: Any, b: Any) -> Any:
    """dlib's `add_prev`: the smaller operand is padded with zeros at the bottom, the right, and in channels."""
    import keras  # noqa: PLC0415

    size = [max(a.shape[axis], b.shape[axis]) for axis in (1, 2, 3)]

    def padded(x: Any) -> Any:
        missing = [size[axis - 1] - x.shape[axis] for axis in (1, 2, 3)]
        return keras.ops.pad(x, [[0, 0], *([0, m] for m in missing)]) if any(missing) else x

    return keras.layers.Add()([padded(a), padded(b)])
