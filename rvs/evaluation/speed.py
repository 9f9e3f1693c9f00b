"""How long one query takes, stage by stage, warm."""

import time

import numpy as np

from rvs.photo import PhotoLimits, read_photo
from rvs.render import PhotoLoader, grid
from rvs.search import Lookalike

_WARM_UPS = 5


def measure_query(
    engine: Lookalike, photo: bytes, limits: PhotoLimits, load_photo: PhotoLoader, people: int, repeat: int
) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile in milliseconds of every stage from photo bytes to grid bytes.

    `whole` is the way a query really goes (`Lookalike.find` and the grid); the stages are timed in a second
    call of their own, so they need not add up to it to the last digit.

    Raises:
        PhotoError: the photo cannot be used.
        NoFaceError: it has no face.
    """
    times: dict[str, list[float]] = {}

    def timed(stage: str, start: float) -> float:
        now = time.perf_counter()
        times.setdefault(stage, []).append((now - start) * 1000)
        return now

    for _ in range(repeat + _WARM_UPS):
        start = time.perf_counter()
        result = engine.find(read_photo(photo, limits), people)
        grid(result.searched[0], load_photo)
        now = timed("whole", start)

        pixels = read_photo(photo, limits).pixels
        now = timed("decode", now)
        faces = engine.pipeline.faces(pixels)
        now = timed("detect", now)
        chip = engine.pipeline.chip(pixels, faces[0] if faces else None)
        now = timed("align", now)
        vector = engine.pipeline.embed([chip])
        now = timed("embed", now)
        engine.rank_people(vector, people)
        now = timed("search and group", now)
        grid(result.searched[0], load_photo)
        timed("grid", now)
    kept = {stage: np.array(values[_WARM_UPS:]) for stage, values in times.items()}
    return {stage: (float(np.median(v)), float(np.quantile(v, 0.95))) for stage, v in kept.items()}
