"""The journal outside PostgreSQL: withdrawals, suspensions and erasures, one JSON line each (design, section 1).

A backup that is restored knows nothing of what residents stopped since it was taken. The journal does: a restored
platform stays closed until its lines have been replayed. It holds ids and times, never personal data.

A line is written **before** the transaction that it belongs to commits. So an acknowledged withdrawal is always in
it; a line whose transaction was rolled back afterwards stops something that was not stopped, which is the side to
err on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from moyai.base.clock import rfc3339, utc_now
from moyai.base.config import Home

Stopped = Literal["consent_withdrawn", "sharing_ended", "organization_suspended", "resident_erased"]


class Line(msgspec.Struct, frozen=True):
    """One line: what was stopped, when, and the ids that a replay needs."""

    kind: Stopped
    at: str
    ids: dict[str, Any]


class Journal:
    """Appends to `DIR/journal.jsonl`. Several processes may: each line is one write to a file opened O_APPEND."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, home: Home) -> Journal:
        return cls(home.directory / "journal.jsonl")

    async def append(self, kind: Stopped, **ids: Any) -> None:
        """Write one line and wait until it is on the disk. Raises OSError: then the act must not be acknowledged."""
        line = msgspec.json.encode(Line(kind, rfc3339(utc_now()), ids)) + b"\n"
        await asyncio.to_thread(self._write, line)

    def _write(self, line: bytes) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(handle, line) != len(line):
                raise OSError("the journal took only a part of a line")
            os.fsync(handle)
        finally:
            os.close(handle)

    def lines(self) -> Iterator[Line]:
        """All whole lines, oldest first. A torn last line (power lost while writing) was never acknowledged."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for raw in file:
                try:
                    yield msgspec.json.decode(raw, type=Line)
                except msgspec.DecodeError:
                    continue
