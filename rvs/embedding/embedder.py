"""Chips in, unit vectors out, in batches; the mirror image's vector averaged in where the spec says so."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rvs.arrays import Chips, Vectors
from rvs.embedding.face_resnet import build_face_resnet
from rvs.embedding.imagenet import build_imagenet_network, weights_identity
from rvs.embedding.spec import EmbedderSpec
from rvs.inference import InferenceOptions, Network, NetworkDefinition, load_network
from rvs.weights import FACE_RESNET

if TYPE_CHECKING:
    import keras

# Memory, not speed, sets this: beyond 32 chips a call is no faster per chip.
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Embedder:
    """An embedding network with its spec. Safe to call from several threads at once."""

    spec: EmbedderSpec
    network: Network
    weights_sha256: str

    def embed(self, chips: Chips) -> Vectors:
        """Embed chips.

        Args:
            chips: (n, side, side, 3) uint8 RGB, side = `spec.input_side_px`; n may be 0.

        Returns:
            (n, dimension) float32, every row of unit length.
        """
        side = self.spec.input_side_px
        if chips.shape[1:] != (side, side, 3) or chips.dtype != np.uint8:
            raise ValueError(f"chips must be (n, {side}, {side}, 3) uint8, not {chips.shape} {chips.dtype}")
        vectors = np.empty((len(chips), self.spec.dimension), np.float32)
        step = _BATCH // 2 if self.spec.mirrored else _BATCH
        for start in range(0, len(chips), step):
            batch = chips[start : start + step]
            vectors[start : start + step] = self._embed_batch(batch)
        return vectors

    def _embed_batch(self, batch: Chips) -> Vectors:
        if not self.spec.mirrored:
            return unit_length(self.network(batch)[0])
        (both,) = self.network(np.concatenate([batch, batch[:, :, ::-1]]))
        unit = unit_length(both)
        return unit_length(unit[: len(batch)] + unit[len(batch) :])


def unit_length(vectors: Vectors) -> Vectors:
    """Each row divided by its Euclidean length; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Vectors = (vectors / np.maximum(length, np.finfo(np.float32).tiny)).astype(np.float32, copy=False)
    return result


def network_definition(spec: EmbedderSpec, weights: Path | None = None) -> NetworkDefinition:
    """How the network of `spec` is built; `weights` replaces the default ones of an ImageNet network.

    Raises:
        WeightsError: the file is not there, or none is given where only a file will do.
    """
    if spec.packaged:
        return NetworkDefinition(spec.name, (), FACE_RESNET.sha256, _packaged_face_resnet)
    identity = weights_identity(spec, weights)
    return NetworkDefinition(spec.name, (), identity, partial(build_imagenet_network, spec, weights))


def load_embedder(spec: EmbedderSpec, options: InferenceOptions, weights: Path | None = None) -> Embedder:
    """Compile the network of `spec`.

    Raises:
        WeightsError: its weights are missing, damaged or do not fit.
    """
    definition = network_definition(spec, weights)
    return Embedder(spec, load_network(definition, options), definition.weights_sha256)


def _packaged_face_resnet() -> "keras.Model":
    model = build_face_resnet()
    model.load_weights(FACE_RESNET.verified_path())
    return model
