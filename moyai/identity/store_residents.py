"""SQL of residents: who they are, how they were proofed."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from moyai.base.db import Connection, Record


async def lock_birth_date(conn: Connection, birth_date: date) -> None:
    """Two desks that enrol the same person at the same moment take turns."""
    await conn.execute("select pg_advisory_xact_lock(1836348777, $1 - date '1800-01-01')", birth_date)


async def same_person(conn: Connection, birth_date: date, match_name: str, match_kanji: str) -> list[Record]:
    return await conn.fetch(
        """
        select r.resident_key, r.resident_id, r.municipality_code, r.ial, r.state, r.enrolled_at, r.desk_key,
               r.protected_at is not null as protected
          from identity.person p join identity.resident r using (resident_key)
         where p.birth_date = $1 and (p.match_name = $2 or p.match_kanji = $3) and r.state = 'active'
         order by r.resident_key
        """,
        birth_date,
        match_name,
        match_kanji,
    )


async def insert_resident(
    conn: Connection, resident_id: str, municipality_code: str, ial: int, desk_key: int
) -> Record | None:
    return await conn.fetchrow(
        """
        insert into identity.resident (resident_id, municipality_code, ial, desk_key) values ($1, $2, $3, $4)
        returning resident_key, resident_id, municipality_code, ial, state, enrolled_at, desk_key,
                  false as protected
        """,
        resident_id,
        municipality_code,
        ial,
        desk_key,
    )


async def insert_person(
    conn: Connection,
    resident_key: int,
    names: tuple[str, str, str, str],
    birth_date: date,
    sex: str,
    postal_code: str,
    address: str,
    match_name: str,
    match_kanji: str,
    distinct_reason: str,
) -> None:
    """`names`: family, given, family kana, given kana."""
    await conn.execute(
        """
        insert into identity.person (resident_key, family_name, given_name, family_kana, given_kana, birth_date,
                                     sex, postal_code, address, match_name, match_kanji, distinct_reason)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        resident_key,
        *names,
        birth_date,
        sex,
        postal_code,
        address,
        match_name,
        match_kanji,
        distinct_reason,
    )


async def insert_proofing(
    conn: Connection,
    proofing_id: UUID,
    resident_key: int,
    level: int,
    method: str,
    document_class: str,
    verifier: str,
) -> None:
    await conn.execute(
        """
        insert into identity.proofing (proofing_id, resident_key, level, method, document_class, verifier)
        values ($1, $2, $3, $4, $5, $6)
        """,
        proofing_id,
        resident_key,
        level,
        method,
        document_class,
        verifier,
    )


async def proofings(conn: Connection, resident_key: int) -> list[Record]:
    return await conn.fetch(
        """
        select level, method, document_class, verifier, verified_at
          from identity.proofing where resident_key = $1 order by verified_at desc
        """,
        resident_key,
    )


async def resident_by_id(conn: Connection, resident_id: str) -> Record | None:
    return await conn.fetchrow(
        """
        select resident_key, resident_id, municipality_code, ial, state, enrolled_at, desk_key,
               protected_at is not null as protected
          from identity.resident where resident_id = $1
        """,
        resident_id,
    )


async def resident_by_key(conn: Connection, resident_key: int) -> Record | None:
    return await conn.fetchrow(
        """
        select resident_key, resident_id, municipality_code, ial, state, enrolled_at, desk_key,
               protected_at is not null as protected
          from identity.resident where resident_key = $1
        """,
        resident_key,
    )


async def hold_state(conn: Connection, resident_key: int) -> str | None:
    """The state, which no other transaction changes until this one ends."""
    return await conn.fetchval(
        "select state from identity.resident where resident_key = $1 for share", resident_key
    )


async def lock_resident(conn: Connection, resident_key: int) -> None:
    """As `lock_for_change`."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('consent', $1))", resident_key)
    await conn.execute("select from identity.resident where resident_key = $1 for update", resident_key)


async def lock_for_change(conn: Connection, resident_key: int) -> str | None:
    """The state, of a resident whom nobody else changes until this transaction ends. First the lock that an act of the
    resident takes first: whatever changes the row takes it, too (0012), and in another order two would wait for each other.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('consent', $1))", resident_key)
    return await conn.fetchval(
        "select state from identity.resident where resident_key = $1 for no key update", resident_key
    )


async def person(conn: Connection, resident_key: int) -> Record | None:
    return await conn.fetchrow(
        """
        select p.family_name, p.given_name, p.family_kana, p.given_kana, p.birth_date, p.sex, p.postal_code,
               p.address, r.municipality_code, c.login
          from identity.person p
          join identity.resident r using (resident_key)
          left join identity.credential c using (resident_key)
         where p.resident_key = $1
        """,
        resident_key,
    )


