"""A1: whoever acts is judged in the transaction of the act, and a stop waits for what was judged before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from moyai.base.db import Connection, Pool
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.roles import SERVE
from moyai.identity import as_now, store_live_access, store_sessions, store_staff
from moyai.identity.model import Caller, ClientCaller, ResidentCaller, StaffCaller
from moyai.registry import store as registry_store
from tests import factories
from tests.conftest import Platform

Stop = Callable[[Connection], Awaitable[Any]]


@dataclass
class Here:
    """A platform with one of each who may act, and a pool as a serving process has it."""

    pool: Pool
    others: Pool
    town: factories.Town
    clerk: factories.MadeClerk

    def resident(self) -> ResidentCaller:
        at = self.town.hanako
        return ResidentCaller(at.key, at.id, "s", "portal", 2, 2, frozenset({"consent"}))

    def staff(self) -> StaffCaller:
        c1 = self.town.c1
        return StaffCaller(
            self.clerk.key, "mado", "窓口", c1.id, c1.key, frozenset({"desk"}), self.clerk.id, "1"
        )

    def program(self) -> ClientCaller:
        c1 = self.town.c1
        return ClientCaller("desk-c1", 1, None, None, c1.id, c1.key, frozenset({"identity:enrol"}))


@pytest.fixture
async def here(fresh_platform: Platform) -> Any:
    dsn = fresh_platform.home.dsn(SERVE)
    pool = await Pool.open(dsn, after_begin=as_now.judge)
    others = await Pool.open(dsn, before_commit=Journal.of(fresh_platform.home).write_due)
    async with others.transaction() as conn:
        town = await factories.make_town(conn)
        (clerk,) = await factories.make_clerks(conn, town.c1, 1)
    yield Here(pool, others, town, clerk)
    await pool.close()
    await others.close()


def reading(now: Caller | None) -> as_now.Read:
    async def read(_: Connection) -> Caller | None:
        return now

    return read


async def act(here: Here, caller: Caller, then: Callable[[Connection], Awaitable[Any]]) -> None:
    with as_now.acting(caller, reading(caller), changes_registry=False):
        async with here.pool.transaction() as conn:
            await then(conn)


def ends(here: Here) -> dict[str, tuple[Caller, Stop]]:
    hanako, clerk = here.town.hanako.key, here.clerk.key
    return {
        "everything of a resident": (
            here.resident(),
            lambda conn: store_sessions.end_all_of_resident(conn, hanako),
        ),
        "other authorisations of a resident": (
            here.resident(),
            lambda conn: store_live_access.revoke_other_authorizations(conn, hanako, None),
        ),
        "the resident": (
            here.resident(),
            lambda conn: conn.execute(
                "update identity.resident set state = 'closed' where resident_key = $1", hanako
            ),
        ),
        "everything of a clerk": (here.staff(), lambda conn: store_sessions.end_all_of_staff(conn, clerk)),
        "an account": (here.staff(), lambda conn: store_staff.set_state(conn, clerk, "disabled", "x")),
        "a role": (here.staff(), lambda conn: store_staff.set_roles(conn, clerk, [])),
        "the clerk's organisation": (here.staff(), _suspend_c1),
        "the program's organisation": (here.program(), _suspend_c1),
    }


async def _suspend_c1(conn: Connection) -> None:
    await registry_store.lock_for_writing(conn)
    await conn.execute("update registry.organization set state = 'registered' where organization_id = 'c1'")


STOPS = (
    "everything of a resident",
    "other authorisations of a resident",
    "the resident",
    "everything of a clerk",
    "an account",
    "a role",
    "the clerk's organisation",
    "the program's organisation",
)


@pytest.mark.parametrize("which", STOPS)
async def test_a1_a_stop_waits_for_an_act_that_was_judged_before_it(here: Here, which: str) -> None:
    caller, stop = ends(here)[which]
    order: list[str] = []

    async def stopping() -> None:
        async with here.others.transaction() as conn:
            await stop(conn)
        order.append("stopped")

    async def acting(_: Connection) -> None:
        task = asyncio.create_task(stopping())
        stopped.append(task)
        await asyncio.sleep(0.3)
        order.append("acted")

    stopped: list[asyncio.Task[None]] = []
    await act(here, caller, acting)
    await stopped[0]
    assert order == ["acted", "stopped"]


async def begin(here: Here) -> int:
    async with here.pool.transaction() as conn:
        return await conn.fetchval("select 1")


def less(caller: Caller) -> list[Caller | None]:
    """What may have become of the caller meanwhile."""
    change = msgspec.structs.replace
    if isinstance(caller, ResidentCaller):
        return [None, change(caller, ial=1), change(caller, aal=1), change(caller, scopes=frozenset())]
    if isinstance(caller, StaffCaller):
        return [
            None,
            change(caller, roles=frozenset()),
            change(caller, organization_key=0),
            change(caller, closed="organization_suspended"),
        ]
    return [None, change(caller, scopes=frozenset()), change(caller, organization_key=0)]


@pytest.mark.parametrize("kind", ["resident", "staff", "program"])
async def test_a1_whoever_may_do_less_than_when_they_asked_does_nothing(here: Here, kind: str) -> None:
    caller: Caller = getattr(here, kind)()
    for now in less(caller):
        with as_now.acting(caller, reading(now), changes_registry=False), pytest.raises(Problem):
            await begin(here)


async def test_a1_who_may_do_more_by_now_goes_on(here: Here) -> None:
    caller = here.resident()
    now = msgspec.structs.replace(caller, ial=3, erasure_at=None, scopes=caller.scopes | {"openid"})
    with as_now.acting(caller, reading(now), changes_registry=False):
        assert await begin(here) == 1


async def test_a1_a_task_that_works_for_others_acts_for_nobody(here: Here) -> None:
    with as_now.acting(here.resident(), reading(None), changes_registry=False):
        assert await asyncio.create_task(begin(here)) == 1


async def test_a1_no_work_on_the_registry_keeps_a_resident_from_stopping_something(here: Here) -> None:
    async with here.others.transaction() as conn:
        await registry_store.lock_for_writing(conn)
        async with asyncio.timeout(5):
            await act(here, here.resident(), lambda own: own.fetchval("select 1"))


async def test_a1_an_exchange_waits_for_no_act_and_for_no_stop_that_waits_for_one(here: Here) -> None:
    """Who stops something waits at another lock than the one at which releases ask."""

    async def stopping() -> None:
        async with here.others.transaction() as conn:
            await _suspend_c1(conn)

    async def acting(_: Connection) -> None:
        stopped.append(asyncio.create_task(stopping()))
        await asyncio.sleep(0.3)
        async with here.others.transaction() as conn:
            assert await conn.fetchval(
                "select pg_try_advisory_xact_lock_shared(hashtextextended('moyai.release', 0))"
            )

    stopped: list[asyncio.Task[None]] = []
    await act(here, here.program(), acting)
    await stopped[0]


async def test_a1_two_who_change_the_registry_take_turns_and_neither_is_lost(here: Here) -> None:
    """Each holds the writers' lock from its first statement: with a shared one before it they would wait for each other."""

    async def one() -> None:
        with as_now.acting(here.program(), reading(here.program()), changes_registry=True):
            async with here.pool.transaction() as conn:
                await registry_store.lock_for_writing(conn)
                await asyncio.sleep(0.1)
                await conn.execute("update registry.purpose set name_ja = name_ja where false")

    await asyncio.gather(*(one() for _ in range(4)))


async def test_a1_a_route_that_changes_the_registry_says_so(here: Here) -> None:
    with as_now.acting(here.program(), reading(here.program()), changes_registry=False):
        async with here.pool.transaction() as conn:
            with pytest.raises(RuntimeError):
                await registry_store.lock_for_writing(conn)


async def test_a1_a_stop_of_an_account_never_waits_for_an_act_that_waits_for_it(here: Here) -> None:
    """An administrator, who writes, disables a clerk who is just asking for something, again and again."""
    administrator, ended = here.program(), asyncio.Event()

    async def asking() -> None:
        while not ended.is_set():
            with as_now.acting(here.staff(), reading(here.staff()), changes_registry=True):
                await begin(here)

    clerk = asyncio.create_task(asking())
    async with asyncio.timeout(10):
        for _ in range(20):
            with as_now.acting(administrator, reading(administrator), changes_registry=True):
                async with here.pool.transaction() as conn:
                    await asyncio.sleep(0.01)
                    await store_sessions.hold_staff(conn, here.clerk.key)
    ended.set()
    await clerk
