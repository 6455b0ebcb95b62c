"""SQL of what a desk must remember: who asked as the first of two, who may open what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from moyai.base.db import Connection, Record


async def ask(
    conn: Connection,
    request_id: UUID,
    act: str,
    resident_key: int,
    organization_key: int,
    content: dict[str, Any],
    staff_key: int,
    minutes: int,
) -> None:
    """The first of two asks. What was asked before for the same resident is replaced."""
    await conn.execute(
        """
        insert into identity.desk_request
               (request_id, act, resident_key, organization_key, content, staff_key, expires_at)
        values ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(mins => $7))
        on conflict (act, resident_key) do update
           set request_id = excluded.request_id, organization_key = excluded.organization_key,
               content = excluded.content, staff_key = excluded.staff_key,
               asked_at = clock_timestamp(), expires_at = excluded.expires_at
        """,
        request_id,
        act,
        resident_key,
        organization_key,
        content,
        staff_key,
        minutes,
    )


async def asked(conn: Connection, act: str, resident_key: int, organization_key: int) -> Record | None:
    """What is waiting for a second person, held until the caller's transaction ends."""
    return await conn.fetchrow(
        """
        select request_id, act, content, staff_key, asked_at, expires_at
          from identity.desk_request
         where act = $1 and resident_key = $2 and organization_key = $3 and expires_at > clock_timestamp()
           for update
        """,
        act,
        resident_key,
        organization_key,
    )


async def waiting(conn: Connection, resident_key: int, organization_key: int) -> list[Record]:
    return await conn.fetch(
        """
        select request_id, act, content, staff_key, asked_at, expires_at
          from identity.desk_request
         where resident_key = $1 and organization_key = $2 and expires_at > clock_timestamp()
         order by asked_at
        """,
        resident_key,
        organization_key,
    )


async def delete_request(conn: Connection, request_id: UUID) -> None:
    await conn.execute("delete from identity.desk_request where request_id = $1", request_id)


async def recovery_held(conn: Connection, resident_key: int) -> bool:
    held = await conn.fetchval(
        "select recovery_hold_until > clock_timestamp() from identity.resident where resident_key = $1",
        resident_key,
    )
    return held is True


async def hold_recovery(conn: Connection, resident_key: int, days: int) -> None:
    await conn.execute(
        """
        update identity.resident set recovery_hold_until = clock_timestamp() + make_interval(days => $2)
         where resident_key = $1
        """,
        resident_key,
        days,
    )


async def may_open(conn: Connection, resident_key: int, staff_key: int) -> bool:
    named = await conn.fetchval(
        "select true from identity.protected_access where resident_key = $1 and staff_key = $2",
        resident_key,
        staff_key,
    )
    return named is True


async def staff_of(conn: Connection, organization_key: int) -> list[Record]:
    return await conn.fetch(
        """
        select staff_key, staff_id, name from identity.staff
         where organization_key = $1 and 'desk' = any(roles) order by name, staff_key
        """,
        organization_key,
    )


async def staff_keys(conn: Connection, staff_ids: list[str]) -> list[int]:
    rows = await conn.fetch(
        "select staff_key from identity.staff where staff_id = any($1::text[]) order by staff_key", staff_ids
    )
    return [row["staff_key"] for row in rows]


async def set_protected(conn: Connection, resident_key: int, *, protected: bool) -> None:
    await conn.execute(
        """
        update identity.resident
           set protected_at = case when $2 then coalesce(protected_at, clock_timestamp()) end
         where resident_key = $1
        """,
        resident_key,
        protected,
    )


async def clear_access(conn: Connection, resident_key: int) -> None:
    await conn.execute("delete from identity.protected_access where resident_key = $1", resident_key)


async def name_access(conn: Connection, resident_key: int, staff_key: int) -> None:
    await conn.execute(
        "insert into identity.protected_access (resident_key, staff_key) values ($1, $2)",
        resident_key,
        staff_key,
    )
