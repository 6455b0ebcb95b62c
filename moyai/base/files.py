"""Small files that must be whole or not there, and modes that are what we say whatever the umask is.

A file is written beside its place, synced, and moved there; then the directory is synced. A crash, a full disk or somebody
else at the same moment leaves the old file or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Generator
from pathlib import Path

_NO_ENTRY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_SECONDS = 30.0


def make_directory(path: Path, mode: int) -> None:
    """Make a directory, and those above it, with just these rights; one that is there keeps its own."""
    if path.is_dir():
        return
    make_directory(path.parent, 0o755)
    with contextlib.suppress(FileExistsError):  # somebody else made it this moment
        path.mkdir()
        path.chmod(mode)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put a file with this content there, in place of any other. Raises OSError, and then nothing has changed."""
    with _beside(path, data, mode) as temporary:
        temporary.replace(path)
    sync_directory(path.parent)


def create(path: Path, data: bytes, mode: int = 0o600) -> None:
    """The same where no file is yet. Raises FileExistsError if there is one, whole."""
    with _beside(path, data, mode) as temporary:
        os.link(temporary, path)
    sync_directory(path.parent)


@contextlib.contextmanager
def _beside(path: Path, data: bytes, mode: int) -> Generator[Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, _NO_ENTRY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Have the names in a directory outlive a loss of power."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def alone_in(directory: Path) -> Generator[None]:
    """Read and replace files of a directory while nobody else who asks does. Raises TimeoutError after 30 seconds."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    until = time.monotonic() + _LOCK_SECONDS
    try:
        while not _locked(handle):
            if time.monotonic() > until:
                raise TimeoutError(f"somebody holds {directory} for more than {_LOCK_SECONDS:.0f} s")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
