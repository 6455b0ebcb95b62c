"""What a file names that is not there yet, because it waits for a second person: it is left for the next time, and said.

Without this, one organisation that waits would have the whole file refused, and nothing of it would ever wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import msgspec

from moyai.applying.restating import Kept
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry import Change


class Later(msgspec.Struct, frozen=True):
    """Not applied: it names what waits for a second person (`waits_for`), or what was itself left for later."""

    noun: str
    id: str
    waits_for: list[str]


class Step(msgspec.Struct, frozen=True):
    """One thing that a file says, and how it is done."""

    noun: str
    id: str
    declared: msgspec.Struct
    put: Callable[[], Awaitable[Change | Kept]]


class Waiting:
    """The ids that one file names and that are not there yet."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    async def take(self, conn: Connection, step: Step) -> Change | Kept | Later:
        """Do it, unless it names what is not there yet. Raises Problem as the act does: what waits excuses nothing else."""
        try:
            async with conn.transaction():
                done = await step.put()
        except Problem as problem:
            named = self._ids.intersection(_strings(msgspec.to_builtins(step.declared)))
            if problem.code != "does_not_exist" or not named:
                raise
            self._ids.add(step.id)
            return Later(step.noun, step.id, sorted(named))
        if isinstance(done, Change) and done.outcome == "pending":
            self._ids.add(done.id)
        return done


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(cast("dict[str, Any]", value).values()))
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _strings(one)
