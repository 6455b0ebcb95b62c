"""`moyai restore DIR --store ORGANISATION`: one organisation's store out of a backup, into a platform that goes on.

The control database was not lost, so it knows what the copy does not: who was erased or closed since, and what was
deleted. None of that comes back. Meanwhile the store's own role cannot log in: for everybody it is a source that does not
answer. What the store still holds stays as it is; what is missing is put back, in one transaction.

`DIR` is the backup; the platform may run. The copy is recovered by an engine of its own, in a directory beside.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from moyai import registry
from moyai.base import engine_place, store_copies, store_restores, store_server
from moyai.base.clock import rfc3339
from moyai.base.closed import refuse_while_restoring
from moyai.base.config import Config, Home
from moyai.base.db import Connection, connect
from moyai.base.engine import ADMIN, Engine
from moyai.base.migrate import migrate_store
from moyai.base.provision import provision_store
from moyai.base.roles import MAINTENANCE, OWNER, set_login
from moyai.consent.gate import permit_restore
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents.platform import StoreRestored
from moyai.personal import putting_back
from moyai.recovery import beside, manifest
from moyai.recovery.cluster import BackupError, Progress, place_copy
from moyai.recovery.manifest import CLUSTER, WAL, Manifest
from moyai.registry import Store
from moyai.supervisor import engine_running

Say = Callable[[str], None]

_IN_FLIGHT = timedelta(minutes=10)
"""A deletion is timed before its transaction commits: one from shortly before the copy may not be in it."""


class Restored(msgspec.Struct, frozen=True):
    """What was done. What the store was given after `state_at` and up to `lost_until` is lost, where it holds it no more."""

    restore_id: UUID
    organization_id: str
    state_at: datetime
    lost_until: datetime | None
    items: int
    withheld: int

    def lines(self) -> list[str]:
        """For people, in both languages."""
        told = [
            f"○ {self.organization_id}: {self.items} 件を戻しました。{self.withheld} 件は、消去・削除されたため戻していません。 / "
            f"{self.items} items are back; {self.withheld} are not: erased or deleted since.",
        ]
        if self.lost_until is not None:
            told.append(
                f"✕ {rfc3339(self.state_at)} から {rfc3339(self.lost_until)} までに登録されたデータは失われました。 / "
                "What was stored in this time is lost. Residents read it in the portal; providers store it again."
            )
        return told


def restore_store(home: Home, backup: Path, organization_id: str, progress: Progress, say: Say) -> Restored:
    """Put one store back. Raises BackupError, its text beginning with a code, and then nothing has changed.

    Codes: store_unknown, store_not_in_backup, backup_of_another_platform, engine_not_embedded.
    """
    refuse_while_restoring(home)
    config, found = home.config(), manifest.read(backup)
    if not config.database.embedded:
        raise BackupError(
            "engine_not_embedded: restore the store's database by your PostgreSQL server's own means"
        )
    if found.platform_id != config.platform.id:
        raise BackupError(f"backup_of_another_platform: {backup} is of {found.platform_id}")
    with engine_running(home):
        store = asyncio.run(_store(home, organization_id))
        if store.database not in {one.name for one in found.databases}:
            raise BackupError(f"store_not_in_backup: {backup} holds no database {store.database}")
        say(f"控えを調べます / checking the backup of {found.ended_at.isoformat(timespec='seconds')}")
        manifest.check(backup, found, progress)
        with _copy(home, backup, config) as copy:
            say("控えから戻します / putting back what is missing")
            return asyncio.run(_restore(home, copy, store, found))


async def _store(home: Home, organization_id: str) -> Store:
    conn = await connect(home.dsn(OWNER))
    try:
        for one in await registry.all_stores(conn):
            if one.broker == "personal" and one.organization_id == organization_id:
                return one
    finally:
        await conn.close()
    raise BackupError(f"store_unknown: no organisation {organization_id} has a store of its own here")


@contextmanager
def _copy(home: Home, backup: Path, config: Config) -> Generator[Home]:
    """The backup, recovered and running by itself beside the platform, for a look."""
    copy = Home(home.directory / ".store-restore")
    _remove(copy)
    copy.directory.mkdir(mode=0o755)
    try:
        beside.put_back(copy, backup, home.box())
        socket, text = engine_place.place(copy), copy.config_file.read_text(encoding="utf-8")
        host = Home(beside.find(backup, "moyai.toml").parent).config().database.host
        copy.config_file.write_text(text.replace(host, str(socket)), encoding="utf-8")
        key = copy.directory / copy.config().keys.path
        if not key.exists():
            key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(home.directory / config.keys.path, key)
            key.chmod(0o600)
        engine = Engine(copy, durable=False)
        place_copy(engine, backup / CLUSTER, backup / WAL)
        engine.start(timeout=24 * 3600)
        try:
            yield copy
        finally:
            engine.stop()
    finally:
        _remove(copy)


def _remove(copy: Home) -> None:
    if copy.engine.exists():
        shutil.rmtree(copy.engine.resolve(), ignore_errors=True)
    shutil.rmtree(copy.directory, ignore_errors=True)


@asynccontextmanager
async def _closed(home: Home, store: Store) -> AsyncGenerator[None]:
    """Nobody reaches the store: not with its own role."""
    conn = await connect(home.dsn(ADMIN, MAINTENANCE))
    try:
        await set_login(conn, store.role, may=False)
        await store_server.end_sessions(conn, store.role)
        try:
            yield
        finally:
            await set_login(conn, store.role, may=True)
    finally:
        await conn.close()


@asynccontextmanager
async def _session(dsn: str) -> AsyncGenerator[Connection]:
    conn = await connect(dsn, statement_timeout="0")
    try:
        yield conn
    finally:
        await conn.close()


async def _restore(home: Home, copy: Home, store: Store, found: Manifest) -> Restored:
    assert store.organization_id is not None
    await provision_store(home, store.organization_id, store.sealed_password)
    await migrate_store(copy.dsn(ADMIN, store.database))  # it may be of the version before
    async with (
        _session(copy.dsn(ADMIN, store.database)) as then,
        _session(home.dsn(ADMIN, store.database)) as now,
        _session(home.dsn(ADMIN, home.config().database.name)) as control,
        _closed(home, store),
    ):
        recovered = await store_restores.recovered_until(then)
        state_at = max(recovered or found.ended_at, found.ended_at)
        return await _put_back(control, then, now, store, state_at, continuous=found.slot is not None)


async def _put_back(
    control: Connection,
    then: Connection,
    now: Connection,
    store: Store,
    state_at: datetime,
    *,
    continuous: bool,
) -> Restored:
    assert store.organization_id is not None
    assert store.organization_key is not None
    permit = await permit_restore(control, store.organization_key, state_at - _IN_FLIGHT)
    async with now.transaction():
        back = await putting_back.put_back(then, now, permit)
    lost_until = None if continuous else await store_copies.clock(control)
    done = Restored(uuid4(), store.organization_id, state_at, lost_until, back.items, back.withheld)
    async with control.transaction():
        await putting_back.locate(control, now, permit, store.store_key)
        await _record(control, store, done)
    return done


async def _record(control: Connection, store: Store, done: Restored) -> None:
    organization = next(
        one
        for one in await registry.all_organizations(control)
        if one.organization_id == store.organization_id
    )
    names = (organization.organization_id, organization.name_ja, organization.name_en)
    await store_restores.record_store(control, done.restore_id, names, done.state_at, done.lost_until)
    content = StoreRestored(
        restore_id=str(done.restore_id),
        organization_id=organization.organization_id,
        state_at=rfc3339(done.state_at),
        lost_until=rfc3339(done.lost_until) if done.lost_until else "",
        items=done.items,
        withheld=done.withheld,
    )
    await record(control, Act(kind=Kind.STORE_RESTORED, actor="system", detail=content))
