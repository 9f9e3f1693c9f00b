"""What runs in the workers of the cluster: hashing photos, and embedding them with networks loaded once.

Ray gives what a dead worker was at to another one, for ever. A photo that kills whoever reads it would never let
the build end, so each try leaves a note, and after some the build ends with the photo's name.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rvs.errors import RebuildFailedError
from rvs.gallery.embed import FaceChoice, Outcome, PhotoEmbedder, PhotoFiles, chunks_of
from rvs.gallery.folder import GalleryPhoto
from rvs.gallery.on_ray.shards import Shards, packed
from rvs.photo import PhotoLimits
from rvs.pipeline import Pipeline

_MOST_TRIES = 5  # workers die for other reasons too


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """All that a worker needs to know.

    Attributes:
        load: gives the pipeline, on one core.
        fingerprint: that it must have.
        files: the gallery's.
        shards: where outcomes go.
        run: tells this run from earlier ones, whose tries do not count.
        face_choice, limits: as of the `Builder`.
    """

    load: Callable[[], Pipeline]
    fingerprint: str
    files: PhotoFiles
    shards: Shards
    run: str
    face_choice: FaceChoice
    limits: PhotoLimits


class ShardEmbedder:
    """An actor: loads the networks once, then makes shard after shard of lists of photos."""

    def __init__(self, plan: WorkerPlan) -> None:
        """Load the networks.

        Raises:
            RebuildFailedError: they are not those of the machine that asked for the build.
            ConfigError, WeightsError: they cannot be loaded here.
        """
        pipeline = plan.load()
        if pipeline.fingerprint != plan.fingerprint:
            raise RebuildFailedError(
                "A worker has other networks than the machine that builds.",
                hint="Install the same version of lookalike and the same weights on every machine.",
            )
        self._embedder = PhotoEmbedder(plan.files, pipeline, plan.face_choice, plan.limits)
        self._files = plan.files
        self._shards = plan.shards
        self._run = plan.run

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """A row per list of photos (`files`, JSON) to a row per shard.

        Its name, "" when it has no outcomes; how many `photos` there were, and which are `unreadable` (JSON).

        Raises:
            RebuildFailedError: a photo kills its workers, or the shards' store does not answer.
        """
        rows: dict[str, list[Any]] = {"shard": [], "photos": [], "unreadable": []}
        for files in map(json.loads, batch["files"]):
            name, unreadable = self._shard(files)
            rows["shard"].append(name)
            rows["photos"].append(len(files))
            rows["unreadable"].append(json.dumps(unreadable))
        return rows

    def _shard(self, files: Sequence[str]) -> tuple[str, list[str]]:
        photos = [GalleryPhoto("", file) for file in files]
        name = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:32]
        tries = self._tries(name)
        if len(tries) >= _MOST_TRIES:
            raise RebuildFailedError(
                f"{len(tries)} workers have died over {tries[-1]}.",
                hint="Take this photo out of the gallery, or give the workers more memory, and build again.",
            )
        outcomes: list[Outcome] = []
        # Again after a death: photo by photo, to know which one it is.
        for chunk in [[photo] for photo in photos] if tries else chunks_of(photos):
            self._shards.write(self._note(name, len(tries)), chunk[0].file.encode())
            outcomes += self._embedder.embed_chunk(chunk)
        readable = {content: outcome for content, outcome in outcomes if content}
        # Outcomes come in no particular order and without names, so ask again.
        missing = len(outcomes) - sum(bool(content) for content, _ in outcomes)
        unreadable = [file for file in files if not self._files.sha256(file)] if missing else []
        if not readable:
            return "", unreadable
        self._shards.write(f"{name}.parquet", packed(readable))
        return f"{name}.parquet", unreadable

    def _tries(self, name: str) -> list[str]:
        # What those before this one were at when they died.
        found: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            while len(found) < _MOST_TRIES:
                found.append(self._shards.read(self._note(name, len(found))).decode())
        return found

    def _note(self, name: str, number: int) -> str:
        return f"{name}.{self._run}.try-{number}"


def hash_files(batch: Mapping[str, Sequence[Any]], files: PhotoFiles) -> dict[str, list[Any]]:
    """A row per list of photos (`files`, JSON) to a row with their hashes (`hashes`, JSON), `number` kept."""
    hashes = [json.dumps([files.sha256(file) for file in json.loads(names)]) for names in batch["files"]]
    return {"number": list(batch["number"]), "hashes": hashes}
