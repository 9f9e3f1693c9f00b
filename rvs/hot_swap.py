"""Another version of the index takes over while people ask, or the one that answers stays.

The new version is opened, verified, used once, and has to find known people; then one reference is exchanged.
Who computes with the old version still holds it: its files are unmapped when the last of them is done, and
only then do other processes see that it is no longer in use here.
"""

import asyncio
import logging
from pathlib import Path

import numpy as np

from rvs.answer import Served, warm_up
from rvs.embedding.embedder import unit_length
from rvs.engine import engine_over, gallery_photos
from rvs.errors import (
    BusyError,
    GalleryError,
    LookalikeError,
    RebuildFailedError,
    SearchUnavailableError,
)
from rvs.gallery.store import Store
from rvs.gallery.verify import check_vectors
from rvs.search import Lookalike
from rvs.search_watch import SearchWatch
from rvs.searching import Searching
from rvs.service import Service
from rvs.settings import Settings
from rvs.watched import AnsweringIndex

_log = logging.getLogger(__name__)

_PROBES = 64
# How far a probe lies from the photo it is made of: as two photos of one person do, and strangers never.
_PROBE_DISTANCE = 0.3
# Annoy misses one photo in a thousand by design; one person in twenty says that something is broken.
_LEAST_FOUND = 0.95
_SAME_DISTANCE = 1e-3


