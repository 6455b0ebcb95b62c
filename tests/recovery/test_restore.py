"""Backup and restore of a whole platform (security H5): what was stopped since stays stopped, what is lost is said."""

from __future__ import annotations

import asyncio
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import msgspec
import pytest

from moyai.app import open_platform
from moyai.applying.client_keys import key_file, public_keys
from moyai.base import store_restores
from moyai.base.closed import refuse_while_closed
from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.engine import Engine
from moyai.base.journal import Journal
from moyai.base.keys import KeyRing
from moyai.base.provision import provision_store
from moyai.base.roles import OWNER, SERVE, WORKER
from moyai.base.secrets import SecretBox
from moyai.consent import withdrawal
from moyai.identity import residents
from moyai.ledger import Kind, newest
from moyai.ledger.integrator import Integrator, drain
from moyai.recovery.backup import back_up
from moyai.recovery.cluster import BackupError
from moyai.recovery.reopening import Reopened
from moyai.recovery.restoring import Asked, restore
from moyai.registry import store_of, suspend_organization
from moyai.supervisor.attach import lock
from moyai.web.erasure import erase_resident
from tests.conftest import Platform
from tests.consent.conftest import HERE, calls
from tests.factories import MadeResident, Town, make_consent, make_membership, make_town, tie

ORIGIN = "localhost:8400/test"


def quiet(*_: object) -> None:
    """Nobody looks on."""


@dataclass
class Kept:
    """What is left of a platform after its directory is lost: the backup, the key, the journal."""

    town: Town
    backup: Path
    key: Path
    journal: Path
    subjects: dict[int, UUID]


@dataclass
class Running:
    """A platform with a town, one store with an item of each resident, and its engine's lock."""

    platform: Platform
    town: Town
    kept: Kept

    @property
    def home(self) -> Home:
        return self.platform.home

    async def back_up(self) -> None:
        await asyncio.to_thread(back_up, self.home, self.kept.backup, quiet)

    async def integrate(self) -> None:
        pool = await self.platform.pool(WORKER)
        await drain(Integrator(pool, KeyRing(self.home.box()), ORIGIN))

    async def withdraw(self, resident: MadeResident) -> None:
        pool = await self.platform.pool()
        async with pool.transaction() as conn:
            await withdrawal.withdraw(conn, calls(resident), HERE, self.home.box(), self.town.kenko.id)

    async def lose(self) -> None:
        """The directory is gone; key and journal were kept elsewhere."""
        await self.platform.close()
        self.platform.engine.stop()
        shutil.copy(self.home.kek_file, self.kept.key)
        if self.home.journal_file.exists():
            shutil.copy(self.home.journal_file, self.kept.journal)
        await asyncio.to_thread(shutil.rmtree, self.home.engine.resolve())
        await asyncio.to_thread(shutil.rmtree, self.home.directory)


async def _store_of_c1(home: Home, conn: Connection, town: Town) -> None:
    made = await provision_store(home, town.c1.id)
    await conn.execute(
        "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password)"
        " values ('personal', $1, $2, $3, $4, $5, $6)",
        town.c1.key, made.host, made.port, made.database, made.role, made.sealed_password,
    )  # fmt: skip


@asynccontextmanager
async def store_session(home: Home, town: Town) -> AsyncIterator[Connection]:
    conn = await connect(home.dsn(SERVE))
    try:
        known = await store_of(conn, "personal", town.c1.key)
    finally:
        await conn.close()
    assert known is not None
    password = home.box().open(f"store:{known.database}", known.sealed_password).decode()
    store = await connect(
        f"postgresql://{known.role}:{password}@/{known.database}?host={known.host}&port={known.port}"
    )
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def running(operated_platform: Platform, tmp_path: Path) -> AsyncIterator[Running]:
    home = operated_platform.home
    with lock(home):
        owner = await operated_platform.connect(OWNER)
        town = await make_town(owner)
        await _store_of_c1(home, owner, town)
        subjects: dict[int, UUID] = {}
        for resident in (town.hanako, town.ichiro):
            await make_membership(owner, resident, town.kenko)
            await make_consent(owner, resident, town.links["steps"])
            subjects[resident.key] = await tie(owner, resident, town.undo_app)
        async with store_session(home, town) as store:
            for subject in subjects.values():
                await store.execute(
                    "insert into store.item (subject, dataset_id, item_id, content) values ($1, 'steps', 'a', '{}')",
                    subject,
                )
        await owner.execute(
            """
            insert into personal.location (resident_key, dataset_key, component_key, store_key, items)
            select p.resident_key, d.dataset_key, p.component_key, s.store_key, 1
              from identity.pairwise p, registry.dataset d, registry.store s
             where d.dataset_id = 'steps' and p.component_key = $1
            """,
            town.undo_app.key,
        )
        kept = Kept(town, tmp_path / "backup", tmp_path / "kek", tmp_path / "journal.jsonl", subjects)
        yield Running(operated_platform, town, kept)


