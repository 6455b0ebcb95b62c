"""The journal outside PostgreSQL: every stop that was acknowledged, one line each (decision 0009).

A backup that is restored knows nothing of what was stopped since it was taken. The journal does: a restored platform
stays closed until `moyai restore` has replayed it. It holds ids and times, never personal data.

What stops is noted by the database itself (0028_stops_due.sql), whichever road of the program it is that stops it. A line is
written **before** the transaction that it belongs to commits. So an acknowledged stop is always in it; a
line whose transaction was rolled back afterwards stops something that was not stopped, which is the side to err on.

A line is a JSON array `[LENGTH,"CHECKSUM",{"at":…,"stop":{…}}]`: the bytes of the object, and the first 16 hexadecimal
digits of their SHA-256. What a crash tore off at the end was never acknowledged, and is cut off before the next line.
Damage before that is another matter: it may have been a stop, so nothing starts until somebody has looked.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from moyai.base import store_stops
from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.stops import AnyStop, EarlierLine, Line

_FRAME = re.compile(rb'\[(\d{1,9}),"([0-9a-f]{16})",(\{.*\})\]')
_EARLIER = b'{"kind":"'
_LOCK_SECONDS = 1.0
"""Whoever waits holds the locks of what it stops, which keep releases waiting."""
_BLOCK = 65_536


class JournalError(Exception):
    """The journal cannot be trusted; the message names the place, and what to do."""


class Position(msgspec.Struct, frozen=True):
    """A place between two lines: how many bytes lie before it, and the checksum of the last of those lines."""

    offset: int
    last: str


class Journal:
    """One file, to which several processes append."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, home: Home) -> Journal:
        return cls(home.journal_file)

    async def write_due(self, conn: Connection) -> None:
        """Write what the caller's transaction stops, one line each, and wait until it is on the disk.

        Every session of the program on the control database does it before it commits (`Pool.open`). Raises OSError or
        JournalError: then nothing must be acknowledged; nothing of the lines is left.
        """
        due = await store_stops.take(conn)
        if due:
            await self.write(*(Line(row["at"], msgspec.convert(row["stop"], type=AnyStop)) for row in due))

    async def append(self, conn: Connection, stop: AnyStop) -> None:
        """Add a stop to what the caller's transaction makes; `write_due` writes it before the commit.

        Not at once: what is only rehearsed, in a savepoint, or waits for somebody, is no stop (B4).
        """
        await store_stops.note(conn, stop)

    async def write(self, *lines: Line) -> None:
        """Write whole lines and wait until they are on the disk. Raises as `write_due`."""
        await asyncio.to_thread(self._write, b"".join(map(_framed, lines)))

    def check(self) -> None:
        """Read everything. Raises JournalError if there is damage anywhere but at the torn end."""
        for _ in self._whole_lines():
            pass

    def lines(self, after: Position | None = None) -> Iterator[Line | EarlierLine]:
        """All whole lines, oldest first; those after a position only if this is the journal it was taken in.

        Raises JournalError: damage, a position of another journal, a kind of stop that this release does not know.
        """
        begin = 0 if after is None else after.offset
        if after is not None and self._checksum_before(begin) != after.last:
            raise JournalError(f"{self._path} is not the journal that was kept when the backup was taken")
        for offset, raw in self._whole_lines(begin):
            try:
                yield _opened(raw)
            except msgspec.DecodeError as error:
                raise JournalError(f"{self._path}, byte {offset}: {error}; use a newer release") from error

    def end(self) -> Position:
        """The place after the last whole line, where the next one will be."""
        offset = 0
        for begin, raw in self._whole_lines():
            offset = begin + len(raw) + 1
        return Position(offset, self._checksum_before(offset))

    def _checksum_before(self, offset: int) -> str:
        """The checksum of the line that ends at `offset`; empty at the very beginning, or if no line ends there."""
        if offset == 0 or not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                return ""
            before = _before(file.fileno(), offset)
        return sha256(before).hexdigest()[:16] if before.endswith(b"\n") else ""

    def _whole_lines(self, begin: int = 0) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of each line without its newline. A rest without a newline is a torn end."""
        if not self._path.exists():
            return
        offset = begin
        with self._path.open("rb") as file:
            file.seek(begin)
            for raw in file:
                if not raw.endswith(b"\n"):
                    return
                if not _is_whole(raw[:-1]):
                    raise self._damaged(offset)
                yield offset, raw[:-1]
                offset += len(raw)

    def _damaged(self, offset: int) -> JournalError:
        return JournalError(
            f"{self._path} is damaged at byte {offset}: a stop may be missing. Nothing starts until the line is "
            "put right from a copy of the journal (docs/how-to/backup-and-restore.md)"
        )

    def _write(self, line: bytes) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with _alone(handle):
                end = self._cut_torn_end(handle)
                if end == 0:
                    self._sync_directory()
                self._write_whole(handle, line, end)
        finally:
            os.close(handle)

    def _cut_torn_end(self, handle: int) -> int:
        """Cut off what an unfinished write left, so that the next line stands by itself. Returns the new end."""
        size = os.fstat(handle).st_size
        last = _before(handle, size)
        if not last.endswith(b"\n"):
            size -= len(last)
            os.ftruncate(handle, size)
            last = _before(handle, size)
        if last and not _is_whole(last[:-1]):
            raise self._damaged(size - len(last))
        return size

    def _write_whole(self, handle: int, line: bytes, end: int) -> None:
        try:
            if os.pwrite(handle, line, end) != len(line):
                raise OSError("the journal took only a part of a line")
            os.fsync(handle)
        except OSError:
            # The disk is full, or gone. Nothing was acknowledged, so nothing may be left to be glued to the next line.
            with suppress(OSError):
                os.ftruncate(handle, end)
            raise

    def _sync_directory(self) -> None:
        """A file whose name is not on the disk is lost with all its lines."""
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextmanager
def _alone(handle: int) -> Generator[None]:
    """One writer at a time, of all processes. Raises TimeoutError (an OSError) if the others take too long."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError("the journal is held by another process") from None
            time.sleep(0.002)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _before(handle: int, end: int) -> bytes:
    """What stands between the last newline but the final one, and `end`: the last line, whole or torn."""
    found, begin = b"", end
    while begin > 0 and b"\n" not in found[:-1]:
        begin = max(0, begin - _BLOCK)
        found = os.pread(handle, end - begin, begin)
    return found[found.rfind(b"\n", 0, max(len(found) - 1, 0)) + 1 :]


def _framed(line: Line) -> bytes:
    content = msgspec.json.encode(line)
    return b'[%d,"%s",%s]\n' % (len(content), _checksum(content), content)


def _checksum(content: bytes) -> bytes:
    return sha256(content).hexdigest()[:16].encode()


def _is_whole(raw: bytes) -> bool:
    frame = _FRAME.fullmatch(raw)
    if frame is not None:
        return int(frame[1]) == len(frame[3]) and frame[2] == _checksum(frame[3])
    return _earlier(raw) is not None


def _earlier(raw: bytes) -> EarlierLine | None:
    """A line without a frame. Behind a torn one (which nobody acknowledged) it was glued to it: see decision 0009."""
    begin = raw.rfind(_EARLIER)
    try:
        return msgspec.json.decode(raw[begin:], type=EarlierLine) if begin >= 0 else None
    except msgspec.DecodeError:
        return None


def _opened(raw: bytes) -> Line | EarlierLine:
    frame = _FRAME.fullmatch(raw)
    if frame is not None:
        return msgspec.json.decode(frame[3], type=Line)
    return msgspec.json.decode(raw[raw.rfind(_EARLIER) :], type=EarlierLine)
