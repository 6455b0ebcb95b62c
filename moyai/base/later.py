"""What fails for one party is tried again later, each time later still, and the others have their turn meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from typing import Generic, TypeVar

import msgspec
import structlog

from moyai.base.db import is_unavailable
from moyai.base.errors import Problem

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger("moyai.later")


class _Failed(msgspec.Struct, frozen=True):
    seconds: float
    until: float


class Later(Generic[K]):
    """What a round over many leaves out, because it failed a moment ago. Of one process: another one may try it."""

    def __init__(self, first: float, longest: float, now: Callable[[], float] = time.monotonic) -> None:
        self._first, self._longest, self._now = first, longest, now
        self._failed: dict[K, _Failed] = {}

    def waiting(self) -> list[K]:
        """What is not to be tried now. What nobody tried for long after its time is forgotten: it is gone."""
        now = self._now()
        self._failed = {key: one for key, one in self._failed.items() if now < one.until + self._longest}
        return [key for key, one in self._failed.items() if now < one.until]

    @contextmanager
    def trying(self, key: K, waits: str, **told: object) -> Generator[None]:
        """Try one. A failure is said in the log (`waits`) and ends nothing else; only a database of our own that does
        not answer is raised: then the others would fail as well, and it is left out the next time."""
        try:
            yield
        except Exception as error:
            before = self._failed.get(key)
            seconds = self._first if before is None else min(2 * before.seconds, self._longest)
            self._failed[key] = _Failed(seconds, self._now() + seconds)
            if is_unavailable(error):
                raise
            if isinstance(error, Problem):
                log.warning(waits, code=error.code, again_in=seconds, **told)
            else:
                log.error(waits, error=type(error).__name__, again_in=seconds, **told)
        else:
            self._failed.pop(key, None)
