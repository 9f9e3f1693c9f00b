"""A detector and an embedder put together: the one way from a photo to vectors.

A pipeline is named by its parts, `retinaface-mobilenet + face-resnet`; a crop between them chooses another
than the embedder's own, `retinaface-mobilenet + aligned + resnet50`; `whole-image` in place of a detector
embeds the image as it is. Vectors of two pipelines can be compared only when their fingerprints are equal.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from rvs.arrays import Chips, Pixels, Vectors
from rvs.embedding.embedder import Embedder, load_embedder, network_definition
from rvs.embedding.spec import Crop, EmbedderSpec, FaceCrop, embedder_spec
from rvs.errors import ConfigError
from rvs.faces import alignment
from rvs.faces.detector import DETECTOR_NAMES, RETINAFACE_MOBILENET, Detector, load_detector
from rvs.faces.face import Face
from rvs.inference import InferenceOptions

WHOLE_IMAGE = "whole-image"
DEFAULT_PIPELINE = f"{RETINAFACE_MOBILENET} + face-resnet"
FACE_CROPS: tuple[FaceCrop, ...] = get_args(FaceCrop)

_EXAMPLES = f'"{DEFAULT_PIPELINE}", "{RETINAFACE_MOBILENET} + aligned + resnet50", "{WHOLE_IMAGE} + resnet50"'

# Raised when cropping or alignment changes in a way that moves embeddings.
_REVISION = 1


@dataclass(frozen=True, slots=True)
class PipelineName:
    """The parts of a pipeline.

    Attributes:
        detector: None for the whole image.
        embedder: the network.
        crop: what of a photo it is shown; `whole` without a detector and only then.
    """

    detector: str | None
    embedder: EmbedderSpec
    crop: Crop

    def __post_init__(self) -> None:
        if (self.detector is None) != (self.crop == "whole"):
            raise ValueError(f"{self.detector or WHOLE_IMAGE} has no crop {self.crop!r}")

    def __str__(self) -> str:
        """As `parse_pipeline` reads it, without a crop that goes without saying."""
        unsaid = self.crop in ("whole", self.embedder.face_crop)
        crop = "" if unsaid else f" + {self.crop}"
        return f"{self.detector or WHOLE_IMAGE}{crop} + {self.embedder.name}"

    def fingerprint(self, weights: Path | None = None) -> str:
        """16 hexadecimal digits that differ when the vectors could differ by more than rounding.

        Raises:
            WeightsError: `weights` cannot be read.
        """
        identity = {
            "revision": _REVISION,
            "detector": self.detector,
            "crop": self.crop,
            "embedder": asdict(self.embedder) | {"description": "", "licence": "", "weights": ""},
            "weights": network_definition(self.embedder, weights).weights_sha256,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def parse_pipeline(text: str) -> PipelineName:
    """The parts named by `detector + embedder`, or by `detector + crop + embedder`.

    Raises:
        ConfigError: not of that form, or a part that does not exist; the hint lists what does.
    """
    parts = [part.strip() for part in text.split("+")]
    if len(parts) not in (2, 3):
        raise ConfigError(
            f'"{text}" is not a pipeline.',
            hint=f"Name a detector, a crop if the embedder's own will not do, and an embedder: {_EXAMPLES}.",
        )
    detector, embedder = parts[0], parts[-1]
    if detector != WHOLE_IMAGE and detector not in DETECTOR_NAMES:
        raise ConfigError(
            f'There is no face detector "{detector}".',
            hint=f"Choose one of: {', '.join((WHOLE_IMAGE, *DETECTOR_NAMES))}.",
        )
    spec = embedder_spec(embedder)
    chosen = _face_crop(parts[1]) if len(parts) == 3 else None
    if detector != WHOLE_IMAGE:
        return PipelineName(detector, spec, chosen or spec.face_crop)
    if chosen:
        raise ConfigError(
            f'"{WHOLE_IMAGE}" looks for no face, so nothing can be cropped to one.',
            hint=f'Leave the crop out, "{WHOLE_IMAGE} + {spec.name}", or name a detector before it.',
        )
    return PipelineName(None, spec, "whole")


def _face_crop(text: str) -> FaceCrop:
    for crop in FACE_CROPS:
        if text == crop:
            return crop
    raise ConfigError(f'There is no face crop "{text}".', hint=f"Choose one of: {', '.join(FACE_CROPS)}.")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with its networks loaded. Safe to use from several threads at once."""

    name: PipelineName
    detector: Detector | None
    embedder: Embedder
    fingerprint: str

    def faces(self, pixels: Pixels) -> list[Face]:
        """All faces, the largest first; none for a whole-image pipeline, which looks for no faces."""
        return [] if self.detector is None else self.detector.detect(pixels)

    def chip(self, pixels: Pixels, face: Face | None) -> Pixels:
        """What the network is shown of a face (None: of the whole image), RGB uint8, square."""
        side = self.embedder.spec.input_side_px
        if face is None:
            return alignment.whole(pixels, side)
        if self.name.crop == "aligned":
            return alignment.align(pixels, face, side)
        return alignment.crop(pixels, face.box, side)

    def embed(self, chips: list[Pixels]) -> Vectors:
        """Unit vectors (n, dimension) of chips."""
        side = self.embedder.spec.input_side_px
        batch: Chips = np.stack(chips) if chips else np.empty((0, side, side, 3), np.uint8)
        return self.embedder.embed(batch)


def load_pipeline(
    name: PipelineName,
    options: InferenceOptions,
    *,
    weights: Path | None = None,
    detector_weights: Path | None = None,
) -> Pipeline:
    """Load the networks of a pipeline.

    Raises:
        WeightsError: weights are missing, damaged or do not fit.
    """
    detector = None if name.detector is None else load_detector(name.detector, options, detector_weights)
    embedder = load_embedder(name.embedder, options, weights)
    return Pipeline(name, detector, embedder, name.fingerprint(weights))
