"""Writes that touch two databases, cut off at each step: nothing is lost, doubled, or found where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from moyai.base.db import Connection, Pool
from moyai.base.engine import ADMIN
from moyai.base.errors import Problem, Refused
from moyai.base.journal import Journal
from moyai.consent import gate
from moyai.identity import residents
from moyai.personal import actions, sweep
from moyai.personal.model import NewItem
from moyai.personal.opening import stores_of
from moyai.personal.stores import Address, Stores
from moyai.registry import shape_of
from tests.personal.conftest import Person, World
from tests.personal.test_exchange import contents
from tests.personal.test_items import places, store_of

STEPS = {"steps": 8123}


class Killed(BaseException):
    """The process died here."""


class DiesBefore:
    """A control database whose n-th transaction (from 1) never happens: the process dies before it."""

    def __init__(self, control: Pool, n: int) -> None:
        self._control, self._left = control, n

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self._left -= 1
        if self._left == 0:
            raise Killed
        async with self._control.transaction() as conn:
            yield conn

    def connection(self) -> Any:
        return self._control.connection()


async def put(person: Person, control: Any, item_id: str = "item-1", content: Any = STEPS) -> None:
    item = NewItem(item_id, msgspec.Raw(msgspec.json.encode(content)))
    await actions.put_items(
        control,
        person.world.process.stores,
        await person.permit("steps"),
        [item],
        shape_of({}),
        "component:test",
    )


async def intents(person: Person) -> list[str]:
    async with person.world.control.connection() as conn:
        rows = await conn.fetch(
            "select intent_id::text from personal.intent where resident_key = $1", person.made.key
        )
    return [row["intent_id"] for row in rows]


async def grow_old(world: World) -> None:
    admin = await world.platform.connect(ADMIN, "moyai_control")
    await admin.execute("update personal.intent set begun_at = begun_at - interval '3 minutes'")


async def swept(world: World) -> int:
    """Sweep with the worker's own rights."""
    return await sweep.sweep(await world.platform.pool("moyai_worker"), world.process.stores)


async def acts(person: Person) -> list[tuple[str, int]]:
    async with person.world.control.connection() as conn:
        rows = await conn.fetch(
            "select body from ledger.content where resident_key = $1 and kind in (3, 4) order by at",
            person.made.key,
        )
    bodies = [msgspec.json.decode(row["body"]) for row in rows]
    return [(body["kind"], body["detail"]["items"]) for body in bodies]


async def test_whole_write_leaves_no_intent(world: World) -> None:
    person = await world.resident()
    await put(person, world.control)
    assert await intents(person) == []
    assert await acts(person) == [("items_stored", 1)]


async def test_death_before_the_store_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await world.resident("steps")

    async def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(actions, "_mark", die)
        with pytest.raises(Killed):
            await put(person, world.control)
    assert len(await intents(person)) == 1
    await grow_old(world)
    assert await swept(world) >= 1
    assert (await intents(person), await places(person), await acts(person)) == ([], [], [])
    assert contents(await person.ask("steps")) == {"steps": []}


async def test_death_after_the_store_is_written(world: World) -> None:
    person = await world.resident("steps")
    with pytest.raises(Killed):
        await put(person, DiesBefore(world.control, 2))
    assert await places(person) == []
    await grow_old(world)
    assert await swept(world) >= 1
    assert await intents(person) == []
    assert await places(person) == [("steps", "c1", "undo-app", 1)]
    assert await acts(person) == [("items_stored", 1)]
    assert contents(await person.ask("steps")) == {"steps": [STEPS]}


