"""What an admin may do with the index while it answers: build, cancel, take another version into use.

One build at a time. Who may ask for it, and how it is told, is for the chat to know.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rvs.build_command import build_command, build_environment
from rvs.engine import LFW, gallery_photos
from rvs.errors import (
    ConfigError,
    GalleryError,
    GalleryMissingError,
    LookalikeError,
    RebuildCancelledError,
    RebuildRunningError,
)
from rvs.gallery.store import Store, stores
from rvs.gallery.version import Manifest, read_manifest
from rvs.hot_swap import HotSwap
from rvs.index_job import Build, Done, Job, Start
from rvs.rebuild import BuildProgress, Rebuild
from rvs.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How the index is.

    Attributes:
        index: its name.
        serving: manifest of the version that answers; None while nothing is loaded.
        current: name of the version in use on the disk; "" when there is none.
        refused: name of a version that is in use on the disk but could not be taken over, or "".
        versions: how many there are.
        building: which index is built now from here, and how far it is.
        unfinished: whether a build has begun that has not ended: elsewhere, or it was interrupted.
    """

    index: str
    serving: Manifest | None
    current: str
    refused: str
    versions: int
    building: tuple[str, BuildProgress | None] | None
    unfinished: bool


class Upkeep:
    """Everything an admin may do with the index of a service."""

    def __init__(
        self,
        swap: HotSwap,
        settings: Settings,
        *,
        start: Start = Rebuild.start,
        ended: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            swap: lets new versions answer.
            settings: of the service.
            start: starts builds.
            ended: told of every build that ends, with what went wrong.
        """
        self._swap = swap
        self._settings = settings
        self._start = start
        self._ended = ended
        self._job: Job | None = None
        self._starting = asyncio.Lock()

    @property
    def index(self) -> str:
        """The index that answers."""
        return self._settings.index

    @property
    def job(self) -> Job | None:
        """The build that runs; None when there is none."""
        return self._job

    def building(self) -> tuple[str, float] | None:
        """The stage of the build that runs, and how much of it is done, 0 to 1; None when none runs."""
        if self._job is None:
            return None
        now = self._job.build.progress
        return ("start", 0.0) if now is None else (now.stage, now.done / max(now.total, 1))

    async def status(self) -> IndexStatus:
        """How the index is now."""
        job = self._job
        building = None if job is None else (job.index, job.build.progress)
        store, serving = self._swap.store, self._swap.serving

        def look() -> IndexStatus:
            versions = store.versions()
            manifests = {folder.name: found for folder, found in versions if isinstance(found, Manifest)}
            return IndexStatus(
                index=self.index,
                serving=manifests.get(serving),
                current=_current(store),
                refused=self._swap.refused,
                versions=len(versions),
                building=building,
                unfinished=any(store.folder.glob(".journal-*")),
            )

        return await asyncio.to_thread(look)

    async def galleries(self) -> list[str]:
        """The indexes that can be built: those whose photos are on this machine."""

        def look() -> list[str]:
            found = {store.folder.name for store in stores(self._settings.index_dir)} | {LFW}
            return sorted(name for name in found if _photos_of(self._settings, name) is not None)

        return await asyncio.to_thread(look)

    async def versions(self) -> list[str]:
        """The versions that could answer, the newest first."""
        found = await asyncio.to_thread(self._swap.store.versions)
        return [folder.name for folder, about in reversed(found) if isinstance(about, Manifest)]

    async def rebuild(self, gallery: str | None = None) -> Job:
        """Begin a build.

        Args:
            gallery: an index whose photos are known here, by name; None for the one that answers.

        Raises:
            RebuildRunningError: one runs already.
            GalleryMissingError: no photos of that name are on this machine.
            OSError: no process could be started.
        """
        async with self._starting:
            if self._job is not None:
                raise RebuildRunningError(
                    f"A build of {self._job.index} is running.", hint="Wait until it is done, or cancel it."
                )
            index = gallery or self.index
            if index not in await self.galleries():
                raise GalleryMissingError(
                    f'There are no photos of a gallery "{index[:64]}" on this machine.',
                    hint="Build it once with `rvs index build --gallery FOLDER`; then its place is known.",
                )
            command = await asyncio.to_thread(_command, self._settings, index)
            build = await self._start(command, build_environment(self._settings, os.environ))
            ending = asyncio.create_task(self._end(index, build), name="rebuild-end")
            self._job = Job(index, build, ending)
            ending.add_done_callback(self._forget)
            _log.info("a build of %s has begun", index)
            return self._job

    async def cancel(self) -> bool:
        """End the build that runs; False when none does."""
        job = self._job
        if job is None:
            return False
        await job.build.cancel()
        return True

    async def activate(self, version: str) -> bool:
        """Take a version into use and let it answer; False when it did already.

        Raises:
            GalleryError: there is no such version, or it cannot be opened; the old one goes on answering.
            RebuildFailedError: it does not find its people; likewise.
        """
        return await self._swap.activate(version)

    async def roll_back(self) -> bool:
        """Take the version into use again that was in use before; otherwise like `activate`.

        Raises:
            GalleryMissingError: there was none.
        """
        return await self._swap.roll_back()

    @property
    def serving(self) -> str:
        """Name of the version that answers; "" until there is one."""
        return self._swap.serving

    async def watch(self) -> None:
        """Follow what other processes take into use, until cancelled."""
        await self._swap.watch()

    async def close(self) -> None:
        """End the build that runs. What it has embedded is kept: the next one goes on from there."""
        await self.cancel()

    async def _end(self, index: str, build: Build) -> Done:
        result = await build.result()
        if index != self.index:
            return Done(result, answers=False)
        await self._swap.follow_or_return()
        return Done(result, answers=True)

    def _forget(self, ending: "asyncio.Task[Done]") -> None:
        self._job = None
        # Looked at here, because perhaps nobody asks.
        error = asyncio.CancelledError() if ending.cancelled() else ending.exception()
        if self._ended is not None:
            self._ended(error)
        if error is None or isinstance(error, (RebuildCancelledError, asyncio.CancelledError)):
            _log.info("the build %s", "has ended" if error is None else "was cancelled")
        else:
            unexpected = None if isinstance(error, LookalikeError) else error
            _log.error("the build has failed: %s", error, exc_info=unexpected)


def _current(store: Store) -> str:
    try:
        return store.current().name
    except GalleryError:
        return ""


def _photos_of(settings: Settings, index: str) -> Path | None:
    try:
        return gallery_photos(settings.model_copy(update={"index": index})).root
    except (GalleryError, ConfigError):
        return None


def _command(settings: Settings, index: str) -> list[str]:
    """The build that continues what the index is: of the same photos, the same faces, as many trees."""
    root = _photos_of(settings, index)
    gallery = None if index == LFW else root
    try:
        before = read_manifest(Store(settings.index_dir / index).current())
    except GalleryError:
        return build_command(index, gallery)
    return build_command(index, gallery, face=before.face_choice, trees=before.forest.trees)
