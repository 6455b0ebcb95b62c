"""SQL of entries and their contents. What orders and signs them is in `store_log`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from moyai.base.db import Connection, Record


async def add(
    conn: Connection,
    entry_id: UUID,
    kind: int,
    actor_and_at: str,
    rest: str,
    resident_key: int,
    salt: bytes,
    at: datetime | None,
) -> None:
    """Write an entry at the database's time; body and leaf are put together here, because they name that time.

    The body is `actor_and_at`, the time as RFC 3339 with milliseconds, and `rest`.
    """
    await conn.execute(
        """
        with moment as materialized (
            select date_trunc('milliseconds', coalesce($7::timestamptz, clock_timestamp())) as at
        ), made as materialized (
            select at, (extract(epoch from at) * 1000)::bigint as ms,
                   $3::text || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || $4::text as body
              from moment
        ), entry as (
            insert into ledger.entry (entry_id, leaf)
            select $1::uuid,
                   set_byte('\\x0100'::bytea, 1, $2::int) || int8send(ms) || uuid_send($1::uuid)
                       || sha256(convert_to(E'moyai-commitment-v1\\n', 'UTF8') || $6::bytea
                                 || convert_to(body, 'UTF8'))
              from made
        )
        insert into ledger.content (resident_key, entry_id, kind, at, salt, body)
        select $5::bigint, $1::uuid, $2::int, at, $6::bytea, body from made
        """,
        entry_id,
        kind,
        actor_and_at,
        rest,
        resident_key,
        salt,
        at,
    )


async def one(conn: Connection, entry_id: UUID) -> Record | None:
    """The leaf of an entry, its index if it has one, its content if that was not erased."""
    return await conn.fetchrow(
        """
        select e.entry_id, e.leaf, s.index, c.resident_key, c.kind, c.at, c.salt, c.body
          from ledger.entry e
          left join ledger.sequence s using (entry_id)
          left join ledger.content c using (entry_id)
         where e.entry_id = $1
        """,
        entry_id,
    )


async def of_resident(
    conn: Connection,
    resident_key: int,
    kinds: Sequence[int] | None,
    before_at: datetime | None,
    before_id: UUID | None,
    limit: int,
) -> list[Record]:
    """Contents that concern one resident, newest first, older than a given one."""
    return await conn.fetch(
        """
        select c.entry_id, e.leaf, s.index, c.resident_key, c.kind, c.at, c.salt, c.body
          from ledger.content c
          join ledger.entry e using (entry_id)
          left join ledger.sequence s using (entry_id)
         where c.resident_key = $1
           and ($2::int[] is null or c.kind = any ($2))
           and ($3::timestamptz is null or (c.at, c.entry_id) < ($3, $4::uuid))
         order by c.at desc, c.entry_id desc
         limit $5
        """,
        resident_key,
        kinds,
        before_at,
        before_id,
        limit,
    )


async def recorded_since(
    conn: Connection, named: str, kinds: Sequence[int], at: datetime, noun: str | None
) -> bool:
    """Whether an act of these kinds that concerns no resident names this id (and this noun), at or after a time."""
    return await conn.fetchval(
        """
        select exists (
            select from ledger.content c
             where c.resident_key = 0 and c.at >= $3 and c.kind = any ($2)
               and $1 in (select value from jsonb_each_text(c.body::jsonb -> 'detail'))
               and ($4::text is null or c.body::jsonb -> 'detail' ->> 'noun' = $4))
        """,
        named,
        kinds,
        at,
        noun,
    )


async def deletions_since(conn: Connection, kind: int, at: datetime) -> list[Record]:
    """(resident_key, component_id, dataset_id) of which an act of this kind is on record, at or after a time."""
    return await conn.fetch(
        """
        select distinct c.resident_key, c.body::jsonb -> 'detail' ->> 'provider' as component_id,
               c.body::jsonb -> 'detail' ->> 'dataset' as dataset_id
          from ledger.content c where c.kind = $1 and c.at >= $2
        """,
        kind,
        at,
    )


async def done_to_since(conn: Connection, resident_key: int, kinds: Sequence[int], at: datetime) -> bool:
    """Whether an act of these kinds concerns this resident, at or after a time."""
    return await conn.fetchval(
        """
        select exists (select from ledger.content c
                        where c.resident_key = $1 and c.at >= $3 and c.kind = any ($2))
        """,
        resident_key,
        kinds,
        at,
    )


async def last_actor(conn: Connection, noun: str, named: str, kinds: Sequence[int]) -> str | None:
    """Who did the newest act of these kinds upon what bears this id, where it concerns no resident."""
    return await conn.fetchval(
        """
        select c.body::jsonb ->> 'actor' from ledger.content c
         where c.resident_key = 0 and c.kind = any ($3)
           and coalesce(c.body::jsonb -> 'detail' ->> 'noun', $1) = $1
           and $2 in (c.body::jsonb -> 'detail' ->> 'id', c.body::jsonb -> 'detail' ->> 'staff_id')
         order by c.at desc, c.entry_id desc limit 1
        """,
        noun,
        named,
        kinds,
    )


async def newest(
    conn: Connection, kinds: Sequence[int] | None, before: int | None, limit: int
) -> list[Record]:
    """Contents of integrated entries, whomever they concern, in the log's order, newest first."""
    return await conn.fetch(
        """
        select e.entry_id, e.leaf, s.index, c.resident_key, c.kind, c.at, c.salt, c.body
          from ledger.sequence s
          join ledger.entry e using (entry_id)
          join ledger.content c using (entry_id)
         where ($1::int[] is null or c.kind = any ($1))
           and ($2::bigint is null or s.index < $2)
         order by s.index desc
         limit $3
        """,
        kinds,
        before,
        limit,
    )


