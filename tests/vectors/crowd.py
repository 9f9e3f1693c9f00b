"""Unit vectors that lie as faces do: people far from each other, photos of one person near each other."""

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors


def unit(vectors: NDArray[np.floating]) -> Vectors:
    result: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return result


def crowd(
    people: int, photos_each: int, *, dimension: int = 32, spread: float = 0.35, seed: int = 0
) -> Vectors:
    """(people * photos_each, dimension): person by person, `spread` about how far a photo is from its person."""
    draw = np.random.default_rng(seed)
    centres = np.repeat(unit(draw.standard_normal((people, dimension))), photos_each, axis=0)
    return unit(centres + spread * unit(draw.standard_normal(centres.shape)))


def owners(people: int, photos_each: int) -> Ids:
    """Who is on each photo of `crowd`."""
    return np.repeat(np.arange(people), photos_each)


def nearest_by_loop(
    vectors: NDArray[np.floating], probe: NDArray[np.floating], k: int
) -> list[tuple[float, int]]:
    """(distance, row) of the k nearest, by the definition, in double precision; equal ones by row."""
    pairs = []
    for row in range(len(vectors)):
        difference = vectors[row].astype(np.float64) - probe.astype(np.float64)
        pairs.append((float(np.sqrt((difference * difference).sum())), row))
    return sorted(pairs)[:k]
