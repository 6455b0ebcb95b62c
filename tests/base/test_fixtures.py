"""What the other tests stand on: nothing stays behind, and savepoints behave as transactions do."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.admin import as_admin

INSERT = "insert into identity.seen_token (fingerprint, expires_at) values ('fixture', now())"
COUNT = "select count(*) from identity.seen_token where fingerprint = 'fixture'"


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_starts_from_an_empty_database(control, turn):
    assert await control.fetchval(COUNT) == 0
    await control.execute(INSERT)


async def test_control_has_the_rights_of_serve_and_no_others(control):
    assert await control.fetchval("select current_user") == "moyai_serve"
    async with as_admin(control):
        await control.execute("update platform.signing_key set algorithm = '2'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await control.execute("update ledger.entry set leaf = ''")


async def remove_and_fail(database) -> None:
    async with database.transaction() as conn:
        await conn.execute("delete from identity.seen_token")
        raise ZeroDivisionError


async def test_an_exception_rolls_back_to_the_savepoint_only(control_db):
    async with control_db.transaction() as conn:
        await conn.execute(INSERT)
    with pytest.raises(ZeroDivisionError):
        await remove_and_fail(control_db)
    async with control_db.connection() as conn:
        assert await conn.fetchval(COUNT) == 1


async def test_tasks_take_turns_on_the_one_session(control_db):
    async def count() -> int:
        async with control_db.transaction() as conn:
            return await conn.fetchval(COUNT)

    assert await asyncio.gather(*(count() for _ in range(5))) == [0] * 5


async def test_a_fresh_platform_commits_for_real(fresh_platform):
    one, other = await fresh_platform.connect(), await fresh_platform.connect()
    await one.execute(INSERT)
    assert await other.fetchval(COUNT) == 1


async def test_a_store_is_another_database(store, context):
    assert await store.fetchval("select current_database()") == "moyai_personal_test_organization"
    assert await context.fetchval("select current_database()") == "moyai_context"
