"""SQL of transfers: residents who move in from another desk, and wait to be confirmed."""

from __future__ import annotations

from uuid import UUID

from moyai.base.db import Connection, Record


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


async def coming(conn: Connection, organization_key: int) -> list[Record]:
    """Asked for by this desk: what is pending, and what ended within a month."""
    return await conn.fetch(
        """
        select t.transfer_id, t.resident_key, t.state, t.confirmed_by, t.certificate, t.asked_staff_key,
               t.asked_at, t.expires_at, t.municipality_code, t.entered_name, t.organization_key, r.resident_id
          from identity.transfer t
          join identity.resident r using (resident_key)
         where t.organization_key = $1 and r.protected_at is null
           and (t.state <> 'pending' or t.expires_at > clock_timestamp())
           and coalesce(t.ended_at, t.asked_at) > clock_timestamp() - interval '31 days'
         order by t.asked_at desc limit 200
        """,
        organization_key,
    )


async def leaving(conn: Connection, codes: list[str], organization_key: int) -> list[Record]:
    """Pending for residents whom this desk looks after; `codes` are its municipalities, or `*`."""
    return await conn.fetch(
        """
        select t.transfer_id, t.resident_key, t.state, t.confirmed_by, t.certificate, t.asked_staff_key,
               t.asked_at, t.expires_at, t.municipality_code, t.entered_name, t.organization_key, r.resident_id
          from identity.transfer t
          join identity.resident r using (resident_key)
         where t.state = 'pending' and t.expires_at > clock_timestamp() and r.protected_at is null
           and t.organization_key <> $2
           and (r.municipality_code = any($1::text[]) or r.desk_key = $2)
         order by t.asked_at desc limit 200
        """,
        codes,
        organization_key,
    )
