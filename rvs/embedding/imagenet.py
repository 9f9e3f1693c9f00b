"""The ImageNet networks as embedding networks: the study's five from `keras.applications`, and MobileNetV2.

The last layer is removed and the final maps are averaged. Their weights are not ours to ship: Keras'
downloader brings those of the five, or a local file does. How MobileNetV2 is built is in `mobilenetv2`.
"""

import contextlib
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rvs.embedding.mobilenetv2 import build_mobilenetv2
from rvs.embedding.spec import EmbedderSpec
from rvs.errors import WeightsError

if TYPE_CHECKING:
    import keras

_ARCHITECTURES = {
    "resnet50": "ResNet50",
    "vgg16": "VGG16",
    "mobilenet": "MobileNet",
    "inceptionv3": "InceptionV3",
    "xception": "Xception",
}

# What Keras' downloader calls the weights without the last layer.
_DOWNLOADS = {
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "vgg16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "mobilenet": "mobilenet_1_0_224_tf_no_top.h5",
    "inceptionv3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "xception": "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
}


def build_imagenet_network(
    spec: EmbedderSpec, weights: Path | None, *, random: bool = False
) -> "keras.Model":
    """The network of `spec` with its preprocessing inside.

    Args:
        spec: any that is not packaged.
        weights: a Keras weight file of the network without its last layer, or, of the five, with it; None
            asks Keras' downloader (which keeps them under ~/.keras).
        random: leave the weights as they were initialised, for tests and timing.

    Returns:
        A model from (n, side, side, 3) uint8 RGB to (n, dimension) float32, not of unit length.

    Raises:
        WeightsError: the file does not fit, the download failed, or only a file will do.
    """
    import keras  # noqa: PLC0415  (TensorFlow comes with it)

    if random:
        body = _body(spec)
    elif weights is not None:
        body = _from_file(spec, weights)
    else:
        body = _downloaded(spec)

    side = spec.input_side_px
    inputs = keras.Input((side, side, 3), dtype="uint8", name="rgb")
    how = spec.preprocessing
    x = keras.layers.Rescaling(how.scale, offset=[-mean * how.scale for mean in how.mean_rgb])(inputs)
    if how.channels == "bgr":
        x = keras.ops.flip(x, axis=-1)
    return keras.Model(inputs, body(x), name=spec.name)


def weights_identity(spec: EmbedderSpec, weights: Path | None) -> str:
    """What tells these weights from others: the file's sha256, or the name of the published ones.

    Raises:
        WeightsError: the file is not there, or none is given where only a file will do.
    """
    if weights is None:
        if not spec.downloaded:
            raise _only_from_a_file(spec)
        return f"keras.applications/{spec.name}/imagenet"
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"The weight file {weights} cannot be read.", hint="Check the path given with --weights."
        ) from error


def weights_at_hand(spec: EmbedderSpec, given: Path | None) -> bool:
    """Whether the network can be built without a download; looks for files and not into them.

    Args:
        spec: any.
        given: the file of `--weights`, if one is given.
    """
    if spec.packaged:
        return True
    if given is not None:
        return given.is_file()
    return spec.downloaded and (_keras_folder() / "models" / _DOWNLOADS[spec.name]).is_file()


def _keras_folder() -> Path:
    """Where Keras keeps what it downloads, said without loading Keras."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    # Where it may not write, Keras does not read either.
    return home if os.access(home, os.W_OK) else Path("/tmp/.keras")  # noqa: S108


def _body(spec: EmbedderSpec, source: str | None = None, *, top: bool = False) -> Any:
    """The network without its preprocessing, up to the average over the final maps, or `top`, to the end.

    `source` is None for random weights or "imagenet" for those that Keras downloads.
    """
    if spec.name not in _ARCHITECTURES:
        return build_mobilenetv2()
    import keras  # noqa: PLC0415

    architecture = getattr(keras.applications, _ARCHITECTURES[spec.name])
    shape = (spec.input_side_px, spec.input_side_px, 3)
    if top:
        return architecture(include_top=True, weights=source, input_shape=shape)
    return architecture(include_top=False, pooling="avg", weights=source, input_shape=shape)


def _downloaded(spec: EmbedderSpec) -> Any:
    if not spec.downloaded:
        raise _only_from_a_file(spec)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras reports progress where our answers go
            return _body(spec, "imagenet")
    except Exception as error:  # Keras raises a bare Exception with the URL in it
        raise WeightsError(
            f"The ImageNet weights of {spec.name} are not on this machine and could not be downloaded.",
            hint="Either run once with network access, so that Keras can fetch them into ~/.keras/models, "
            "or give a Keras weight file with --weights PATH.",
        ) from error


def _from_file(spec: EmbedderSpec, weights: Path) -> Any:
    body = _body(spec)
    try:
        body.load_weights(weights)
    except (ValueError, OSError, KeyError) as without_top:
        if spec.name not in _ARCHITECTURES:
            raise _not_weights(
                spec, weights, "It must be the file that `make mobilenetv2` wrote."
            ) from without_top
        # The published files come in two kinds, without and with the last layer; take either.
        try:
            full = _body(spec, top=True)
            full.load_weights(weights)
        except (ValueError, OSError, KeyError):
            hint = (
                "It must be a Keras weight file (.weights.h5 or .h5) of keras.applications."
                f"{_ARCHITECTURES[spec.name]}."
            )
            raise _not_weights(spec, weights, hint) from without_top
        # By order, since Keras numbers nameless layers over the life of a process; the last layer comes last.
        body.set_weights(full.get_weights()[: len(body.weights)])
    return body


def _not_weights(spec: EmbedderSpec, weights: Path, hint: str) -> WeightsError:
    return WeightsError(f"The file {weights} does not hold weights of {spec.name}.", hint=hint)


def _only_from_a_file(spec: EmbedderSpec) -> WeightsError:
    return WeightsError(
        f"The weights of {spec.name} are neither part of the package nor among Keras' downloads.",
        hint=f"Make the file with `make {spec.name}` (in the clone: python -m tools.convert_{spec.name}), then "
        f"give it: --weights .cache/weights/{spec.name}.weights.h5, or RVS_WEIGHTS.",
    )
