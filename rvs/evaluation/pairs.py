"""Distances of LFW's pairs, read off an index."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Distances
from rvs.errors import GalleryMismatchError
from rvs.gallery.lfw import Pair
from rvs.gallery.version import Version


def pair_distances(version: Version, pairs: Sequence[Pair]) -> tuple[Distances, NDArray[np.bool_]]:
    """How far apart the photos of each pair are, and whether they show one person.

    A photo that is not in the index (no face was found) is as far from everything as can be: the system
    would have to call the pair different.

    Raises:
        GalleryMismatchError: the index is not over LFW.
    """
    row_of = {photo.file: row for row, photo in enumerate(version.photos)}
    known = {photo.file for photo in version.photos} | {miss.file for miss in version.misses}
    if any(file not in known for pair in pairs for file in (pair.first, pair.second)):
        raise GalleryMismatchError(
            f"The index in {version.folder} does not have the photos of LFW's pairs.",
            hint="Name an index over LFW with --index.",
        )
    distances = np.full(len(pairs), 2.0, np.float32)
    for number, pair in enumerate(pairs):
        if pair.first in row_of and pair.second in row_of:
            first, second = (version.vectors[row_of[file]] for file in (pair.first, pair.second))
            distances[number] = np.linalg.norm(first.astype(np.float32) - second.astype(np.float32))
    return distances, np.array([pair.same for pair in pairs])
