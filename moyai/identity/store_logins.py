"""SQL of logins: credentials, attempts, staff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moyai.base.db import Connection, Record


async def credential(conn: Connection, login: str) -> Record | None:
    return await conn.fetchrow(
        """
        select c.login, c.resident_key, c.staff_key, c.password_hash, c.sealed_totp, c.must_change,
               -- with the secrets in one statement: a log-in that shows old ones belongs to an old generation
               coalesce((select a.generation from identity.authority a
                          where a.resident_key = c.resident_key or a.staff_key = c.staff_key), 0) as generation
          from identity.credential c where c.login = $1
        """,
        login,
    )


async def login_of_resident(conn: Connection, resident_key: int) -> str | None:
    return await conn.fetchval("select login from identity.credential where resident_key = $1", resident_key)


async def is_owned(conn: Connection, login: str) -> bool:
    """Whether its owner has ever chosen secrets of their own."""
    return await conn.fetchval("select owned_at is not null from identity.credential where login = $1", login)


async def mark_owned(conn: Connection, login: str) -> None:
    await conn.execute(
        "update identity.credential set owned_at = coalesce(owned_at, clock_timestamp()) where login = $1",
        login,
    )


async def insert_credential(
    conn: Connection,
    login: str,
    resident_key: int | None,
    staff_key: int | None,
    password_hash: str,
    sealed_totp: bytes | None,
) -> bool:
    """Secrets that were handed over, so good for one log-in, in which their owner chooses others. False where somebody
    else took the login, or the person got one, at this very moment."""
    done = await conn.fetchval(
        """
        insert into identity.credential (login, resident_key, staff_key, password_hash, sealed_totp, must_change)
        values ($1, $2, $3, $4, $5, true)
        on conflict do nothing returning true
        """,
        login,
        resident_key,
        staff_key,
        password_hash,
        sealed_totp,
    )
    return done is not None


async def replace_secrets(conn: Connection, login: str, password_hash: str, sealed_totp: bytes) -> None:
    """As `insert_credential`, for a login that has secrets."""
    await conn.execute(
        """
        update identity.credential
           set password_hash = $2, sealed_totp = $3, totp_step = 0, must_change = true,
               changed_at = clock_timestamp()
         where login = $1
        """,
        login,
        password_hash,
        sealed_totp,
    )


async def replace_initial(
    conn: Connection, login: str, old_hash: str, password_hash: str, sealed_totp: bytes, step: int
) -> bool:
    """Whether what was handed over, with this hash, was still in force; its owner's own secrets are from now on.
    `step` is the time step of the code that was shown: it is used up."""
    replaced = await conn.fetchval(
        """
        update identity.credential
           set password_hash = $3, sealed_totp = $4, totp_step = $5, must_change = false,
               changed_at = clock_timestamp(), owned_at = clock_timestamp()
         where login = $1 and password_hash = $2 and must_change
        returning true
        """,
        login,
        old_hash,
        password_hash,
        sealed_totp,
        step,
    )
    return replaced is not None


async def set_password(conn: Connection, login: str, old_hash: str, password_hash: str) -> bool:
    """Whether the password with the old hash was still in force; the new one is from now on."""
    replaced = await conn.fetchval(
        """
        update identity.credential set password_hash = $3, changed_at = clock_timestamp()
         where login = $1 and password_hash = $2
        returning true
        """,
        login,
        old_hash,
        password_hash,
    )
    return replaced is not None


async def changed_since(conn: Connection, login: str, at: datetime) -> bool:
    """Whether the secrets in force are from that time or later."""
    return await conn.fetchval(
        "select exists (select from identity.credential where login = $1 and changed_at >= $2)", login, at
    )


async def take_totp_step(conn: Connection, login: str, step: int) -> bool:
    """Whether this time step was still unused; it is used from now on, in whatever process."""
    taken = await conn.fetchval(
        "update identity.credential set totp_step = $2 where login = $1 and totp_step < $2 returning true",
        login,
        step,
    )
    return taken is not None


async def upsert_staff(
    conn: Connection,
    login: str,
    name: str,
    organization_key: int,
    roles: list[str],
    staff_number: str | None = None,
) -> int:
    return await conn.fetchval(
        """
        insert into identity.staff (login, name, organization_key, roles, staff_number) values ($1, $2, $3, $4, $5)
        on conflict (login) do update
           set name = excluded.name, organization_key = excluded.organization_key, roles = excluded.roles,
               staff_number = excluded.staff_number
        returning staff_key
        """,
        login,
        name,
        organization_key,
        roles,
        staff_number,
    )


async def staff(conn: Connection, login: str) -> Record | None:
    return await conn.fetchrow(
        """
        select staff_key, staff_id, login, name, organization_key, roles, staff_number, state, in_force_since
          from identity.staff where login = $1
        """,
        login,
    )


async def staff_of_number(conn: Connection, organization_key: int, staff_number: str) -> int | None:
    return await conn.fetchval(
        "select staff_key from identity.staff where organization_key = $1 and staff_number = $2",
        organization_key,
        staff_number,
    )


async def delete_expired(conn: Connection) -> None:
    """What has run out and is of no use to anybody."""
    await conn.execute("delete from identity.session where expires_at < clock_timestamp()")
    await conn.execute("delete from identity.seen_token where expires_at < clock_timestamp()")
    await conn.execute("delete from identity.authorization_request where expires_at < clock_timestamp()")
    await conn.execute("delete from identity.authorization_grant where expires_at < clock_timestamp()")


async def totp_sealed_otherwise(conn: Connection, begins: bytes, after: str) -> list[Record]:
    """Some logins, in order, whose authenticator secret's sealed form does not begin so."""
    return await conn.fetch(
        """
        select login, sealed_totp from identity.credential
         where login > $2 and substring(sealed_totp for octet_length($1::bytea)) <> $1::bytea
         order by login limit 1000
           for update
        """,
        begins,
        after,
    )


async def seal_totp(conn: Connection, sealed: Sequence[tuple[str, bytes]]) -> None:
    await conn.executemany("update identity.credential set sealed_totp = $2 where login = $1", sealed)
