"""SQL of the city data: entities keyed by tenant, id and type; lists in the order of creation."""

from __future__ import annotations

from typing import Any

from moyai.base.db import Connection, Record
from moyai.context.geo import Extent
from moyai.context.model import Attributes, Entity, StoredEntity
from moyai.context.query import EntityQuery


def _entity(row: Record) -> StoredEntity:
    attrs: dict[str, Any] = row["attrs"]
    return StoredEntity(
        id=row["id"],
        type=row["type"],
        attrs={name: attrs[name] for name in row["attr_names"]},
        organization_id=row["organization_id"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


async def find(conn: Connection, tenant: str, entity_id: str, entity_type: str | None) -> list[StoredEntity]:
    """The entities of that id, at most two: a second one already makes the id ambiguous."""
    rows = await conn.fetch(
        """
        select id, type, attrs, attr_names, organization_id, created_at, modified_at
          from context.entity
         where tenant = $1 and id = $2 and ($3::text is null or type = $3)
         limit 2
        """,
        tenant,
        entity_id,
        entity_type,
    )
    return [_entity(row) for row in rows]


async def lock(conn: Connection, tenant: str, entity_id: str, entity_type: str | None) -> list[StoredEntity]:
    """As `find`, holding the rows until the transaction ends."""
    rows = await conn.fetch(
        """
        select id, type, attrs, attr_names, organization_id, created_at, modified_at
          from context.entity
         where tenant = $1 and id = $2 and ($3::text is null or type = $3)
         order by type limit 2
           for update
        """,
        tenant,
        entity_id,
        entity_type,
    )
    return [_entity(row) for row in rows]


async def insert(
    conn: Connection, tenant: str, organization_id: str, entity: Entity, extent: Extent | None
) -> bool:
    """Create an entity; False if there is one of that id and type."""
    key = await conn.fetchval(
        """
        insert into context.entity (tenant, id, type, organization_id, attrs, attr_names, extent)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (tenant, id, type) do nothing
        returning entity_key
        """,
        tenant,
        entity.id,
        entity.type,
        organization_id,
        entity.attrs,
        list(entity.attrs),
        extent,
    )
    return key is not None


async def write(
    conn: Connection,
    tenant: str,
    entity_id: str,
    entity_type: str,
    attrs: Attributes,
    extent: Extent | None,
) -> None:
    """Give a locked entity its new attributes."""
    await conn.execute(
        """
        update context.entity
           set attrs = $4, attr_names = $5, extent = $6, modified_at = clock_timestamp()
         where tenant = $1 and id = $2 and type = $3
        """,
        tenant,
        entity_id,
        entity_type,
        attrs,
        list(attrs),
        extent,
    )


async def delete(conn: Connection, tenant: str, entity_id: str, entity_type: str) -> None:
    await conn.execute(
        "delete from context.entity where tenant = $1 and id = $2 and type = $3",
        tenant,
        entity_id,
        entity_type,
    )


async def page(conn: Connection, query: EntityQuery) -> list[StoredEntity]:
    """A page of entities. Skipped ones are counted off in an index, without touching their rows."""
    if query.ids:
        rows = await _page_by_id(conn, query)
    elif query.types:
        rows = await _page_by_type(conn, query)
    else:
        rows = await _page_of_all(conn, query)
    return [_entity(row) for row in rows]


async def _page_of_all(conn: Connection, query: EntityQuery) -> list[Record]:
    return await conn.fetch(
        """
        select e.id, e.type, e.attrs, e.attr_names, e.organization_id, e.created_at, e.modified_at
          from (select entity_key from context.entity
                 where tenant = $1 order by entity_key limit $2 offset $3) p
          join context.entity e on e.tenant = $1 and e.entity_key = p.entity_key
         order by e.entity_key
        """,
        query.tenant,
        query.limit,
        query.offset,
    )


async def _page_by_type(conn: Connection, query: EntityQuery) -> list[Record]:
    return await conn.fetch(
        """
        select e.id, e.type, e.attrs, e.attr_names, e.organization_id, e.created_at, e.modified_at
          from (select k.entity_key
                  from unnest($2::text[]) as wanted(type)
                 cross join lateral (select entity_key from context.entity
                                      where tenant = $1 and type = wanted.type
                                      order by entity_key limit $3::bigint + $4::bigint) k
                 order by k.entity_key limit $3::bigint offset $4::bigint) p
          join context.entity e on e.tenant = $1 and e.entity_key = p.entity_key
         order by e.entity_key
        """,
        query.tenant,
        list(query.types),
        query.limit,
        query.offset,
    )


async def _page_by_id(conn: Connection, query: EntityQuery) -> list[Record]:
    return await conn.fetch(
        """
        select id, type, attrs, attr_names, organization_id, created_at, modified_at
          from context.entity
         where tenant = $1 and id = any($2::text[]) and (cardinality($3::text[]) = 0 or type = any($3::text[]))
         order by entity_key limit $4 offset $5
        """,
        query.tenant,
        list(query.ids),
        list(query.types),
        query.limit,
        query.offset,
    )


async def count(conn: Connection, query: EntityQuery) -> int:
    """How many entities the query has in all: from the counters, or, where ids are named, by the primary key."""
    if query.ids:
        return await conn.fetchval(
            """
            select count(*) from context.entity
             where tenant = $1 and id = any($2::text[]) and (cardinality($3::text[]) = 0 or type = any($3::text[]))
            """,
            query.tenant,
            list(query.ids),
            list(query.types),
        )
    return await conn.fetchval(
        """
        select coalesce(sum(entities), 0)::bigint from context.entity_count
         where tenant = $1 and (cardinality($2::text[]) = 0 or type = any($2::text[]))
        """,
        query.tenant,
        list(query.types),
    )


async def put_many(
    conn: Connection, tenant: str, organization_id: str, rows: list[dict[str, Any]]
) -> list[Record]:
    """Create or replace many entities of one organisation at once.

    `rows`: {"id", "type", "attrs", "attr_names", "west", "south", "east", "north"}. Gives (id, type, outcome) of
    each, outcome being `created`, `updated`, `unchanged`, or `foreign` where another organisation owns it.
    """
    return await conn.fetch(
        """
        with given as (
            select * from jsonb_to_recordset($3::jsonb) as g(
                id text, type text, attrs jsonb, attr_names text[], west float8, south float8, east float8, north float8)
        ), written as (
            insert into context.entity as e (tenant, id, type, organization_id, attrs, attr_names, extent)
            select $1, id, type, $2, attrs, attr_names,
                   case when west is not null then box(point(west, south), point(east, north)) end
              from given
                on conflict (tenant, id, type) do update
               set attrs = excluded.attrs, attr_names = excluded.attr_names, extent = excluded.extent,
                   modified_at = clock_timestamp()
             where e.organization_id = excluded.organization_id
               and (e.attrs, e.attr_names) is distinct from (excluded.attrs, excluded.attr_names)
            returning e.id, e.type, e.xmax = 0 as created
        )
        select g.id, g.type,
               case when w.created then 'created' when w.id is not null then 'updated'
                    when e.organization_id = $2 then 'unchanged' else 'foreign' end as outcome
          from given g
          left join written w using (id, type)
          left join context.entity e on e.tenant = $1 and e.id = g.id and e.type = g.type
        """,
        tenant,
        organization_id,
        rows,
    )


async def types(conn: Connection, tenant: str) -> list[tuple[str, int]]:
    """The types that a tenant has entities of, in alphabetical order, with their numbers."""
    rows = await conn.fetch(
        """
        select type, sum(entities)::bigint as entities from context.entity_count
         where tenant = $1 group by type having sum(entities) > 0 order by type
        """,
        tenant,
    )
    return [(row["type"], row["entities"]) for row in rows]
