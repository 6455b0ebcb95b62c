"""Databases know their version; files are applied once; a newer database is refused with a clear text."""

from __future__ import annotations

import asyncio

import pytest

from moyai.base.db import connect
from moyai.base.migrate import (
    SchemaTooNew,
    SchemaTooOld,
    check_version,
    latest,
    migrate_context,
    migrate_control,
    migrations,
)
from moyai.base.provision import provision_store, store_names
from moyai.base.roles import OWNER


@pytest.mark.parametrize("kind", ["control", "store", "context"])
def test_files_are_numbered_from_one_without_gaps(kind):
    assert [migration.version for migration in migrations(kind)] == list(range(1, latest(kind) + 1))


async def test_migrating_again_changes_nothing(fresh_platform):
    owner = await fresh_platform.connect(OWNER)
    before = await owner.fetch("select version, applied_at from public.moyai_schema_version order by 1")
    assert await migrate_control(fresh_platform.home) == latest("control")
    assert await migrate_context(fresh_platform.home) == latest("context")
    assert (
        await owner.fetch("select version, applied_at from public.moyai_schema_version order by 1") == before
    )


async def test_a_newer_database_is_refused_by_name(fresh_platform):
    owner = await fresh_platform.connect(OWNER)
    await owner.execute("insert into public.moyai_schema_version (version, name) values (9999, 'later')")
    with pytest.raises(SchemaTooNew, match=r"moyai_control has version 9999"):
        await check_version(owner, "control")
    with pytest.raises(SchemaTooNew):
        await migrate_control(fresh_platform.home)


async def test_an_older_database_asks_for_migration(fresh_platform):
    owner = await fresh_platform.connect(OWNER)
    await owner.execute("delete from public.moyai_schema_version where version = $1", latest("control"))
    assert await check_version(owner, "control") == latest("control") - 1
    await owner.execute("delete from public.moyai_schema_version where version > $1", latest("control") - 2)
    with pytest.raises(SchemaTooOld, match="run `moyai migrate`"):
        await check_version(owner, "control")


async def test_the_serving_role_reads_the_version(control, store, context):
    assert await check_version(control, "control") == latest("control")
    assert await check_version(store, "store") == latest("store")
    assert await check_version(context, "context") == latest("context")


async def test_a_failing_file_leaves_nothing_behind(fresh_platform, monkeypatch):
    from moyai.base import migrate

    later = migrate.Migration(
        latest("control") + 1, "broken", "create table public.half (id int); select 1/0"
    )
    known = migrations("control")
    monkeypatch.setattr(migrate, "migrations", lambda kind: [*known, later])
    with pytest.raises(Exception, match="division by zero"):
        await migrate.migrate(fresh_platform.dsn(OWNER), "control")
    owner = await fresh_platform.connect(OWNER)
    assert await owner.fetchval("select to_regclass('public.half')") is None
    assert await migrate.version(owner) == later.version - 1


async def test_migrations_started_together_run_one_after_the_other(fresh_platform):
    versions = await asyncio.gather(*(migrate_control(fresh_platform.home) for _ in range(3)))
    assert versions == [latest("control")] * 3


async def test_provisioning_again_keeps_data_and_password(fresh_platform):
    home, box = fresh_platform.home, fresh_platform.home.box()
    first = await provision_store(home, "kept")
    conn = await connect(first.dsn(box))
    await conn.execute(
        "insert into store.item (subject, dataset_id, item_id, content) values (gen_random_uuid(), 'd', 'i', '{}')"
    )
    await conn.close()
    again = await provision_store(home, "kept", first.sealed_password)
    assert again == first
    conn = await connect(again.dsn(box))
    assert await conn.fetchval("select count(*) from store.item") == 1
    await conn.close()


async def test_an_interrupted_provisioning_is_run_again(fresh_platform):
    home = fresh_platform.home
    provision = await fresh_platform.connect("moyai_provision", "postgres")
    await provision.execute("create role store_half")
    await provision.execute("create database moyai_personal_half")
    conn = await connect((await provision_store(home, "half")).dsn(home.box()))
    assert await check_version(conn, "store") == latest("store")
    await conn.close()


def test_long_ids_do_not_share_a_database():
    one, other = store_names("a" * 62 + "1"), store_names("a" * 62 + "2")
    assert one[0] != other[0]
    assert all(len(name) <= 63 for name in (*one, *other))
