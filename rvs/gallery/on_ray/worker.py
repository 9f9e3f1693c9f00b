"""What runs in the workers of the cluster: hashing photos, and embedding them with networks loaded once."""

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


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """All that a worker needs to know.

    Attributes:
        load: gives the pipeline, on one core.
        fingerprint: that it must have.
        files: the gallery's.
        shards: where outcomes go.
        face_choice, limits: as of the `Builder`.
    """

    load: Callable[[], Pipeline]
    fingerprint: str
    files: PhotoFiles
    shards: Shards
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
        self._shards = plan.shards

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """A row per list of photos (`files`, JSON) to a row per shard: its name, "" without outcomes; photos."""
        lists = [json.loads(files) for files in batch["files"]]
        return {"shard": [self._shard(files) for files in lists], "photos": [len(files) for files in lists]}

    def _shard(self, files: Sequence[str]) -> str:
        outcomes: list[Outcome] = []
        for chunk in chunks_of([GalleryPhoto("", file) for file in files]):
            outcomes += self._embedder.embed_chunk(chunk)
        readable = {content: outcome for content, outcome in outcomes if content}
        if not readable:
            return ""
        name = f"{hashlib.sha256(json.dumps(files).encode()).hexdigest()[:32]}.parquet"
        self._shards.write(name, packed(readable))
        return name


def hash_files(batch: Mapping[str, Sequence[Any]], files: PhotoFiles) -> dict[str, list[Any]]:
    """A row per list of photos (`files`, JSON) to a row with their hashes (`hashes`, JSON), `number` kept."""
    hashes = [json.dumps([files.sha256(file) for file in json.loads(names)]) for names in batch["files"]]
    return {"number": list(batch["number"]), "hashes": hashes}
