"""What a build has done so far, on disk, so that a build killed at any moment goes on where it was.

Finished photos are written in shards, each a whole file, keyed by the photo's content: a photo that was
changed, moved or renamed in the meantime is recognised for what it is. The journal belongs to one pipeline;
it is deleted when the version it was for is complete.
"""

import json
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.faces.face import Box
from rvs.whole_files import write_whole

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The outcome of one photo: a vector and the face it is of, or the reason why there is none.

    `vector` is (dimension,) float16 of unit length, or None together with a `reason`.
    """

    vector: NDArray[np.float16] | None
    face_box: Box | None
    reason: str


class Journal:
    """Outcomes by content hash, in memory and in shards below one folder."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Read what an earlier build left in `folder`, or forget it; damaged shards are done again."""
        self._folder = folder
        if fresh:
            self.delete()
        self.outcomes: dict[str, Embedded] = {}
        self._shards = 0
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob(f"shard-{6 * '[0-9]'}.npz")):
            self._shards = max(self._shards, int(path.stem.removeprefix("shard-")) + 1)
            try:
                self.outcomes.update(_read(path))
            except Exception as error:  # zipfile and numpy raise whatever they like about damaged bytes
                log.warning("Ignoring the damaged shard %s of an earlier build: %s", path, error)

    def add(self, outcomes: Iterable[tuple[str, Embedded]]) -> None:
        """Keep outcomes; when this returns they survive a crash.

        Raises:
            OSError: the disk is full or read-only.
        """
        new = dict(outcomes)
        if new:
            write_whole(self._folder / f"shard-{self._shards:06d}.npz", _packed(new))
            self._shards += 1
            self.outcomes.update(new)

    def delete(self) -> None:
        """Remove the shards; they have served."""
        forget(self._folder)


def forget(folder: Path) -> None:
    """Remove what a build left in `folder`, if anything."""
    shutil.rmtree(folder, ignore_errors=True)


def _packed(outcomes: dict[str, Embedded]) -> bytes:
    kept = {key: outcome for key, outcome in outcomes.items() if outcome.vector is not None}
    boxes = {key: _corners(outcome.face_box) for key, outcome in kept.items()}
    misses = {key: outcome.reason for key, outcome in outcomes.items() if outcome.vector is None}
    notes = json.dumps({"boxes": boxes, "misses": misses}).encode()
    vectors = np.array([outcome.vector for outcome in kept.values()], np.float16)
    file = BytesIO()
    np.savez(file, vectors=vectors, notes=np.frombuffer(notes, np.uint8))
    return file.getvalue()


def _read(path: Path) -> dict[str, Embedded]:
    # From memory: numpy leaves a file open when it is not an archive.
    with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as shard:
        vectors, notes = shard["vectors"], json.loads(shard["notes"].tobytes())
    outcomes = {key: Embedded(None, None, reason) for key, reason in notes["misses"].items()}
    for vector, (key, corners) in zip(vectors, notes["boxes"].items(), strict=True):
        outcomes[key] = Embedded(vector, Box(*corners) if corners else None, "")
    return outcomes


def _corners(box: Box | None) -> tuple[float, float, float, float] | None:
    return (box.x0_px, box.y0_px, box.x1_px, box.y1_px) if box else None
