"""Keeping items: each provider in its own organisation's store, found again by location, gone when deleted."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection, Pool, connect
from moyai.base.errors import Problem
from moyai.personal.locations import locations_of
from tests.conftest import Platform
from tests.personal.conftest import Person, World
from tests.personal.test_exchange import contents

STEPS = {"steps": 8123}


async def places(person: Person) -> list[tuple[str, str, str, int]]:
    async with person.world.control.connection() as conn:
        found = await locations_of(conn, person.made.key)
    return sorted((each.dataset_id, each.organization_id, each.component_id, each.items) for each in found)


async def store_dsn(control: Pool, platform: Platform, organization_id: str) -> str:
    """Where one organisation's store answers, as that organisation's own role."""
    async with control.connection() as conn:
        row = await conn.fetchrow(
            "select s.* from registry.store s join registry.organization o using (organization_key)"
            " where o.organization_id = $1",
            organization_id,
        )
    assert row is not None
    password = platform.home.box().open(f"store:{row['database']}", row["sealed_password"]).decode()
    return f"postgresql://{row['role']}:{password}@/{row['database']}?host={row['host']}&port={row['port']}"


async def store_of(world: World, organization_id: str) -> Connection:
    """A session on one organisation's store."""
    return await connect(await store_dsn(world.control, world.platform, organization_id))


async def test_location_names_holder_component_and_kind(world: World) -> None:
    person = await world.resident(items={"steps": STEPS, "vitals": {"weight_kg": 60}})
    assert await places(person) == [("steps", "c1", "undo-app", 1), ("vitals", "koiki", "kenko-app", 1)]


async def test_location_holds_no_content(world: World) -> None:
    person = await world.resident(items={"steps": {"steps": 70_717_071}})
    async with world.control.connection() as conn:
        rows = await conn.fetch("select * from personal.location where resident_key = $1", person.made.key)
    assert rows
    assert "70717071" not in str([tuple(row.values()) for row in rows])


async def test_deleted_item_is_not_shareable_and_its_location_is_gone(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    await person.put("steps", "item-2", {"steps": 2})
    await person.delete("steps", "item-1")
    assert await places(person) == [("steps", "c1", "undo-app", 1)]
    assert contents(await person.ask("steps")) == {"steps": [{"steps": 2}]}
    await person.delete("steps", "item-2")
    assert await places(person) == []
    assert contents(await person.ask("steps")) == {"steps": []}


async def test_replaced_item_counts_once(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    await person.put("steps", "item-1", {"steps": 1})
    assert await places(person) == [("steps", "c1", "undo-app", 1)]
    assert contents(await person.ask("steps")) == {"steps": [{"steps": 1}]}


async def test_deleting_what_is_not_there(world: World) -> None:
    person = await world.resident(items={"steps": STEPS})
    with pytest.raises(Problem, match="does_not_exist"):
        await person.delete("steps", "item-9")
    assert await places(person) == [("steps", "c1", "undo-app", 1)]


async def test_each_store_holds_its_own_organisations_items_only(world: World) -> None:
    person = await world.resident(items={"steps": STEPS, "vitals": {"weight_kg": 60}})
    held = {}
    for organization_id in ("c1", "koiki"):
        conn = await store_of(world, organization_id)
        rows = await conn.fetch(
            "select dataset_id from store.item where subject = any($1)", list(person.subjects.values())
        )
        held[organization_id] = [row["dataset_id"] for row in rows]
        await conn.raw.close()
    assert held == {"c1": ["steps"], "koiki": ["vitals"]}


async def test_store_knows_a_person_only_by_the_providers_subject(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    await person.ask("steps")
    conn = await store_of(world, "c1")
    rows = await conn.fetch(
        "select distinct subject from store.item where subject = any($1)", [*person.subjects.values()]
    )
    await conn.raw.close()
    assert [row["subject"] for row in rows] == [person.subjects["undo-app"]]
