"""Every embedding network there is, as frozen data: what goes in, what comes out, whose it is.

A spec owns its input size, crop and preprocessing, because an embedding computed with another one is a
different embedding. How the networks are built is in `face_resnet`, `mobilenetv2` and `imagenet`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rvs.embedding import face_resnet, mobilenetv2
from rvs.errors import ConfigError

FaceCrop: TypeAlias = Literal["face", "aligned"]
"""`face`: a face's box with a margin; `aligned`: the face turned and scaled onto a template."""

Crop: TypeAlias = FaceCrop | Literal["whole"]
"""What of a photo a network is shown; `whole`: the image as it is."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What the network does to RGB values 0..255 before its first layer: (value - mean_rgb) * scale.

    `channels` is the order it wants them in.
    """

    mean_rgb: tuple[float, float, float]
    scale: float
    channels: Literal["rgb", "bgr"]


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """One embedding network.

    Attributes:
        name: what it is called in a pipeline.
        description: one line for a list.
        input_side_px: it takes square images of this size.
        dimension: length of its vectors.
        face_crop: which crop of a detected face it is shown unless a pipeline names another.
        mirrored: whether a vector is the mean over the image and its mirror image.
        preprocessing: done inside the network; chips go in as RGB 0..255.
        licence: of the weights.
        weights: where they come from, in words.
    """

    name: str
    description: str
    input_side_px: int
    dimension: int
    face_crop: FaceCrop
    mirrored: bool
    preprocessing: Preprocessing
    licence: str
    weights: str

    @property
    def packaged(self) -> bool:
        """Whether the weights travel with the package, so that nothing is ever fetched."""
        return self.weights == PACKAGED

    @property
    def downloaded(self) -> bool:
        """Whether Keras' downloader brings the weights when no file is given."""
        return self.weights == _KERAS


PACKAGED = "packaged"
_KERAS = "Keras' download, or --weights"
_CONVERTED = "make mobilenetv2, then --weights"

# The two conventions of keras.applications, named there after the frameworks they come from.
_CAFFE = Preprocessing(mean_rgb=(123.68, 116.779, 103.939), scale=1.0, channels="bgr")
_TENSORFLOW = Preprocessing(mean_rgb=(127.5, 127.5, 127.5), scale=1 / 127.5, channels="rgb")
# torchvision evaluates on the middle of a larger image; here the chip is what there is, as for all the others.
_TORCHVISION = Preprocessing(mobilenetv2.MEAN_RGB, mobilenetv2.SCALE, "rgb")


def _imagenet(
    name: str,
    title: str,
    side_px: int,
    dimension: int,
    how: Preprocessing,
    licence: str,
    weights: str = _KERAS,
) -> EmbedderSpec:
    return EmbedderSpec(
        name=name,
        description=f"{title}, trained on ImageNet's objects",
        input_side_px=side_px,
        dimension=dimension,
        face_crop="face",
        mirrored=False,
        preprocessing=how,
        licence=licence,
        weights=weights,
    )


EMBEDDERS: tuple[EmbedderSpec, ...] = (
    EmbedderSpec(
        name="face-resnet",
        description="dlib's ResNet, trained on faces",
        input_side_px=face_resnet.INPUT_SIDE_PX,
        dimension=face_resnet.DIMENSION,
        face_crop="aligned",
        mirrored=True,
        preprocessing=Preprocessing(face_resnet.MEAN_RGB, face_resnet.SCALE, "rgb"),
        licence="CC0-1.0",
        weights=PACKAGED,
    ),
    _imagenet("resnet50", "ResNet50", 224, 2048, _CAFFE, "MIT"),
    _imagenet("vgg16", "VGG16", 224, 512, _CAFFE, "CC-BY-4.0"),
    _imagenet("mobilenet", "MobileNet", 224, 1024, _TENSORFLOW, "Apache-2.0"),
    _imagenet("inceptionv3", "InceptionV3", 299, 2048, _TENSORFLOW, "Apache-2.0"),
    _imagenet("xception", "Xception", 299, 2048, _TENSORFLOW, "MIT"),
    _imagenet(
        "mobilenetv2",
        "MobileNetV2",
        mobilenetv2.INPUT_SIDE_PX,
        mobilenetv2.DIMENSION,
        _TORCHVISION,
        "BSD-3-Clause",
        _CONVERTED,
    ),
)


def embedder_spec(name: str) -> EmbedderSpec:
    """The spec of that name.

    Raises:
        ConfigError: there is none; the hint lists them.
    """
    for spec in EMBEDDERS:
        if spec.name == name:
            return spec
    raise ConfigError(
        f'There is no embedding network "{name}".',
        hint="Choose one of: " + ", ".join(spec.name for spec in EMBEDDERS) + ".",
    )
