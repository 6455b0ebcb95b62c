"""City data under concurrent writers, and as it grows: nothing is lost, nothing is scanned. Real commits."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from moyai.base.db import Connection
from moyai.base.roles import OWNER, SERVE, context_database
from moyai.context import actions, places
from moyai.context.errors import NgsiError
from moyai.context.geo import extent_of
from moyai.context.model import Author, Entity, read_changes, read_entity
from moyai.context.places import Wanted
from moyai.context.query import EntityQuery

AUTHOR = Author("c1")


def _entity(number: int, kind: str = "Room") -> Entity:
    location = {"type": "geo:point", "value": f"34.{number % 1000:03}, 134.{number % 997:03}"}
    body = {"id": f"e{number}", "type": kind, "n": {"value": number}, "location": location}
    return read_entity(body)


@pytest.fixture
async def database(fresh_platform: Any) -> Any:
    return await fresh_platform.pool(SERVE, context_database(fresh_platform.home))


async def test_updates_of_different_attributes_at_once_both_stay(database: Any) -> None:
    async with database.transaction() as conn:
        await actions.create(conn, AUTHOR, read_entity({"id": "a", "type": "T"}))

    async def add(number: int) -> None:
        async with database.transaction() as conn:
            changes = read_changes({f"x{number}": {"value": number}})
            await actions.append(conn, AUTHOR, "a", None, changes)

    await asyncio.gather(*(add(number) for number in range(20)))
    async with database.connection() as conn:
        entity = await actions.get(conn, "", "a", None)
    assert sorted(entity.attrs) == sorted(f"x{number}" for number in range(20))


async def test_of_two_creations_at_once_one_is_refused(database: Any) -> None:
    async def create() -> str:
        try:
            async with database.transaction() as conn:
                await actions.create(conn, AUTHOR, _entity(1))
        except NgsiError as error:
            return error.kind.error
        return "created"

    outcomes = await asyncio.gather(*(create() for _ in range(8)))
    assert sorted(outcomes) == ["Unprocessable"] * 7 + ["created"]
    async with database.connection() as conn:
        assert await actions.count(conn, EntityQuery()) == 1


async def test_counters_agree_with_the_rows_after_concurrent_writes(database: Any) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as conn:
            await actions.create(conn, AUTHOR, _entity(number, "Even" if number % 2 == 0 else "Odd"))
        if number % 3 == 0:
            async with database.transaction() as conn:
                await actions.delete(conn, AUTHOR, f"e{number}", None)

    await asyncio.gather(*(write(number) for number in range(60)))
    async with database.connection() as conn:
        assert await actions.types(conn, "") == [("Even", 20), ("Odd", 20)]
        rows = await conn.fetchval("select count(*) from context.entity")
        assert await actions.count(conn, EntityQuery()) == rows == 40


async def test_no_question_scans_the_table(fresh_platform: Any) -> None:
    database = context_database(fresh_platform.home)
    conn: Connection = await fresh_platform.connect(SERVE, database)
    for begin in range(0, 20_000, 2_000):
        batch = [_entity(number, f"Type{number % 10}") for number in range(begin, begin + 2_000)]
        await actions.put_many(conn, AUTHOR, batch)
    owner = await fresh_platform.connect(OWNER, database)
    await owner.execute("vacuum analyze context.entity")

    async def scans() -> tuple[int, int]:
        await conn.execute("select pg_stat_force_next_flush()")
        row = await owner.fetchrow(
            "select seq_scan, idx_scan from pg_stat_user_tables where relid = 'context.entity'::regclass"
        )
        assert row is not None
        return row["seq_scan"], row["idx_scan"]

    before = await scans()
    wanted = [Wanted("Type3"), Wanted("Type4", "flood")]
    assert len(await actions.find(conn, EntityQuery(offset=15_000))) == 20
    assert len(await actions.find(conn, EntityQuery(types=("Type3", "Type4"), limit=1000))) == 1000
    assert len(await actions.find(conn, EntityQuery(ids=("e1", "e2")))) == 2
    assert await actions.count(conn, EntityQuery(types=("Type3",))) == 2_000
    assert len(await actions.types(conn, "")) == 10
    assert len(await places.page(conn, wanted, 50, 100)) == 50
    assert len((await places.dots(conn, wanted))["Type3"]) == 2_000
    assert await places.total(conn, wanted) == 2_000
    await actions.append(conn, AUTHOR, "e7", None, read_changes({"x": {"value": 1}}))
    near = await conn.fetchval(
        "select count(*) from context.entity where extent && box(point(134.1, 34.1), point(134.11, 34.11))"
    )
    assert near > 0
    after = await scans()
    assert after[0] == before[0]
    assert after[1] > before[1]


async def test_counters_are_not_the_processes_to_write(context: Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with context.transaction():
            await context.execute("update context.entity_count set entities = 0")


@pytest.mark.parametrize(
    ("attribute", "extent"),
    [
        ({"type": "geo:point", "value": "34.3, 134.0"}, ((134.0, 34.3), (134.0, 34.3))),
        ({"type": "geo:box", "value": ["34.0, 133.9", "34.5, 134.2"]}, ((133.9, 34.0), (134.2, 34.5))),
        (
            {"type": "geo:json", "value": {"type": "LineString", "coordinates": [[1, 2], [3, 0, 9]]}},
            ((1.0, 0.0), (3.0, 2.0)),
        ),
        (
            {
                "type": "geo:json",
                "value": {"type": "Feature", "geometry": {"type": "Point", "coordinates": [134, 34]}},
            },
            ((134.0, 34.0), (134.0, 34.0)),
        ),
        ({"type": "geo:json", "value": None}, None),
        ({"type": "Text", "value": "34.3, 134.0"}, None),
    ],
)
def test_the_extent_of_a_location(attribute: dict[str, Any], extent: Any) -> None:
    assert extent_of({"where": {**attribute, "metadata": {}}}) == extent
