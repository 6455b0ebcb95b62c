"""SQL of pairwise subjects: what one component knows one resident as."""

from __future__ import annotations

from uuid import UUID

from moyai.base.db import Connection, Record


async def current(conn: Connection, resident_key: int, component_key: int) -> UUID | None:
    return await conn.fetchval(
        """
        select subject from identity.pairwise
         where resident_key = $1 and component_key = $2 and ends_at is null
        """,
        resident_key,
        component_key,
    )


async def insert(conn: Connection, resident_key: int, component_key: int, subject: UUID) -> bool:
    """Whether this made the tie; false if another request made it first."""
    made = await conn.fetchval(
        """
        insert into identity.pairwise (resident_key, component_key, subject) values ($1, $2, $3)
        on conflict (resident_key, component_key) where ends_at is null do nothing returning true
        """,
        resident_key,
        component_key,
        subject,
    )
    return made is not None


async def resolve(conn: Connection, component_key: int, subject: UUID) -> Record | None:
    return await conn.fetchrow(
        """
        select resident_key, municipality_code, ial, resident_state from identity.subject_standing
         where component_key = $1 and subject = $2 and (ends_at is null or ends_at > clock_timestamp())
        """,
        component_key,
        subject,
    )


async def ties_of(conn: Connection, resident_key: int) -> list[Record]:
    return await conn.fetch(
        """
        select component_key, subject, tied_at, ends_at from identity.pairwise
         where resident_key = $1 order by tied_at
        """,
        resident_key,
    )
