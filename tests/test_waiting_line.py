"""Places, and the order in which they are given."""

import asyncio

import pytest

from rvs.waiting_line import WaitingLine


async def _breath() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _queue(line: WaitingLine, count: int, entered: list[int]) -> list[asyncio.Task[None]]:
    async def come(number: int) -> None:
        await line.enter()
        entered.append(number)

    tasks = [asyncio.create_task(come(number)) for number in range(count)]
    await _breath()
    return tasks


async def test_places_are_given_in_order_of_arrival() -> None:
    line = WaitingLine(2)
    entered: list[int] = []
    tasks = await _queue(line, 30, entered)
    assert entered == [0, 1]
    assert (line.taken, line.waiting) == (2, 28)
    for done in range(1, 29):
        line.leave()
        await _breath()
        assert entered == list(range(2 + done))
        assert line.taken == 2
    await asyncio.gather(*tasks)
    assert line.waiting == 0


async def test_who_comes_while_a_place_changes_hands_waits_too() -> None:
    line = WaitingLine(1)
    entered: list[int] = []
    tasks = await _queue(line, 2, entered)
    line.leave()
    late = asyncio.create_task(line.enter())
    await _breath()
    assert entered == [0, 1]
    assert not late.done()
    line.leave()
    await late
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_is_passed_over() -> None:
    line = WaitingLine(1)
    entered: list[int] = []
    tasks = await _queue(line, 4, entered)
    tasks[1].cancel()
    await _breath()
    assert tasks[1].cancelled()
    assert line.waiting == 2
    tasks[2].cancel()
    line.leave()  # in the same moment, before number 2 has noticed
    await _breath()
    assert entered == [0, 3]
    assert (line.taken, line.waiting) == (1, 0)


async def test_those_who_went_do_not_pile_up() -> None:
    line = WaitingLine(1)
    await line.enter()
    for task in await _queue(line, 50, []):
        task.cancel()
    await _breath()
    assert not line._waiting


async def test_a_place_given_in_the_moment_of_cancelling_is_not_lost() -> None:
    line = WaitingLine(1)
    entered: list[int] = []
    tasks = await _queue(line, 3, entered)
    line.leave()
    tasks[1].cancel()  # it has the place already, and has not noticed either
    await _breath()
    assert entered == [0, 2]
    assert line.taken == 1
    line.leave()
    assert line.taken == 0


async def test_a_storm_of_cancelling_loses_no_place() -> None:
    line = WaitingLine(3)
    inside = most = 0

    async def visit(number: int) -> None:
        nonlocal inside, most
        await line.enter()
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(0.0001 * (number % 3))
        finally:
            inside -= 1
            line.leave()

    tasks = [asyncio.create_task(visit(number)) for number in range(300)]
    for number, task in enumerate(tasks):
        if number % 7 in (1, 2, 5):
            await asyncio.sleep(0)
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert (line.taken, line.waiting) == (0, 0)


async def test_closing_sends_away_who_waits() -> None:
    line = WaitingLine(1)
    tasks = await _queue(line, 4, [])
    tasks[3].cancel()
    line.close(lambda: LookupError("closed"))
    tasks[2].cancel()  # in the same moment
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [
        type(None),
        LookupError,
        asyncio.CancelledError,
        asyncio.CancelledError,
    ]
    assert (line.taken, line.waiting) == (1, 0)
    line.leave()
    assert line.taken == 0


async def test_an_exception_is_each_askers_own() -> None:
    line = WaitingLine(1)
    tasks = await _queue(line, 3, [])
    line.close(lambda: LookupError("closed"))
    with pytest.raises(LookupError) as first:
        await tasks[1]
    with pytest.raises(LookupError) as second:
        await tasks[2]
    assert first.value is not second.value
