"""One deadline for all that a request waits for: nothing inside forgets it, nothing beside it is touched."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from moyai.base.db import Pool
from moyai.base.deadlines import current, within
from moyai.base.engine import ADMIN
from moyai.base.tasks import hold
from tests.conftest import Platform


async def test_what_takes_longer_is_ended() -> None:
    with pytest.raises(TimeoutError), within(0.05) as limit:
        await asyncio.get_running_loop().create_future()
    assert limit.expired()


async def test_the_earlier_of_two_deadlines_counts() -> None:
    with within(60):
        outer = current()
        with within(90):
            assert current() == outer
        with within(1):
            assert current() < outer
        assert current() == outer
    assert current() == inf


async def test_an_outer_deadline_is_not_taken_for_the_inner_one() -> None:
    """A request whose time is over is answered as such, not as a source that did not answer."""
    caught: list[TimeoutError] = []

    async def inner() -> None:
        try:
            with within(60):
                await asyncio.get_running_loop().create_future()
        except TimeoutError as error:
            caught.append(error)

    with pytest.raises(TimeoutError), within(0.05):
        await inner()
    assert caught == []


async def test_background_work_has_no_deadline_of_a_request() -> None:
    async def late() -> float:
        await asyncio.sleep(0.1)
        return current()

    with within(0.05):
        task = hold(late(), "late")
    assert await task == inf


async def test_interrupted_transaction_gives_its_locks_back(platform: Platform) -> None:
    """Whoever waited has gone: the session is ended, its pool has room again, and nothing of it stays."""
    admin = await platform.connect(ADMIN, "moyai_control")
    await admin.execute("create table if not exists public.deadline_test (n int)")
    pool = await Pool.open(platform.dsn(ADMIN, "moyai_control"), max_size=1)

    async def write() -> None:
        with within(0.2):
            async with pool.transaction() as conn:
                await conn.execute("insert into public.deadline_test values (1)")
                await conn.execute("select pg_sleep(60)")

    for _ in range(2):
        with pytest.raises(TimeoutError):
            await write()
    async with pool.transaction() as conn:
        await conn.execute("lock table public.deadline_test in access exclusive mode nowait")
        assert await conn.fetchval("select count(*) from public.deadline_test") == 0
    await pool.close()
    await admin.execute("drop table public.deadline_test")


async def test_session_that_was_given_up_inside_goes_back_to_no_pool(platform: Platform) -> None:
    pool = await Pool.open(platform.dsn(), max_size=1)

    async def work() -> None:
        async with pool.connection() as conn:
            with within(0.05):
                async with conn.transaction():
                    await conn.ping()
                    await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await work()
    async with pool.connection() as conn:
        await conn.ping()
    await pool.close()
