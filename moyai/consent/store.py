"""SQL of what residents decided: memberships, states and their history, acts. One statement per function."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.consent.model import Act, LinkState, Membership, NewState, State


async def lock_resident(conn: Connection, resident_key: int) -> datetime:
    """Let one act of a resident wait for the other, and give the time it may say it was done at.

    Without the lock, the later of two acts could carry the earlier time, and history would contradict the state.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('consent', $1))", resident_key)
    return await conn.fetchval("select clock_timestamp()")


async def now(conn: Connection) -> datetime:
    return await conn.fetchval("select clock_timestamp()")


async def add_to_history(
    conn: Connection,
    resident_key: int,
    decided: Sequence[NewState],
    *,
    act_id: UUID,
    since: datetime,
) -> None:
    """Append what an act decided, one row per link, with the version of the link that was read. Rows never change."""
    await conn.execute(
        """
        insert into consent.history (resident_key, link_key, since, state, act_id, expires_at, aal, version_key,
                                     declined_version_key)
        select $1, link_key, $2, state, $3, expires_at, aal, version_key, declined_version_key
          from unnest($4::int[], $5::smallint[], $6::timestamptz[], $7::smallint[], $8::int[], $9::int[])
               as decided(link_key, state, expires_at, aal, version_key, declined_version_key)
        """,
        resident_key,
        since,
        act_id,
        [one.link_key for one in decided],
        [int(one.state) for one in decided],
        [one.expires_at for one in decided],
        [one.aal for one in decided],
        [one.version_key for one in decided],
        [one.declined_version_key for one in decided],
    )


async def put_in_force(conn: Connection, resident_key: int, act_id: UUID, since: datetime) -> None:
    """Make what an act decided (and the history has) the state of its links."""
    await conn.execute(
        """
        insert into consent.state (resident_key, link_key, state, act_id, since, expires_at, aal, version_key,
                                   declined_version_key)
        select resident_key, link_key, state, act_id, since, expires_at, aal, version_key, declined_version_key
          from consent.history
         where resident_key = $1 and act_id = $2 and since = $3
        on conflict (resident_key, link_key) do update
           set state = excluded.state, act_id = excluded.act_id, since = excluded.since,
               expires_at = excluded.expires_at, aal = excluded.aal, version_key = excluded.version_key,
               declined_version_key = excluded.declined_version_key
        """,
        resident_key,
        act_id,
        since,
    )


def _link_state(row: Record) -> LinkState:
    return LinkState(
        link_key=row["link_key"],
        state=State(row["state"]),
        act_id=row["act_id"],
        since=row["since"],
        expires_at=row["expires_at"],
        in_force=row["in_force"],
        outdated=row["outdated"],
        version_key=row["version_key"],
        version=row["version"],
        items=tuple(row["items"] or ()),
        aal=row["aal"],
        declined_version_key=row["declined_version_key"],
        declined=tuple(row["declined"] or ()),
    )


async def states_of(conn: Connection, resident_key: int) -> dict[int, LinkState]:
    """All links that the resident was ever asked about, by link_key, as they stand now."""
    rows = await conn.fetch(
        """
        select k.link_key, k.state, k.act_id, k.since, k.expires_at, k.aal, k.declined_version_key,
               k.state = 1 and (k.expires_at is null or k.expires_at > clock_timestamp()) as in_force,
               k.state = 1 and v.items is null as outdated, v.version_key, v.version, v.items,
               w.items as declined
          from consent.state k
          left join registry.version_standing v on v.version_key = k.version_key and v.link_key = k.link_key
          left join registry.version_standing w
            on w.version_key = k.declined_version_key and w.link_key = k.link_key
         where k.resident_key = $1
        """,
        resident_key,
    )
    return {row["link_key"]: _link_state(row) for row in rows}


async def state_as_of(conn: Connection, resident_key: int, link_key: int, at: datetime) -> LinkState | None:
    row = await conn.fetchrow(
        """
        select link_key, state, act_id, since, expires_at,
               state = 1 and (expires_at is null or expires_at > $3) as in_force, false as outdated,
               null::int as version_key, null::int as version, null::text[] as items, aal,
               declined_version_key, null::text[] as declined
          from consent.history
         where resident_key = $1 and link_key = $2 and since <= $3
         order by since desc
         limit 1
        """,
        resident_key,
        link_key,
        at,
    )
    return _link_state(row) if row else None


