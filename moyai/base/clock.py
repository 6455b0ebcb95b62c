"""Time: stored in UTC, read by residents in Asia/Tokyo.

Validity and ledger time are the control database's clock; what a process reads here is for tokens and display.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")

TOKEN_LEEWAY_SECONDS = 30
"""Tolerated difference between our clock and the one that made a token or proof."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@lru_cache(maxsize=64)
def rfc3339(at: datetime) -> str:
    """RFC 3339 with milliseconds in UTC, e.g. `2026-11-24T09:30:00.123Z`. Remembers the last ones: what is recorded
    together has one time."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_now() -> str:
    """`rfc3339(utc_now())`, for every line of a log: only its last digits are new each time."""
    second, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_to_the_second(second)}.{milliseconds:03d}Z"


@lru_cache(maxsize=4)
def _to_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def tokyo(at: datetime) -> datetime:
    return at.astimezone(TOKYO)
