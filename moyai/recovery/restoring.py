"""`moyai restore DIR`: a backup becomes a platform again, closed until the journal's stops have been repeated.

Everything that can refuse does so before anything is written. Then a file in the directory says what is being done;
it goes last. Whoever finds it serves nothing, and the command, given again, goes on from it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from cryptography.exceptions import InvalidTag

from moyai.base import engine_place, store_restores
from moyai.base.config import Config, Home
from moyai.base.db import connect
from moyai.base.engine import Engine
from moyai.base.journal import Journal, JournalError
from moyai.base.roles import OWNER
from moyai.base.secrets import SecretBox, SecretFile
from moyai.recovery import beside, manifest
from moyai.recovery.cluster import BackupError, Progress, place_copy
from moyai.recovery.manifest import CLUSTER, WAL, Manifest
from moyai.recovery.reopening import Reopened, reopen
from moyai.supervisor.attach import lock
from moyai.upkeep.migrating import migrate_all

Say = Callable[[str], None]

_WITHOUT_KEY = """\
the key-encryption key is needed (--key FILE): it is in no backup, on purpose. Nothing was written. Without it these are \
lost for good: the passwords of the database's roles and of every store, the platform's signing keys (log-ins, receipts, \
the ledger's log), and the second factors of all residents and staff"""

_WITHOUT_JOURNAL = """\
give the journal of stops that was kept since (--journal FILE); if it is lost, say so with --journal-lost: then what was \
withdrawn, suspended or erased after the backup comes back, and residents are told"""


class Asked(msgspec.Struct, frozen=True):
    """What the operator gave. `checkpoints` are files of the log's checkpoints that somebody saved."""

    backup: Path
    key: Path | None = None
    journal: Path | None = None
    journal_lost: bool = False
    checkpoints: Sequence[Path] = ()


class _Restoring(msgspec.Struct, frozen=True):
    """What stands in the directory meanwhile. `placed`: the engine's data and the files are where they belong."""

    restore_id: UUID
    backup: str
    started_at: datetime
    ended_at: datetime
    continuous: bool
    journal: bool
    placed: bool = False


def restore(home: Home, asked: Asked, progress: Progress, say: Say) -> Reopened:
    """Restore a whole platform. Raises BackupError, with nothing written, if it cannot be done."""
    home.directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    with lock(home):
        state = _going_on(home)
        if state is None or not state.placed:
            state = _place(home, asked, progress, say)
        engine = Engine(home)
        say("データベースを起動し、記録を読み込みます / starting the database, replaying its log")
        engine.start(timeout=24 * 3600)
        try:
            return asyncio.run(_reopen(home, asked, state, say))
        finally:
            engine.stop()


def _going_on(home: Home) -> _Restoring | None:
    if home.restoring_file.exists():
        return msgspec.json.decode(home.restoring_file.read_bytes(), type=_Restoring)
    if home.config_file.exists() or home.engine.exists() or home.secrets_file.exists():
        raise BackupError(f"{home.directory} holds a platform already: restore into an empty directory")
    return None


def _place(home: Home, asked: Asked, progress: Progress, say: Say) -> _Restoring:
    found = manifest.read(asked.backup)
    say(f"控えを調べます / checking the backup of {found.ended_at.isoformat(timespec='seconds')}")
    manifest.check(asked.backup, found, progress)
    settings = _configuration(asked.backup)
    key = _key(home, settings, asked)
    journal = _journal(home, settings, asked, found)
    state = _Restoring(
        uuid4(),
        str(asked.backup.resolve()),
        found.started_at,
        found.ended_at,
        found.slot is not None,
        journal is not None,
    )
    _note(home, state)
    say("ファイルを置きます / placing the files")
    _copy_private(key, home.directory / settings.keys.path)
    if journal is not None:
        _copy_private(journal, home.directory / settings.journal.path)
    _place_files(home, asked.backup, settings)
    place_copy(Engine(home), asked.backup / CLUSTER, asked.backup / WAL)
    state = msgspec.structs.replace(state, placed=True)
    _note(home, state)
    return state


def _note(home: Home, state: _Restoring) -> None:
    temporary = home.restoring_file.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(home.restoring_file)


def _configuration(backup: Path) -> Config:
    return Home(beside.find(backup, "moyai.toml").parent).config()


def _key(home: Home, settings: Config, asked: Asked) -> Path:
    """The key file. Raises BackupError if there is none, or another one sealed the backup's secrets."""
    place = asked.key or home.directory / settings.keys.path
    if not place.exists():
        raise BackupError(_WITHOUT_KEY)
    secrets = SecretFile(beside.find(asked.backup, "secrets.sealed"), SecretBox.from_file(place))
    try:
        secrets.get(f"role:{OWNER}")
    except InvalidTag as error:
        raise BackupError(
            f"{place} is not the key that this backup was sealed with; {_WITHOUT_KEY}"
        ) from error
    return place


def _journal(home: Home, settings: Config, asked: Asked, found: Manifest) -> Path | None:
    """The journal that was kept since the backup; None if it is said to be lost."""
    place = asked.journal or home.directory / settings.journal.path
    if asked.journal_lost:
        return None
    if not place.exists() and found.journal.offset == 0 and asked.journal is None and _elsewhere(home, place):
        return place
    if not place.exists():
        raise BackupError(f"there is no journal at {place}: {_WITHOUT_JOURNAL}")
    try:
        for _ in Journal(place).lines(found.journal):
            pass
    except JournalError as error:
        raise BackupError(f"{error}; {_WITHOUT_JOURNAL}") from error
    return place


def _elsewhere(home: Home, place: Path) -> bool:
    """A journal that lies elsewhere and has no line yet: nothing was ever stopped. In the lost directory it proves nothing."""
    return not place.is_relative_to(home.directory) and place.parent.is_dir()


def _copy_private(source: Path, target: Path) -> None:
    if not source.exists() or (target.exists() and target.samefile(source)):
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o600)
    temporary.replace(target)


def _place_files(home: Home, backup: Path, settings: Config) -> None:
    """The files beside the engine; the engine's socket is where this directory has room for it."""
    beside.put_back(home, backup, SecretBox.from_file(home.directory / settings.keys.path))
    text = home.config_file.read_text(encoding="utf-8")
    socket = engine_place.place(home)
    home.config_file.write_text(text.replace(settings.database.host, str(socket)), encoding="utf-8")
    if home.config().database.host != str(socket):
        raise BackupError(f"database.host in {home.config_file} must be {socket}")


async def _reopen(home: Home, asked: Asked, state: _Restoring, say: Say) -> Reopened:
    say("データベースを今の版にします / migrating")
    conn = await connect(home.dsn(OWNER))
    try:
        recovered = await store_restores.recovered_until(conn)
    finally:
        await conn.close()
    await migrate_all(home)
    conn = await connect(home.dsn(OWNER))
    try:
        state_at = max(recovered or state.ended_at, state.ended_at)
        await store_restores.begin(conn, state.restore_id, state_at, journal=state.journal)
    finally:
        await conn.close()
    saved = [path.read_text(encoding="utf-8") for path in asked.checkpoints]
    done = await reopen(home, state.restore_id, state.started_at, saved, say, continuous=state.continuous)
    home.restoring_file.unlink()
    return done