async def erase(conn: Connection, resident_key: int) -> int:
    """Delete contents, salts and digests of answers; entries and their commitments stay."""
    return await conn.fetchval(
        """
        with gone as (delete from ledger.content where resident_key = $1 returning entry_id),
             forgotten as (delete from ledger.idempotency where resident_key = $1)
        select count(*) from gone
        """,
        resident_key,
    )


async def mismatched(conn: Connection, after: int, limit: int) -> list[Record]:
    """Integrated entries from index `after` on whose content is not what was committed to, in any column."""
    return await conn.fetch(
        """
        select s.index, s.entry_id
          from ledger.sequence s
          join ledger.entry e using (entry_id)
          join ledger.content c using (entry_id)
         where s.index >= $1 and s.index < $1 + $2
           and (substr(e.leaf, 27) <> sha256(convert_to(E'moyai-commitment-v1\\n', 'UTF8') || c.salt
                                             || convert_to(c.body, 'UTF8'))
                or c.kind <> get_byte(e.leaf, 1)
                or (extract(epoch from date_trunc('milliseconds', c.at)) * 1000)::numeric
                   <> ('x' || encode(substr(e.leaf, 3, 8), 'hex'))::bit(64)::bigint
                -- canonical JSON: `resident` is the last member, and left out where there is none
                or c.resident_key <> coalesce(substring(c.body from ',"resident":([0-9]{1,18})}$')::bigint, 0))
         order by s.index
        """,
        after,
        limit,
    )


async def daily(conn: Connection, since: date, until: date, kinds: Sequence[int] | None) -> list[Record]:
    return await conn.fetch(
        """
        select day, kind, provider_component_id, consumer_component_id, code, entries, items
          from ledger.daily
         where day between $1 and $2 and ($3::int[] is null or kind = any ($3))
         order by day desc, kind, provider_component_id, consumer_component_id, code
        """,
        since,
        until,
        kinds,
    )


async def remembered(conn: Connection, component_key: int, key_hash: bytes) -> Record | None:
    return await conn.fetchrow(
        """
        select i.entry_id, i.request_hash, i.answer_digest, e.leaf
          from ledger.idempotency i
          join ledger.entry e using (entry_id)
         where i.component_key = $1 and i.key_hash = $2
        """,
        component_key,
        key_hash,
    )


async def remember(conn: Connection, *values: Any) -> None:
    """component_key, key_hash, request_hash, entry_id, resident_key, answer_digest."""
    await conn.execute(
        """
        insert into ledger.idempotency
            (component_key, key_hash, request_hash, entry_id, resident_key, answer_digest)
        values ($1, $2, $3, $4, $5, $6)
        """,
        *values,
    )


async def forget_keys(conn: Connection, seconds: float) -> None:
    await conn.execute(
        "delete from ledger.idempotency where created_at < clock_timestamp() - make_interval(secs => $1)",
        seconds,
    )
