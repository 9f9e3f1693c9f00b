"""Who is let in, who waits and who is sent away. (What a service makes of it: `test_service.py`.)"""

import asyncio

import pytest

from rvs.admission import Admission
from rvs.errors import BusyError


async def test_places_then_the_line_then_nobody() -> None:
    door = Admission(places=2, queue=1, at_once=1)
    for _ in range(2):
        door.check()
        await door.enter()
    door.check()
    waiting = asyncio.create_task(door.enter())
    await asyncio.sleep(0)
    assert (door.taken, door.waiting) == (2, 1)
    with pytest.raises(BusyError, match=r"ask again in about 2 seconds\."):
        door.check()
    door.leave()
    await waiting
    door.check()


async def test_how_long_it_takes_follows_what_it_took() -> None:
    door = Admission(places=9, queue=9, at_once=2)
    assert door.expected_wait_seconds() == 0
    for _ in range(5):
        await door.enter()
    first = door.expected_wait_seconds()
    for _ in range(50):
        door.took(4.0)
    assert door.expected_wait_seconds() == pytest.approx((5 + 1 - 2) * 4.0 / 2, rel=0.01)
    assert first < door.expected_wait_seconds()


async def test_stopping_and_closing() -> None:
    door = Admission(places=1, queue=1, at_once=1)
    await door.enter()
    waiting = asyncio.create_task(door.enter())
    await asyncio.sleep(0)
    door.stop()
    assert (door.stopping, door.closed) == (True, False)
    with pytest.raises(BusyError, match="restarted"):
        door.check()
    door.check_open(although_stopping=True)
    door.close()
    with pytest.raises(BusyError, match="restarted"):
        await waiting
    with pytest.raises(BusyError, match="restarted"):
        door.check_open(although_stopping=True)
    assert door.taken == 1
