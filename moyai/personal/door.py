"""The one door through which personal data, or facts about it, leave: recorded first, and judged again with it.

Whoever lets something out goes through `release` with what its verdict rested on. If something closed since, the
answer is None: judge anew, and let out what is allowed then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from moyai.base.errors import Problem
from moyai.ledger.release import Outcome, Release, Released

T = TypeVar("T")

TRIES = 4
"""Verdicts on one request. Who changes what is judged four times while it is asked is asked again by the caller."""

_PAUSES = (0.002, 0.005, 0.01, 0.02, 0.05)
"""Seconds between two looks at whether somebody who is just closing something is done; the last one repeats."""


class Busy(Exception):
    """Somebody is just closing something: what was asked is to be asked again in a moment."""


async def until_free(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until it is not `Busy`, by the caller's deadline."""
    tries = 0
    while True:
        try:
            return await ask()
        except Busy:
            await _pause(tries)
            tries += 1


async def _pause(tries: int) -> None:
    await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])


def free(released: Released) -> Released:
    """Raises Busy, and Problem("proof_replayed") for a proof that was used before."""
    if released.outcome is Outcome.BUSY:
        raise Busy
    if released.outcome is Outcome.KNOWN:
        raise Problem("proof_replayed")
    return released


class Records(Protocol):
    """Where entries are recorded: the ledger's lane, which joins those that wait at the same moment."""

    async def ask(self, question: Release) -> Released: ...


class Door:
    def __init__(self, lane: Records) -> None:
        self._lane = lane

    async def release(self, made: Release) -> Released | None:
        """Record it, or None if it must be judged anew. Waits, by the caller's deadline, for whoever is just closing
        something. Raises Problem: proof_replayed, unavailable, deadline_exceeded."""
        released, tries = await self._lane.ask(made), 0
        while released.outcome is Outcome.BUSY:
            await _pause(tries)
            released, tries = await self._lane.ask(made), tries + 1
        return released if free(released).outcome is Outcome.WRITTEN else None


async def until_released(judge_and_record: Callable[[], Awaitable[T | None]]) -> T:
    """Judge, read and record until what was judged still stands. Raises Problem("unavailable") after `TRIES`."""
    for _ in range(TRIES):
        done = await judge_and_record()
        if done is not None:
            return done
    raise Problem("unavailable", "what was asked for is being changed; ask again")
