"""DateTime values of NGSIv2: many ISO 8601 short forms in, one form out (`2026-11-24T09:30:00.000Z`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from moyai.base.clock import rfc3339
from moyai.context.errors import bad_request

DATETIME_TYPES: Final = frozenset({"DateTime", "ISO8601"})

_FORM = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d\d)(?:-?(?P<day>\d\d))?)?"
    r"(?:T(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


def normal_form(value: object, where: str) -> str | None:
    """The value as RFC 3339 with milliseconds in UTC; null stays null.

    No zone means UTC; a date alone means its midnight in UTC. Raises NgsiError (BadRequest) for anything else.
    """
    if value is None:
        return None
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise bad_request(f"date has invalid format in {where}")
    try:
        return rfc3339(_instant(match))
    except (ValueError, OverflowError) as error:
        raise bad_request(f"date has invalid format in {where}") from error


def _instant(match: re.Match[str]) -> datetime:
    milliseconds = (match["fraction"] or "0").ljust(3, "0")[:3]
    local = datetime(
        int(match["year"]),
        int(match["month"] or 1),
        int(match["day"] or 1),
        int(match["hour"] or 0),
        int(match["minute"] or 0),
        int(match["second"] or 0),
        int(milliseconds) * 1000,
        tzinfo=UTC,
    )
    return local - _offset(match["zone"])


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -ahead if zone[0] == "-" else ahead
