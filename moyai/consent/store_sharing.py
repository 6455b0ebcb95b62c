"""SQL of sharings and of the codes that open them. `now()` of a row is the database's, so that all states agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.consent.model import Sharing


def _sharing(row: Record) -> Sharing:
    return msgspec.convert(dict(row), Sharing)


async def insert_sharing(
    conn: Connection,
    sharing_id: UUID,
    resident_key: int,
    service_key: int,
    link_keys: Sequence[int],
    *,
    relation: str,
    viewer_name: str,
    shown_as: str,
    code_hash: bytes,
    code_minutes: int,
    days: int,
) -> Sharing:
    row = await conn.fetchrow(
        """
        insert into consent.sharing (sharing_id, resident_key, service_key, link_keys, relation, viewer_name, shown_as,
                                     code_hash, code_expires_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(mins => $9),
                clock_timestamp() + make_interval(days => $10))
        returning sharing_id, resident_key, service_key, link_keys, version_keys, relation, viewer_name, shown_as, viewer_key, created_at,
                  code_expires_at, accepted_at, expires_at, ended_at, clock_timestamp() as now
        """,
        sharing_id,
        resident_key,
        service_key,
        list(link_keys),
        relation,
        viewer_name,
        shown_as,
        code_hash,
        code_minutes,
        days,
    )
    assert row is not None  # an insert returns its row or raises
    return _sharing(row)


async def offered_under(conn: Connection, code_hash: bytes) -> Sharing | None:
    """The invitation with this code, if it can still be taken. Locked: a code is good once."""
    row = await conn.fetchrow(
        """
        select sharing_id, resident_key, service_key, link_keys, version_keys, relation, viewer_name, shown_as, viewer_key, created_at,
               code_expires_at, accepted_at, expires_at, ended_at, clock_timestamp() as now
          from consent.sharing
         where code_hash = $1 and viewer_key is null and ended_at is null
           and code_expires_at > clock_timestamp() and expires_at > clock_timestamp()
           for update
        """,
        code_hash,
    )
    return _sharing(row) if row else None


async def taken_under(conn: Connection, code_hash: bytes, viewer_key: int) -> UUID | None:
    """The sharing that this viewer took with this code, while the code would still be good."""
    return await conn.fetchval(
        """
        select sharing_id from consent.sharing
         where code_hash = $1 and viewer_key = $2 and ended_at is null and code_expires_at > clock_timestamp()
        """,
        code_hash,
        viewer_key,
    )


async def accept(conn: Connection, sharing_id: UUID, viewer_key: int, at: datetime) -> None:
    await conn.execute(
        """
        update consent.sharing set viewer_key = $2, accepted_at = $3 where sharing_id = $1
        """,
        sharing_id,
        viewer_key,
        at,
    )


async def sharings_of(conn: Connection, resident_key: int) -> list[Sharing]:
    """All sharings in which the resident is one of the two sides, newest first."""
    rows = await conn.fetch(
        """
        select sharing_id, resident_key, service_key, link_keys, version_keys, relation, viewer_name, shown_as, viewer_key, created_at,
               code_expires_at, accepted_at, expires_at, ended_at, clock_timestamp() as now
          from consent.sharing
         where resident_key = $1 or viewer_key = $1
         order by created_at desc
        """,
        resident_key,
    )
    return [_sharing(row) for row in rows]


async def sharing(conn: Connection, sharing_id: UUID) -> Sharing | None:
    row = await conn.fetchrow(
        """
        select sharing_id, resident_key, service_key, link_keys, version_keys, relation, viewer_name, shown_as, viewer_key, created_at,
               code_expires_at, accepted_at, expires_at, ended_at, clock_timestamp() as now
          from consent.sharing
         where sharing_id = $1
        """,
        sharing_id,
    )
    return _sharing(row) if row else None


async def in_force(conn: Connection, sharing_id: UUID, viewer_key: int) -> Sharing | None:
    """The sharing, if this viewer may look through it at this moment."""
    row = await conn.fetchrow(
        """
        select sharing_id, resident_key, service_key, link_keys, version_keys, relation, viewer_name, shown_as, viewer_key, created_at,
               code_expires_at, accepted_at, expires_at, ended_at, clock_timestamp() as now
          from consent.sharing
         where sharing_id = $1 and viewer_key = $2 and ended_at is null and expires_at > clock_timestamp()
        """,
        sharing_id,
        viewer_key,
    )
    return _sharing(row) if row else None


async def end(conn: Connection, sharing_id: UUID, at: datetime) -> bool:
    """False if it had ended before."""
    status = await conn.execute(
        """
        update consent.sharing set ended_at = $2, code_hash = null, code_expires_at = null
         where sharing_id = $1 and ended_at is null
        """,
        sharing_id,
        at,
    )
    return status != "UPDATE 0"


async def end_as_viewer(conn: Connection, viewer_key: int) -> int:
    """A viewer is erased: what others shared with them ends, and no longer says with whom: neither key nor name."""
    status = await conn.execute(
        """
        update consent.sharing set ended_at = coalesce(ended_at, clock_timestamp()), viewer_key = null,
               viewer_name = '', code_hash = null, code_expires_at = null
         where viewer_key = $1
        """,
        viewer_key,
    )
    return int(status.split()[-1])
