"""A gallery's photos, hashed and embedded by the machines of a Ray cluster.

Photos go out as lists of names, come back as shards that the workers write, and nothing else: a worker or a
machine that dies costs the shards it was at, which another one makes.
"""

import json
import re
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvs.errors import RebuildFailedError
from rvs.gallery.embed import CHUNK, FaceChoice, HashedPhoto, PhotoFiles
from rvs.gallery.folder import GalleryPhoto
from rvs.gallery.journal import Embedded
from rvs.gallery.on_ray.gallery_files import GalleryFiles
from rvs.gallery.on_ray.packages import needed
from rvs.gallery.on_ray.shards import Shards, read_all, shards_at, unpacked
from rvs.gallery.on_ray.worker import ShardEmbedder, WorkerPlan, hash_files
from rvs.photo import PhotoLimits
from rvs.pipeline import Pipeline

SHARD_PHOTOS = 8 * CHUNK  # about half a minute on one core: what the death of a worker costs
_LOOKED_AT = 20  # photos that workers could not read: a few tell a worker that can read none
_MOST_BLOCKS = 10_000  # of Ray's bookkeeping
_LISTS_PER_CORE = 4  # so that no core is idle for long at the end


@dataclass(frozen=True, slots=True)
class RayWork:
    """A `GalleryWork` on the cluster that `cluster.connected` gives.

    Attributes:
        place: path or URL of the gallery, for people to read.
        files: the gallery's.
        load: gives the pipeline in a worker; it and its fingerprint are those of the `Builder`.
        face_choice, limits: likewise.
        shards: path or URL where the workers leave shards, of this index alone; None: in the folder of the index,
            which all machines then have to share.
        shard_photos: photos of a shard at most.
    """

    place: str
    files: GalleryFiles
    load: Callable[[], Pipeline]
    fingerprint: str
    face_choice: FaceChoice
    limits: PhotoLimits
    shards: str | None = None
    shard_photos: int = SHARD_PHOTOS

    def photos(self) -> list[GalleryPhoto]:
        """See `GalleryWork`."""
        return self.files.photos()

    def hashed(self, photos: Sequence[GalleryPhoto]) -> list[HashedPhoto]:
        """See `GalleryWork`.

        Raises:
            RebuildFailedError: a worker cannot read what this machine can.
        """
        lists = _lists(photos, self.shard_photos)
        hashes: dict[int, list[str]] = {}
        for row in _mapped(lists, hash_files, fn_kwargs={"files": self.files}, num_cpus=1):
            hashes[row["number"]] = json.loads(row["hashes"])
        found = [content for number in range(len(lists)) for content in hashes[number]]
        hashed = list(zip(photos, found, strict=True))
        _refuse_blind_workers(self.files, [photo.file for photo, content in hashed if not content])
        return hashed

    def is_there(self, photo: GalleryPhoto) -> bool:
        """See `GalleryWork`."""
        return self.files.is_there(photo.file)

    def begin(self, kept: Path, *, fresh: bool) -> "RayRun":
        """See `GalleryWork`."""
        shards = self._shards(kept)
        if fresh:
            shards.delete()
        plan = WorkerPlan(
            self.load,
            self.fingerprint,
            self.files,
            shards,
            secrets.token_hex(4),
            self.face_choice,
            self.limits,
        )
        return RayRun(plan, self.shard_photos, read_all(shards))

    def forget(self, kept: Path) -> None:
        """See `GalleryWork`."""
        self._shards(kept).delete()

    def _shards(self, kept: Path) -> Shards:
        # The name says of which pipeline they are.
        place = str(kept.absolute()) if self.shards is None else f"{self.shards.rstrip('/')}/{kept.name}"
        return shards_at(place)


@dataclass(frozen=True, slots=True)
class RayRun:
    """See `EmbeddingRun`; what is done is in the shards."""

    plan: WorkerPlan
    shard_photos: int
    done: dict[str, Embedded]

    @property
    def outcomes(self) -> Mapping[str, Embedded]:
        """See `EmbeddingRun`."""
        return self.done

    def embed(self, photos: Sequence[GalleryPhoto]) -> Generator[int]:
        """See `EmbeddingRun`."""
        if not photos:
            return
        ray = needed("ray")
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        lists = _lists(photos, min(self.shard_photos, _even(len(photos), cores * _LISTS_PER_CORE)))
        # An actor for each core that there is, and for those of machines that join later.
        pool = needed("ray.data").ActorPoolStrategy(
            min_size=1, initial_size=min(cores, len(lists)), max_size=len(lists)
        )
        for row in _mapped(lists, ShardEmbedder, fn_constructor_args=(self.plan,), compute=pool, num_cpus=1):
            _refuse_blind_workers(self.plan.files, json.loads(row["unreadable"]))
            if row["shard"]:
                self.done.update(self._read(row["shard"]))
            yield row["photos"]

    def finish(self) -> None:
        """See `EmbeddingRun`."""
        self.plan.shards.delete()

    def _read(self, name: str) -> dict[str, Embedded]:
        try:
            return unpacked(self.plan.shards.read(name))
        except FileNotFoundError as error:
            raise RebuildFailedError(
                "What a worker has written does not arrive here.",
                hint="Name a folder or URL that all machines reach, with --shards.",
            ) from error


def _refuse_blind_workers(files: PhotoFiles, unreadable: Sequence[str]) -> None:
    # A machine without the shared folder, or without the key to the store, would empty the next version.
    for file in unreadable[:_LOOKED_AT]:
        if files.sha256(file):
            raise RebuildFailedError(
                f"A worker cannot read {file}, and this machine can.",
                hint="The gallery has to be where every machine reaches it: in a shared folder, or behind a URL.",
            )


def _lists(photos: Sequence[GalleryPhoto], most: int) -> list[dict[str, Any]]:
    files = [photo.file for photo in photos]
    starts = range(0, len(files), most)
    return [
        {"number": number, "files": json.dumps(files[start : start + most])}
        for number, start in enumerate(starts)
    ]


def _even(count: int, parts: int) -> int:
    # Whole chunks, so that photos are embedded in the same company as on one machine.
    return -(-count // (parts * CHUNK)) * CHUNK


def _mapped(rows: list[dict[str, Any]], function: Any, **how: Any) -> Iterator[dict[str, Any]]:
    ray, data = needed("ray"), needed("ray.data")
    dataset = data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS))
    try:
        yield from dataset.map_batches(function, batch_size=1, **how).iter_rows()
    except ray.exceptions.RayError as error:
        raise _failure(error) from error


def _failure(error: Exception) -> RebuildFailedError:
    # Ray passes on an exception as text: tracebacks, with advice of its own around them.
    said = re.findall(r"^(?!ray\.)[\w.]*(?:Error|Exception): (.+)$", str(error), re.MULTILINE)
    last_line = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return RebuildFailedError(
        f"The workers could not go on: {said[-1] if said else last_line}",
        hint="When that is mended, start the build again; it goes on where it was.",
    )
