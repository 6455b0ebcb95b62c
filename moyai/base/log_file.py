"""Files of log lines: whole lines appended, bounded in size, and never a reason for their writer to fail.

A line that cannot be written (no space left, a file system gone read-only) is counted instead. The first line that can be
written again is preceded by one that says how many are missing; `lines_lost` is this process's count, for `/metrics`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from moyai.base.clock import rfc3339, utc_now

_REOPEN_SECONDS = 1.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o640

_count_lock = threading.Lock()
_lost_in_this_process = 0
_told: list[Callable[[int], None]] = []


def lines_lost() -> int:
    """How many log lines this process could not write since it began."""
    return _lost_in_this_process


def tell_of_losses(count: Callable[[int], None]) -> None:
    """Have this called with each number of lines that are lost."""
    _told.append(count)


def _count_lost(lines: int) -> None:
    global _lost_in_this_process  # one number for all files of the process
    with _count_lock:
        _lost_in_this_process += lines
    for count in _told:
        with contextlib.suppress(Exception):
            count(lines)


class LogFile:
    """One file that lines are appended to. Has the two methods that structlog's byte logger asks of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._looked_at = 0.0
        self._unsaid = 0
        self._torn = False
        self._reopen(time.monotonic())

    def write(self, lines: bytes) -> None:
        """Append whole lines (the last one ends with a newline too), or count them as lost."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at > _REOPEN_SECONDS:
                self._reopen(now)
            if not self._append(self._said_before() + lines):
                count = lines.count(b"\n")
                self._unsaid += count
                _count_lost(count)
            else:
                self._unsaid = 0

    def _said_before(self) -> bytes:
        """What has to come before the next line: the end of half a line, and how many lines are missing."""
        end = b"\n" if self._torn else b""
        if not self._unsaid:
            return end
        said = {
            "at": rfc3339(utc_now()),
            "level": "warning",
            "event": "log lines lost",
            "count": self._unsaid,
        }
        return end + msgspec.json.encode(said) + b"\n"

    def _append(self, data: bytes) -> bool:
        try:
            if self._handle is None:
                return False
            written = os.write(self._handle, data)
        except OSError:
            return False
        # A disk that fills up takes a part: what follows must not continue that half line.
        self._torn = written < len(data)
        return not self._torn

    def _reopen(self, now: float) -> None:
        """Follow the path if another file is there by now: whoever bounds the logs renames them."""
        self._looked_at = now
        try:
            if self._handle is not None and _same_file(self._handle, self._path):
                return
            handle = os.open(self._path, _FLAGS, _MODE)
        except OSError:
            return  # the file that is open, if any, is better than none; the next second tries again
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self._torn = handle, False

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None


def _same_file(handle: int, path: Path) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    opened = os.fstat(handle)
    return (there.st_dev, there.st_ino) == (opened.st_dev, opened.st_ino)


def bound(directory: Path, most_bytes: int) -> None:
    """Keep every log in a directory to two files of about `most_bytes`: the one being written, and the one before.

    Raises OSError where that is not possible now.
    """
    for path in [*directory.glob("*.jsonl"), *directory.glob("*.log")]:
        if path.is_symlink() or path.stat().st_size <= most_bytes:
            continue
        before = path.with_name(f"{path.name}.1")
        if path.suffix == ".log":
            _copy_and_empty(path, before)
        else:
            _make_way(path, before)


def _make_way(path: Path, before: Path) -> None:
    """Put a new, empty file with the same owner and mode in the place of a full one; `LogFile` follows."""
    full = path.stat()
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, _FLAGS | os.O_EXCL, _MODE))
    os.chown(fresh, full.st_uid, full.st_gid)
    fresh.chmod(full.st_mode & 0o777)
    path.replace(before)
    fresh.replace(path)


def _copy_and_empty(path: Path, before: Path) -> None:
    """For a file that a program holds open as its standard output, and will not open again."""
    before.unlink(missing_ok=True)
    try:
        shutil.copyfile(path, before, follow_symlinks=False)
        before.chmod(path.stat().st_mode & 0o777)
    except OSError:
        before.unlink(missing_ok=True)  # no space for the copy is the very reason to empty it
    os.truncate(path, 0)
