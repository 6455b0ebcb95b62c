"""The access log: one JSON line per request, with the route's pattern and never the path, query or body.

Lines are gathered and written about five times a second: a line costs a few microseconds, and the ledger, not
this file, is what must survive a crash. Lines that cannot be written are counted as lost.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from moyai.base.clock import rfc3339_now
from moyai.base.log_file import LogFile

_FLUSH_SECONDS = 0.2


class Line(msgspec.Struct, frozen=True):
    """One request, as it is logged."""

    at: str
    level: str
    event: str
    method: str
    operation: str
    status: int
    code: str | None
    ms: float
    client: str | None
    correlation_id: str


class AccessLog:
    """Appends to one file; `path` None keeps nothing (tests of handlers)."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else LogFile(path)
        self._encoder = msgspec.json.Encoder()
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(
        self,
        method: str,
        operation: str,
        status: int,
        code: str | None,
        seconds: float,
        client: str | None,
        correlation_id: str,
    ) -> None:
        if self._file is None:
            return
        at, ms = rfc3339_now(), round(seconds * 1000, 2)
        line = Line(at, "info", "request", method, operation, status, code, ms, client, correlation_id)
        self._lines.append(self._encoder.encode(line))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        self._timer = None
        if self._file is not None and self._lines:
            lines, self._lines = self._lines, []
            self._file.write(b"\n".join(lines) + b"\n")

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
