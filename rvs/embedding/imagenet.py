"""The study's five ImageNet networks from `keras.applications`, as embedding networks.

The last layer is removed and the final maps are averaged. Their weights are not ours to ship: Keras'
downloader brings them, or a local file does.
"""

import contextlib
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def build_imagenet_network(
    spec: EmbedderSpec, weights: Path | None, *, random: bool = False
) -> "keras.Model":
    """The network of `spec` with its preprocessing inside.

    Args:
        spec: one of the five.
        weights: a Keras weight file of the network without its last layer, or with it; None asks Keras'
            downloader (which keeps them under ~/.keras).
        random: leave the weights as they were initialised, for tests and timing.

    Returns:
        A model from (n, side, side, 3) uint8 RGB to (n, dimension) float32, not of unit length.

    Raises:
        WeightsError: the file does not fit, or the download failed.
    """
    import keras  # noqa: PLC0415  (TensorFlow comes with it)

    side = spec.input_side_px
    architecture = getattr(keras.applications, _ARCHITECTURES[spec.name])

    def network(source: str | None, *, top: bool = False) -> Any:
        shape = (side, side, 3)
        if top:
            return architecture(include_top=True, weights=source, input_shape=shape)
        return architecture(include_top=False, pooling="avg", weights=source, input_shape=shape)

    if random:
        body = network(None)
    elif weights is None:
        body = _downloaded(spec, network)
    else:
        body = _from_file(spec, weights, network)

    inputs = keras.Input((side, side, 3), dtype="uint8", name="rgb")
    how = spec.preprocessing
    x = keras.layers.Rescaling(how.scale, offset=[-mean * how.scale for mean in how.mean_rgb])(inputs)
    if how.channels == "bgr":
        x = keras.ops.flip(x, axis=-1)
    return keras.Model(inputs, body(x), name=spec.name)


def weights_identity(spec: EmbedderSpec, weights: Path | None) -> str:
    """What tells these weights from others: the file's sha256, or the name of the published ones.

    Raises:
        WeightsError: the file is not there.
    """
    if weights is None:
        return f"keras.applications/{spec.name}/imagenet"
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"The weight file {weights} cannot be read.", hint="Check the path given with --weights."
        ) from error


def _downloaded(spec: EmbedderSpec, network: Any) -> Any:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras reports progress where our answers go
            return network("imagenet")
    except Exception as error:  # Keras raises a bare Exception with the URL in it
        raise WeightsError(
            f"The ImageNet weights of {spec.name} are not on this machine and could not be downloaded.",
            hint="Either run once with network access, so that Keras can fetch them into ~/.keras/models, "
            "or give a Keras weight file with --weights PATH.",
        ) from error


def _from_file(spec: EmbedderSpec, weights: Path, network: Any) -> Any:
    body = network(None)
    try:
        body.load_weights(weights)
    except (ValueError, OSError, KeyError) as without_top:
        # The published files come in two kinds, without and with the last layer; take either.
        try:
            full = network(None, top=True)
            full.load_weights(weights)
        except (ValueError, OSError, KeyError):
            raise WeightsError(
                f"The file {weights} does not hold weights of {spec.name}.",
                hint="It must be a Keras weight file (.weights.h5 or .h5) of keras.applications."
                f"{_ARCHITECTURES[spec.name]}.",
            ) from without_top
        # By order, since Keras numbers nameless layers over the life of a process; the last layer comes last.
        body.set_weights(full.get_weights()[: len(body.weights)])
    return body
