"""SQL of acts that wait for a second person."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.registry.resting import Entry

After = tuple[datetime | None, datetime, UUID]
"""Where a page begins: after what takes effect (or ended) at this time, was asked for at that one, and has this id."""


async def insert(
    conn: Connection,
    pending_id: UUID,
    act: str,
    thing_id: str,
    body: dict[str, Any],
    hashes: tuple[bytes, bytes],
    rests_on: list[Entry],
    fields: list[str],
    organization_id: str | None,
    asked_by: str,
    first: tuple[str | None, str | None, str | None],
    hours: int | None,
) -> None:
    """`hashes` are those of the body and of what it refers to; `first` is account, number and organisation. No `hours`: no
    time brings it about yet."""
    await conn.execute(
        """
        insert into registry.pending
               (pending_id, act, thing_id, body, body_sha256, base_sha256, fields, organization_id, asked_by,
                first_staff_id, first_staff_number, first_organization, rests_on, due_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                clock_timestamp() + make_interval(hours => $14))
        """,
        pending_id,
        act,
        thing_id,
        body,
        hashes[0],
        hashes[1],
        fields,
        organization_id,
        asked_by,
        first[0],
        first[1],
        first[2],
        msgspec.to_builtins(rests_on),
        hours,
    )


async def same(
    conn: Connection, act: str, thing_id: str, body_sha256: bytes, base_sha256: bytes, rests_on: list[Entry]
) -> UUID | None:
    """The act that waits already, if it is exactly this one, read against the same entries."""
    return await conn.fetchval(
        """
        select pending_id from registry.pending
         where state = 'waiting' and act = $1 and thing_id = $2 and body_sha256 = $3 and base_sha256 = $4
           and rests_on = $5
        """,
        act,
        thing_id,
        body_sha256,
        base_sha256,
        msgspec.to_builtins(rests_on),
    )


async def held(conn: Connection, pending_id: UUID) -> Record | None:
    """One act, locked until the caller's transaction ends."""
    return await conn.fetchrow(
        """
        select pending_id, act, thing_id, body, body_sha256, base_sha256, fields, organization_id, asked_by,
               first_staff_id, first_staff_number, first_organization, asked_at, state, ended_at, ended_by, way, rests_on, failing,
               case when first_staff_id is not null or asked_by like 'staff:%' then due_at end as takes_effect_at
          from registry.pending where pending_id = $1 for update
        """,
        pending_id,
    )


async def waiting_page(
    conn: Connection,
    organization_id: str | None,
    acts: list[str] | None,
    after: After | None,
    limit: int,
) -> list[Record]:
    """What waits, what takes effect soonest first. With an organisation, only what it has a word in."""
    at, asked_at, pending_id = after or (None, None, None)
    return await conn.fetch(
        """
        select p.*
          from (select pending_id, act, thing_id, body, body_sha256, base_sha256, rests_on, failing, fields, organization_id, asked_by, first_staff_id,
                       asked_at, state, ended_at, ended_by, way,
                       case when first_staff_id is not null or asked_by like 'staff:%' then due_at end
                           as takes_effect_at
                  from registry.pending
                 where state = 'waiting' and ($1::text is null or organization_id = $1)
                   and ($2::text[] is null or act = any($2))) p
         where $5::uuid is null
            or (coalesce(p.takes_effect_at, 'infinity'), p.asked_at, p.pending_id)
               > (coalesce($3::timestamptz, 'infinity'), $4::timestamptz, $5)
         order by coalesce(p.takes_effect_at, 'infinity'), p.asked_at, p.pending_id limit $6
        """,
        organization_id,
        acts,
        at,
        asked_at,
        pending_id,
        limit,
    )


