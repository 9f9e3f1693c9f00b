"""How long a pipeline takes for a photo when it gets through many, as a build does: detection, and embedding."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from rvs.arrays import Pixels
from rvs.embedding.embedder import Embedder
from rvs.embedding.imagenet import build_imagenet_network
from rvs.embedding.spec import EmbedderSpec
from rvs.faces.face import nearest_to_centre
from rvs.inference import InferenceOptions, NetworkDefinition, load_network
from rvs.pipeline import Pipeline, PipelineName

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PhotoTimes:
    """Milliseconds for a photo with all workers busy: the fastest of three rounds.

    Attributes:
        photos: in each batch; every worker has one.
        workers: batches at the same time.
        runtime, precision: what computed.
        embed_ms: from crops to vectors.
        detect_ms: from pixels to faces; None for a pipeline that looks for none.
    """

    photos: int
    workers: int
    runtime: str
    precision: str
    embed_ms: float
    detect_ms: float | None


def time_photos(
    pipeline: Pipeline, photos: Sequence[Pixels], workers: int, runtime: str, precision: str
) -> PhotoTimes:
    """Time detection and embedding apart.

    Args:
        pipeline: loaded for throughput.
        photos: as many as a batch has; those without a face are left out of embedding.
        workers: how many work side by side.
        runtime, precision: of the pipeline, for the record.

    Raises:
        ValueError: no photo has a face.
    """
    chips = []
    for pixels in photos:
        faces = nearest_to_centre(pipeline.faces(pixels), pixels.shape[1], pixels.shape[0])
        if faces or pipeline.detector is None:
            chips.append(pipeline.chip(pixels, faces[0] if faces else None))
    if not chips:
        raise ValueError("no photo has a face")
    detect_s = None
    if pipeline.detector is not None:
        detect_s = _fastest(lambda: [pipeline.faces(pixels) for pixels in photos], workers) / len(photos)
    embed_s = _fastest(lambda: pipeline.embed(chips), workers) / len(chips)
    return PhotoTimes(
        photos=len(chips),
        workers=workers,
        runtime=runtime,
        precision=precision,
        embed_ms=embed_s * 1000,
        detect_ms=None if detect_s is None else detect_s * 1000,
    )


def random_pipeline(spec: EmbedderSpec, options: InferenceOptions) -> Pipeline:
    """An ImageNet network with random weights over whole images: as fast as with real ones, else useless.

    `options.cache_dir` should be a temporary folder: nobody needs the converted network again.
    """
    build = partial(build_imagenet_network, spec, None, random=True)
    network = load_network(NetworkDefinition(spec.name, (), "random", build), options)
    return Pipeline(PipelineName(None, spec, "whole"), None, Embedder(spec, network, "random"), "random")


def _fastest(work: Callable[[], object], workers: int) -> float:
    """Seconds for one `work` of several side by side, by the fastest of the rounds after a first."""
    taken = []
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(1 + _ROUNDS):
            start = time.perf_counter()
            for done in [pool.submit(work) for _ in range(workers)]:
                done.result()
            taken.append(time.perf_counter() - start)
    return min(taken[1:]) / workers