async def insert_act(
    conn: Connection,
    resident_key: int,
    act: Act,
) -> None:
    await conn.execute(
        """
        insert into consent.act (act_id, resident_key, service_key, kind, presentation_id, sha256, content, receipt,
                                 client_id, acted_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        act.act_id,
        resident_key,
        act.service_key,
        act.kind,
        act.presentation_id,
        bytes.fromhex(act.sha256) if act.sha256 else None,
        act.content,
        act.receipt,
        act.client_id,
        act.acted_at,
    )


def _act(row: Record) -> Act:
    return Act(
        act_id=row["act_id"],
        service_key=row["service_key"],
        kind=row["kind"],
        presentation_id=row["presentation_id"],
        sha256=row["sha256"].hex() if row["sha256"] else None,
        content=row["content"],
        receipt=row["receipt"],
        client_id=row["client_id"],
        acted_at=row["acted_at"],
    )


async def act(conn: Connection, resident_key: int, act_id: UUID) -> Act | None:
    row = await conn.fetchrow(
        """
        select act_id, service_key, kind, presentation_id, sha256, content, receipt, client_id, acted_at
          from consent.act
         where resident_key = $1 and act_id = $2
        """,
        resident_key,
        act_id,
    )
    return _act(row) if row else None


async def last_act(conn: Connection, resident_key: int, service_key: int) -> Act | None:
    """The resident's latest decision or withdrawal about a service."""
    row = await conn.fetchrow(
        """
        select act_id, service_key, kind, presentation_id, sha256, content, receipt, client_id, acted_at
          from consent.act
         where resident_key = $1 and service_key = $2 and kind in ('decide', 'withdraw')
         order by acted_at desc
         limit 1
        """,
        resident_key,
        service_key,
    )
    return _act(row) if row else None


async def memberships(conn: Connection, resident_key: int) -> dict[int, Membership]:
    """The services that the resident uses now, by service_key."""
    rows = await conn.fetch(
        """
        select m.service_key, m.service_terms_key, m.platform_terms_key, m.accepted_at,
               s.until as service_terms_until, p.until as platform_terms_until,
               coalesce(least(s.until, p.until) <= clock_timestamp(), false) as terms_paused
          from consent.membership m
          left join registry.terms_standing s on s.terms_key = m.service_terms_key
          left join registry.terms_standing p on p.terms_key = m.platform_terms_key
         where m.resident_key = $1 and m.ended_at is null
        """,
        resident_key,
    )
    return {row["service_key"]: msgspec.convert(dict(row), Membership) for row in rows}


async def join_service(
    conn: Connection, resident_key: int, service_key: int, terms: tuple[int, int], at: datetime
) -> None:
    """`terms` are the keys of the accepted service terms and platform terms."""
    await conn.execute(
        """
        insert into consent.membership (resident_key, service_key, service_terms_key, platform_terms_key, accepted_at)
        values ($1, $2, $3, $4, $5)
        on conflict (resident_key, service_key) do update
           set service_terms_key = excluded.service_terms_key, platform_terms_key = excluded.platform_terms_key,
               accepted_at = excluded.accepted_at, ended_at = null
        """,
        resident_key,
        service_key,
        *terms,
        at,
    )


async def accept_terms(
    conn: Connection, resident_key: int, service_key: int, terms: tuple[int, int], at: datetime
) -> None:
    """`terms` as in `join_service`. The platform's terms are one text: they are accepted for every service in use."""
    await conn.execute(
        """
        update consent.membership
           set platform_terms_key = $4,
               service_terms_key = case when service_key = $2 then $3 else service_terms_key end,
               accepted_at = case when service_key = $2 then $5 else accepted_at end
         where resident_key = $1 and ended_at is null
        """,
        resident_key,
        service_key,
        *terms,
        at,
    )


async def leave_service(conn: Connection, resident_key: int, service_key: int, at: datetime) -> bool:
    """False if the resident did not use it."""
    status = await conn.execute(
        """
        update consent.membership set ended_at = $3
         where resident_key = $1 and service_key = $2 and ended_at is null
        """,
        resident_key,
        service_key,
        at,
    )
    return status != "UPDATE 0"


async def erase_resident(conn: Connection, resident_key: int) -> dict[str, int]:
    """Delete every row about a resident; gives the number of rows per table."""
    row = await conn.fetchrow(
        """
        with a as (delete from consent.presentation where resident_key = $1 returning 1),
             b as (delete from consent.enrolment where resident_key = $1 returning 1),
             c as (delete from consent.membership where resident_key = $1 returning 1),
             d as (delete from consent.act where resident_key = $1 returning 1),
             e as (delete from consent.state where resident_key = $1 returning 1),
             f as (delete from consent.history where resident_key = $1 returning 1),
             g as (delete from consent.sharing where resident_key = $1 returning 1),
             h as (delete from consent.code_attempt where viewer_key = $1 returning 1)
        select (select count(*) from a) as presentation, (select count(*) from b) as enrolment,
               (select count(*) from c) as membership, (select count(*) from d) as act,
               (select count(*) from e) as state, (select count(*) from f) as history,
               (select count(*) from g) as sharing, (select count(*) from h) as code_attempt
        """,
        resident_key,
    )
    counts: dict[str, Any] = dict(row) if row else {}
    return {table: int(n) for table, n in counts.items()}
