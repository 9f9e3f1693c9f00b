"""A build on a Ray cluster, in a process of its own that can be killed: `python -m tests.gallery.on_ray.driver`.

Reads one JSON object: gallery, index (paths), address, cache_dir, and optionally fingerprint, which the workers then
do not have. The networks are the real ones, slowed down so that there is a middle to die in, and shards are small.
Prints the report as JSON, or the error.
"""

import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.errors import LookalikeError
from rvs.gallery.build import Builder
from rvs.gallery.on_ray.cluster import connected
from rvs.gallery.on_ray.gallery_files import gallery_files
from rvs.gallery.on_ray.work import RayWork
from rvs.gallery.store import Store
from rvs.inference import InferenceOptions, Network
from rvs.photo import PhotoLimits
from rvs.pipeline import DEFAULT_PIPELINE, Pipeline, load_pipeline, parse_pipeline

SHARD_PHOTOS = 3
_PAUSE_S = 0.15


class Slow:
    """A network that takes its time."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        time.sleep(_PAUSE_S)
        return self._network(batch)


def load_slow(options: InferenceOptions) -> Pipeline:
    pipeline = load_pipeline(parse_pipeline(DEFAULT_PIPELINE), options)
    return replace(pipeline, embedder=replace(pipeline.embedder, network=Slow(pipeline.embedder.network)))


def main() -> None:
    told = json.loads(sys.stdin.readline())
    options = InferenceOptions("openvino", "f32", Path(told["cache_dir"]), threads=1, streams=1)
    pipeline = load_pipeline(parse_pipeline(DEFAULT_PIPELINE), options)
    builder = Builder(Store(Path(told["index"])), pipeline, options, "largest", trees=4)
    work = RayWork(
        place=told["gallery"],
        files=gallery_files(told["gallery"], PhotoLimits()),
        load=partial(load_slow, options),
        fingerprint=told.get("fingerprint", pipeline.fingerprint),
        face_choice="largest",
        limits=PhotoLimits(),
        shard_photos=SHARD_PHOTOS,
    )
    try:
        with connected(told["address"], 2):
            report = builder.build_by(work, lambda *_: None)
    except LookalikeError as error:
        print(json.dumps({"error": error.message, "code": error.code}))
        raise SystemExit(1) from error
    print(json.dumps({"embedded": report.embedded, "reused": report.reused}))


if __name__ == "__main__":
    main()
