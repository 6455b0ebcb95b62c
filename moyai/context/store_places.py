"""SQL of places on a map: entities of the common tenant with a location, chosen by type and kind of disaster."""

from __future__ import annotations

from collections.abc import Sequence

from moyai.base.db import Connection, Record


async def dots(
    conn: Connection, types: Sequence[str], disasters: Sequence[str | None], limit: int
) -> list[Record]:
    """(type, longitude, latitude) of at most `limit` places of each type; a disaster of None takes all of its type."""
    return await conn.fetch(
        """
        select wanted.type, e.longitude, e.latitude
          from unnest($1::text[], $2::text[]) as wanted(type, disaster)
         cross join lateral (
               select (center(extent))[0] as longitude, (center(extent))[1] as latitude
                 from context.entity
                where tenant = '' and type = wanted.type and extent is not null
                  and (wanted.disaster is null
                       or attrs -> 'disasterTypes' -> 'value' @> to_jsonb(array[wanted.disaster]))
                order by entity_key limit $3) e
        """,
        list(types),
        list(disasters),
        limit,
    )


async def page(
    conn: Connection, types: Sequence[str], disasters: Sequence[str | None], limit: int, offset: int
) -> list[Record]:
    """(id, type, attrs) of a page of places: type after type in the order given, each in the order of creation."""
    return await conn.fetch(
        """
        select e.id, wanted.type, e.attrs
          from unnest($1::text[], $2::text[]) with ordinality as wanted(type, disaster, position)
         cross join lateral (
               select id, attrs, entity_key
                 from context.entity
                where tenant = '' and type = wanted.type
                  and (wanted.disaster is null
                       or attrs -> 'disasterTypes' -> 'value' @> to_jsonb(array[wanted.disaster]))
                order by entity_key limit $3::bigint + $4::bigint) e
         order by wanted.position, e.entity_key
         limit $3::bigint offset $4::bigint
        """,
        list(types),
        list(disasters),
        limit,
        offset,
    )


async def total(conn: Connection, types: Sequence[str], disasters: Sequence[str | None]) -> int:
    """How many places there are; counters answer where no disaster is asked for."""
    return await conn.fetchval(
        """
        select coalesce(sum(n), 0)::bigint
          from unnest($1::text[], $2::text[]) as wanted(type, disaster)
         cross join lateral (
               select case when wanted.disaster is null
                           then (select sum(entities) from context.entity_count
                                  where tenant = '' and type = wanted.type)
                           else (select count(*) from context.entity
                                  where tenant = '' and type = wanted.type
                                    and attrs -> 'disasterTypes' -> 'value' @> to_jsonb(array[wanted.disaster]))
                      end as n) counted
        """,
        list(types),
        list(disasters),
    )


async def outlines(conn: Connection, entity_type: str, limit: int) -> list[Record]:
    """(attrs) of the outlines of municipalities."""
    return await conn.fetch(
        """
        select attrs from context.entity
         where tenant = '' and type = $1 order by entity_key limit $2
        """,
        entity_type,
        limit,
    )
