"""SQL: published versions of terms."""

from __future__ import annotations

from datetime import date
from typing import Any

from moyai.base.db import Connection
from moyai.registry.model import (
    TermsVersion,
)
from moyai.registry.store import many, one


async def terms(conn: Connection, service_key: int | None, version: int | None = None) -> TermsVersion | None:
    """The version asked for, or the one in force (the newest); `service_key` None means the platform's terms."""
    row = await conn.fetchrow(
        """
        select t.terms_key, t.kind, t.service_key, s.service_id, t.version, t.content,
               encode(t.sha256, 'hex') as sha256, t.published_at, t.accept_by
          from registry.terms_version t left join registry.service s using (service_key)
         where coalesce(t.service_key, 0) = coalesce($1, 0) and ($2::int is null or t.version = $2)
         order by t.version desc limit 1
        """,
        service_key,
        version,
    )
    return one(row, TermsVersion)


async def terms_by_key(conn: Connection, terms_key: int) -> TermsVersion | None:
    row = await conn.fetchrow(
        """
        select t.terms_key, t.kind, t.service_key, s.service_id, t.version, t.content,
               encode(t.sha256, 'hex') as sha256, t.published_at, t.accept_by
          from registry.terms_version t left join registry.service s using (service_key)
         where t.terms_key = $1
        """,
        terms_key,
    )
    return one(row, TermsVersion)


async def terms_by_hash(conn: Connection, sha256: str) -> TermsVersion | None:
    """`sha256` in hexadecimal."""
    row = await conn.fetchrow(
        """
        select t.terms_key, t.kind, t.service_key, s.service_id, t.version, t.content,
               encode(t.sha256, 'hex') as sha256, t.published_at, t.accept_by
          from registry.terms_version t left join registry.service s using (service_key)
         where t.sha256 = decode($1, 'hex')
         order by t.terms_key desc limit 1
        """,
        sha256,
    )
    return one(row, TermsVersion)


async def all_terms_in_force(conn: Connection) -> list[TermsVersion]:
    rows = await conn.fetch(
        """
        select distinct on (coalesce(t.service_key, 0))
               t.terms_key, t.kind, t.service_key, s.service_id, t.version, t.content,
               encode(t.sha256, 'hex') as sha256, t.published_at, t.accept_by
          from registry.terms_version t left join registry.service s using (service_key)
         order by coalesce(t.service_key, 0), t.version desc
        """
    )
    return many(rows, TermsVersion)


async def add_terms(
    conn: Connection,
    service_key: int | None,
    version: int,
    content: dict[str, Any],
    digest: bytes,
    accept_by: date | None,
) -> None:
    await conn.execute(
        """
        insert into registry.terms_version (kind, service_key, version, content, sha256, accept_by)
        values (case when $1::int is null then 'platform' else 'service' end, $1, $2, $3, $4, $5)
        """,
        service_key,
        version,
        content,
        digest,
        accept_by,
    )
