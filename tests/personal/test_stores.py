"""Open stores: a bounded set, the least recently used closed first; one that fails is one error among results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from moyai.base.db import connect
from moyai.base.engine import ADMIN
from moyai.base.errors import Problem
from moyai.personal.projection import Projection
from moyai.personal.stores import Address, Found, Read, Stores
from tests.personal.conftest import Person, World
from tests.personal.test_exchange import codes, contents
from tests.personal.test_items import store_of

STEPS, VITALS = {"steps": 8123}, {"weight_kg": 61.5}
NOBODY = "00000000-0000-0000-0000-000000000001"


async def store_role(world: World, organization_id: str) -> str:
    conn = await store_of(world, organization_id)
    role: str = await conn.fetchval("select current_user")
    await conn.raw.close()
    return role


async def sessions(world: World, role: str) -> int:
    admin = await world.platform.connect(ADMIN, "moyai_control")
    return await admin.fetchval("select count(*) from pg_stat_activity where usename = $1", role)


@asynccontextmanager
async def shut(world: World, role: str) -> AsyncIterator[None]:
    """The store's role cannot log in, and its sessions are ended."""
    admin = await connect(world.platform.dsn(ADMIN, "moyai_control"))
    await admin.raw.execute(f'alter role "{role}" nologin')
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", role)
    try:
        yield
    finally:
        await admin.raw.execute(f'alter role "{role}" login')
        await admin.close()


@pytest.fixture
async def person(world: World) -> Person:
    return await world.resident("steps", "vitals", items={"steps": STEPS, "vitals": VITALS})


async def test_source_that_is_shut_is_one_error_and_comes_back(world: World, person: Person) -> None:
    assert contents(await person.ask("steps", "vitals")) == {"steps": [STEPS], "vitals": [VITALS]}
    async with shut(world, await store_role(world, "koiki")):
        for _ in range(2):
            answer = await person.ask("steps", "vitals")
            assert contents(answer) == {"steps": [STEPS]}
            assert codes(answer) == {"vitals": "source_unavailable"}
        with pytest.raises(Problem, match="source_unavailable"):
            await person.put("vitals", "item-2", VITALS)
    async with asyncio.timeout(10):
        while codes(await person.ask("vitals")):  # noqa: ASYNC110 (time has to pass)
            await asyncio.sleep(0.2)
    assert contents(await person.ask("steps", "vitals")) == {"steps": [STEPS], "vitals": [VITALS]}
    assert (await person.recorded())[1]["detail"]["sources"][1]["code"] == "source_unavailable"


async def test_cut_sessions_are_replaced(world: World, person: Person) -> None:
    role = await store_role(world, "c1")
    await person.ask("steps")
    await person.put("steps", "item-2", STEPS)
    async with shut(world, role):
        pass
    assert contents(await person.ask("steps")) == {"steps": [STEPS, STEPS]}
    await person.put("steps", "item-3", STEPS)


async def test_store_with_a_new_password_is_found_again(world: World, person: Person) -> None:
    """The registry's new password is asked for after the old one failed."""
    await person.ask("steps")
    box, role = world.platform.home.box(), await store_role(world, "c1")
    async with world.control.connection() as conn:
        row = await conn.fetchrow(
            "select database, sealed_password from registry.store where role = $1", role
        )
    assert row is not None
    old = box.open(f"store:{row['database']}", row["sealed_password"]).decode()
    admin = await connect(world.platform.dsn(ADMIN, "moyai_control"))

    async def change(password: str) -> None:
        await admin.raw.execute(f"alter role \"{role}\" password '{password}'")
        sealed = box.seal(f"store:{row['database']}", password.encode())
        async with world.control.connection() as conn:
            await conn.execute("update registry.store set sealed_password = $2 where role = $1", role, sealed)
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", role)

    await change("another-password")
    first = await person.ask("steps")
    assert codes(first) in ({}, {"steps": "source_unavailable"})
    assert contents(await person.ask("steps")) == {"steps": [STEPS]}
    await change(old)
    await person.ask("steps")
    assert contents(await person.ask("steps")) == {"steps": [STEPS]}
    await admin.close()


async def address(world: World, key: int) -> Address | None:
    store = await world.process.stores.of(key)
    return None if store is None else store.address


async def test_least_recently_used_store_is_closed_with_its_sessions(world: World) -> None:
    keys = {"c1": world.town.c1.key, "koiki": world.town.koiki.key}
    stores = Stores(lambda key: address(world, key), Projection(world.control), most=1, pool_size=1)
    role = await store_role(world, "c1")
    before = await sessions(world, role)
    for _ in range(3):
        store = await stores.of(keys["c1"])
        assert store is not None
        await store.reads.ask(Read(NOBODY, "steps", 1, 1000))
        async with store.transaction() as conn:
            await conn.ping()
    assert await sessions(world, role) == before + 2
    other = await stores.of(keys["koiki"])
    assert other is not None
    await asyncio.gather(*stores._closing)
    assert list(stores._open) == [keys["koiki"]]
    assert await sessions(world, role) == before
    await stores.close()


async def test_store_closed_under_its_users_still_answers_them(world: World) -> None:
    stores = Stores(lambda key: address(world, key), Projection(world.control), most=1, pool_size=1)
    keys = [world.town.c1.key, world.town.koiki.key]

    async def read(n: int) -> Found:
        store = await stores.of(keys[n % 2])
        assert store is not None
        return await store.reads.ask(Read(NOBODY, "steps", 1, 1000))

    assert await asyncio.gather(*(read(n) for n in range(40))) == [Found([])] * 40
    await stores.close()


async def test_organisation_without_a_store(world: World) -> None:
    assert await world.process.stores.of(world.town.c2.key) is None
