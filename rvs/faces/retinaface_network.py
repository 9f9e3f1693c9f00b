"""RetinaFace with a MobileNet-0.25 backbone as a Keras model: a picture in, raw predictions per anchor out.

Follows "RetinaFace: Single-stage Dense Face Localisation in the Wild" (Deng et al., 2020) in the variant of
the MIT-licensed weights by biubug6, batch normalisation folded. It knows the layers; what the numbers mean
in pixels is for `retinaface_mobilenet`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

STRIDE_PX = 32
"""Height and width of the input must be multiples of this: then nearest upsampling is a plain doubling."""

MEAN_RGB = (123.0, 117.0, 104.0)

# (name, filters, stride) of each depthwise-separable block; blocks 5, 11 and 13 feed the pyramid.
_BLOCKS = (
    ("stage1.1", 16, 1), ("stage1.2", 32, 2), ("stage1.3", 32, 1), ("stage1.4", 64, 2), ("stage1.5", 64, 1),
    ("stage2.0", 128, 2), ("stage2.1", 128, 1), ("stage2.2", 128, 1), ("stage2.3", 128, 1),
    ("stage2.4", 128, 1), ("stage2.5", 128, 1), ("stage3.0", 256, 2), ("stage3.1", 256, 1),
)  # fmt: skip
_PYRAMID = ("stage1.5", "stage2.5", "stage3.1")
_ANCHORS_PER_CELL = 2


def build_retinaface_network() -> "keras.Model":
    """The network without weights.

    Returns:
        A model from (n, height, width, 3) uint8 RGB, height and width multiples of 32, to float32
        `boxes` (n, anchors, 4), `scores` (n, anchors), the probability of a face 0..1, and `landmarks`
        (n, anchors, 10), the first and last still encoded against the anchors (strides 8, 16, 32; within
        a stride row by row, two anchors a cell). Convolutions carry the original's names.
    """
    import keras  # noqa: PLC0415  (TensorFlow comes with it; only needed to convert)

    inputs = keras.Input((None, None, 3), dtype="uint8", name="rgb")
    offset = [-mean for mean in MEAN_RGB]
    x = keras.layers.Rescaling(1.0, offset=offset, name="subtract_mean")(inputs)
    x = _leaky(_conv(x, "stage1.0.0", 8, 3, stride=2))
    maps: list[Any] = []
    for name, filters, stride in _BLOCKS:
        # Depthwise convolution first, then the 1x1 that mixes channels.
        x = _leaky(_conv(x, f"{name}.0.0", None, 3, stride=stride))
        x = _leaky(_conv(x, f"{name}.1.0", filters, 1))
        if name in _PYRAMID:
            maps.append(x)

    fine, middle, coarse = (
        _leaky(_conv(level, f"fpn.output{number}.0", 64, 1)) for number, level in enumerate(maps, start=1)
    )
    doubled = keras.layers.UpSampling2D(2, interpolation="nearest")
    middle = _leaky(_conv(keras.layers.Add()([middle, doubled(coarse)]), "fpn.merge2.0", 64, 3))
    doubled = keras.layers.UpSampling2D(2, interpolation="nearest")
    fine = _leaky(_conv(keras.layers.Add()([fine, doubled(middle)]), "fpn.merge1.0", 64, 3))
    features = [_context(level, f"ssh{number}") for number, level in enumerate((fine, middle, coarse), 1)]

    boxes = _head(features, "bbox_head", 4)
    scores = keras.layers.Softmax()(_head(features, "class_head", 2))[..., 1]
    landmarks = _head(features, "landmark_head", 10)
    outputs = {"boxes": boxes, "scores": scores, "landmarks": landmarks}
    return keras.Model(inputs, outputs, name="retinaface_mobilenet")


def _conv(x: Any, name: str, filters: int | None, size: int, stride: int = 1) -> Any:
    """A convolution padded by half its filter on every side; depthwise when `filters` is None."""
    import keras  # noqa: PLC0415

    name = name.replace(".", "_")
    if stride > 1:
        # "same" would pad unevenly here; the weights were trained with one pixel on each side.
        x = keras.layers.ZeroPadding2D(size // 2)(x)
    padding = "valid" if stride > 1 else "same"
    if filters is None:
        return keras.layers.DepthwiseConv2D(size, strides=stride, padding=padding, name=name)(x)
    return keras.layers.Conv2D(filters, size, strides=stride, padding=padding, name=name)(x)


def _leaky(x: Any) -> Any:
    import keras  # noqa: PLC0415

    return keras.layers.LeakyReLU(negative_slope=0.1)(x)


def _context(x: Any, name: str) -> Any:
    """The context module of SSH (Najibi et al., 2017): 3x3, 5x5 and 7x7 views, the larger ones stacked 3x3."""
    import keras  # noqa: PLC0415

    view3 = _conv(x, f"{name}.conv3X3.0", 32, 3)
    shared = _leaky(_conv(x, f"{name}.conv5X5_1.0", 16, 3))
    view5 = _conv(shared, f"{name}.conv5X5_2.0", 16, 3)
    view7 = _conv(_leaky(_conv(shared, f"{name}.conv7X7_2.0", 16, 3)), f"{name}.conv7x7_3.0", 16, 3)
    return keras.layers.ReLU()(keras.layers.Concatenate()([view3, view5, view7]))


def _head(features: list[Any], name: str, values: int) -> Any:
    """A 1x1 prediction per level, flattened to (n, anchors, values)."""
    import keras  # noqa: PLC0415

    flat = [
        keras.layers.Reshape((-1, values))(_conv(x, f"{name}.{level}", _ANCHORS_PER_CELL * values, 1))
        for level, x in enumerate(features)
    ]
    return keras.layers.Concatenate(axis=1)(flat)
