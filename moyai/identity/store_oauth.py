"""SQL of OAuth: requests on their way, codes, grants, refresh tokens, things that are good once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from moyai.base.db import Connection, Record


async def remember(conn: Connection, fingerprint: bytes, seconds: float) -> bool:
    """Whether this was never seen before; it is seen from now on, in whatever process."""
    new = await conn.fetchval(
        """
        insert into identity.seen_token (fingerprint, expires_at)
        values ($1, clock_timestamp() + make_interval(secs => $2))
        on conflict (fingerprint) do nothing returning true
        """,
        fingerprint,
        seconds,
    )
    return new is not None


async def insert_request(
    conn: Connection, request_hash: bytes, client_id: str, parameters: dict[str, Any], seconds: float
) -> None:
    await conn.execute(
        """
        insert into identity.authorization_request (request_hash, client_id, parameters, expires_at)
        values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
        """,
        request_hash,
        client_id,
        parameters,
        seconds,
    )


async def request(conn: Connection, request_hash: bytes) -> Record | None:
    """A live request that has not been answered with a code."""
    return await conn.fetchrow(
        """
        select client_id, parameters, created_at, resident_key, generation from identity.authorization_request
         where request_hash = $1 and code_hash is null and expires_at > clock_timestamp()
        """,
        request_hash,
    )


async def extend_request(conn: Connection, request_hash: bytes, seconds: float) -> None:
    await conn.execute(
        """
        update identity.authorization_request set expires_at = created_at + make_interval(secs => $2)
         where request_hash = $1 and code_hash is null
        """,
        request_hash,
        seconds,
    )


async def show_request(
    conn: Connection, request_hash: bytes, resident_key: int, generation: int, seconds: float
) -> None:
    await conn.execute(
        """
        update identity.authorization_request
           set resident_key = $2, generation = $3, expires_at = clock_timestamp() + make_interval(secs => $4)
         where request_hash = $1 and code_hash is null
        """,
        request_hash,
        resident_key,
        generation,
        seconds,
    )


async def set_code(
    conn: Connection, request_hash: bytes, resident_key: int, code_hash: bytes, grant_id: UUID, seconds: float
) -> bool:
    """Whether the request was still unanswered; it now waits for its code to be redeemed."""
    done = await conn.fetchval(
        """
        update identity.authorization_request
           set code_hash = $2, grant_id = $3, resident_key = $5,
               expires_at = clock_timestamp() + make_interval(secs => $4)
         where request_hash = $1 and code_hash is null returning true
        """,
        request_hash,
        code_hash,
        grant_id,
        seconds,
        resident_key,
    )
    return done is not None


async def delete_request(conn: Connection, request_hash: bytes) -> None:
    await conn.execute("delete from identity.authorization_request where request_hash = $1", request_hash)


async def code(conn: Connection, code_hash: bytes) -> Record | None:
    """The request a code answers, locked until the transaction ends; `live` is false once time is up."""
    return await conn.fetchrow(
        """
        select request_hash, client_id, parameters, grant_id, code_used_at is not null as used,
               expires_at > clock_timestamp() as live
          from identity.authorization_request where code_hash = $1 for update
        """,
        code_hash,
    )


async def use_code(conn: Connection, code_hash: bytes, seconds: float) -> None:
    """Used; kept for as long as its tokens may live, so that a second use is noticed."""
    await conn.execute(
        """
        update identity.authorization_request
           set code_used_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $2)
         where code_hash = $1
        """,
        code_hash,
        seconds,
    )


async def insert_grant(
    conn: Connection,
    grant_id: UUID,
    client_id: str,
    resident_key: int,
    scope: str,
    aal: int,
    amr: list[str],
    authenticated_at: datetime,
    session_hash: bytes,
    second_factor_at: datetime | None,
    generation: int,
    device: str,
    seconds: float,
) -> None:
    await conn.execute(
        """
        insert into identity.authorization_grant (grant_id, client_id, resident_key, scope, aal, amr,
                                                  authenticated_at, session_hash, second_factor_at, generation,
                                                  device, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, clock_timestamp() + make_interval(secs => $12))
        """,
        grant_id,
        client_id,
        resident_key,
        scope,
        aal,
        amr,
        authenticated_at,
        session_hash,
        second_factor_at,
        generation,
        device,
        seconds,
    )


async def bind_grant(conn: Connection, grant_id: UUID, jkt: str) -> None:
    await conn.execute(
        "update identity.authorization_grant set jkt = $2 where grant_id = $1 and jkt = ''", grant_id, jkt
    )


async def grant(conn: Connection, grant_id: UUID) -> Record | None:
    """A grant that is in force, with the resident as they stand now. Of an earlier generation none is."""
    return await conn.fetchrow(
        """
        select g.grant_id, g.client_id, g.resident_key, g.scope, g.jkt, g.aal, g.amr, g.authenticated_at,
               g.second_factor_at, g.device, r.resident_id, r.ial, r.municipality_code,
               coalesce(g.used_at < clock_timestamp() - interval '1 minute', true) as stale_use
          from identity.authorization_grant g join identity.resident r using (resident_key)
         where g.grant_id = $1 and g.revoked_at is null and g.expires_at > clock_timestamp()
           and r.state = 'active'
           and g.generation = coalesce((select a.generation from identity.authority a
                                         where a.resident_key = g.resident_key), 0)
        """,
        grant_id,
    )


async def mark_grant_used(conn: Connection, grant_id: UUID) -> None:
    await conn.execute(
        "update identity.authorization_grant set used_at = clock_timestamp() where grant_id = $1", grant_id
    )


async def session_of_grant(conn: Connection, grant_id: UUID) -> bytes | None:
    """The session in which a grant was given."""
    return await conn.fetchval(
        "select session_hash from identity.authorization_grant where grant_id = $1", grant_id
    )


async def _hold_owner(conn: Connection, grant_id: UUID | None, session_hash: bytes | None) -> None:
    """Whose authorisations end acts no more meanwhile (`store_sessions.hold_resident`)."""
    await conn.execute(
        """
        select pg_advisory_xact_lock(hashtextextended('consent', resident_key))
          from (select distinct resident_key from identity.authorization_grant
                 where (grant_id = $1 or session_hash = $2) and revoked_at is null order by resident_key) g
        """,
        grant_id,
        session_hash,
    )


async def revoke_grant(conn: Connection, grant_id: UUID) -> None:
    await _hold_owner(conn, grant_id, None)
    await conn.execute(
        """
        update identity.authorization_grant set revoked_at = clock_timestamp()
         where grant_id = $1 and revoked_at is null
        """,
        grant_id,
    )


async def revoke_grants_of_session(conn: Connection, session_hash: bytes, kept: UUID | None) -> None:
    """Whatever was authorised in a session, but for one."""
    await _hold_owner(conn, None, session_hash)
    await conn.execute(
        """
        update identity.authorization_grant set revoked_at = clock_timestamp()
         where session_hash = $1 and grant_id is distinct from $2 and revoked_at is null
        """,
        session_hash,
        kept,
    )


async def insert_refresh_token(conn: Connection, token_hash: bytes, grant_id: UUID, seconds: float) -> None:
    await conn.execute(
        """
        insert into identity.refresh_token (token_hash, grant_id, expires_at)
        values ($1, $2, clock_timestamp() + make_interval(secs => $3))
        """,
        token_hash,
        grant_id,
        seconds,
    )


async def refresh_token(conn: Connection, token_hash: bytes) -> Record | None:
    return await conn.fetchrow(
        """
        select grant_id, used_at is not null as used, expires_at > clock_timestamp() as live
          from identity.refresh_token where token_hash = $1 for update
        """,
        token_hash,
    )


async def use_refresh_token(conn: Connection, token_hash: bytes) -> None:
    await conn.execute(
        "update identity.refresh_token set used_at = clock_timestamp() where token_hash = $1", token_hash
    )
