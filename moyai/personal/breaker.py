"""A store that does not answer is left alone for a while, so that nobody waits for it in vain (circuit breaker).

After some attempts in a row that failed, the store is skipped, at first for a second, then longer. When the time is
over, one attempt is let through: it decides for all whether the store answers again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from types import TracebackType

from prometheus_client import Gauge

from moyai.base.db import is_unavailable
from moyai.base.errors import Problem

FAILURES = 3
"""Attempts in a row, none begun before the one before it had failed: those that wait together fail as one."""

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0

_SILENT = {"unavailable", "deadline_exceeded", "source_unavailable"}

_answers = Gauge(
    "moyai_store_answers",
    "Whether a store answers (1), or is skipped because it does not (0)",
    ["store"],
    multiprocess_mode="livemin",
)
_retry_at = Gauge(
    "moyai_store_retry_timestamp_seconds",
    "Until when a store is skipped; 0 while it answers",
    ["store"],
    multiprocess_mode="livemax",
)


class Breaker:
    """Of one store, in one process. Each attempt runs `with breaker.attempt():`, which raises
    Problem("source_unavailable") while the store is skipped."""

    def __init__(self, store: str, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._now = now
        self._failures = 0
        self._failed_at = 0.0
        self._seconds = 0.0
        self._retry_at = 0.0
        self._probe: object | None = None
        self._show()

    @property
    def open(self) -> bool:
        """Whether the store is skipped, or just being tried again."""
        return self._failures >= FAILURES

    def attempt(self) -> Attempt:
        return Attempt(self)

    def begin(self, attempt: object) -> float:
        """Let an attempt through, or raise Problem("source_unavailable"). Gives the time it begins."""
        now = self._now()
        if self.open:
            if now < self._retry_at or self._probe is not None:
                seconds = max(1, ceil(self._retry_at - now))
                raise Problem("source_unavailable", "skipped: it did not answer", retry_after=seconds)
            self._probe = attempt
        return now

    def end(self, attempt: object, begun: float, error: BaseException | None) -> None:
        """What became of an attempt. One that was given up by whoever asked says nothing about the store."""
        probing = self._probe is attempt
        if probing:
            self._probe = None
        if error is None or (isinstance(error, Exception) and not _is_silence(error)):
            if self._failures:
                self._failures, self._seconds = 0, 0.0
                self._show()
        elif isinstance(error, Exception) and (probing or (begun >= self._failed_at and not self.open)):
            self.fail()

    def fail(self) -> None:
        """Count a failure; enough of them in a row have the store skipped."""
        self._failures += 1
        self._failed_at = self._now()
        if self.open:
            self._seconds = min(2 * self._seconds or FIRST_SECONDS, LONGEST_SECONDS)
            self._retry_at = self._failed_at + self._seconds
            self._show()

    def _show(self) -> None:
        _answers.labels(self._store).set(0 if self.open else 1)
        _retry_at.labels(self._store).set(time.time() + self._seconds if self.open else 0)


class Attempt:
    """One attempt: `with breaker.attempt():`."""

    __slots__ = ("_begun", "_breaker")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def __enter__(self) -> None:
        self._begun = self._breaker.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._breaker.end(self, self._begun, error)


def _is_silence(error: Exception) -> bool:
    return error.code in _SILENT if isinstance(error, Problem) else is_unavailable(error)
