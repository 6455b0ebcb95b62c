"""SQL: successions, and whose names residents have read."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.registry.model import Names, Succession


async def carry_consents_on(conn: Connection, succession_id: UUID | None) -> None:
    """Until None is given, and in this transaction only: what changes in the names of parties is a succession."""
    await conn.fetchval(
        "select set_config('moyai.succession', $1, true)", "" if succession_id is None else str(succession_id)
    )


async def rename_organization(conn: Connection, organization_id: str, names: Names) -> None:
    await conn.execute(
        "update registry.organization set name_ja = $2, name_en = $3 where organization_id = $1",
        organization_id,
        names.name_ja,
        names.name_en,
    )


async def rename_component(conn: Connection, component_id: str, names: Names) -> None:
    await conn.execute(
        "update registry.component set name_ja = $2, name_en = $3 where component_id = $1",
        component_id,
        names.name_ja,
        names.name_en,
    )


async def insert(
    conn: Connection,
    succession_id: UUID,
    kind: str,
    noun: str,
    thing_id: str,
    names: tuple[Names, Names],
    document: tuple[str, str, str | None],
    effective_date: date,
    notice: tuple[str, str],
    actor: str,
    body_sha256: bytes,
) -> None:
    """`names` before and after; `document`: title, number, SHA-256 (hex); `notice` in Japanese and English."""
    await conn.execute(
        """
        insert into registry.succession (succession_id, kind, noun, thing_id, before, after, document, document_number,
                                         document_sha256, effective_date, notice_ja, notice_en, actor, body_sha256)
        values ($1, $2, $3, $4, $5, $6, $7, $8, decode($9, 'hex'), $10, $11, $12, $13, $14)
        """,
        succession_id,
        kind,
        noun,
        thing_id,
        *(msgspec.to_builtins(one) for one in names),
        *document,
        effective_date,
        *notice,
        actor,
        body_sha256,
    )


async def successions(conn: Connection) -> list[Succession]:
    """All there were, the newest first, each with the way in which it took effect."""
    rows = await conn.fetch(
        """
        select s.succession_id, s.kind, s.noun, s.thing_id as id, s.before, s.after, s.document, s.document_number,
               encode(s.document_sha256, 'hex') as document_sha256, s.effective_date, s.notice_ja, s.notice_en,
               s.recorded_at,
               (select p.way from registry.pending p
                 where p.act = 'succession' and p.thing_id = s.noun || ':' || s.thing_id and p.state = 'done'
                   and p.body_sha256 = s.body_sha256
                 order by p.ended_at desc limit 1) as way
          from registry.succession s
         order by s.recorded_at desc
        """
    )
    return [msgspec.convert(dict(row), Succession) for row in rows]


async def names_before(conn: Connection, noun: str, thing_id: str) -> list[Names]:
    """The names that successions have replaced."""
    rows = await conn.fetch(
        "select before from registry.succession where noun = $1 and thing_id = $2", noun, thing_id
    )
    found: list[dict[str, Any]] = [row["before"] for row in rows]
    return [msgspec.convert(one, Names) for one in found]


async def organization_is_named(conn: Connection, organization_id: str) -> bool:
    """Whether the text of a registered link names it, as provider, consumer or manager, or as who is responsible for
    the service."""
    return await conn.fetchval(
        """
        select exists (
            select from registry.link l
              join registry.component c on c.component_key in (l.provider_component_key, l.consumer_component_key)
              join registry.service s using (service_key)
              join registry.organization o
                on o.organization_key in (c.organization_key, s.organization_key) or o.kind = 'operating_organization'
             where l.state = 'registered' and o.organization_id = $1)
        """,
        organization_id,
    )


async def component_is_named(conn: Connection, component_id: str) -> bool:
    """Whether the text of a registered link names it."""
    return await conn.fetchval(
        """
        select exists (
            select from registry.link l
              join registry.component c on c.component_key in (l.provider_component_key, l.consumer_component_key)
             where l.state = 'registered' and c.component_id = $1)
        """,
        component_id,
    )
