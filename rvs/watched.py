"""What is looked at whenever the numbers are read, so that nobody has to report it: service, index, builds.

Each of these is read as a whole: what changes meanwhile comes with the next reading. What the numbers are read
for, and by whom, is not known here.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rvs.gallery.version import Manifest


class WatchedService(Protocol):
    """What is looked at of a service; `service.Service` has it."""

    @property
    def ready(self) -> bool: ...  # noqa: D102
    @property
    def waiting(self) -> int: ...  # noqa: D102
    @property
    def open_turns(self) -> int: ...  # noqa: D102
    @property
    def running(self) -> int: ...  # noqa: D102
    def expected_wait_seconds(self) -> float: ...  # noqa: D102


class WatchedLimits(Protocol):
    """What is looked at of its limits; `service.ServiceLimits` has it."""

    @property
    def workers(self) -> int: ...  # noqa: D102
    @property
    def queue(self) -> int: ...  # noqa: D102
    @property
    def photos_in_memory(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class AnsweringIndex:
    """The version that answers.

    Attributes:
        manifest: of the version.
        recall_at_10: of what searches it, be that Annoy or not; None where that was not measured.
    """

    manifest: Manifest
    recall_at_10: float | None


class WatchedIndex(Collector):
    """The version that answers. Its numbers are of one version: a swap does not come between them."""

    def __init__(
        self, name: str, answering: Callable[[], AnsweringIndex | None], refused: Callable[[], bool]
    ) -> None:
        self._name = name
        self._answering = answering
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        """The numbers now; none but whether a version was refused while there is no index."""
        info = GaugeMetricFamily(
            "rvs_index_info", "1; which index answers.", labels=("index", "version", "pipeline")
        )
        people = GaugeMetricFamily("rvs_index_people", "People in it.", labels=("index",))
        photos = GaugeMetricFamily("rvs_index_photos", "Photos in it.", labels=("index",))
        recall = GaugeMetricFamily(
            "rvs_index_recall_ratio",
            "Share of the ten true neighbours that what searches found when it was made.",
            labels=("index",),
        )
        refused = GaugeMetricFamily(
            "rvs_index_refused", "1 when a version in use on the disk could not take over.", labels=("index",)
        )
        refused.add_metric((self._name,), self._refused())
        answering = self._answering()
        if answering is not None:
            manifest = answering.manifest
            info.add_metric((self._name, manifest.version, manifest.pipeline), 1)
            people.add_metric((self._name,), manifest.people)
            photos.add_metric((self._name,), manifest.photos)
            if answering.recall_at_10 is not None:
                recall.add_metric((self._name,), answering.recall_at_10)
        yield from (info, people, photos, recall, refused)


class WatchedRebuild(Collector):
    """The build that runs, if one does."""

    def __init__(self, progress: Callable[[], tuple[str, float] | None]) -> None:
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        """The numbers now; only of the stage that it is in."""
        progress = self._progress()
        yield GaugeMetricFamily(
            "rvs_rebuild_running", "1 while an index is built from here.", value=progress is not None
        )
        ratio = GaugeMetricFamily(
            "rvs_rebuild_progress_ratio", "How much of its stage is done, 0 to 1.", labels=("stage",)
        )
        if progress is not None:
            ratio.add_metric((progress[0],), progress[1])
        yield ratio


class WorstOf:
    """The largest number of the last so many seconds; it keeps one for each second.

    Two readers see the same, however often each comes: it is not forgotten because somebody looked.
    """

    def __init__(self, within_s: int, clock: Callable[[], float]) -> None:
        self._within_s = within_s
        self._clock = clock
        self._of_second: deque[tuple[int, float]] = deque(maxlen=within_s)

    def add(self, value: float) -> None:
        """A number that came now."""
        second = int(self._clock())
        if self._of_second and self._of_second[-1][0] == second:
            value = max(value, self._of_second.pop()[1])
        self._of_second.append((second, value))

    def value(self) -> float:
        """The largest; 0 when none came."""
        oldest = self._clock() - self._within_s
        return max((worst for second, worst in self._of_second if second >= oldest), default=0.0)
