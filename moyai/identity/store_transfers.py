"""SQL of transfers: residents who move in from another desk, and wait to be confirmed."""

from __future__ import annotations

from uuid import UUID

from moyai.base.db import Connection, Record
from moyai.identity.listing import Place


async def insert(
    conn: Connection,
    transfer_id: UUID,
    resident_key: int,
    organization_key: int,
    entered_name: str,
    residence: tuple[str, str, str],
    evidence: tuple[int, str, str],
    certificate: str,
    asked_by: str,
    asked_staff_key: int | None,
    days: int,
) -> bool:
    """`residence`: municipality code, postal code, address; `evidence`: level, method, document class.

    False if this resident has a pending transfer already.
    """
    added = await conn.fetchval(
        """
        insert into identity.transfer
               (transfer_id, resident_key, organization_key, entered_name, municipality_code, postal_code,
                address, level, method, document_class, certificate, asked_by, asked_staff_key, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                clock_timestamp() + make_interval(days => $14))
        on conflict (resident_key) where state = 'pending' do nothing
        returning true
        """,
        transfer_id,
        resident_key,
        organization_key,
        entered_name,
        *residence,
        *evidence,
        certificate,
        asked_by,
        asked_staff_key,
        days,
    )
    return added is True


async def end_expired(conn: Connection, resident_key: int) -> None:
    """What nobody confirmed in time is declined: silence never confirms."""
    await conn.execute(
        """
        update identity.transfer set state = 'declined', ended_at = clock_timestamp()
         where resident_key = $1 and state = 'pending' and expires_at <= clock_timestamp()
        """,
        resident_key,
    )


async def decline_all(conn: Connection) -> None:
    """After a restore: what waits may have been declined or withdrawn since the backup."""
    await conn.execute(
        """
        update identity.transfer set state = 'declined', ended_at = clock_timestamp() where state = 'pending'
        """
    )


async def pending_of(conn: Connection, resident_key: int) -> Record | None:
    return await conn.fetchrow(
        """
        select transfer_id, resident_key, organization_key, municipality_code, postal_code, address, level,
               method, document_class, certificate, asked_by, asked_staff_key, asked_at, expires_at
          from identity.transfer
         where resident_key = $1 and state = 'pending' and expires_at > clock_timestamp()
        """,
        resident_key,
    )


async def hold(conn: Connection, transfer_id: UUID) -> Record | None:
    """A pending transfer that nobody else ends until this transaction does."""
    return await conn.fetchrow(
        """
        select transfer_id, resident_key, organization_key, municipality_code, postal_code, address, level,
               method, document_class, certificate, asked_by, asked_staff_key, asked_at, expires_at
          from identity.transfer
         where transfer_id = $1 and state = 'pending' and expires_at > clock_timestamp()
           for update
        """,
        transfer_id,
    )


async def end(conn: Connection, transfer_id: UUID, state: str, confirmed_by: str | None) -> None:
    await conn.execute(
        """
        update identity.transfer set state = $2, confirmed_by = $3, ended_at = clock_timestamp()
         where transfer_id = $1
        """,
        transfer_id,
        state,
        confirmed_by,
    )


_LISTED = """
        select * from (
            select t.transfer_id, t.state, t.confirmed_by, t.certificate, t.asked_staff_key, t.asked_at, t.expires_at,
                   t.entered_name, t.organization_key, r.resident_id, r.protected_at is not null as protected,
                   r.municipality_code, r.desk_key, coalesce(t.ended_at, t.asked_at) as last_at,
                   case when t.state = 'pending' then extract(epoch from t.expires_at)
                        else 100000000000 - extract(epoch from coalesce(t.ended_at, t.asked_at)) end as place,
                   r.protected_at is null
                     or exists (select from identity.protected_access a
                                 where a.resident_key = t.resident_key and a.staff_key = $1) as open
              from identity.transfer t join identity.resident r using (resident_key)
             where t.state <> 'pending' or t.expires_at > clock_timestamp()) t
"""
"""Transfers as a member of staff ($1) may see them: what lapses soonest first, then what ended, newest first."""


async def coming(
    conn: Connection, staff_key: int, organization_key: int, after: Place, limit: int
) -> list[Record]:
    """Asked for by this desk: what is pending, and what ended within a month. That one was declined stays in the list whoever
    the resident is by now: it tells what this desk entered, and what it tells of anybody."""
    return await conn.fetch(
        _LISTED
        + """
         where t.organization_key = $2 and (t.open or t.state in ('declined', 'withdrawn'))
           and t.last_at > clock_timestamp() - interval '31 days'
           and (t.place, t.transfer_id) > ($3::numeric, $4::uuid)
         order by t.place, t.transfer_id limit $5
        """,
        staff_key,
        organization_key,
        *after,
        limit,
    )


async def leaving(
    conn: Connection, staff_key: int, codes: list[str], organization_key: int, after: Place, limit: int
) -> list[Record]:
    """Pending for residents whom this desk looks after; `codes` are its municipalities."""
    return await conn.fetch(
        _LISTED
        + """
         where t.state = 'pending' and t.open and t.organization_key <> $3
           and (t.municipality_code = any($2::text[]) or t.desk_key = $3)
           and (t.place, t.transfer_id) > ($4::numeric, $5::uuid)
         order by t.place, t.transfer_id limit $6
        """,
        staff_key,
        codes,
        organization_key,
        *after,
        limit,
    )
