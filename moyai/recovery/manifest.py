"""What a backup holds, written last: a directory without it is no backup."""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path

import msgspec

from moyai.base.journal import Position
from moyai.recovery.cluster import BackupError, Progress

FORMAT = 1
NAME = "manifest.json"
CLUSTER = "cluster"
WAL = "wal"
LEFT_OUT = {
    "accounts.json": "numbers that are free on this machine; others are chosen where they are missing",
    "called.sealed": "authorisations of `moyai call`: a restore ends them all",
    "clients": "in the backup as `clients.sealed`",
    "journal.jsonl": "kept elsewhere: it goes on after the backup",
    "keys": "kept elsewhere: it opens what is in the backup",
    "lock": "of the process that runs",
    "logs": "words of processes, not needed to run; a platform's operator collects them",
    "metrics": "counters since the last start",
    "postgres": "in the backup as `cluster`",
    "restoring.json": "stands only while a restore is under way",
    "run.json": "of the process that runs",
    "services": "the example services' own data, theirs to keep: logins and subjects",
    "witnesses": "a witness that takes back what it saw earlier would sign two logs; lost, it is another witness",
}
"""What else a running platform's directory holds, and why it is not in a backup as it is."""


class Database(msgspec.Struct, frozen=True):
    name: str
    bytes: int


class File(msgspec.Struct, frozen=True):
    """A file of the backup. The engine's own are listed, with their checksums, in `cluster/backup_manifest`."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """`journal` is where the journal stood when the copy began; `checkpoint` is the log's newest then ("" : none).

    The databases are as they were at `ended_at`, all at the same moment; with `slot`, the log that was written
    since lies in `wal/`.
    """

    format: int
    release: str
    platform_id: str
    system: str
    started_at: datetime
    ended_at: datetime
    databases: list[Database]
    checkpoint: str
    journal: Position
    files: list[File]
    slot: str | None = None


def release() -> str:
    return version("moyai")


def describe(root: Path, path: str) -> File:
    with (root / path).open("rb") as file:
        return File(path, os.fstat(file.fileno()).st_size, file_digest(file, "sha256").hexdigest())


def write(root: Path, manifest: Manifest) -> None:
    temporary = root / f"{NAME}.new"
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(root / NAME)
    os.sync()


def read(root: Path) -> Manifest:
    """Raises BackupError if there is no whole backup of a form that this release knows."""
    try:
        manifest = msgspec.json.decode((root / NAME).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise BackupError(f"{root} holds no finished backup: {NAME} is missing") from error
    except msgspec.DecodeError as error:
        raise BackupError(f"{root / NAME}: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{root} has format {manifest.format}, this release reads {FORMAT}")
    return manifest


def check(root: Path, manifest: Manifest, progress: Progress) -> None:
    """Raises BackupError if a file is missing or not as it was."""
    of_server = msgspec.json.decode(
        (root / CLUSTER / "backup_manifest").read_bytes(), type=_ServerFiles
    ).Files
    wanted = [*manifest.files, *(File(f"{CLUSTER}/{one.Path}", one.Size, one.Checksum) for one in of_server)]
    for number, known in enumerate(wanted, 1):
        if not (root / known.path).is_file() or describe(root, known.path) != known:
            raise BackupError(f"{root / known.path} is missing or was changed: this backup is not whole")
        progress("files checked", number, len(wanted))


def of_copy(root: Path) -> list[File]:
    """What PostgreSQL's list of its own files does not hold: the list itself, and the log."""
    log = sorted(path for path in (root / CLUSTER / "pg_wal").iterdir() if path.is_file())
    return [
        describe(root, str(path.relative_to(root))) for path in (root / CLUSTER / "backup_manifest", *log)
    ]


class _ServerFile(msgspec.Struct, frozen=True):
    """As PostgreSQL writes it (Backup Manifest Format)."""

    Path: str
    Size: int
    Checksum: str


class _ServerFiles(msgspec.Struct, frozen=True):
    Files: list[_ServerFile]
