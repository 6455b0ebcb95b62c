"""SQL of the walk through the five steps, and of the texts that were served on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.consent.model import Enrolment


def _enrolment(row: Record | None) -> Enrolment | None:
    return msgspec.convert(dict(row), Enrolment) if row else None


async def enrolment(
    conn: Connection, resident_key: int, service_key: int, session_id: str
) -> Enrolment | None:
    """This session's walk, unless it took too long. Locked, so that two steps cannot overtake each other."""
    return _enrolment(
        await conn.fetchrow(
            """
            select enrolment_id, service_key, step, service_terms_key, platform_terms_key, terms_accepted_at,
                   started_at, expires_at
              from consent.enrolment
             where resident_key = $1 and service_key = $2 and session_id = $3 and expires_at > clock_timestamp()
               for update
            """,
            resident_key,
            service_key,
            session_id,
        )
    )


async def begin_enrolment(
    conn: Connection, enrolment_id: UUID, resident_key: int, service_key: int, session_id: str, minutes: int
) -> Enrolment:
    """Step 1. A walk of the same session that took too long is replaced."""
    made = _enrolment(
        await conn.fetchrow(
            """
            insert into consent.enrolment (enrolment_id, resident_key, service_key, session_id, step, expires_at)
            values ($1, $2, $3, $4, 1, clock_timestamp() + make_interval(mins => $5))
            on conflict (resident_key, service_key, session_id) do update
               set enrolment_id = excluded.enrolment_id, step = 1, service_terms_key = null,
                   platform_terms_key = null, terms_accepted_at = null, started_at = clock_timestamp(),
                   expires_at = excluded.expires_at
            returning enrolment_id, service_key, step, service_terms_key, platform_terms_key, terms_accepted_at,
                      started_at, expires_at
            """,
            enrolment_id,
            resident_key,
            service_key,
            session_id,
            minutes,
        )
    )
    assert made is not None  # `on conflict do update` always returns the row
    return made


async def set_step(
    conn: Connection,
    enrolment_id: UUID,
    step: int,
    service_terms_key: int | None,
    platform_terms_key: int | None,
) -> Enrolment:
    row = await conn.fetchrow(
        """
        update consent.enrolment
           set step = $2::smallint, service_terms_key = $3, platform_terms_key = $4,
               terms_accepted_at = case when $2::smallint = 4 then clock_timestamp() end
         where enrolment_id = $1
        returning enrolment_id, service_key, step, service_terms_key, platform_terms_key, terms_accepted_at,
                  started_at, expires_at
        """,
        enrolment_id,
        step,
        service_terms_key,
        platform_terms_key,
    )
    walk = _enrolment(row)
    assert walk is not None  # the caller holds its row
    return walk


async def delete_enrolment(conn: Connection, resident_key: int, service_key: int, session_id: str) -> bool:
    """Forget this session's walk towards a service. False if there was none."""
    status = await conn.execute(
        "delete from consent.enrolment where resident_key = $1 and service_key = $2 and session_id = $3",
        resident_key,
        service_key,
        session_id,
    )
    return status != "DELETE 0"


async def insert_presentation(
    conn: Connection,
    presentation_id: UUID,
    resident_key: int,
    session_id: str,
    service_key: int,
    content: dict[str, Any],
    sha256: bytes,
    served_at: datetime,
    minutes: int,
) -> datetime:
    """Keep a text that is being served; gives the moment until which a decision may name it."""
    return await conn.fetchval(
        """
        insert into consent.presentation (presentation_id, resident_key, session_id, service_key, content, sha256,
                                          served_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7::timestamptz + make_interval(mins => $8))
        returning expires_at
        """,
        presentation_id,
        resident_key,
        session_id,
        service_key,
        content,
        sha256,
        served_at,
        minutes,
    )


async def served_presentation(
    conn: Connection, resident_key: int, session_id: str, service_key: int, sha256: bytes
) -> Record | None:
    """The text with this hash that this session was served and that has not run out: id, served_at, expires_at."""
    return await conn.fetchrow(
        """
        select presentation_id, content, served_at, expires_at
          from consent.presentation
         where resident_key = $1 and session_id = $2 and service_key = $3 and sha256 = $4
           and expires_at > clock_timestamp()
         order by served_at desc
         limit 1
        """,
        resident_key,
        session_id,
        service_key,
        sha256,
    )


async def delete_undecided_presentations(
    conn: Connection, resident_key: int, service_key: int, session_id: str
) -> None:
    """Texts that this session was served and that led to no decision leave no trace."""
    await conn.execute(
        """
        delete from consent.presentation p
         where resident_key = $1 and service_key = $2 and session_id = $3
           and not exists (select from consent.act a
                            where a.resident_key = $1 and a.presentation_id = p.presentation_id)
        """,
        resident_key,
        service_key,
        session_id,
    )


async def sweep(conn: Connection) -> int:
    """Forget walks and texts that ran out without a decision. Gives the number of rows."""
    walks = await conn.execute("delete from consent.enrolment where expires_at < clock_timestamp()")
    texts = await conn.execute(
        """
        delete from consent.presentation p
         where expires_at < clock_timestamp()
           and not exists (select from consent.act a
                            where a.resident_key = p.resident_key and a.presentation_id = p.presentation_id)
        """
    )
    return int(walks.split()[-1]) + int(texts.split()[-1])
