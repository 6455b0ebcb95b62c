"""SQL of browser sessions, and of the end of everything that acts for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from moyai.base.db import Connection, Record


async def hold_resident(conn: Connection, resident_key: int) -> None:
    """Acts of a resident, and whatever ends something of theirs, take turns from here on: the lock of
    `consent.store.lock_resident`. To be taken before rows, in a statement of its own."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('consent', $1))", resident_key)


async def hold_staff(conn: Connection, staff_key: int) -> None:
    """The same for a member of staff."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('staff', $1))", staff_key)


async def generation(conn: Connection, resident_key: int | None, staff_key: int | None) -> int:
    """The generation of a person; what was made in an earlier one has ended."""
    return await conn.fetchval(
        """
        select coalesce((select generation from identity.authority
                          where resident_key = $1::bigint or staff_key = $2::int), 0)
        """,
        resident_key,
        staff_key,
    )


async def insert_session(
    conn: Connection,
    session_hash: bytes,
    login: str,
    resident_key: int | None,
    staff_key: int | None,
    factors: list[dict[str, Any]],
    amr: list[str],
    aal: int,
    generation: int,
    authenticated_at: datetime | None,
    device: str,
    seconds: int,
) -> None:
    await conn.execute(
        """
        insert into identity.session (session_hash, login, resident_key, staff_key, factors, amr, aal, generation,
                                      authenticated_at, device, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp() + make_interval(secs => $11))
        """,
        session_hash,
        login,
        resident_key,
        staff_key,
        factors,
        amr,
        aal,
        generation,
        authenticated_at,
        device,
        float(seconds),
    )


async def session(conn: Connection, session_hash: bytes) -> Record | None:
    """The live session with what its person is now; `slide` says that it is time to write its expiry anew.

    A session without a person in it was opened by the version before, which named the login only.
    """
    return await conn.fetchrow(
        """
        select s.session_hash, s.login, s.method, s.factors, s.amr, s.aal, s.generation, s.created_at,
               -- while secrets are those that were handed over, no session is complete, whatever it showed
               case when not coalesce(c.must_change, false) then s.authenticated_at end as authenticated_at,
               coalesce(c.must_change and (c.sealed_totp is null or 'otp' = any(s.amr)), false) as initial,
               s.device, s.seen_at < clock_timestamp() - interval '1 minute' as slide,
               p.resident_key, p.staff_key,
               r.resident_id, r.ial, r.state as resident_state,
               coalesce(r.recovery_hold_until > clock_timestamp(), false) as moved,
               f.name, f.organization_key, f.roles, f.staff_id, coalesce(f.staff_number, '') as staff_number,
               f.in_force_since,
               (select q.expires_at from identity.desk_request q
                 where q.resident_key = p.resident_key and q.act = 'erase' and q.staff_key is not null) as erasure_at
          from identity.session s
          left join identity.credential c using (login)
         cross join lateral (select coalesce(s.resident_key, c.resident_key) as resident_key,
                                    coalesce(s.staff_key, c.staff_key) as staff_key) p
          left join identity.resident r on r.resident_key = p.resident_key
          left join identity.staff f on f.staff_key = p.staff_key
         where s.session_hash = $1 and s.expires_at > clock_timestamp() and f.state is distinct from 'disabled'
           and s.generation = coalesce((select a.generation from identity.authority a
                                         where a.resident_key = p.resident_key or a.staff_key = p.staff_key), 0)
        """,
        session_hash,
    )


async def set_new_secret(conn: Connection, session_hash: bytes, sealed: bytes) -> None:
    await conn.execute(
        "update identity.session set sealed_totp = $2 where session_hash = $1", session_hash, sealed
    )


async def new_secret(conn: Connection, session_hash: bytes) -> bytes | None:
    return await conn.fetchval(
        "select sealed_totp from identity.session where session_hash = $1", session_hash
    )


async def slide_session(conn: Connection, session_hash: bytes, idle_seconds: int, total_seconds: int) -> None:
    await conn.execute(
        """
        update identity.session
           set seen_at = clock_timestamp(),
               expires_at = least(clock_timestamp() + make_interval(secs => $2),
                                  created_at + make_interval(secs => $3))
         where session_hash = $1
        """,
        session_hash,
        float(idle_seconds),
        float(total_seconds),
    )


async def set_factor(conn: Connection, session_hash: bytes, name: str) -> None:
    """A factor was shown in this session once more, now."""
    await conn.execute(
        """
        update identity.session s
           set factors = coalesce((select jsonb_agg(f) from jsonb_array_elements(s.factors) f
                                    where f->>'name' <> $2), '[]')
                         || jsonb_build_array(jsonb_build_object('name', $2::text, 'at', clock_timestamp()))
         where session_hash = $1
        """,
        session_hash,
        name,
    )


async def go_on(
    conn: Connection,
    session_hash: bytes,
    new_hash: bytes,
    generation: int,
    idle_seconds: int,
    total_seconds: int,
) -> bool:
    """Whether the session was live in the generation before this one; it is in this one now, under another cookie and
    with the age it had."""
    moved = await conn.fetchval(
        """
        update identity.session
           set session_hash = $2, generation = $3, seen_at = clock_timestamp(),
               expires_at = least(clock_timestamp() + make_interval(secs => $4),
                                  created_at + make_interval(secs => $5))
         where session_hash = $1 and generation = $3 - 1 and expires_at > clock_timestamp()
        returning true
        """,
        session_hash,
        new_hash,
        generation,
        float(idle_seconds),
        float(total_seconds),
    )
    return moved is not None


async def delete_session(conn: Connection, session_hash: bytes) -> None:
    await conn.execute(
        """
        select case when resident_key is not null
                    then pg_advisory_xact_lock(hashtextextended('consent', resident_key))
                    when staff_key is not null
                    then pg_advisory_xact_lock(hashtextextended('staff', staff_key)) end
          from identity.session where session_hash = $1
        """,
        session_hash,
    )
    await conn.execute("delete from identity.session where session_hash = $1", session_hash)


async def end_all_of_resident(
    conn: Connection, resident_key: int, *, session: bytes | None = None, grant: UUID | None = None
) -> int:
    """Every session, authorisation and code of a resident; gives the generation that begins.

    The row of one `session` or `grant` is left, and has ended with the others unless it is taken into that generation
    (`go_on`, `keep_authorization`) in this transaction, which holds the person's row.
    """
    await hold_resident(conn, resident_key)
    return await conn.fetchval(
        """
        with next as (
            insert into identity.authority as a (resident_key, generation) values ($1, 1)
            on conflict (resident_key) do update set generation = a.generation + 1
            returning a.generation
        ), sessions as (
            delete from identity.session s
             where (s.resident_key = $1
                    or s.login in (select login from identity.credential where resident_key = $1))
               and s.session_hash is distinct from $2
        ), grants as (
            update identity.authorization_grant set revoked_at = clock_timestamp()
             where resident_key = $1 and revoked_at is null and grant_id is distinct from $3
        ), requests as (
            delete from identity.authorization_request where resident_key = $1 and code_used_at is null
        )
        select generation from next
        """,
        resident_key,
        session,
        grant,
    )


async def end_all_of_staff(conn: Connection, staff_key: int, *, session: bytes | None = None) -> int:
    """Every session of a member of staff; gives the generation that begins. `session` as for a resident."""
    await hold_staff(conn, staff_key)
    return await conn.fetchval(
        """
        with next as (
            insert into identity.authority as a (staff_key, generation) values ($1, 1)
            on conflict (staff_key) do update set generation = a.generation + 1
            returning a.generation
        ), sessions as (
            delete from identity.session s
             where (s.staff_key = $1
                    or s.login in (select login from identity.credential where staff_key = $1))
               and s.session_hash is distinct from $2
        )
        select generation from next
        """,
        staff_key,
        session,
    )


async def end_everything(conn: Connection) -> None:
    """Nobody is logged in any more, and no touch point acts for anybody: after a restore, no session is trusted."""
    await conn.execute("delete from identity.session")
    await conn.execute("delete from identity.authorization_request")
    await conn.execute(
        "update identity.authorization_grant set revoked_at = clock_timestamp() where revoked_at is null"
    )
