"""What `moyai check` and a restore ask of the PostgreSQL server itself."""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection


async def usable_connections(conn: Connection) -> int:
    """How many sessions ordinary roles may have open at the same moment."""
    return await conn.fetchval(
        """
        select current_setting('max_connections')::int - current_setting('reserved_connections')::int
               - current_setting('superuser_reserved_connections')::int
        """
    )


async def clock(conn: Connection) -> datetime:
    return await conn.fetchval("select clock_timestamp()")


async def roles_with_too_many_rights(conn: Connection, roles: list[str]) -> list[str]:
    """Which of these roles are superusers, may make roles or databases, or are members of other roles."""
    rows = await conn.fetch(
        """
        select rolname from pg_roles r
         where rolname = any($1)
           and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
                or exists (select from pg_auth_members m where m.member = r.oid))
         order by rolname
        """,
        roles,
    )
    return [row["rolname"] for row in rows]


async def is_durable(conn: Connection) -> bool:
    """Whether what is committed outlives a loss of power, as far as the server's settings decide it."""
    return await conn.fetchval(
        """
        select current_setting('fsync')::bool and current_setting('full_page_writes')::bool
               and current_setting('synchronous_commit') <> 'off'
        """
    )


async def end_sessions(conn: Connection, role: str) -> None:
    """End every session of a role."""
    await conn.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", role)
