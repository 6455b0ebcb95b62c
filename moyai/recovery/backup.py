"""`moyai backup DIR`: the engine's data at one moment, and the files beside it; never the key, never the journal."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from pathlib import Path

import msgspec

from moyai.base import store_copies
from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.engine import ADMIN, Engine
from moyai.base.journal import Journal, Position
from moyai.ledger import store_log
from moyai.recovery import beside, manifest
from moyai.recovery.cluster import BackupError, Progress, copy_server
from moyai.recovery.manifest import CLUSTER, Database, Manifest
from moyai.supervisor import engine_running


class _Begun(msgspec.Struct, frozen=True):
    system: str
    at: datetime
    databases: list[Database]
    checkpoint: str
    journal: Position
    slot: str | None


def back_up(home: Home, target: Path, progress: Progress, *, continuous: bool = False) -> Manifest:
    """Take a backup into an empty directory, of a platform that runs or not. Raises BackupError, EngineError.

    With `continuous` the server keeps all that it logs from before the copy on, until somebody has read it.
    """
    target = target.absolute()  # the engine's programs work elsewhere
    _check(home, target)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.chmod(0o700)
    engine = Engine(home)
    with engine_running(home):
        begun = asyncio.run(_begin(home, continuous=continuous))
        copy_server(home, engine, target / CLUSTER, progress)
        ended_at = asyncio.run(_clock(home))
    beside.save(home, target)
    made = _manifest(home, target, begun, ended_at)
    manifest.check(target, made, progress)
    manifest.write(target, made)
    return made


def _check(home: Home, target: Path) -> None:
    if not home.config().database.embedded:
        raise BackupError(
            "this platform's PostgreSQL is not Moyai's own: back it up by its own means, together with "
            f"{', '.join(beside.FILES)} (docs/how-to/backup-and-restore.md)"
        )
    if target.exists() and any(target.iterdir()):
        raise BackupError(f"{target} is not empty: give each backup a directory of its own")


async def _begin(home: Home, *, continuous: bool) -> _Begun:
    """What has to be known before the copy begins: stops that come later must be found in the journal."""
    conn = await connect(home.dsn(ADMIN, home.config().database.name))
    try:
        slot = await _keep_log(conn) if continuous else None
        server = await store_copies.server(conn)
        newest = await store_log.latest_checkpoint(conn)
        return _Begun(
            server["system"],
            server["at"],
            msgspec.convert([dict(row) for row in await store_copies.databases(conn)], list[Database]),
            newest["note"] if newest else "",
            await asyncio.to_thread(Journal.of(home).end),
            slot,
        )
    finally:
        await conn.close()


async def _keep_log(conn: Connection) -> str:
    """A new slot for the new backup. Those of backups that nobody continues keep nothing any more."""
    for name, known in (await store_copies.slots(conn)).items():
        if not known["active"]:
            await store_copies.drop_slot(conn, name)
    slot = f"moyai_{secrets.token_hex(6)}"
    await store_copies.make_slot(conn, slot)
    return slot


async def _clock(home: Home) -> datetime:
    conn = await connect(home.dsn(ADMIN, home.config().database.name))
    try:
        return await store_copies.clock(conn)
    finally:
        await conn.close()


def _manifest(home: Home, target: Path, begun: _Begun, ended_at: datetime) -> Manifest:
    kept = (*beside.FILES, beside.CLIENTS)
    own = [manifest.describe(target, name) for name in kept if (target / name).exists()]
    return Manifest(
        format=manifest.FORMAT,
        release=manifest.release(),
        platform_id=home.config().platform.id,
        system=begun.system,
        started_at=begun.at,
        ended_at=ended_at,
        databases=begun.databases,
        checkpoint=begun.checkpoint,
        journal=begun.journal,
        files=own + manifest.of_copy(target),
        slot=begun.slot,
    )
