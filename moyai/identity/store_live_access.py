"""SQL of what acts for a resident now: sessions and authorisations that have not ended."""

from __future__ import annotations

from uuid import UUID

from moyai.base.db import Connection, Record
from moyai.identity.store_sessions import hold_resident


async def sessions_of(conn: Connection, resident_key: int) -> list[Record]:
    """Live and complete, the one that was used last first."""
    return await conn.fetch(
        """
        select s.session_hash, s.device, s.method, s.factors, s.aal, s.authenticated_at, s.created_at, s.seen_at,
               s.expires_at
          from identity.session s
         where s.resident_key = $1 and s.authenticated_at is not null and s.expires_at > clock_timestamp()
           and s.generation = coalesce((select generation from identity.authority where resident_key = $1), 0)
         order by s.seen_at desc, s.session_hash
        """,
        resident_key,
    )


async def authorizations_of(conn: Connection, resident_key: int) -> list[Record]:
    """In force and redeemed, or with a code that still can be; the newest first."""
    return await conn.fetch(
        """
        select g.grant_id, g.client_id, g.scope, g.device, g.aal, g.authenticated_at, g.created_at, g.used_at,
               g.expires_at, g.session_hash
          from identity.authorization_grant g
         where g.resident_key = $1 and g.revoked_at is null and g.expires_at > clock_timestamp()
           and g.generation = coalesce((select generation from identity.authority where resident_key = $1), 0)
           and (g.jkt <> '' or exists (select from identity.authorization_request q
                                        where q.grant_id = g.grant_id and q.expires_at > clock_timestamp()))
         order by g.created_at desc, g.grant_id
        """,
        resident_key,
    )


async def revoke_authorization(conn: Connection, resident_key: int, grant_id: UUID) -> Record | None:
    """The authorisation that was ended by this, if there was one of this resident."""
    await hold_resident(conn, resident_key)
    return await conn.fetchrow(
        """
        update identity.authorization_grant set revoked_at = clock_timestamp()
         where grant_id = $2 and resident_key = $1 and revoked_at is null and expires_at > clock_timestamp()
        returning client_id
        """,
        resident_key,
        grant_id,
    )


async def revoke_other_authorizations(conn: Connection, resident_key: int, kept: UUID | None) -> list[Record]:
    await hold_resident(conn, resident_key)
    return await conn.fetch(
        """
        update identity.authorization_grant set revoked_at = clock_timestamp()
         where resident_key = $1 and grant_id is distinct from $2
           and revoked_at is null and expires_at > clock_timestamp()
        returning client_id
        """,
        resident_key,
        kept,
    )


async def keep_authorization(conn: Connection, resident_key: int, grant_id: UUID, generation: int) -> bool:
    """Whether the authorisation with which all others were just ended was in force in the generation before this one;
    it goes on in this one."""
    kept = await conn.fetchval(
        """
        update identity.authorization_grant set generation = $3
         where grant_id = $2 and resident_key = $1 and generation = $3 - 1 and revoked_at is null
           and expires_at > clock_timestamp()
        returning true
        """,
        resident_key,
        grant_id,
        generation,
    )
    return kept is not None
