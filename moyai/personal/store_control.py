"""SQL on the control database: locations and intents. Schema `personal`."""

from __future__ import annotations

from collections.abc import Sequence

from moyai.base.db import Connection, Record


async def begin_intent(
    conn: Connection, intent_id: str, resident_key: int, dataset_key: int, component_key: int, store_key: int
) -> None:
    await conn.execute(
        """
        insert into personal.intent (intent_id, resident_key, dataset_key, component_key, store_key)
        values ($1::text::uuid, $2, $3, $4, $5)
        """,
        intent_id,
        resident_key,
        dataset_key,
        component_key,
        store_key,
    )


async def end_intent(conn: Connection, intent_id: str) -> Record | None:
    """Take an intent off the list, once: whoever gets the row applies it to the location."""
    return await conn.fetchrow(
        """
        delete from personal.intent where intent_id = $1::text::uuid
        returning resident_key, dataset_key, component_key, store_key
        """,
        intent_id,
    )


async def old_intents(conn: Connection, limit: int, but: list[str]) -> list[Record]:
    """Writes that should long be settled, but these: of each store the oldest in turn, so that none fills the round."""
    return await conn.fetch(
        """
        select intent_id::text, resident_key, dataset_key, component_key, store_key
          from personal.intent
         where begun_at < clock_timestamp() - interval '2 minutes' and intent_id <> all($2::text[]::uuid[])
         order by row_number() over (partition by store_key order by begun_at, intent_id), begun_at limit $1
        """,
        limit,
        but,
    )


async def waiting_since_yesterday(conn: Connection) -> list[int]:
    """Stores for which a write waits to be settled for more than a day: they have been away that long."""
    rows = await conn.fetch(
        """
        select distinct store_key from personal.intent where begun_at < clock_timestamp() - interval '1 day'
        """
    )
    return [row["store_key"] for row in rows]


async def intents_of(conn: Connection, resident_key: int) -> list[Record]:
    return await conn.fetch(
        "select intent_id::text from personal.intent where resident_key = $1", resident_key
    )


async def intents_at(conn: Connection, store_key: int) -> list[str]:
    """Writes to one store that are not settled yet."""
    rows = await conn.fetch("select intent_id::text from personal.intent where store_key = $1", store_key)
    return [row["intent_id"] for row in rows]


async def located_at(conn: Connection, store_key: int) -> list[Record]:
    """(resident_key, dataset_key, component_key, items) of what is said to lie in one store."""
    return await conn.fetch(
        "select resident_key, dataset_key, component_key, items from personal.location where store_key = $1 and items > 0",
        store_key,
    )


async def locate_anew(
    conn: Connection,
    store_key: int,
    component_keys: Sequence[int],
    found: Sequence[tuple[int, int, int, int]],
    settled: Sequence[str],
) -> None:
    """What lies in a store of these components: (resident_key, dataset_key, component_key, items), and nothing else.

    `settled` are writes that are counted in it. They go first: whoever is just settling one waits, and finds it gone.
    """
    await conn.execute("delete from personal.intent where intent_id::text = any($1::text[])", list(settled))
    await conn.execute(
        "delete from personal.location where component_key = any($1::int[])", list(component_keys)
    )
    await conn.execute(
        """
        insert into personal.location (resident_key, dataset_key, component_key, store_key, items)
        select resident_key, dataset_key, component_key, $1, items
          from unnest($2::bigint[], $3::int[], $4::int[], $5::int[])
               as found (resident_key, dataset_key, component_key, items)
        """,
        store_key,
        *([one[n] for one in found] for n in range(4)),
    )


async def add_to_location(
    conn: Connection, resident_key: int, dataset_key: int, component_key: int, store_key: int, added: int
) -> None:
    await conn.execute(
        """
        insert into personal.location (resident_key, dataset_key, component_key, store_key, items)
        values ($1, $2, $3, $4, greatest($5::int, 0))
        on conflict (resident_key, dataset_key, component_key) do update
           set items = greatest(personal.location.items + $5::int, 0), store_key = excluded.store_key,
               updated_at = clock_timestamp()
        """,
        resident_key,
        dataset_key,
        component_key,
        store_key,
        added,
    )


async def drop_empty_location(
    conn: Connection, resident_key: int, dataset_key: int, component_key: int
) -> None:
    """Deleted data has no location (R-006)."""
    await conn.execute(
        """
        delete from personal.location
         where resident_key = $1 and dataset_key = $2 and component_key = $3 and items = 0
        """,
        resident_key,
        dataset_key,
        component_key,
    )


async def locations(conn: Connection, resident_key: int) -> list[Record]:
    return await conn.fetch(
        """
        select dataset_key, component_key, store_key, items, updated_at
          from personal.location where resident_key = $1 order by dataset_key, component_key
        """,
        resident_key,
    )


async def delete_locations(conn: Connection, resident_key: int) -> None:
    """Intents first: a write that is just being settled adds its location before it lets go of its intent."""
    await conn.execute("delete from personal.intent where resident_key = $1", resident_key)
    await conn.execute("delete from personal.location where resident_key = $1", resident_key)
