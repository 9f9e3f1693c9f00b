"""The detector seam, and how one is chosen by name."""

from pathlib import Path
from typing import Protocol

from rvs.arrays import Pixels
from rvs.errors import ConfigError
from rvs.faces.face import Face
from rvs.inference import InferenceOptions


class Detector(Protocol):
    """Finds faces. Safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """What it is called in a pipeline."""

    def detect(self, pixels: Pixels) -> list[Face]:
        """All faces of a photo, the largest first, in the photo's pixel frame.

        Args:
            pixels: (height, width, 3) uint8 RGB, upright.
        """


RETINAFACE_MOBILENET = "retinaface-mobilenet"
RETINAFACE_RESNET50 = "retinaface-resnet50"
DETECTORS = (RETINAFACE_MOBILENET, RETINAFACE_RESNET50)


def load_detector(name: str, options: InferenceOptions, weights: Path | None = None) -> Detector:
    """The detector of that name, ready to use.

    Args:
        name: one of `DETECTORS`.
        options: how its network is run (`retinaface-resnet50` always runs on ONNX Runtime).
        weights: weight file of `retinaface-resnet50`, None for where the package keeps it.

    Raises:
        ConfigError: there is none of that name; the hint lists them.
        WeightsError: its weights are missing or damaged.
    """
    if name == RETINAFACE_MOBILENET:
        from rvs.faces.retinaface_mobilenet import RetinaFaceMobileNet  # noqa: PLC0415

        return RetinaFaceMobileNet.load(options)
    if name == RETINAFACE_RESNET50:
        from rvs.faces.retinaface_resnet50 import RetinaFaceResNet50  # noqa: PLC0415

        return RetinaFaceResNet50.load(weights, options.threads)
    raise ConfigError(f'There is no face detector "{name}".', hint=f"Choose one of: {', '.join(DETECTORS)}.")
