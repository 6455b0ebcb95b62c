"""A store that is lost or damaged is made anew from a backup (stranger 1), on an engine as operation has it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moyai.base.db import NoSuchDatabase, connect
from moyai.base.engine import ADMIN, Engine, EngineError
from moyai.base.provision import anew_name, provision_store
from moyai.base.roles import OWNER
from moyai.commands.check import check
from moyai.recovery.cluster import BackupError
from moyai.recovery.one_store import Restored, restore_store
from moyai.upkeep.migrating import migrate_all
from tests.house.source import product_modules, relative
from tests.recovery.test_one_store import STORE, items, lose_store, restore
from tests.recovery.test_restore import Running, quiet, store_session


async def _ask(running: Running, question: str) -> object:
    conn = await connect(running.home.dsn(ADMIN, "postgres"))
    try:
        return await conn.raw.fetchval(question)
    finally:
        await conn.close()


async def files_of(running: Running) -> Path:
    oid = await _ask(running, f"select oid from pg_database where datname = '{STORE}'")
    return running.platform.engine.data / "base" / str(oid)


@contextlib.contextmanager
def stopped(running: Running) -> Iterator[None]:
    """What is done to files is done to a server that stands still, as by a disk that comes back with less."""
    running.platform.engine.stop()
    yield
    running.platform.engine.start()


async def lose_files(running: Running) -> None:
    place = await files_of(running)
    with stopped(running):
        shutil.rmtree(place)


async def restore_anew(running: Running) -> Restored:
    return await asyncio.to_thread(
        restore_store, running.home, running.kept.backup, "c1", quiet, quiet, anew=True
    )


def test_v1_no_part_of_the_product_starts_an_engine_of_the_tests() -> None:
    found = [
        relative(path) for path in product_modules() if "durable=False" in path.read_text(encoding="utf-8")
    ]
    assert found == []


async def test_v1_an_engine_of_the_tests_differs_from_one_of_operation_in_safety_alone(
    fresh_platform, operated_platform
) -> None:
    def settings(platform) -> dict[str, str]:
        engine = platform.engine
        given = [one.partition("=") for one in engine.command() if "=" in one]
        return {name: value for name, _, value in given if not name.startswith("unix_socket")}

    tests, operation = settings(fresh_platform), settings(operated_platform)
    differing = {name for name in tests | operation if tests.get(name) != operation.get(name)}
    assert differing == {"fsync", "full_page_writes", "shared_buffers"}
    conn = await fresh_platform.connect()
    assert await conn.fetchval("select current_setting('wal_segment_size')") == "16MB"


async def test_v1_a_store_whose_files_are_gone_is_made_anew_from_the_backup(running: Running) -> None:
    before = await items(running)
    await running.back_up()
    await lose_files(running)
    done = await restore(running)
    assert (done.items, done.withheld, done.anew, done.lost_until is not None) == (2, 0, True, True)
    assert "The store's database was made anew from the backup." in done.lines()[0]
    assert await items(running) == before
    assert await _ask(running, f"select count(*) from pg_database where datname = '{anew_name(STORE)}'") == 0
    owner = await running.platform.connect(OWNER)
    assert await owner.fetchval("select sum(items) from personal.location") == 2
    await _ask(running, "checkpoint")  # nothing of the lost files is asked for any more


async def test_v1_a_store_that_is_damaged_is_made_anew_only_where_that_is_said(running: Running) -> None:
    before = await items(running)
    await running.back_up()
    conn = await connect(running.home.dsn(ADMIN, STORE))
    file = await conn.fetchval("select pg_relation_filepath('store.item')")
    await conn.close()
    with stopped(running):
        (running.platform.engine.data / file).unlink()
    with pytest.raises(BackupError, match=r"^store_damaged: .*--anew"):
        await restore(running)
    done = await restore_anew(running)
    assert (done.items, done.anew) == (2, True)
    assert await items(running) == before


async def test_v1_an_empty_database_never_takes_the_place_of_a_lost_store(running: Running) -> None:
    """Starting and migrating a platform made it anew, empty: it answered that nothing is there."""
    for lose in (lose_files, lambda one: lose_store(one, "dropped")):
        await running.back_up()
        await lose(running)
        [told] = [one for one in await migrate_all(running.home) if one.database == STORE]
        assert told.problem is not None
        assert told.problem.startswith("store_lost: ")
        with pytest.raises(NoSuchDatabase):
            await connect(running.home.dsn(ADMIN, STORE))
        findings = {one.name: one for one in await asyncio.to_thread(check, running.home)}
        assert findings[f"database {STORE}"].level == "error"
        assert "moyai restore" in findings[f"database {STORE}"].en
        await restore(running)
        shutil.rmtree(running.kept.backup)


async def test_v1_a_new_organisations_store_is_made_as_before(running: Running) -> None:
    made = await provision_store(running.home, "c9")
    await provision_store(running.home, "c9", made.sealed_password)


async def test_v1_a_store_that_was_whole_is_not_said_to_have_lost_anything(running: Running) -> None:
    await running.back_up()
    done = await restore(running)
    assert (done.items, done.lost_until, done.anew) == (0, None, False)
    assert done.lines()[-1].endswith("Nothing was missing.")


async def test_v1_why_a_backup_does_not_start_is_told_and_kept(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.back_up()
    command = Engine.command
    monkeypatch.setattr(Engine, "command", lambda self: [*command(self), "-c", "min_wal_size=2MB"])
    with pytest.raises(EngineError, match="min_wal_size") as told:
        await restore(running)
    kept = running.home.logs / "store-restore.log"
    assert str(kept) in str(told.value)
    assert "min_wal_size" in kept.read_text(encoding="utf-8")


async def test_v1_a_restore_that_was_killed_is_simply_given_again(running: Running) -> None:
    before = await items(running)
    await running.back_up()
    await lose_files(running)
    command = (sys.executable, "-m", "moyai", "restore", str(running.kept.backup), "--store", "c1")
    process = await asyncio.create_subprocess_exec(
        *command, "--dir", str(running.home.directory), stderr=asyncio.subprocess.DEVNULL
    )
    copy = running.home.directory / ".store-restore" / "postgres"
    async with asyncio.timeout(60):
        while True:
            if (copy.resolve() / "data" / "postmaster.pid").exists():
                break
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    done = await restore(running)
    assert (done.items, done.anew) == (2, True)
    assert await items(running) == before


async def test_v1_killed_between_the_old_database_and_the_new_it_is_given_again(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await items(running)
    await running.back_up()
    await lose_files(running)

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("moyai.recovery.one_store.rename_database", killed)
        with pytest.raises(KeyboardInterrupt):
            await restore(running)
    assert await _ask(running, f"select count(*) from pg_database where datname = '{STORE}'") == 0
    done = await restore(running)
    assert (done.items, done.anew) == (2, True)
    assert await items(running) == before
    async with store_session(running.home, running.town) as store:
        await store.execute("insert into store.item (subject, dataset_id, item_id, content) values (gen_random_uuid(), 'steps', 'b', '{}')")  # fmt: skip
