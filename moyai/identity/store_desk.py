"""SQL of what a desk must remember: who asked as the first of two, who may open what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from moyai.base.db import Connection, Record
from moyai.identity.listing import Place

_REQUEST = """
        select r.request_id, r.act, r.resident_key, r.organization_key, r.content, r.staff_key, r.asked_by,
               'staff:' || f.staff_id as first, r.confirmed_by, r.asked_at, r.expires_at,
               r.expires_at <= clock_timestamp() as over
          from identity.desk_request r left join identity.staff f using (staff_key)
"""
"""A request with everybody whose word it rests on: `asked_by`, `first` (who stands for it) and `confirmed_by`."""


async def ask(
    conn: Connection,
    request_id: UUID,
    act: str,
    resident_key: int,
    organization_key: int,
    content: dict[str, Any],
    staff_key: int | None,
    asked_by: str,
    minutes: int,
) -> None:
    """The first of two asks. Nothing of this kind waits for the same resident."""
    await conn.execute(
        """
        insert into identity.desk_request
               (request_id, act, resident_key, organization_key, content, staff_key, asked_by, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(mins => $8))
        """,
        request_id,
        act,
        resident_key,
        organization_key,
        content,
        staff_key,
        asked_by,
        minutes,
    )


async def held(conn: Connection, act: str, resident_key: int) -> Record | None:
    """What there is of a kind about a resident, at whatever desk, held until the caller's transaction ends."""
    return await conn.fetchrow(
        _REQUEST + " where r.act = $1 and r.resident_key = $2 for update of r", act, resident_key
    )


async def held_by_id(conn: Connection, request_id: UUID) -> Record | None:
    """One request, held until the caller's transaction ends; None once it is over."""
    return await conn.fetchrow(_REQUEST + " where r.request_id = $1 for update of r", request_id)


async def waiting(
    conn: Connection, resident_key: int, organization_key: int, everywhere: bool
) -> list[Record]:
    return await conn.fetch(
        _REQUEST
        + """
         where r.resident_key = $1 and (r.organization_key = $2 or $3)
           and r.expires_at > clock_timestamp() and r.confirmed_by is null
         order by r.asked_at
        """,
        resident_key,
        organization_key,
        everywhere,
    )


async def waiting_page(
    conn: Connection, organization_key: int, everywhere: bool, staff_key: int | None, after: Place, limit: int
) -> list[Record]:
    """What waits at a desk: what ends or takes effect soonest first, then what waits for a first person, oldest first. About a
    protected resident for named staff alone; for a program, which protects nobody, nothing about protection."""
    return await conn.fetch(
        """
        select * from (
            select r.request_id, r.act, r.resident_key, r.organization_key, r.staff_key, r.asked_by, r.confirmed_by, r.asked_at,
                   r.expires_at, p.resident_id, p.protected_at is not null as protected,
                   a.name as asked_name, a.organization_key as asked_at_key,
                   'staff:' || f.staff_id as first, f.name as first_name, f.organization_key as first_at_key,
                   case when r.staff_key is not null then extract(epoch from r.expires_at)
                        else 100000000000 + extract(epoch from r.asked_at) end as place
              from identity.desk_request r
              join identity.resident p using (resident_key)
              left join identity.staff a on 'staff:' || a.staff_id = r.asked_by
              left join identity.staff f on f.staff_key = r.staff_key
             where (r.organization_key = $1 or $2) and r.expires_at > clock_timestamp() and r.confirmed_by is null
               and p.state = 'active' and ($3::int is not null or r.act <> 'protect')
               and (p.protected_at is null
                    or exists (select from identity.protected_access n
                                where n.resident_key = r.resident_key and n.staff_key = $3))) w
         where (w.place, w.request_id) > ($4::numeric, $5::uuid)
         order by w.place, w.request_id limit $6
        """,
        organization_key,
        everywhere,
        staff_key,
        *after,
        limit,
    )


async def all_requests(conn: Connection, after: UUID, limit: int) -> list[Record]:
    """Everything that waits or is over, in the order of ids, after one of them; with the resident's state."""
    return await conn.fetch(
        _REQUEST + " where r.request_id > $1 order by r.request_id limit $2", after, limit
    )


async def clerk(conn: Connection, staff_id: str) -> Record | None:
    """An account as far as it gives power."""
    return await conn.fetchrow(
        """
        select staff_key, organization_key, roles, state, in_force_since from identity.staff where staff_id = $1
        """,
        staff_id,
    )