class HotSwap:
    """Keeps a service on the version of its index that is in use on the disk."""

    def __init__(self, service: Service, settings: Settings, searching: Searching) -> None:
        """Prepare; `watch` begins to look.

        Args:
            service: that answers.
            settings: which index it answers from, and how often to look.
            searching: what searches in this process.
        """
        self._service = service
        self._settings = settings
        self._lock = asyncio.Lock()
        self._refused = ""
        self._searching = searching
        self.store = searching.store
        """The index, on the disk."""
        self.search = SearchWatch(service)
        """Whether the search works; looked at as long as `watch` runs."""

    @property
    def serving(self) -> str:
        """Name of the version that answers; "" until there is one."""
        served = self._service.served
        return "" if served is None else served.engine.version.folder.name

    def answering(self) -> AnsweringIndex | None:
        """The version that answers, for the numbers; None until there is one."""
        served = self._service.served
        if served is None:
            return None
        return AnsweringIndex(served.engine.version.manifest, served.engine.recall_at_10)

    @property
    def refused(self) -> str:
        """Name of the version that is in use on the disk but could not be taken over; mostly ""."""
        return self._refused

    async def follow(self) -> bool:
        """Take over the version that is in use on the disk; False when it answers already.

        Raises:
            GalleryError: it is missing, damaged, or of another pipeline; the old one goes on answering.
            RebuildFailedError: it does not find its people; likewise.
            BusyError: nothing has been loaded yet.
        """
        async with self._lock:
            return await self._follow()

    async def follow_or_return(self) -> bool:
        """Like `follow`; when it fails, the version that answers is taken into use again on the disk."""
        async with self._lock:
            return await self._follow_or_return()

    async def activate(self, version: str) -> bool:
        """Take a version into use on the disk and here, or in neither place; False when it answered already.

        Raises:
            GalleryError: there is no such version, or as `follow`.
            RebuildFailedError, BusyError: as `follow`.
            OSError: the disk is full or read-only.
        """
        async with self._lock:
            await asyncio.to_thread(self.store.activate, version, fingerprint=self._fingerprint())
            return await self._follow_or_return()

    async def roll_back(self) -> bool:
        """Like `activate`, with the version that was in use before.

        Raises:
            GalleryMissingError: there is none; the others as `activate`.
        """
        async with self._lock:
            await asyncio.to_thread(self.store.roll_back, fingerprint=self._fingerprint())
            return await self._follow_or_return()

    async def watch(self) -> None:
        """Follow what other processes take into use, until cancelled. A failure is one line in the log.

        Meanwhile it is looked whether the search works.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.search.watch(), name="search")
            await self._watch()

    async def _watch(self) -> None:
        if not self._settings.index_poll_seconds:
            await asyncio.Event().wait()
        told = ""
        while True:
            await asyncio.sleep(self._settings.index_poll_seconds)
            try:
                await self._look()
            except (LookalikeError, OSError) as error:
                # As long as a server does not answer, it is the same every time.
                if str(error) != told:
                    _log.error("the index in use was not taken over: %s", error)
                told = str(error)
            except Exception:
                _log.exception("the index in use could not be taken over")

    async def _look(self) -> None:
        if self._service.served is None or self._lock.locked():
            return
        current = await asyncio.to_thread(self.store.current)
        # A version that was refused is not tried again until something else has been in use.
        if current.name not in (self.serving, self._refused):
            await self.follow()

    async def _follow_or_return(self) -> bool:
        try:
            return await self._follow()
        except Exception:
            await self._return()
            raise

    async def _return(self) -> None:
        try:
            if self.serving:
                await asyncio.to_thread(_restore, self.store, self.serving)
            self._refused = ""
        except (LookalikeError, OSError) as error:
            # The old version answers all the same, until the next start.
            _log.error("the version that answers could not be taken into use again: %s", error)

    async def _follow(self) -> bool:
        served = self._served()
        folder = await asyncio.to_thread(self.store.current)
        if folder.name == self.serving:
            self._refused = ""
            return False
        try:
            successor = await asyncio.to_thread(self._successor, served, folder)
        except SearchUnavailableError:
            raise  # that says nothing about the version: it is tried again
        except Exception:
            self._refused = folder.name
            raise
        self._service.swap(successor)
        self._refused = ""
        _log.info("version %s answers now: %d photos", self.serving, len(successor.engine.version.photos))
        return True

    def _successor(self, served: Served, folder: Path) -> Served:
        engine = engine_over(folder, served.engine.pipeline, self._searching)
        self_check(engine)
        successor = Served(engine, gallery_photos(self._settings), served.limits)
        warm_up(successor)
        return successor

    def _fingerprint(self) -> str:
        return self._served().engine.pipeline.fingerprint

    def _served(self) -> Served:
        served = self._service.served
        if served is None:
            raise BusyError("I am still starting.", hint="Try again in a minute.")
        return served


def self_check(engine: Lookalike) -> None:
    """Whether known people are found: probes near photos of the gallery must lead to whom they show.

    Raises:
        RebuildFailedError: too many do not, or the vectors are none.
    """
    version = engine.version
    check_vectors(version.vectors)
    rows = np.unique(np.linspace(0, len(version.photos) - 1, _PROBES).astype(int))
    noise = np.random.default_rng(0).standard_normal((len(rows), version.vectors.shape[1]), np.float32)
    known = np.asarray(version.vectors[rows], np.float32)
    probes = unit_length(known + _PROBE_DISTANCE * unit_length(noise))
    found = 0
    for row, probe, vector in zip(rows, probes, known, strict=True):
        best = engine.rank_people(probe[None], 1)[0]
        # Two people may share a photo, as namesakes in a collection do: then either is right.
        as_near = best.distance <= np.linalg.norm(probe - vector) + _SAME_DISTANCE
        found += int(as_near or best.person == version.person_of[row])
    if found < _LEAST_FOUND * len(rows):
        raise RebuildFailedError(
            f"The version {version.folder.name} finds {found} of {len(rows)} known people.",
            hint="Build it again with --fresh; if it stays, report it.",
        )


def _restore(store: Store, version: str) -> None:
    try:
        # Where it was the one before, the one that failed leaves no trace in what `roll_back` goes back to.
        if store.previous().name == version and store.roll_back() == version:
            return
    except GalleryError:
        pass  # nothing to go back to
    store.activate(version)
