"""Collecting what arrives together, so that it can be worked on together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

QUIET_TURNS = 4
"""Turns of the loop without a newcomer after which nobody more is expected (measured, decision 0014)."""


class Gathering(Generic[T]):
    """Calls `begin` in the loop soon after something was added: at once when `most` wait, otherwise when turns of
    the loop bring nothing more. Whatever is just being read or checked comes along; where nobody follows, the wait
    is `QUIET_TURNS` empty turns, some ten microseconds."""

    def __init__(self, begin: Callable[[], None], most: int) -> None:
        self._begin = begin
        self._most = most
        self._waiting: deque[T] = deque()
        self.scheduled = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, one: T) -> None:
        self._waiting.append(one)
        self.schedule()

    def take(self) -> list[T]:
        """The first that wait, at most `most`."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]

    def schedule(self) -> None:
        """Have `begin` called, for those that still wait."""
        if not self.scheduled:
            self.scheduled = True
            asyncio.get_running_loop().call_soon(self._settle, 0, 0)

    def _settle(self, seen: int, quiet: int) -> None:
        waiting = len(self._waiting)
        quiet = 0 if waiting > seen else quiet + 1
        if waiting < self._most and quiet < QUIET_TURNS:
            asyncio.get_running_loop().call_soon(self._settle, waiting, quiet)
        else:
            self.scheduled = False
            self._begin()
