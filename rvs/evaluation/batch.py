"""How fast many photos become vectors, as a build of an index does it, and which stage takes how much of it."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rvs.arrays import Pixels
from rvs.errors import LookalikeError
from rvs.evaluation.spread import Laps
from rvs.faces.face import nearest_to_centre
from rvs.gallery.embed import CHUNK, PhotoEmbedder
from rvs.gallery.folder import GalleryPhoto
from rvs.photo import read_photo

_LEAST_CHUNKS = 10
_CHUNKS_PER_WORKER = 3  # so that the last ones, with which not all workers are busy, count little


@dataclass(frozen=True, slots=True)
class BatchSpeed:
    """What was measured.

    Attributes:
        source: "gallery" for photos of the index's own gallery, "made" for copies of the one that was given.
        photos: how many.
        usable: how many of them became a vector.
        workers: photos worked on side by side.
        seconds: for all of them.
        per_second: photos.
        stage_ms: milliseconds a photo, by stage, one photo after the other in one thread: decode, detect, align,
            embed. The embedder takes batches, as in a build.
        shares: of each stage in the sum of them, 0..1.
    """

    source: Literal["gallery", "made"]
    photos: int
    usable: int
    workers: int
    seconds: float
    per_second: float
    stage_ms: Mapping[str, float] = field(hash=False)
    shares: Mapping[str, float] = field(hash=False)


def photos_needed(workers: int) -> int:
    """How many photos keep so many workers busy for long enough."""
    return CHUNK * max(_LEAST_CHUNKS, _CHUNKS_PER_WORKER * workers)


def measure_batch(
    embedder: PhotoEmbedder,
    workers: int,
    photos: Sequence[GalleryPhoto],
    source: Literal["gallery", "made"],
    tick: Callable[[int], None],
) -> BatchSpeed:
    """Embed photos twice: side by side as a build does, then stage by stage.

    Args:
        embedder: how; its networks should be loaded for throughput.
        workers: photos worked on side by side.
        photos: at least one, of its gallery.
        source: where they come from.
        tick: told after each part how many photos it had; twice as many as there are, in all.
    """
    # Once before: the networks compile for the shapes of these photos.
    list(embedder.embed(photos[: CHUNK * workers : 8], workers))
    usable = 0
    started = time.perf_counter()
    for chunk in embedder.embed(photos, workers):
        usable += sum(outcome.vector is not None for _, outcome in chunk)
        tick(len(chunk))
    seconds = time.perf_counter() - started
    sums = _stage_by_stage(embedder, photos, tick)
    in_all = sum(sums.values())
    return BatchSpeed(
        source=source,
        photos=len(photos),
        usable=usable,
        workers=workers,
        seconds=round(seconds, 3),
        per_second=round(len(photos) / seconds, 1),
        stage_ms={stage: round(elapsed_ms / len(photos), 3) for stage, elapsed_ms in sums.items()},
        shares={stage: round(elapsed_ms / in_all, 4) for stage, elapsed_ms in sums.items()},
    )


def _stage_by_stage(
    embedder: PhotoEmbedder, photos: Sequence[GalleryPhoto], tick: Callable[[int], None]
) -> dict[str, float]:
    """Milliseconds of each stage over all photos, in one thread; embedded in batches, as a build does."""
    pipeline = embedder.pipeline
    sums = dict.fromkeys(("decode", "detect", "align", "embed"), 0.0)
    laps = Laps()
    for start in range(0, len(photos), CHUNK):
        chunk = photos[start : start + CHUNK]
        chips: list[Pixels] = []
        for photo in chunk:
            laps.start()
            try:
                read = read_photo(embedder.files.source(photo.file), embedder.limits)
            except LookalikeError:
                continue  # a gallery may have damaged photos
            sums["decode"] += laps.lap("decode")
            faces = pipeline.faces(read.pixels)
            if embedder.face_choice == "centre":
                faces = nearest_to_centre(faces, read.width_px, read.height_px)
            sums["detect"] += laps.lap("detect")
            if faces or pipeline.detector is None:
                with contextlib.suppress(ValueError):  # a face that cannot be turned upright
                    chips.append(pipeline.chip(read.pixels, faces[0] if faces else None))
                sums["align"] += laps.lap("align")
        laps.start()
        pipeline.embed(chips)
        sums["embed"] += laps.lap("embed")
        tick(len(chunk))
    return sums
