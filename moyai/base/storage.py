"""How much space is left where the platform writes: asked of the file system, cheaply, at most twice a second.

Before the disk is full, what needs a write is refused: PostgreSQL then keeps room for what it has begun, and whoever waits is
told at once. Nothing has to be reset when there is space again.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from moyai.base.config import Home

State = Literal["enough", "low", "full"]

_LOOK_SECONDS = 0.5


class Place(msgspec.Struct, frozen=True):
    """A directory that is written to. `stops_writes` says that acts are lost without it, rather than log lines."""

    path: Path
    stops_writes: bool


class Space:
    """The space of one platform, as a process sees it."""

    def __init__(self, home: Home) -> None:
        config = home.config()
        self._places = [Place(home.journal_file.parent, True), Place(home.logs, False)]
        if config.database.embedded:
            self._places.append(Place(home.engine, True))
        self._full = config.storage.refuse_below_megabytes << 20
        self._low = config.storage.warn_below_megabytes << 20
        self._state: State = "enough"
        self._looked_at = float("-inf")

    def state(self) -> State:
        """`full`: requests that need a write are refused. `low`: somebody should make room soon."""
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            self._state, self._looked_at = self.look(), now
        return self._state

    def look(self) -> State:
        """The state of this moment."""
        free = [(place, free_bytes(place.path)) for place in self._places]
        if any(left < self._full for place, left in free if place.stops_writes):
            return "full"
        return "low" if any(left < self._low for _, left in free) else "enough"

    def least(self) -> int:
        """The free bytes of the place that has the fewest."""
        return min(free_bytes(place.path) for place in self._places)


def free_bytes(path: Path) -> int:
    """What an ordinary account may still write there; a place that cannot be asked is no reason to refuse anybody."""
    try:
        found = os.statvfs(path)
    except OSError:
        return 1 << 62
    return found.f_bavail * found.f_frsize


def is_full(error: BaseException) -> bool:
    """Whether an error of the operating system says that there is no space."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
