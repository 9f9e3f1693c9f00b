"""Several people ask at once: all are answered, and counted once each."""

from pathlib import Path

import pytest

from rvs.errors import NoFaceError
from rvs.evaluation.concurrency import measure_service
from rvs.service import ServiceLimits
from tests.gallery.small import draw
from tests.test_answer import file_of, small_served

LIMITS = ServiceLimits(workers=2, queue=1, photos_in_memory=2)


def test_everybody_asks_as_often(tmp_path: Path) -> None:
    ticks: list[int] = []
    photo = file_of(draw(1), "PNG")
    speeds = measure_service(
        small_served(tmp_path, 4),
        LIMITS,
        photo,
        3,
        questions=5,
        askers=(1, 2, 8),
        tick=lambda: ticks.append(1),
    )
    assert [(one.askers, one.questions) for one in speeds] == [(1, 5), (2, 6), (8, 8)]
    assert len(ticks) == 3
    for one in speeds:
        assert one.per_second > 0
        assert 0 < one.latency.median_ms <= one.latency.p95_ms


def test_latency_and_throughput_fit_together(tmp_path: Path) -> None:
    """Whoever asks alone is answered about as often as one over their latency; never oftener than that."""
    photo = file_of(draw(1), "PNG")
    (alone,) = measure_service(
        small_served(tmp_path, 4), LIMITS, photo, 3, questions=40, askers=(1,), tick=lambda: None
    )
    assert alone.per_second <= 40 / (20 * alone.latency.median_ms / 1000)


def test_a_photo_without_a_face_ends_it(tmp_path: Path) -> None:
    dark = file_of(draw(1, brightness=0.0).point(lambda _: 0), "PNG")
    with pytest.raises(NoFaceError):
        measure_service(small_served(tmp_path, 4), LIMITS, dark, 3, questions=4, tick=lambda: None)
