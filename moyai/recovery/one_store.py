"""`moyai restore DIR --store ORGANISATION`: one organisation's store out of a backup, into a platform that goes on.

The control database was not lost, so it knows what the copy does not: who was erased or closed since, and what was
deleted. None of that comes back. Meanwhile the store's own role cannot log in: for everybody it is a source that does not
answer. What the store still holds stays as it is; what is missing is put back, in one transaction.

A store whose database is gone (dropped, or its files away) is filled under another name and takes its own when it is
whole: an empty store would answer that nothing is there. So is one that the operator gives up (`anew`).

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
from moyai.base.db import Connection, NoSuchDatabase, PostgresError, connect, is_damage
from moyai.base.engine import ADMIN, Engine
from moyai.base.migrate import migrate_store
from moyai.base.processes import hold
from moyai.base.provision import anew_name, make_store
from moyai.base.roles import (
    MAINTENANCE,
    OWNER,
    drop_database,
    maintenance,
    make_role,
    rename_database,
    set_login,
)
from moyai.consent.gate import permit_restore
from moyai.consent.permit import RestorePermit
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents.platform import StoreRestored
from moyai.personal import putting_back
from moyai.personal.putting_back import PutBack
from moyai.recovery import beside, manifest
from moyai.recovery.cluster import BackupError, Progress, place_copy
from moyai.recovery.manifest import CLUSTER, WAL, Manifest
from moyai.registry import Store
from moyai.supervisor import engine_running

Say = Callable[[str], None]

_IN_FLIGHT = timedelta(minutes=10)
"""A deletion is timed before its transaction commits: one from shortly before the copy may not be in it."""


_MADE_ANEW = (
    "○ ストアのデータベースを、控えから作り直しました。 / The store's database was made anew from the backup."
)
_WHOLE = "○ 失われたデータはありませんでした。 / Nothing was missing."


class Restored(msgspec.Struct, frozen=True):
    """What was done. What the store was given after `state_at` and up to `lost_until` is lost, where it holds it no more.

    `anew`: nothing of the store was left, or nothing was to be kept.
    """

    restore_id: UUID
    organization_id: str
    state_at: datetime
    lost_until: datetime | None
    items: int
    withheld: int
    anew: bool = False

    def lines(self) -> list[str]:
        """For people, in both languages."""
        told = [
            *([_MADE_ANEW] if self.anew else []),
            f"○ {self.organization_id}: {self.items} 件を戻しました。{self.withheld} 件は、消去・削除されたため戻していません。 / "
            f"{self.items} items are back; {self.withheld} are not: erased or deleted since.",
        ]
        if self.lost_until is not None:
            told.append(
                f"✕ {rfc3339(self.state_at)} から {rfc3339(self.lost_until)} までに登録されたデータは失われました。 / "
                "What was stored in this time is lost. Residents read it in the portal; providers store it again."
            )
        elif self.items == 0 and not self.anew:
            told.append(_WHOLE)
        return told


def restore_store(
    home: Home, backup: Path, organization_id: str, progress: Progress, say: Say, *, anew: bool = False
) -> Restored:
    """Put one store back. Raises BackupError, its text beginning with a code, and then nothing has changed.

    Codes: store_unknown, store_not_in_backup, backup_of_another_platform, engine_not_embedded, store_damaged.
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
        say("控えを、別の場所で起動します / starting the backup, beside")
        with _copy(home, backup, config) as copy:
            say("控えから戻します / putting back what is missing")
            return asyncio.run(_restore(home, copy, store, found, anew=anew))


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
    held = hold(home.directory / ".store-restore.lock", "another restore of a store is under way")
    try:
        _remove(copy)
        copy.directory.mkdir(mode=0o755)
        beside.put_back(copy, backup, home.box())
        socket, text = engine_place.place(copy), copy.config_file.read_text(encoding="utf-8")
        host = Home(beside.find(backup, "moyai.toml").parent).config().database.host
        copy.config_file.write_text(text.replace(host, str(socket)), encoding="utf-8")
        key = copy.directory / copy.config().keys.path
        if not key.exists():
            key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(home.directory / config.keys.path, key)
            key.chmod(0o600)
        engine = Engine(copy)
        engine.log_file = home.logs / "store-restore.log"  # what is beside goes, its log stays
        place_copy(engine, backup / CLUSTER, backup / WAL)
        engine.start(timeout=24 * 3600)
        try:
            yield copy
        finally:
            engine.stop()
    finally:
        _remove(copy)
        held.close()


def _remove(copy: Home) -> None:
    """What an interrupted restore left may still be running for a moment: its server ends with the command."""
    if copy.engine.exists():
        if copy.config_file.exists():
            Engine(copy).clear_leftovers()
        shutil.rmtree(copy.engine.resolve(), ignore_errors=True)
    shutil.rmtree(copy.directory, ignore_errors=True)


