"""Time: stored in UTC, read by residents in Asia/Tokyo.

Validity and ledger time are the control database's clock; what a process reads here is for tokens and display.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")

TOKEN_LEEWAY_SECONDS = 30
"""Tolerated difference between our clock and the one that made a token or proof."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(at: datetime) -> str:
    """RFC 3339 with milliseconds in UTC, e.g. `2026-11-24T09:30:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tokyo(at: datetime) -> datetime:
    return at.astimezone(TOKYO)
