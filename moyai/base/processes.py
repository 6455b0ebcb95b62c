"""Starting processes that must not outlive the one that started them, and telling whether one still lives."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class AlreadyRunning(Exception):
    """Another process holds what only one may hold; the message says which."""


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` for subprocess: the kernel sends `death_signal` when the starting thread ends.

    It has to run after the user was changed (the kernel forgets the request at that moment), which is when
    subprocess calls it. Start children from the main thread: the request is tied to the thread, not the process.
    """
    parent = os.getpid()

    def request() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return request


def working_directory(pid: int) -> Path | None:
    """The directory a process works in; None if it is gone, or somebody else's."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not merely waiting for its parent to notice its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_working_in(directory: Path) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if working_directory(pid) == directory and is_alive(pid)]


def hold(path: Path, otherwise: str) -> IO[str]:
    """Lock a file until the returned handle is closed or this process ends, however it ends.

    Raises AlreadyRunning with `otherwise` and the holder's process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise AlreadyRunning(f"{otherwise} (process {holder})" if holder else otherwise) from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle
