"""What the numbers say after certain events, read back as Prometheus reads them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rvs.answer import Served
from rvs.errors import (
    BusyError,
    CooldownError,
    DeadlineError,
    GalleryCorruptError,
    GalleryMissingError,
    NoFaceError,
    RebuildCancelledError,
    RebuildFailedError,
    RebuildRunningError,
    SearchUnavailableError,
    TruncatedError,
    WeightsError,
)
from rvs.gallery.version import Forest, Manifest
from rvs.loop_lag import LoopLag
from rvs.metrics import Metrics, outcome_of
from rvs.service import Service, ServiceLimits
from rvs.stages import Stages
from rvs.watched import AnsweringIndex

MANIFEST = Manifest(
    format_version=1,
    version="20261122-a",
    created_at="2026-11-22T00:00:00Z",
    pipeline="retinaface-mobilenet + face-resnet",
    fingerprint="0" * 64,
    runtime="openvino",
    precision="f32",
    dimension=128,
    people=3,
    photos=7,
    misses=0,
    gallery_digest="0" * 64,
    face_choice="centre",
    forest=Forest(trees=10, search_k=100, recall_at_10=0.97),
    timings_s={},
    software={},
    files={},
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Counters:
    """A service as it is seen from outside."""

    ready: bool = False
    waiting: int = 0
    open_turns: int = 0
    running: int = 0
    wait_s: float = 0.0

    def expected_wait_seconds(self) -> float:
        return self.wait_s


def numbers(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def number(metrics: Metrics, name: str, **labels: str) -> float | None:
    return numbers(metrics).get((name, frozenset(labels.items())))


def labelled(metrics: Metrics, name: str) -> dict[str, float]:
    """The samples of a metric with one label, by its value."""
    return {
        value: number
        for (sample, labels), number in numbers(metrics).items()
        if sample == name
        for _, value in labels
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def test_two_have_nothing_in_common(metrics: Metrics) -> None:
    other = Metrics("1.2.3")
    metrics.query(0.1)
    assert number(metrics, "rvs_queries_total", outcome="answered", code="") == 1
    assert number(other, "rvs_queries_total", outcome="answered", code="") == 0


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (None, "answered", ""),
        (NoFaceError("none of Anna's"), "refused", "no_face"),
        (TruncatedError("cut"), "refused", "photo.truncated"),
        (CooldownError("wait"), "refused", "busy.cooldown"),
        (BusyError("full"), "refused", "busy"),
        (asyncio.CancelledError(), "refused", "restarting"),
        (DeadlineError("slow"), "failed", "deadline"),
        (SearchUnavailableError(why="Anna's server"), "failed", "search"),
        (GalleryCorruptError("bits"), "failed", "gallery.corrupt"),
        (WeightsError("gone"), "failed", "weights"),
        (TimeoutError(), "failed", "timeout"),
        (ZeroDivisionError("of Anna"), "failed", "unexpected"),
    ],
)
def test_a_question_is_counted_by_how_it_ended(
    metrics: Metrics, error: BaseException | None, outcome: str, code: str
) -> None:
    assert outcome_of(error) == (outcome, code)
    before = number(metrics, "rvs_queries_total", outcome=outcome, code=code) or 0
    metrics.query(0.3, error)
    assert number(metrics, "rvs_queries_total", outcome=outcome, code=code) == before + 1
    assert number(metrics, "rvs_query_seconds_sum", outcome=outcome) == pytest.approx(0.3)
    assert number(metrics, "rvs_query_seconds_bucket", outcome=outcome, le="0.2") == 0
    assert number(metrics, "rvs_query_seconds_bucket", outcome=outcome, le="0.5") == 1
    assert "Anna" not in metrics.text().decode()


def test_an_answer_that_does_not_arrive_is_a_failure(metrics: Metrics) -> None:
    metrics.query(0.3, delivered=False)
    assert number(metrics, "rvs_queries_total", outcome="failed", code="undelivered") == 1
    assert number(metrics, "rvs_queries_total", outcome="answered", code="") == 0
    metrics.query(0.3, NoFaceError("none"), delivered=False)
    assert number(metrics, "rvs_queries_total", outcome="refused", code="no_face") == 1


def test_the_first_failure_has_something_to_be_compared_with(metrics: Metrics) -> None:
    assert number(metrics, "rvs_queries_total", outcome="failed", code="unexpected") == 0
    assert number(metrics, "rvs_rebuilds_total", outcome="failed") == 0


def test_stages_of_a_query_arrive_from_whatever_thread(metrics: Metrics) -> None:
    clock = Clock()

    def one(_: int) -> None:
        stages = Stages(observe=metrics.stage)
        with stages.stage("search"):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(400)))
    stages = Stages(clock=clock, observe=metrics.stage)
    with stages.stage("decode"):
        clock.now += 0.0625
    assert number(metrics, "rvs_stage_seconds_count", stage="search") == 400
    assert number(metrics, "rvs_stage_seconds_sum", stage="decode") == pytest.approx(0.0625)
    assert number(metrics, "rvs_stage_seconds_bucket", stage="decode", le="0.05") == 0
    assert number(metrics, "rvs_stage_seconds_bucket", stage="decode", le="0.1") == 1


def test_a_service_is_looked_at_whenever_the_numbers_are_read(metrics: Metrics) -> None:
    assert number(metrics, "rvs_service_ready") == 0
    service = Counters()
    metrics.watch_service(service, ServiceLimits(workers=3, queue=10, photos_in_memory=5))
    assert number(metrics, "rvs_service_ready") == 0
    service.ready, service.waiting, service.open_turns, service.running = True, 4, 5, 3
    service.wait_s = 1.5
    found = {
        name: number(metrics, name)
        for name in ("rvs_service_ready", "rvs_queue_depth", "rvs_turns_open", "rvs_workers_busy")
    }
    assert list(found.values()) == [1, 4, 5, 3]
    assert number(metrics, "rvs_expected_wait_seconds") == 1.5
    limits = [number(metrics, name) for name in ("rvs_workers", "rvs_queue_limit", "rvs_turns_limit")]
    assert limits == [3, 10, 5]
    service.waiting = 0
    assert number(metrics, "rvs_queue_depth") == 0


async def test_a_real_service_can_be_looked_at(metrics: Metrics) -> None:
    def missing() -> Served:
        raise GalleryMissingError("There is no index.")

    limits = ServiceLimits(workers=1)
    service = Service(missing, limits)
    metrics.watch_service(service, limits)
    with pytest.raises(GalleryMissingError):
        await service.start()
    assert number(metrics, "rvs_service_ready") == 0
    assert number(metrics, "rvs_queue_limit") == limits.queue
    assert number(metrics, "rvs_expected_wait_seconds") == 0
    await service.close()


def test_the_numbers_of_an_index_follow_a_swap(metrics: Metrics) -> None:
    serving: list[AnsweringIndex | None] = [None]
    metrics.watch_index("lfw", lambda: serving[0])
    assert number(metrics, "rvs_index_photos", index="lfw") is None
    serving[0] = AnsweringIndex(MANIFEST, 0.99)
    labels = {"index": "lfw", "pipeline": MANIFEST.pipeline}
    assert number(metrics, "rvs_index_info", version="20261122-a", **labels) == 1
    assert number(metrics, "rvs_index_people", index="lfw") == 3
    assert number(metrics, "rvs_index_photos", index="lfw") == 7
    assert (
        number(metrics, "rvs_index_recall_ratio", index="lfw") == 0.99
    )  # not that of an Annoy file beside it
    serving[0] = AnsweringIndex(replace(MANIFEST, version="20261123-b", photos=8), None)
    assert number(metrics, "rvs_index_info", version="20261122-a", **labels) is None
    assert number(metrics, "rvs_index_info", version="20261123-b", **labels) == 1
    assert number(metrics, "rvs_index_photos", index="lfw") == 8
    assert number(metrics, "rvs_index_recall_ratio", index="lfw") is None


def test_the_connection_is_looked_at(metrics: Metrics) -> None:
    guilds: list[str] = []
    metrics.watch_gateway(lambda: bool(guilds), lambda: len(guilds))
    assert number(metrics, "rvs_gateway_connected") == 0
    guilds += ["a", "b"]
    assert number(metrics, "rvs_gateway_connected") == 1
    assert number(metrics, "rvs_guilds") == 2


def test_a_version_that_could_not_take_over_is_seen(metrics: Metrics) -> None:
    refused: list[str] = []
    metrics.watch_index("lfw", lambda: AnsweringIndex(MANIFEST, 0.99), lambda: bool(refused))
    assert number(metrics, "rvs_index_refused", index="lfw") == 0
    refused.append("20261123-b")
    assert number(metrics, "rvs_index_refused", index="lfw") == 1
    assert number(metrics, "rvs_index_photos", index="lfw") == 7


def test_a_build_is_looked_at_in_the_stage_it_is_in(metrics: Metrics) -> None:
    progress: list[tuple[str, float] | None] = [None]
    metrics.watch_rebuild(lambda: progress[0])
    assert number(metrics, "rvs_rebuild_running") == 0
    assert labelled(metrics, "rvs_rebuild_progress_ratio") == {}
    for stage, ratio in (("embed", 0.5), ("index", 0.0)):
        progress[0] = (stage, ratio)
        assert number(metrics, "rvs_rebuild_running") == 1
        assert labelled(metrics, "rvs_rebuild_progress_ratio") == {stage: ratio}
    progress[0] = None
    assert number(metrics, "rvs_rebuild_running") == 0
    assert labelled(metrics, "rvs_rebuild_progress_ratio") == {}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "built"),
        (RebuildFailedError("it fails"), "failed"),
        (GalleryCorruptError("it cannot be opened"), "failed"),
        (ZeroDivisionError(), "failed"),
        (RebuildCancelledError("enough"), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_a_build_is_counted_by_how_it_ended(error: BaseException | None, outcome: str) -> None:
    clock = Clock()
    metrics = Metrics("1.2.3", clock=clock)
    assert number(metrics, "rvs_rebuild_last_end_timestamp_seconds") == 0
    none = {"built": 0, "failed": 0, "cancelled": 0}
    assert labelled(metrics, "rvs_rebuild_last") == labelled(metrics, "rvs_rebuilds_total") == none
    metrics.rebuild_ended(error)
    assert labelled(metrics, "rvs_rebuild_last") == none | {outcome: 1}
    assert labelled(metrics, "rvs_rebuilds_total") == none | {outcome: 1}
    assert number(metrics, "rvs_rebuild_last_end_timestamp_seconds") == clock.now


def test_only_the_last_build_is_the_last() -> None:
    clock = Clock()
    metrics = Metrics("1.2.3", clock=clock)
    metrics.rebuild_ended(RebuildFailedError("it fails"))
    clock.now += 60
    metrics.rebuild_ended()
    clock.now += 60
    metrics.rebuild_ended(RebuildRunningError("somebody else builds"))
    assert labelled(metrics, "rvs_rebuild_last") == {"built": 1, "failed": 0, "cancelled": 0}
    assert labelled(metrics, "rvs_rebuilds_total") == {"built": 1, "failed": 1, "cancelled": 0}
    assert number(metrics, "rvs_rebuild_last_end_timestamp_seconds") == clock.now - 60


def test_the_worst_lag_is_forgotten_after_a_minute_and_not_because_somebody_looked() -> None:
    clock = Clock()
    metrics = Metrics("1.2.3", clock=clock)
    assert number(metrics, "rvs_loop_lag_worst_seconds") == 0
    for late in (0.3, 0.7, 0.1):
        metrics.loop_lag(late)
    for _ in range(2):
        assert number(metrics, "rvs_loop_lag_worst_seconds") == 0.7
    for _ in range(59):
        clock.now += 1
        metrics.loop_lag(0.002)
    assert number(metrics, "rvs_loop_lag_worst_seconds") == 0.7
    clock.now += 2
    assert number(metrics, "rvs_loop_lag_worst_seconds") == 0.002
    clock.now += 100
    assert number(metrics, "rvs_loop_lag_worst_seconds") == 0
    assert number(metrics, "rvs_loop_lag_seconds_count") == 62
    assert number(metrics, "rvs_loop_lag_seconds_bucket", le="0.005") == 59


async def test_the_lag_of_a_real_loop_is_counted(metrics: Metrics) -> None:
    lag = LoopLag(every_s=0.001, observe=metrics.loop_lag)
    lag.start()
    async with asyncio.timeout(10):
        while lag.ticks < 3:
            await asyncio.sleep(0.001)
    await lag.stop()
    assert number(metrics, "rvs_loop_lag_seconds_count") == lag.ticks
    assert number(metrics, "rvs_loop_lag_worst_seconds") == pytest.approx(lag.worst_ms / 1000)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")
def test_the_process_and_the_program_are_described(metrics: Metrics) -> None:
    assert (number(metrics, "process_resident_memory_bytes") or 0) > 1e6
    assert (number(metrics, "process_start_time_seconds") or 0) > 1e9
    infos = [labels for name, labels in numbers(metrics) if name == "rvs_build_info"]
    assert [dict(labels)["version"] for labels in infos] == ["1.2.3"]