@asynccontextmanager
async def _closed(home: Home, store: Store) -> AsyncGenerator[None]:
    """Nobody reaches the store: not with its own role."""
    password = home.box().open(f"store:{store.database}", store.sealed_password).decode()
    async with _session(home.dsn(ADMIN, MAINTENANCE)) as conn:
        await make_role(conn, store.role, password, login=False)
        await store_server.end_sessions(conn, store.role)
        try:
            yield
        finally:
            await set_login(conn, store.role, may=True)


@asynccontextmanager
async def _session(dsn: str) -> AsyncGenerator[Connection]:
    conn = await connect(dsn, statement_timeout="0")
    try:
        yield conn
    finally:
        await conn.close()


async def _restore(home: Home, copy: Home, store: Store, found: Manifest, *, anew: bool) -> Restored:
    assert store.organization_id is not None
    assert store.organization_key is not None
    await migrate_store(copy.dsn(ADMIN, store.database))  # it may be of the version before
    async with (
        _session(copy.dsn(ADMIN, store.database)) as then,
        _session(home.dsn(ADMIN, home.config().database.name)) as control,
        _closed(home, store),
    ):
        recovered = await store_restores.recovered_until(then)
        state_at = max(recovered or found.ended_at, found.ended_at)
        permit = await permit_restore(control, store.organization_key, state_at - _IN_FLIGHT)
        with _told_as_damage(store):
            anew = anew or await _is_gone(home, store)
            filled = await (_fill_anew if anew else _fill)(home, store, control, then, permit)
        lost_until = None if found.slot is not None or filled.whole else await store_copies.clock(control)
        done = Restored(
            uuid4(), store.organization_id, state_at, lost_until, filled.items, filled.withheld, anew
        )
        async with _session(home.dsn(ADMIN, store.database)) as now, control.transaction():
            await putting_back.locate(control, now, permit, store.store_key)
            await _record(control, store, done, filled.of_active)
        return done


async def _is_gone(home: Home, store: Store) -> bool:
    """Whether the server knows the database no more, or finds no directory of its files."""
    try:
        conn = await connect(home.dsn(ADMIN, store.database))
    except NoSuchDatabase:
        return True
    await conn.close()
    return False


@contextmanager
def _told_as_damage(store: Store) -> Generator[None]:
    try:
        yield
    except PostgresError as error:
        if not is_damage(error):
            raise
        raise BackupError(
            f"store_damaged: what is left of {store.database} cannot be read ({type(error).__name__}). "
            "With --anew it is dropped, and all comes from the backup: what was stored since is lost"
        ) from error


async def _fill(
    home: Home, store: Store, control: Connection, then: Connection, permit: RestorePermit
) -> PutBack:
    """Put into the store what it lacks. Every item of it is read before: damage is found now, not by a resident."""
    await make_store(home, store.database, store.role)
    async with _session(home.dsn(ADMIN, store.database)) as now, now.transaction():
        return await putting_back.put_back(control, then, now, permit, store.store_key)


async def _fill_anew(
    home: Home, store: Store, control: Connection, then: Connection, permit: RestorePermit
) -> PutBack:
    """Fill a new database, and then let it take the place of what is left of the store, if anything is."""
    database = anew_name(store.database)
    async with maintenance(home.dsn(ADMIN, MAINTENANCE)) as conn:
        await drop_database(conn, database)
    await make_store(home, database, store.role)
    async with _session(home.dsn(ADMIN, database)) as now, now.transaction():
        filled = await putting_back.put_back(control, then, now, permit, store.store_key)
    async with maintenance(home.dsn(ADMIN, MAINTENANCE)) as conn:
        await drop_database(conn, store.database)
        await rename_database(conn, database, store.database)
    return msgspec.structs.replace(filled, whole=False)


async def _record(control: Connection, store: Store, done: Restored, of_active: int) -> None:
    organization = next(
        one
        for one in await registry.all_organizations(control)
        if one.organization_id == store.organization_id
    )
    names = (organization.organization_id, organization.name_ja, organization.name_en)
    await store_restores.record_store(
        control, done.restore_id, names, done.state_at, done.lost_until, of_active
    )
    content = StoreRestored(
        restore_id=str(done.restore_id),
        organization_id=organization.organization_id,
        state_at=rfc3339(done.state_at),
        lost_until=rfc3339(done.lost_until) if done.lost_until else "",
        items=done.items,
        withheld=done.withheld,
    )
    await record(control, Act(kind=Kind.STORE_RESTORED, actor="system", detail=content))