async def find_by_name(
    conn: Connection,
    match_name: str,
    match_kanji: str,
    codes: list[str],
    desk_key: int,
    staff_key: int,
    limit: int,
) -> list[Record]:
    """People whose folded reading or writing begins so, among those that this desk looks after.

    Whose desk it is decides before the limit does: others of that name never push own residents out.
    """
    return await conn.fetch(
        """
        select r.resident_key, r.resident_id, r.municipality_code, r.ial, r.state, r.enrolled_at, r.desk_key,
               r.protected_at is not null as protected,
               p.family_name, p.given_name, p.family_kana, p.given_kana, p.birth_date, p.sex, p.postal_code,
               p.address, c.login
          from identity.person p
          join identity.resident r using (resident_key)
          left join identity.credential c using (resident_key)
         where (   ($1 <> '' and p.match_name >= $1 and p.match_name < $1 || chr(1114111))
                or ($2 <> '' and p.match_kanji >= $2 and p.match_kanji < $2 || chr(1114111)))
           and r.state = 'active'
           and case when r.protected_at is null
                    then r.municipality_code = any($3::text[]) or r.desk_key = $4 or $3::text[] = '{*}'
                    else exists (select from identity.protected_access a
                                  where a.resident_key = r.resident_key and a.staff_key = $5) end
         order by p.match_name, p.birth_date, r.resident_key desc limit $6
        """,
        match_name,
        match_kanji,
        codes,
        desk_key,
        staff_key,
        limit,
    )


async def find_by_birth_date(
    conn: Connection, birth_date: date, codes: list[str], desk_key: int, staff_key: int, limit: int
) -> list[Record]:
    return await conn.fetch(
        """
        select r.resident_key, r.resident_id, r.municipality_code, r.ial, r.state, r.enrolled_at, r.desk_key,
               r.protected_at is not null as protected,
               p.family_name, p.given_name, p.family_kana, p.given_kana, p.birth_date, p.sex, p.postal_code,
               p.address, c.login
          from identity.person p
          join identity.resident r using (resident_key)
          left join identity.credential c using (resident_key)
         where p.birth_date = $1 and r.state = 'active'
           and case when r.protected_at is null
                    then r.municipality_code = any($2::text[]) or r.desk_key = $3 or $2::text[] = '{*}'
                    else exists (select from identity.protected_access a
                                  where a.resident_key = r.resident_key and a.staff_key = $4) end
         order by p.match_name, r.resident_key desc limit $5
        """,
        birth_date,
        codes,
        desk_key,
        staff_key,
        limit,
    )


async def set_residence(
    conn: Connection,
    resident_key: int,
    municipality_code: str,
    desk_key: int | None,
    postal_code: str,
    address: str,
) -> None:
    await conn.execute(
        "update identity.resident set municipality_code = $2, desk_key = $3 where resident_key = $1",
        resident_key,
        municipality_code,
        desk_key,
    )
    await conn.execute(
        "update identity.person set postal_code = $2, address = $3 where resident_key = $1",
        resident_key,
        postal_code,
        address,
    )


async def set_ial(conn: Connection, resident_key: int, ial: int) -> None:
    await conn.execute("update identity.resident set ial = $2 where resident_key = $1", resident_key, ial)


async def close(conn: Connection, resident_key: int) -> None:
    await conn.execute(
        "update identity.resident set state = 'closed' where resident_key = $1 and state = 'active'",
        resident_key,
    )


async def erase(conn: Connection, resident_key: int) -> None:
    """Everything that says who this was or ties them to a service; the bare resident ID stays, erased.

    Refresh tokens go with the grant.
    """
    await conn.execute("delete from identity.session where resident_key = $1", resident_key)
    await conn.execute("delete from identity.authorization_request where resident_key = $1", resident_key)
    await conn.execute("delete from identity.authorization_grant where resident_key = $1", resident_key)
    await conn.execute("delete from identity.credential where resident_key = $1", resident_key)
    await conn.execute("delete from identity.pairwise where resident_key = $1", resident_key)
    await conn.execute("delete from identity.transfer where resident_key = $1", resident_key)
    await conn.execute("delete from identity.desk_request where resident_key = $1", resident_key)
    await conn.execute("delete from identity.protected_access where resident_key = $1", resident_key)
    await conn.execute("delete from identity.proofing where resident_key = $1", resident_key)
    await conn.execute("delete from identity.person where resident_key = $1", resident_key)
    await conn.execute(
        """
        update identity.resident set state = 'erased', municipality_code = '000000', ial = 1, desk_key = null,
               protected_at = null, recovery_hold_until = null
         where resident_key = $1
        """,
        resident_key,
    )