async def ended_page(
    conn: Connection, organization_id: str | None, after: After | None, limit: int
) -> list[Record]:
    """What ended, newest first. With an organisation, only what it had a word in."""
    at, _, pending_id = after or (None, None, None)
    return await conn.fetch(
        """
        select pending_id, act, thing_id, body, body_sha256, base_sha256, rests_on, failing, fields, organization_id, asked_by,
               first_staff_id,
               asked_at, state, ended_at, ended_by, way, null::timestamptz as takes_effect_at
          from registry.pending
         where state <> 'waiting' and ($1::text is null or organization_id = $1)
           and ($3::uuid is null or (ended_at, pending_id) < ($2::timestamptz, $3))
         order by ended_at desc, pending_id desc limit $4
        """,
        organization_id,
        at,
        pending_id,
        limit,
    )


async def counts(conn: Connection, organization_id: str | None, acts: list[str] | None) -> list[Record]:
    """How much waits, by act; `timed` of it takes effect at a time that is set."""
    return await conn.fetch(
        """
        select act, count(*) as waiting,
               count(*) filter (where first_staff_id is not null or asked_by like 'staff:%') as timed
          from registry.pending
         where state = 'waiting' and ($1::text is null or organization_id = $1)
           and ($2::text[] is null or act = any($2))
         group by act
        """,
        organization_id,
        acts,
    )


async def waiting_of(conn: Connection, actor: str, staff_id: str | None) -> int:
    """How much waits that this actor asked for, or stands for as the first of two."""
    return await conn.fetchval(
        """
        select count(*) from registry.pending
         where state = 'waiting' and (asked_by = $1 or first_staff_id = $2)
        """,
        actor,
        staff_id,
    )


async def due(conn: Connection) -> list[UUID]:
    """What has waited its hours and a person stands for, or asked for. A program or a file is nobody, however long."""
    rows = await conn.fetch(
        """
        select pending_id from registry.pending
         where state = 'waiting' and due_at <= clock_timestamp()
           and (try_at is null or try_at <= clock_timestamp())
           and (first_staff_id is not null or asked_by like 'staff:%') order by due_at
        """
    )
    return [row["pending_id"] for row in rows]


async def put_off(conn: Connection, pending_id: UUID, why: str) -> None:
    """It could not be carried out: it is tried again later, each time after twice as long, up to an hour."""
    await conn.execute(
        """
        update registry.pending
           set failures = failures + 1, failing = $2,
               try_at = clock_timestamp() + least(interval '20 seconds' * power(2, least(failures, 10)), interval '1 hour')
         where pending_id = $1 and state = 'waiting'
        """,
        pending_id,
        why,
    )


async def waiting(conn: Connection) -> list[UUID]:
    rows = await conn.fetch(
        "select pending_id from registry.pending where state = 'waiting' order by pending_id"
    )
    return [row["pending_id"] for row in rows]


async def asked_by(conn: Connection, actor: str, staff_id: str | None) -> list[UUID]:
    """What waits because this actor asked for it, or stands for it as the first of two."""
    rows = await conn.fetch(
        """
        select pending_id from registry.pending
         where state = 'waiting' and (asked_by = $1 or first_staff_id = $2) order by pending_id
        """,
        actor,
        staff_id,
    )
    return [row["pending_id"] for row in rows]


async def stand_first(
    conn: Connection, pending_id: UUID, staff_id: str, staff_number: str, organization_id: str, hours: int
) -> None:
    """A person stands for it: from now on its hours run."""
    await conn.execute(
        """
        update registry.pending
           set first_staff_id = $2, first_staff_number = $3, first_organization = $4,
               due_at = clock_timestamp() + make_interval(hours => $5)
         where pending_id = $1
        """,
        pending_id,
        staff_id,
        staff_number,
        organization_id,
        hours,
    )


async def end(conn: Connection, pending_id: UUID, state: str, by: str, way: str) -> None:
    await conn.execute(
        """
        update registry.pending
           set state = $2, ended_at = clock_timestamp(), ended_by = $3, way = $4
         where pending_id = $1 and state = 'waiting'
        """,
        pending_id,
        state,
        by,
        way,
    )
