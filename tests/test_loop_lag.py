"""A loop that is blocked, and one that is not."""

import asyncio
import logging
import time

import pytest

from rvs.loop_lag import LoopLag


async def _ticks(lag: LoopLag, count: int) -> None:
    aim = lag.ticks + count
    async with asyncio.timeout(10):
        while lag.ticks < aim:
            await asyncio.sleep(0.001)


def _block(seconds: float) -> None:
    time.sleep(seconds)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, logger="rvs.loop")
    return caplog


async def test_a_block_is_seen_and_logged_once(warnings: pytest.LogCaptureFixture) -> None:
    lag = LoopLag(every_s=0.01)
    lag.start()
    await _ticks(lag, 2)
    _block(0.2)
    await _ticks(lag, 1)
    _block(0.1)
    await _ticks(lag, 1)
    await lag.stop()
    assert lag.worst_ms > 100
    assert [record.name for record in warnings.records] == ["rvs.loop"]
    assert "ms late" in warnings.text


async def test_every_late_tick_is_logged_when_that_is_wanted(warnings: pytest.LogCaptureFixture) -> None:
    lag = LoopLag(every_s=0.01, warn_ms=80, warn_every_s=0)
    lag.start()
    for _ in range(2):
        await _ticks(lag, 1)
        _block(0.15)
        await _ticks(lag, 1)
    await lag.stop()
    assert len(warnings.records) >= 2


async def test_a_block_right_before_the_end_is_seen() -> None:
    lag = LoopLag(every_s=0.01)
    lag.start()
    await _ticks(lag, 1)
    _block(0.2)
    await lag.stop()
    assert lag.worst_ms > 100


async def test_work_in_a_thread_does_not_count(warnings: pytest.LogCaptureFixture) -> None:
    lag = LoopLag(every_s=0.01, warn_ms=1000)
    lag.start()
    await asyncio.to_thread(_block, 0.2)
    await _ticks(lag, 1)
    await lag.stop()
    assert 0 <= lag.worst_ms < 1000
    assert lag.ticks >= 2
    assert not warnings.records


async def test_the_clock_that_is_given_counts() -> None:
    now = iter(range(1000))
    lag = LoopLag(every_s=0.001, warn_ms=1e9, clock=lambda: float(next(now)))
    lag.start()
    await _ticks(lag, 3)
    await lag.stop()
    assert lag.worst_ms == pytest.approx(999)  # a second between two looks, less the wanted millisecond


async def test_start_and_stop_may_be_repeated() -> None:
    lag = LoopLag(every_s=0.001)
    await lag.stop()
    lag.start()
    lag.start()
    assert sum(task.get_name() == "rvs-loop-lag" for task in asyncio.all_tasks()) == 1
    await _ticks(lag, 1)
    _block(0.1)
    await lag.stop()
    await lag.stop()
    assert not any(task.get_name() == "rvs-loop-lag" for task in asyncio.all_tasks())
    assert lag.worst_ms > 50
    lag.start()
    assert (lag.worst_ms, lag.ticks) == (0.0, 0)
    await lag.stop()


async def test_whoever_observes_is_told_of_every_tick_in_seconds() -> None:
    seen: list[float] = []
    lag = LoopLag(every_s=0.001, observe=seen.append)
    lag.start()
    await _ticks(lag, 3)
    await lag.stop()
    assert len(seen) == lag.ticks
    assert max(seen) == pytest.approx(lag.worst_ms / 1000)