async def test_death_after_a_deletion_in_the_store(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    with pytest.raises(Killed):
        await actions.delete_item(
            DiesBefore(world.control, 2),
            world.process.stores,
            await person.permit("steps"),
            "item-1",
            "component:test",
        )
    await grow_old(world)
    assert await swept(world) >= 1
    assert (await places(person), (await acts(person))[-1]) == ([], ("items_deleted", 1))


async def test_young_intents_are_left_alone(world: World) -> None:
    person = await world.resident()
    with pytest.raises(Killed):
        await put(person, DiesBefore(world.control, 2))
    await swept(world)
    assert len(await intents(person)) == 1


async def cut_off(person: Person, dataset: str) -> None:
    """A write that reached the store, and whose process died before it said so."""
    with pytest.raises(Killed):
        await actions.put_items(
            DiesBefore(person.world.control, 2),  # type: ignore[arg-type]
            person.world.process.stores,
            await person.permit(dataset),
            [NewItem("item-1", msgspec.Raw(b"{}"))],
            shape_of({}),
            "component:test",
        )


@pytest.fixture
def one_store_away(world: World, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """The stores as a worker opens them, while that of C1 is away. A round has room for one write."""
    stores = stores_of(world.control, world.platform.home.box(), world.platform.home.config())
    locate = stores._locate

    async def find(organization_key: int) -> Address | None:
        address = await locate(organization_key)
        if address is None or organization_key != world.town.c1.key:
            return address
        return msgspec.structs.replace(address, dsn="postgresql://nobody@127.0.0.1:1/none")

    monkeypatch.setattr(stores, "_locate", find)
    return stores


async def test_i3_writes_to_a_store_that_is_away_keep_no_other_write_waiting(
    world: World, one_store_away: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    persons = [await world.resident() for _ in range(4)]
    for n, person in enumerate(persons):
        await cut_off(person, "vitals" if n == 3 else "steps")
    await grow_old(world)
    monkeypatch.setattr(sweep, "_AT_ONCE", 2)
    assert await sweep.sweep(world.control, one_store_away) == 1
    assert [len(await intents(person)) for person in persons] == [1, 1, 1, 0]


async def test_i3_a_write_that_can_never_be_settled_gives_way_to_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = await world.resident(), await world.resident()
    for person in (broken, whole):
        await cut_off(person, "steps")
    await grow_old(world)
    settle = sweep._settle

    async def fails(control: Any, stores: Any, intent_id: str, resident_key: int, *about: int) -> bool:
        if resident_key == broken.made.key:
            raise KeyError("nobody foresaw this")
        return await settle(control, stores, intent_id, resident_key, *about)

    monkeypatch.setattr(sweep, "_settle", fails)
    monkeypatch.setattr(sweep, "_AT_ONCE", 1)
    later = sweep.tried_later()
    for _ in range(20):  # other tests of this file may have left some
        await sweep.sweep(world.control, world.process.stores, later)
    assert (len(await intents(broken)), len(await intents(whole))) == (1, 0)
    monkeypatch.undo()
    await swept(world)


async def test_sweeping_twice_counts_once(world: World) -> None:
    person = await world.resident()
    with pytest.raises(Killed):
        await put(person, DiesBefore(world.control, 2))
    await grow_old(world)
    await asyncio.gather(swept(world), swept(world))
    await swept(world)
    assert await places(person) == [("steps", "c1", "undo-app", 1)]
    assert await acts(person) == [("items_stored", 1)]


async def test_write_that_comes_after_its_cancellation_stores_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper gave it up while it hung before the store."""
    person = await world.resident("steps")
    mark = actions._mark

    async def hang(*arguments: Any) -> None:
        await grow_old(world)
        assert await swept(world) >= 1
        await mark(*arguments)

    monkeypatch.setattr(actions, "_mark", hang)
    with pytest.raises(Problem, match="unavailable"):
        await put(person, world.control)
    assert contents(await person.ask("steps")) == {"steps": []}
    assert await places(person) == []


async def close(person: Person) -> gate.ErasurePermit:
    async with person.world.control.transaction() as conn:
        resident = await residents.find(conn, person.made.key)
        assert resident is not None
        await residents.close_for_erasure(conn, resident, Journal.of(person.world.platform.home))
    async with person.world.control.connection() as conn:
        return await gate.permit_erasure(conn, person.made.key)


async def left_in_store(person: Person) -> int:
    conn = await store_of(person.world, "c1")
    subjects = list(person.subjects.values())
    left = await conn.fetchval(
        "select (select count(*) from store.item where subject = any($1))"
        " + (select count(*) from store.event where subject = any($1))",
        subjects,
    )
    await conn.raw.close()
    return left


async def test_write_on_its_way_does_not_outlive_an_erasure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its permit and intent are older than the erasure; it reaches the store later."""
    person = await world.resident("steps", items={"steps": STEPS})
    mark = actions._mark

    async def late(*arguments: Any) -> None:
        conn = arguments[0]
        await conn.execute("rollback")
        permit = await close(person)
        assert await actions.erase(world.control, world.process.stores, permit) == 1
        await conn.execute("begin")
        await mark(*arguments)

    monkeypatch.setattr(actions, "_mark", late)
    with pytest.raises(Problem, match="unavailable"):
        await put(person, world.control, "item-2")
    assert await left_in_store(person) == 0


async def test_write_with_an_old_permit_is_refused_once_the_erasure_began(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    permit = await person.permit("steps")
    erasing = await close(person)
    item = NewItem("item-2", msgspec.Raw(b"{}"))
    with pytest.raises(Refused, match="resident_inactive"):
        await actions.put_items(
            world.control, world.process.stores, permit, [item], shape_of({}), "component:test"
        )
    assert await actions.erase(world.control, world.process.stores, erasing) == 1
    assert await actions.erase(world.control, world.process.stores, erasing) == 0
    assert await left_in_store(person) == 0


async def test_nobody_is_erased_while_active(world: World) -> None:
    person = await world.resident(items={"steps": STEPS})
    with pytest.raises(Refused, match="forbidden"):
        async with world.control.connection() as conn:
            await gate.permit_erasure(conn, person.made.key)


async def marks(world: World) -> int:
    conn = await store_of(world, "c1")
    found: int = await conn.fetchval("select count(*) from store.event")
    await conn.close()
    return found


async def age_marks(world: World) -> None:
    conn = await store_of(world, "c1")
    await conn.execute("update store.event set settled_at = settled_at - interval '3 days'")
    await conn.close()


async def forget(world: World) -> None:
    await sweep.forget_marks(await world.platform.pool("moyai_worker"), world.process.stores)


async def test_marks_of_settled_writes_are_forgotten_after_days(world: World) -> None:
    person = await world.resident()
    await put(person, world.control)
    await forget(world)
    assert await marks(world) > 0
    await age_marks(world)
    await forget(world)
    assert await marks(world) == 0


async def test_marks_stay_while_a_write_waits_for_its_store(world: World) -> None:
    person = await world.resident("steps")
    with pytest.raises(Killed):
        await put(person, DiesBefore(world.control, 2))
    admin = await world.platform.connect(ADMIN, "moyai_control")
    await admin.execute("update personal.intent set begun_at = begun_at - interval '4 days'")
    await age_marks(world)
    await forget(world)
    assert await swept(world) >= 1
    assert await acts(person) == [("items_stored", 1)]


async def test_i3_marks_of_the_others_go_while_one_store_is_away(
    world: World, one_store_away: Stores
) -> None:
    person = await world.resident()
    await put(person, world.control)
    await cut_off(person, "vitals")
    admin = await world.platform.connect(ADMIN, "moyai_control")
    await admin.execute("update personal.intent set begun_at = begun_at - interval '4 days'")
    await age_marks(world)
    await forget(world)
    assert await marks(world) == 0, "nothing waits for the store of C1"
    await sweep.forget_marks(world.control, one_store_away)  # which does not answer, and raises nothing
    await swept(world)