@asynccontextmanager
async def restored(
    kept: Kept, scratch: Path, **given: object
) -> AsyncIterator[tuple[Home, Reopened, Connection]]:
    """The platform in another directory, with its engine running for a look."""
    home = Home(scratch / f"restored-{kept.backup.parent.name}")
    asked = Asked(kept.backup, kept.key, kept.journal, **given)  # type: ignore[arg-type]
    done = await asyncio.to_thread(restore, home, asked, quiet, quiet)
    engine = Engine(home)
    engine.start()
    conn = await connect(home.dsn(OWNER))
    try:
        yield home, done, conn
    finally:
        await conn.close()
        engine.stop()
        shutil.rmtree(home.engine.resolve(), ignore_errors=True)
        shutil.rmtree(home.directory)


async def consent_state(conn: Connection, resident: MadeResident) -> int | None:
    return await conn.fetchval("select state from consent.state where resident_key = $1", resident.key)


async def test_h5_what_was_stopped_after_the_backup_stays_stopped(running: Running, scratch: Path) -> None:
    town = running.town
    await running.integrate()
    await running.back_up()
    await running.withdraw(town.hanako)
    async with open_platform(running.home) as platform:
        async with platform.control.connection() as conn:
            ichiro = await residents.by_id(conn, town.ichiro.id)
        await erase_resident(platform, ichiro, "staff:desk", "本人の申出")
        async with platform.control.transaction() as conn:
            await suspend_organization(conn, town.c2.id, "調査", "client:operator", Journal.of(running.home))
    await running.lose()
    async with restored(running.kept, scratch) as (home, done, conn):
        assert await consent_state(conn, town.hanako) == 3
        assert await consent_state(conn, town.ichiro) is None
        assert (await residents.by_id(conn, town.ichiro.id)).state == "erased"
        assert await conn.fetchval("select state from registry.organization where organization_id = $1", town.c2.id) == "suspended"  # fmt: skip
        async with store_session(home, town) as store:
            left = await store.fetch("select subject from store.item")
        assert [row["subject"] for row in left] == [running.kept.subjects[town.hanako.key]]
        assert (done.stopped, done.unknown, done.journal) == (4, 0, True)
        assert done.lost_until is not None
        assert done.continues == ORIGIN
        assert [one.restore_id for one in await store_restores.with_losses(conn)] == [done.restore_id]
        await refuse_while_closed(home, conn)


async def test_the_restore_is_on_record_and_the_log_goes_on_under_a_new_origin(
    running: Running, scratch: Path
) -> None:
    await running.integrate()
    await running.back_up()
    await running.lose()
    async with restored(running.kept, scratch, journal_lost=True) as (home, done, conn):
        pool = await Platform(home, running.platform.engine).pool(WORKER)
        await drain(Integrator(pool, KeyRing(home.box()), ORIGIN))
        pool.terminate()
        [event] = await newest(conn, kinds=[Kind.PLATFORM_RESTORED])
        assert event.detail["continues"] == ORIGIN
        assert event.detail["origin"] == done.origin == f"{ORIGIN}/2"
        note = await conn.fetchval("select note from ledger.checkpoint order by size desc limit 1")
        assert note.startswith(f"{ORIGIN}/2\n")


async def test_a_backup_without_its_key_is_refused_and_nothing_is_written(
    running: Running, scratch: Path, tmp_path: Path
) -> None:
    await running.back_up()
    home = Home(scratch / "without-key")
    with pytest.raises(BackupError, match="second factors of all residents"):
        await asyncio.to_thread(restore, home, Asked(running.kept.backup, tmp_path / "none"), quiet, quiet)
    SecretBox.create_file(tmp_path / "other")
    with pytest.raises(BackupError, match="not the key"):
        await asyncio.to_thread(restore, home, Asked(running.kept.backup, tmp_path / "other"), quiet, quiet)
    assert not home.config_file.exists()
    assert not home.restoring_file.exists()


