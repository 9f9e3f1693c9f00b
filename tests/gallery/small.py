"""A pipeline without networks, and galleries of its faces.

It is a real one in every respect but its eyes: a face is a coloured patch on black, and a vector is the
colours of the patch. So it finds the same person in another photo, and a photo in another file, as the real
one does, in microseconds.
"""

import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels
from rvs.embedding.embedder import Embedder
from rvs.embedding.spec import EmbedderSpec, Preprocessing
from rvs.faces.face import Box, Face, largest_first
from rvs.gallery.build import Builder
from rvs.gallery.embed import FaceChoice
from rvs.gallery.store import Store
from rvs.inference import InferenceOptions, Network
from rvs.pipeline import Pipeline, PipelineName

SIDE_PX = 64
DIMENSION = 48
FINGERPRINT = "0123456789abcdef"
SPEC = EmbedderSpec(
    name="colours",
    description="the colours of a patch",
    input_side_px=32,
    dimension=DIMENSION,
    face_crop="face",
    mirrored=False,
    preprocessing=Preprocessing((0.0, 0.0, 0.0), 1.0, "rgb"),
    licence="",
    weights="",
)


class Patches:
    """Every run of columns that are not black is a face."""

    name = "patches"

    def detect(self, pixels: Pixels) -> list[Face]:
        lit = pixels.max(axis=2) > 50
        edges = np.flatnonzero(np.diff(lit.any(axis=0).astype(int), prepend=0, append=0))
        return largest_first(_face(lit, x0, x1) for x0, x1 in edges.reshape(-1, 2).tolist())


def _face(lit: NDArray[np.bool_], x0: int, x1: int) -> Face:
    rows = np.flatnonzero(lit[:, x0:x1].any(axis=1))
    box = Box(float(x0), float(rows[0]), float(x1), float(rows[-1]) + 1)
    (x, y), w, h = box.centre_px, box.width_px, box.height_px
    eyes = (x - w / 5, y - h / 8), (x + w / 5, y - h / 8)
    mouth = (x - w / 6, y + h / 4), (x + w / 6, y + h / 4)
    return Face(box, (*eyes, (x, y + h / 16), *mouth), 0.99)


class Colours:
    """The mean colours of 16 fields, without the overall one. Counts what it was shown."""

    def __init__(self) -> None:
        self.shown = 0
        self._lock = threading.Lock()

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        with self._lock:
            self.shown += len(batch)
        fields = batch.reshape(len(batch), 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(len(batch), DIMENSION)
        return ((fields - fields.mean(axis=1, keepdims=True)).astype(np.float32),)


def pipeline_of_patches(
    network: Network | None = None,
    *,
    whole_image: bool = False,
    fingerprint: str = FINGERPRINT,
) -> Pipeline:
    """The pipeline; its detector is None for whole images."""
    detector = None if whole_image else Patches()
    name = PipelineName(detector.name, SPEC, "face") if detector else PipelineName(None, SPEC, "whole")
    return Pipeline(name, detector, Embedder(SPEC, network or Colours(), "0" * 64), fingerprint)


def draw(*people: int, photo: int = 0, brightness: float = 1.0) -> Image.Image:
    """A picture of people side by side, the first the largest; photos of one person differ a little."""
    width = SIDE_PX * len(people)
    pixels = np.zeros((SIDE_PX, width, 3), np.uint8)
    for place, person in enumerate(people):
        colours = np.random.default_rng(person).uniform(80, 230, (4, 4, 3))
        colours += np.random.default_rng((person, photo)).normal(0, 12, (4, 4, 3)) * (photo > 0)
        side = 12 - 2 * place
        patch = np.clip(colours * brightness, 60, 255).repeat(side, axis=0).repeat(side, axis=1)
        top, left = (SIDE_PX - 4 * side) // 2, place * SIDE_PX + (SIDE_PX - 4 * side) // 2
        pixels[top : top + 4 * side, left : left + 4 * side] = patch.astype(np.uint8)
    return Image.fromarray(pixels)


def save(image: Image.Image, path: Path) -> Path:
    """Write a picture where there may be no folder yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def photo_path(root: Path, person: int, photo: int) -> Path:
    return root / f"Person_{person:02d}" / f"{photo}.png"


def make_gallery(root: Path, people: Iterable[int], photos_each: int) -> Path:
    """A gallery of photos 1 ... `photos_each` of people."""
    for person in people:
        for photo in range(1, photos_each + 1):
            save(draw(person, photo=photo), photo_path(root, person, photo))
    return root


def builder(
    folder: Path, pipeline: Pipeline | None = None, *, face_choice: FaceChoice = "largest"
) -> Builder:
    """A builder of the index in `folder`."""
    return Builder(
        store=Store(folder),
        pipeline=pipeline or pipeline_of_patches(),
        options=InferenceOptions("openvino", "f32", folder, threads=1),
        face_choice=face_choice,
        trees=4,
    )


def unheard(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
