"""PostgreSQL's own programs for copying a server: the base backup, and the stream of its log (WAL)."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from moyai.base.config import Home
from moyai.base.engine import ADMIN, Engine
from moyai.base.processes import die_with_parent

Progress = Callable[[str, int, int], None]

_PROGRESS = re.compile(r"(\d+)/(\d+) kB")
_SEGMENT = re.compile(r"[0-9A-F]{24}(\.partial)?|[0-9A-F]{8}\.history")


class BackupError(Exception):
    """A backup or restore cannot be done; the message says why, and what is left as it was."""


def _environment(home: Home) -> dict[str, str]:
    database = home.config().database
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "TZ": "UTC",
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": ADMIN,
        "PGPASSWORD": home.secrets().get(f"role:{ADMIN}") or "",
        "PGAPPNAME": "moyai backup",
    }


def copy_server(home: Home, engine: Engine, target: Path, progress: Progress) -> None:
    """Copy the running server as it is at one moment, the end of the copy, with a checksum of every file."""
    command = [
        *(str(engine.program("pg_basebackup")), "--pgdata", str(target), "--format=plain"),
        *("--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256"),
        *("--no-password", "--progress"),
    ]
    with subprocess.Popen(  # noqa: S603
        command, stderr=subprocess.PIPE, text=True, cwd="/", env=_environment(home)
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            if found := _PROGRESS.search(line):
                progress("kB copied", int(found[1]), max(int(found[2]), int(found[1]) + 1))
            else:
                said = line.strip()
    if process.returncode != 0:
        raise BackupError(f"the server could not be copied: {said}")


def receive_wal(home: Home, engine: Engine, target: Path, slot: str) -> subprocess.Popen[bytes]:
    """Write the server's log to a directory as it comes, synced. Ends with this process; comes back by itself."""
    target = target.absolute()
    target.mkdir(exist_ok=True, mode=0o700)
    command = [
        *(str(engine.program("pg_receivewal")), "--directory", str(target), "--slot", slot),
        *("--synchronous", "--no-password"),
    ]
    return subprocess.Popen(  # noqa: S603
        command, cwd="/", env=_environment(home), preexec_fn=die_with_parent(signal.SIGTERM)
    )


def place_copy(engine: Engine, copy: Path, wal: Path) -> None:
    """Lay a copy, and the log that was written after it, where the engine finds it and recovers by itself.

    The log's files are copied, so that the engine's account needs no way into the backup. The engine begins a new
    timeline: what the lost server wrote later can never be taken for a part of this one.
    """
    partial = engine.data.with_name("data.restored")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(copy, partial, symlinks=True)
    for file in sorted(wal.iterdir()) if wal.is_dir() else ():
        if _SEGMENT.fullmatch(file.name):
            shutil.copyfile(file, partial / "pg_wal" / file.name.removesuffix(".partial"))
    (partial / "recovery.signal").touch()
    with (partial / "postgresql.auto.conf").open("a") as settings:
        settings.write("\nrestore_command = '/bin/false'\nrecovery_target_timeline = 'latest'\n")
    engine.adopt(partial)