async def test_a_restore_without_the_journal_is_refused_unless_it_is_said_to_be_lost(
    running: Running, scratch: Path
) -> None:
    await running.withdraw(running.town.hanako)
    await running.back_up()
    await running.lose()
    running.kept.journal.unlink()
    home = Home(scratch / "without-journal")
    asked = Asked(running.kept.backup, running.kept.key, running.kept.journal)
    with pytest.raises(BackupError, match="--journal-lost"):
        await asyncio.to_thread(restore, home, asked, quiet, quiet)
    assert not home.config_file.exists()


async def test_what_lies_beside_the_databases_comes_back_and_no_private_key_lies_open_in_the_backup(
    running: Running, scratch: Path
) -> None:
    held = running.home.directory
    public_keys(running.home, "desk-c1")
    private = key_file(running.home, "desk-c1").read_text(encoding="utf-8")
    (held / "people.sealed").write_text("sealed already", encoding="utf-8")
    await running.back_up()
    d = msgspec.json.decode(private)["d"]
    assert [
        one for one in running.kept.backup.iterdir() if one.is_file() and d in one.read_text("latin-1")
    ] == []
    await running.lose()
    async with restored(running.kept, scratch, journal_lost=True) as (home, _, _):
        assert key_file(home, "desk-c1").read_text(encoding="utf-8") == private
        assert stat.S_IMODE(key_file(home, "desk-c1").stat().st_mode) == 0o600
        assert (home.directory / "people.sealed").read_text(encoding="utf-8") == "sealed already"


async def test_h5_a_changed_backup_is_not_restored(running: Running, scratch: Path) -> None:
    await running.back_up()
    secrets = running.kept.backup / "secrets.sealed"
    secrets.write_bytes(secrets.read_bytes() + b" ")
    with pytest.raises(BackupError, match="was changed"):
        await asyncio.to_thread(
            restore,
            Home(scratch / "changed"),
            Asked(running.kept.backup, running.home.kek_file),
            quiet,
            quiet,
        )


async def test_what_was_decided_after_the_backup_survives_where_the_log_was_archived(
    running: Running, scratch: Path
) -> None:
    town = running.town
    await running.integrate()
    command = [sys.executable, "-m", "moyai", "backup", str(running.kept.backup), "--continuous"]
    following = await asyncio.create_subprocess_exec(*command, "--dir", str(running.home.directory))
    owner = await running.platform.connect(OWNER)
    try:
        await slot_is_read(owner)
        await running.withdraw(town.hanako)
        await owner.execute("delete from consent.state where resident_key = $1", town.hanako.key)
        await make_consent(owner, town.hanako, town.links["steps"])
        await make_consent(owner, town.ichiro, town.links["vitals"])
        await everything_is_archived(owner)
    finally:
        following.terminate()
        await following.wait()
    await running.lose()
    async with restored(running.kept, scratch) as (_, done, conn):
        assert await consent_state(conn, town.hanako) == 1, "given anew after the stop"
        assert await conn.fetchval("select count(*) from consent.state where resident_key = $1", town.ichiro.key) == 2  # fmt: skip
        assert (done.stopped, done.already, done.lost_until) == (0, 1, None)


async def slot_is_read(conn: Connection) -> None:
    """Until the copy is made and the log is followed: the copy itself has a slot of another name."""
    await until(
        conn, "select exists (select from pg_replication_slots where active and slot_name like 'moyai\\_%')"
    )


async def everything_is_archived(conn: Connection) -> None:
    """Until the reader of the log has confirmed what is written now: the platform does not wait for it."""
    now = await conn.fetchval("select pg_current_wal_lsn()::text")
    await until(
        conn, "select exists (select from pg_replication_slots where restart_lsn >= $1::text::pg_lsn)", now
    )


async def until(conn: Connection, question: LiteralString, *args: object) -> None:
    async with asyncio.timeout(60):
        while True:
            if await conn.fetchval(question, *args):
                return
            await asyncio.sleep(0.1)
