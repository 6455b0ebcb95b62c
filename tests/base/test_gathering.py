"""What arrives together is worked on together, and nobody waits for long."""

from __future__ import annotations

import asyncio

from moyai.base.gathering import QUIET_TURNS, Gathering


class Seen:
    def __init__(self, most: int = 4) -> None:
        self.begun: list[list[int]] = []
        self.waiting: Gathering[int] = Gathering(self._begin, most)

    def _begin(self) -> None:
        self.begun.append(self.waiting.take())
        if self.waiting:
            self.waiting.schedule()


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_one_that_comes_alone_waits_a_few_turns_of_the_loop() -> None:
    seen = Seen()
    seen.waiting.add(1)
    assert seen.begun == []
    await _turns(QUIET_TURNS + 2)
    assert seen.begun == [[1]]


async def test_those_that_keep_coming_are_taken_together() -> None:
    seen = Seen()
    for number in (1, 2, 3):
        seen.waiting.add(number)
        await _turns(1)
    await _turns(QUIET_TURNS + 2)
    assert seen.begun == [[1, 2, 3]]


async def test_a_full_set_begins_at_once_and_the_rest_follow() -> None:
    seen = Seen(most=4)
    for number in range(6):
        seen.waiting.add(number)
    await _turns(1)
    assert seen.begun == [[0, 1, 2, 3]]
    await _turns(QUIET_TURNS + 2)
    assert seen.begun == [[0, 1, 2, 3], [4, 5]]


async def test_endless_arrivals_do_not_hold_anybody_back() -> None:
    seen = Seen(most=4)
    for number in range(40):
        seen.waiting.add(number)
        await _turns(1)
    assert max(map(len, seen.begun)) == 4
    assert sum(map(len, seen.begun)) >= 36
