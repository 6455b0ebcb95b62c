"""The counters that processes of one platform share, in files that are mapped into memory (prometheus_client).

A write to a mapped page that the file system has no room for kills the process (SIGBUS), at a moment when all it wants is to
count a request. So every page is allocated before it is mapped. Where there is no room, a process counts in memory of its own:
its counts are then missing from the common ones, and nothing else is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from moyai.base import files, log_file

_SIZE = 1 << 18
_KEPT_OF_DEAD = 24


def share(directory: Path, process: str) -> None:
    """Count in files of this directory from now on. Call it before `prometheus_client` is imported.

    It looks for its directory while it is imported, and never again.
    """
    if "prometheus_client" in sys.modules:
        raise RuntimeError("prometheus_client was imported before its directory was named")
    with contextlib.suppress(OSError):
        files.make_directory(directory, 0o755)
        _forget_dead(directory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    from prometheus_client import Counter, values

    values.MmapedDict = _allocated()  # type: ignore[assignment, misc] (a subclass, made after the import)
    lost = Counter("moyai_log_lines_lost", "Log lines that could not be written", ["process"])
    log_file.tell_of_losses(lambda lines: lost.labels(process).inc(lines))


def _allocated() -> type[Any]:
    from prometheus_client.mmap_dict import MmapedDict

    class Allocated(MmapedDict):
        """A file whose pages exist before anybody writes to them."""

        def __init__(self, filename: str, read_mode: bool = False) -> None:
            super().__init__(filename if read_mode else _with_room(filename), read_mode)

        def _init_value(self, key: str) -> None:
            known: Any = self
            # four times the key is more than its entry takes, however it is padded and encoded
            if known._used + 4 * len(key) + 64 > known._capacity:
                os.posix_fallocate(known._f.fileno(), 0, 2 * known._capacity)
            super()._init_value(key)  # pyright: ignore[reportUnknownMemberType] (the library has no types)

    return Allocated


def _with_room(filename: str) -> str:
    """The file with all its pages, or one in memory if there is no room for them."""
    handle = os.open(filename, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(handle, 0o644)  # whatever the umask: the other processes read it
        os.posix_fallocate(handle, 0, _SIZE)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(filename)
        memory = os.memfd_create("metrics")
        os.posix_fallocate(memory, 0, _SIZE)
        return f"/proc/self/fd/{memory}"
    finally:
        os.close(handle)
    return filename


def _forget_dead(directory: Path) -> None:
    """Keep the counts of the newest processes that ended: a program that starts again and again must not fill the disk."""
    dead = [one for one in directory.glob("*_*.db") if not _lives(one.stem.rpartition("_")[2])]
    dead.sort(key=lambda one: one.stat().st_mtime)
    for one in dead[:-_KEPT_OF_DEAD]:
        with contextlib.suppress(OSError):
            one.unlink()


def _lives(process: str) -> bool:
    return not process.isdecimal() or Path(f"/proc/{process}").exists()
