"""A detector and an embedder put together: the one way from a photo to vectors.

A pipeline is named by its parts, `retinaface-mobilenet + face-resnet`; `whole-image` in place of a detector
embeds the image as it is. Vectors of two pipelines can be compared only when their fingerprints are equal.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rvs.arrays import Chips, Pixels, Vectors
from rvs.embedding.embedder import Embedder, load_embedder, network_definition
from rvs.embedding.spec import Crop, EmbedderSpec, embedder_spec
from rvs.errors import ConfigError
from rvs.faces import alignment
from rvs.faces.detector import DETECTOR_NAMES, RETINAFACE_MOBILENET, Detector, load_detector
from rvs.faces.face import Face
from rvs.inference import InferenceOptions

WHOLE_IMAGE = "whole-image"
DEFAULT_PIPELINE = f"{RETINAFACE_MOBILENET} + face-resnet"

# Raised when cropping or alignment changes in a way that moves embeddings.
_REVISION = 1


@dataclass(frozen=True, slots=True)
class PipelineName:
    """The parts of a pipeline. `detector` is None for the whole image."""

    detector: str | None
    embedder: EmbedderSpec

    def __str__(self) -> str:
        return f"{self.detector or WHOLE_IMAGE} + {self.embedder.name}"

    @property
    def crop(self) -> Crop:
        """What of a photo the network is shown."""
        return "whole" if self.detector is None else self.embedder.face_crop

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
    """The parts named by `detector + embedder`.

    Raises:
        ConfigError: not of that form, or a part that does not exist; the hint lists what does.
    """
    detector, plus, embedder = (part.strip() for part in text.partition("+"))
    if not plus:
        raise ConfigError(
            f'"{text}" is not a pipeline.',
            hint=f'Name a detector and an embedder: "{DEFAULT_PIPELINE}", "{WHOLE_IMAGE} + resnet50".',
        )
    if detector != WHOLE_IMAGE and detector not in DETECTOR_NAMES:
        raise ConfigError(
            f'There is no face detector "{detector}".',
            hint=f"Choose one of: {', '.join((WHOLE_IMAGE, *DETECTOR_NAMES))}.",
        )
    return PipelineName(None if detector == WHOLE_IMAGE else detector, embedder_spec(embedder))


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