async def hold_staff(conn: Connection, request_id: UUID) -> None:
    """Nobody whose word a request rests on is changed until the caller's transaction ends."""
    await conn.execute(
        """
        select 1 from identity.staff f, identity.desk_request r
         where r.request_id = $1
           and (f.staff_key = r.staff_key or 'staff:' || f.staff_id in (r.asked_by, r.confirmed_by))
         order by f.staff_key for share of f
        """,
        request_id,
    )


async def are_two(conn: Connection, first: int, second: int, operator_key: int | None) -> bool:
    """Whether two accounts are two persons, the second of the first's organisation or of the operating one (its key)."""
    return await conn.fetchval(
        """
        select exists (
            select from identity.staff a, identity.staff b
             where a.staff_key = $1 and b.staff_key = $2 and a.state = 'active' and b.state = 'active'
               and a.in_force_since is not null and b.in_force_since is not null
               and (a.organization_key, a.staff_number) <> (b.organization_key, b.staff_number)
               and (b.organization_key = a.organization_key
                    or b.organization_key = $3::int))
        """,
        first,
        second,
        operator_key,
    )


async def is_a_person(conn: Connection, staff_key: int) -> bool:
    """Whether this account is somebody where persons are counted."""
    return await conn.fetchval(
        """
        select exists (
            select from identity.staff
             where staff_key = $1 and staff_number is not null and in_force_since is not null)
        """,
        staff_key,
    )


async def stand_first(conn: Connection, request_id: UUID, staff_key: int, minutes: int) -> None:
    """A person stands for what a program asked for: from now on time runs."""
    await conn.execute(
        """
        update identity.desk_request
           set staff_key = $2, expires_at = clock_timestamp() + make_interval(mins => $3)
         where request_id = $1
        """,
        request_id,
        staff_key,
        minutes,
    )


async def confirm_request(conn: Connection, request_id: UUID, by: str) -> None:
    await conn.execute(
        "update identity.desk_request set confirmed_by = $2 where request_id = $1", request_id, by
    )


async def due_erasures(conn: Connection, limit: int, but: list[UUID]) -> list[Record]:
    """Erasures that two stand for, or that one does and nobody took back in time, but these."""
    return await conn.fetch(
        """
        select d.request_id from identity.desk_request d
         where d.act = 'erase' and d.staff_key is not null
           and (d.confirmed_by is not null or d.expires_at <= clock_timestamp())
           and d.request_id <> all($2)
         order by d.expires_at limit $1
        """,
        limit,
        but,
    )


async def delete_request(conn: Connection, request_id: UUID) -> None:
    await conn.execute("delete from identity.desk_request where request_id = $1", request_id)


async def delete_requests(conn: Connection) -> None:
    """Nothing waits for a second person any more."""
    await conn.execute("delete from identity.desk_request")


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
         where organization_key = $1 and 'desk' = any(roles) and state = 'active' and staff_number is not null
           and in_force_since is not null
         order by name, staff_key
        """,
        organization_key,
    )


async def openers(conn: Connection, staff_ids: list[str]) -> list[Record]:
    """Of these, the accounts in force that open records and are somebody: with a staff number."""
    return await conn.fetch(
        """
        select staff_key, organization_key, staff_number from identity.staff
         where staff_id = any($1::text[]) and 'desk' = any(roles) and state = 'active' and staff_number is not null
           and in_force_since is not null
         order by staff_key
        """,
        staff_ids,
    )


async def staff_keys(conn: Connection, staff_ids: list[str]) -> list[int]:
    rows = await conn.fetch(
        "select staff_key from identity.staff where staff_id = any($1::text[]) order by staff_key", staff_ids
    )
    return [row["staff_key"] for row in rows]


async def staff_ids(conn: Connection, staff_keys: list[int]) -> list[str]:
    rows = await conn.fetch(
        "select staff_id from identity.staff where staff_key = any($1::int[]) order by staff_id", staff_keys
    )
    return [row["staff_id"] for row in rows]


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


async def named_for(conn: Connection, resident_key: int) -> list[Record]:
    """The staff named for a protected resident."""
    return await conn.fetch(
        """
        select s.name, s.organization_key
          from identity.protected_access a join identity.staff s using (staff_key)
         where a.resident_key = $1 and s.state = 'active' order by s.name, s.staff_key
        """,
        resident_key,
    )


async def clear_access(conn: Connection, resident_key: int) -> None:
    await conn.execute("delete from identity.protected_access where resident_key = $1", resident_key)


async def name_access(conn: Connection, resident_key: int, staff_key: int) -> None:
    await conn.execute(
        "insert into identity.protected_access (resident_key, staff_key) values ($1, $2)",
        resident_key,
        staff_key,
    )
