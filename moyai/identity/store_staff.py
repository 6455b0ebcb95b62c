"""SQL of staff accounts."""

from __future__ import annotations

from moyai.base.db import Connection, Record
from moyai.identity.store_sessions import hold_staff


async def accounts(conn: Connection, organization_key: int | None, limit: int) -> list[Record]:
    """Of one organisation, or of all; the newest first."""
    return await conn.fetch(
        """
        select f.staff_key, f.staff_id, f.login, f.name, f.organization_key, f.roles,
               coalesce(f.staff_number, '') as staff_number, f.state, f.state_reason, f.last_login_at,
               f.issued_at, f.issued_by, f.in_force_since, f.in_force_since is not null as in_force,
               c.login is not null as has_login, coalesce(c.must_change, false) as initial
          from identity.staff f left join identity.credential c using (staff_key)
         where $1::int is null or f.organization_key = $1
         order by f.staff_key desc limit $2
        """,
        organization_key,
        limit,
    )


async def account(conn: Connection, staff_id: str) -> Record | None:
    """One account, held until the caller's transaction ends."""
    return await conn.fetchrow(
        """
        select f.staff_key, f.staff_id, f.login, f.name, f.organization_key, f.roles,
               coalesce(f.staff_number, '') as staff_number, f.state, f.state_reason, f.last_login_at,
               f.issued_at, f.issued_by, f.in_force_since, f.in_force_since is not null as in_force,
               c.login is not null as has_login, coalesce(c.must_change, false) as initial
          from identity.staff f left join identity.credential c using (staff_key)
         where f.staff_id = $1 for update of f
        """,
        staff_id,
    )


async def named(conn: Connection, staff_id: str) -> Record | None:
    """What one account is called, to be read: it is not held."""
    return await conn.fetchrow(
        """
        select name, organization_key, coalesce(staff_number, '') as staff_number
          from identity.staff where staff_id = $1
        """,
        staff_id,
    )


async def account_of_key(conn: Connection, staff_key: int) -> Record | None:
    return await conn.fetchrow(
        """
        select staff_id, staff_number, roles, state, organization_key, in_force_since
          from identity.staff where staff_key = $1
        """,
        staff_key,
    )


async def set_state(conn: Connection, staff_key: int, state: str, reason: str) -> None:
    await hold_staff(conn, staff_key)
    await conn.execute(
        "update identity.staff set state = $2, state_reason = $3 where staff_key = $1",
        staff_key,
        state,
        reason,
    )


async def set_roles(conn: Connection, staff_key: int, roles: list[str]) -> None:
    await hold_staff(conn, staff_key)
    await conn.execute("update identity.staff set roles = $2 where staff_key = $1", staff_key, roles)


async def put_in_force(conn: Connection, staff_key: int) -> None:
    """In force from now on, unless it is already."""
    await conn.execute(
        """
        update identity.staff set in_force_since = clock_timestamp()
         where staff_key = $1 and in_force_since is null
        """,
        staff_key,
    )


async def any_in_force(conn: Connection, organization_key: int, role: str) -> bool:
    """Whether somebody of this organisation has this role, and a staff number, in force, and can log in."""
    return await conn.fetchval(
        """
        select exists (
            select from identity.staff f join identity.credential c using (staff_key)
             where f.organization_key = $1 and $2 = any(f.roles) and f.state = 'active'
               and f.staff_number is not null and f.in_force_since is not null)
        """,
        organization_key,
        role,
    )


async def end_credential(conn: Connection, staff_key: int) -> None:
    await hold_staff(conn, staff_key)
    await conn.execute("delete from identity.credential where staff_key = $1", staff_key)


async def logged_in(conn: Connection, staff_key: int) -> None:
    await conn.execute(
        "update identity.staff set last_login_at = clock_timestamp() where staff_key = $1", staff_key
    )


async def named_in(conn: Connection, file: str) -> list[Record]:
    """Accounts in force that a registry file has named."""
    return await conn.fetch(
        """
        select staff_id, login from identity.staff
         where declared_in = $1 and state = 'active' order by staff_key
        """,
        file,
    )


async def take_over(conn: Connection, name: str, file: str, logins: list[str]) -> None:
    """Accounts that an earlier release noted under a file's mere name belong to this file, if it still names one of them."""
    await conn.execute(
        """
        update identity.staff set declared_in = $2
         where declared_in = $1 and $1 <> $2
           and exists (select from identity.staff where declared_in = $1 and login = any($3::text[]))
        """,
        name,
        file,
        logins,
    )


async def name_in(conn: Connection, login: str, file: str) -> None:
    await conn.execute(
        "update identity.staff set declared_in = $2 where login = $1 and declared_in <> $2", login, file
    )


async def issued(conn: Connection, staff_key: int, by: str, *, first: bool) -> bool:
    """Note that secrets are issued, and by whom; false where that was done before and this is to be the first time."""
    return await conn.fetchval(
        """
        with noted as (
            update identity.staff set issued_at = clock_timestamp(), issued_by = $2
             where staff_key = $1 and (issued_at is null or not $3) returning true
        )
        select exists (select from noted)
        """,
        staff_key,
        by,
        first,
    )


async def logins_in_force(conn: Connection, logins: list[str]) -> list[str]:
    rows = await conn.fetch(
        """
        select f.login from identity.staff f join identity.credential c using (staff_key)
         where f.login = any($1::text[]) and f.state = 'active' and f.in_force_since is not null
        """,
        logins,
    )
    return [row["login"] for row in rows]
