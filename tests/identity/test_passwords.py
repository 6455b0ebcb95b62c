"""Hashing is slow on purpose: a few at once, some wait, more are told at once to come again."""

from __future__ import annotations

import asyncio

import pytest

from moyai.base.errors import Problem
from moyai.identity.passwords import Turns, asking


async def _hold(turns: Turns, until: asyncio.Event, address: str = "") -> None:
    asking.set(address)
    async with asyncio.timeout(5), turns.turn():
        await until.wait()


async def test_m8_beyond_the_bound_nobody_waits() -> None:
    turns, done = Turns(at_once=2, most_waiting=3), asyncio.Event()
    holding = [asyncio.create_task(_hold(turns, done)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="unavailable") as refused:
        await _hold(turns, done)
    assert refused.value.extra["retry_after"] > 0
    done.set()
    await asyncio.gather(*holding)
    await _hold(turns, done)


async def test_m8_one_address_does_not_fill_the_queue() -> None:
    turns, done = Turns(at_once=2, most_waiting=8), asyncio.Event()
    holding = [asyncio.create_task(_hold(turns, done, "192.0.2.1")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="unavailable"):
        await asyncio.create_task(_hold(turns, done, "192.0.2.1"))
    holding.append(asyncio.create_task(_hold(turns, done, "192.0.2.2")))
    await asyncio.sleep(0)
    done.set()
    await asyncio.gather(*holding)
    await asyncio.create_task(_hold(turns, done, "192.0.2.1"))


async def test_whoever_stops_waiting_makes_room() -> None:
    turns, done = Turns(at_once=1, most_waiting=1), asyncio.Event()
    holding = [asyncio.create_task(_hold(turns, done)) for _ in range(2)]
    await asyncio.sleep(0)
    holding[1].cancel()
    await asyncio.sleep(0)
    holding[1] = asyncio.create_task(_hold(turns, done))
    await asyncio.sleep(0)
    done.set()
    await asyncio.gather(*holding)
