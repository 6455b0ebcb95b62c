"""SQL of `platform.signing_key`. Who may see which row is decided by policies; public halves are in a view."""

from __future__ import annotations

from typing import Any

from moyai.base.db import Connection, Record


async def current(conn: Connection, purpose: str) -> Record | None:
    return await conn.fetchrow(
        """
        select key_id, algorithm, sealed,
               -- false within the transaction that makes the key: it may still be rolled back
               created_at < now() as settled
          from platform.signing_key
         where purpose = $1 and retired_at is null
        """,
        purpose,
    )


async def add(
    conn: Connection, key_id: str, purpose: str, algorithm: str, public_jwk: dict[str, Any], sealed: bytes
) -> None:
    """Add the current key of a purpose, unless another process has just done so."""
    await conn.execute(
        """
        insert into platform.signing_key (key_id, purpose, algorithm, public_jwk, sealed)
        values ($1, $2, $3, $4, $5)
        on conflict do nothing
        """,
        key_id,
        purpose,
        algorithm,
        public_jwk,
        sealed,
    )


async def retire(conn: Connection, purpose: str, overlap_seconds: float | None) -> None:
    """End signing with the current key; it verifies for `overlap_seconds` more, or always if None."""
    await conn.execute(
        """
        update platform.signing_key
           set retired_at = clock_timestamp(),
               forgotten_at = clock_timestamp() + make_interval(secs => $2::float8)
         where purpose = $1 and retired_at is null
        """,
        purpose,
        overlap_seconds,
    )


async def revoke(conn: Connection, key_id: str, reason: str) -> Record | None:
    """Revoke a key that still verifies: (purpose, whether it was the one that signs), or None."""
    return await conn.fetchrow(
        """
        with was as (
            select key_id, retired_at is null as signed from platform.signing_key
             where key_id = $1 and revoked_at is null
               and (forgotten_at is null or forgotten_at > clock_timestamp())
        )
        update platform.signing_key k
           set revoked_at = clock_timestamp(), revoked_reason = $2,
               retired_at = coalesce(k.retired_at, clock_timestamp())
          from was where k.key_id = was.key_id
        returning k.purpose, was.signed
        """,
        key_id,
        reason,
    )


async def verifying(conn: Connection, purposes: list[str]) -> list[str]:
    """Names of the keys whose signatures still hold."""
    rows = await conn.fetch(
        """
        select key_id from platform.signing_key
         where purpose = any($1::text[]) and revoked_at is null
           and (forgotten_at is null or forgotten_at > clock_timestamp())
         order by created_at, key_id
        """,
        purposes,
    )
    return [row["key_id"] for row in rows]


async def known(conn: Connection) -> list[Record]:
    return await conn.fetch(
        """
        select purpose, key_id, created_at, retired_at, forgotten_at, revoked_at, revoked_reason
          from platform.public_key order by purpose, created_at desc
        """
    )


async def alone(conn: Connection) -> None:
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('moyai signing keys', 0))")


async def public(conn: Connection, purpose: str) -> list[dict[str, Any]]:
    rows = await conn.fetch(
        """
        select public_jwk from platform.public_key
         where purpose = $1 and (forgotten_at is null or forgotten_at > clock_timestamp()) and revoked_at is null
         order by created_at desc
        """,
        purpose,
    )
    return [row["public_jwk"] for row in rows]


async def revoked(conn: Connection, purpose: str) -> list[dict[str, Any]]:
    rows = await conn.fetch(
        "select public_jwk from platform.public_key where purpose = $1 and revoked_at is not null", purpose
    )
    return [row["public_jwk"] for row in rows]


async def sealed_otherwise(conn: Connection, begins: bytes) -> list[Record]:
    """Keys whose sealed form does not begin so."""
    return await conn.fetch(
        """
        select key_id, purpose, sealed from platform.signing_key
         where substring(sealed for octet_length($1::bytea)) <> $1::bytea
           for update
        """,
        begins,
    )


async def seal(conn: Connection, key_id: str, sealed: bytes) -> None:
    await conn.execute("update platform.signing_key set sealed = $2 where key_id = $1", key_id, sealed)
