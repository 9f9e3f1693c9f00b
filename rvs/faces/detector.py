"""The detector seam, and how one is chosen by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rvs.arrays import Pixels
from rvs.errors import ConfigError
from rvs.faces.face import Face
from rvs.inference import InferenceOptions, NetworkDefinition


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


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """One detector: what it is called, what it is, the licence of its weights and where they come from."""

    name: str
    description: str
    licence: str
    weights: str


RETINAFACE_MOBILENET = "retinaface-mobilenet"
RETINAFACE_RESNET50 = "retinaface-resnet50"
DETECTORS = (
    DetectorSpec(RETINAFACE_MOBILENET, "fast; the default", "MIT", "packaged"),
    DetectorSpec(
        RETINAFACE_RESNET50,
        "finds more; much slower",
        "non-commercial",
        "--detector-weights",
    ),
)
DETECTOR_NAMES = tuple(spec.name for spec in DETECTORS)


def load_detector(name: str, options: InferenceOptions, weights: Path | None = None) -> Detector:
    """The detector of that name, ready to use.

    Args:
        name: one of `DETECTOR_NAMES`.
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
    raise ConfigError(
        f'There is no face detector "{name}".', hint=f"Choose one of: {', '.join(DETECTOR_NAMES)}."
    )


def network_definition(name: str) -> NetworkDefinition | None:
    """The network behind a detector, None when it is not one of ours to compile."""
    if name != RETINAFACE_MOBILENET:
        return None
    from rvs.faces.retinaface_mobilenet import DEFINITION  # noqa: PLC0415

    return DEFINITION
