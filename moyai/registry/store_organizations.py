"""SQL: organisations, criteria, witnesses, stores."""

from __future__ import annotations

from typing import Any

from moyai.base.db import Connection
from moyai.registry.declarations import (
    AuthenticationServiceDeclaration,
    OrganizationDeclaration,
    WitnessDeclaration,
)
from moyai.registry.model import (
    AuthenticationService,
    Criteria,
    Organization,
    Store,
    Witness,
)
from moyai.registry.store import many, one


async def organization(conn: Connection, organization_id: str) -> Organization | None:
    row = await conn.fetchrow(
        "select * from registry.organization where organization_id = $1", organization_id
    )
    return one(row, Organization)


async def organization_by_key(conn: Connection, organization_key: int) -> Organization | None:
    row = await conn.fetchrow(
        "select * from registry.organization where organization_key = $1", organization_key
    )
    return one(row, Organization)


async def operating_organization(conn: Connection) -> Organization | None:
    row = await conn.fetchrow("select * from registry.organization where kind = 'operating_organization'")
    return one(row, Organization)


async def organizations(conn: Connection) -> list[Organization]:
    return many(
        await conn.fetch("select * from registry.organization order by organization_key"), Organization
    )


async def put_organization(conn: Connection, declared: OrganizationDeclaration) -> None:
    await conn.execute(
        """
        insert into registry.organization (organization_id, name_ja, name_en, kind, municipality_codes, contact)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organization_id) do update
           set name_ja = excluded.name_ja, name_en = excluded.name_en, kind = excluded.kind,
               municipality_codes = excluded.municipality_codes, contact = excluded.contact
        """,
        declared.organization_id,
        declared.name_ja,
        declared.name_en,
        declared.kind,
        declared.municipality_codes,
        declared.contact,
    )


async def certify(
    conn: Connection,
    organization_id: str,
    criteria_version: str,
    reviewer: str,
    reviewer_organization_id: str,
) -> None:
    await conn.execute(
        """
        update registry.organization
           set state = 'certified', criteria_version = $2, reviewer = $3, reviewer_organization_id = $4,
               certified_at = clock_timestamp()
         where organization_id = $1
        """,
        organization_id,
        criteria_version,
        reviewer,
        reviewer_organization_id,
    )


async def criteria(conn: Connection, criteria_version: str) -> Criteria | None:
    row = await conn.fetchrow(
        """
        select criteria_version, content, encode(sha256, 'hex') as sha256, published_at
          from registry.criteria_version where criteria_version = $1
        """,
        criteria_version,
    )
    return one(row, Criteria)


async def criteria_in_force(conn: Connection) -> Criteria | None:
    row = await conn.fetchrow(
        """
        select criteria_version, content, encode(sha256, 'hex') as sha256, published_at
          from registry.criteria_version order by published_at desc, criteria_version desc limit 1
        """
    )
    return one(row, Criteria)


async def add_criteria(
    conn: Connection, criteria_version: str, content: dict[str, Any], digest: bytes
) -> None:
    await conn.execute(
        "insert into registry.criteria_version (criteria_version, content, sha256) values ($1, $2, $3)",
        criteria_version,
        content,
        digest,
    )


async def authentication_services(conn: Connection) -> list[AuthenticationService]:
    rows = await conn.fetch(
        "select * from registry.authentication_service order by authentication_service_id"
    )
    return many(rows, AuthenticationService)


async def put_authentication_service(conn: Connection, declared: AuthenticationServiceDeclaration) -> None:
    await conn.execute(
        """
        insert into registry.authentication_service (authentication_service_id, name_ja, name_en, ial, aal)
        values ($1, $2, $3, $4, $5)
        on conflict (authentication_service_id) do update
           set name_ja = excluded.name_ja, name_en = excluded.name_en, ial = excluded.ial, aal = excluded.aal
        """,
        declared.authentication_service_id,
        declared.name_ja,
        declared.name_en,
        declared.ial,
        declared.aal,
    )


async def every_witness(conn: Connection) -> list[Witness]:
    """Also those that were ended."""
    rows = await conn.fetch(
        """
        select w.witness_id, w.organization_key, o.organization_id, o.name_ja as organization_name_ja,
               w.verifier_key, w.url, w.ended_at is not null as ended
          from registry.witness w join registry.organization o using (organization_key)
         order by w.witness_id
        """
    )
    return many(rows, Witness)


async def witnesses(conn: Connection) -> list[Witness]:
    """Those that co-sign now."""
    return [one for one in await every_witness(conn) if not one.ended]


async def end_witness(conn: Connection, witness_id: str, reason: str) -> None:
    await conn.execute(
        """
        update registry.witness set ended_at = clock_timestamp(), ended_reason = $2
         where witness_id = $1 and ended_at is null
        """,
        witness_id,
        reason,
    )


async def put_witness(conn: Connection, declared: WitnessDeclaration, organization_key: int) -> None:
    await conn.execute(
        """
        insert into registry.witness (witness_id, organization_key, verifier_key, url) values ($1, $2, $3, $4)
        on conflict (witness_id) do update
           set organization_key = excluded.organization_key, verifier_key = excluded.verifier_key,
               url = excluded.url
        """,
        declared.witness_id,
        organization_key,
        declared.verifier_key,
        declared.url,
    )


async def stores(conn: Connection) -> list[Store]:
    rows = await conn.fetch(
        """
        select s.store_key, s.broker, s.organization_key, o.organization_id, s.host, s.port, s.database, s.role,
               s.sealed_password, s.schema_version
          from registry.store s left join registry.organization o using (organization_key)
         order by s.broker, s.organization_key
        """
    )
    return many(rows, Store)


async def lock_for_provisioning(conn: Connection) -> None:
    """One process makes stores at a time: two would give one role two passwords."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('moyai.provisioning'))")


async def store_of(conn: Connection, broker: str, organization_key: int | None) -> Store | None:
    row = await conn.fetchrow(
        """
        select s.store_key, s.broker, s.organization_key, o.organization_id, s.host, s.port, s.database, s.role,
               s.sealed_password, s.schema_version
          from registry.store s left join registry.organization o using (organization_key)
         where s.broker = $1 and coalesce(s.organization_key, 0) = coalesce($2, 0)
        """,
        broker,
        organization_key,
    )
    return one(row, Store)


async def put_store(
    conn: Connection,
    broker: str,
    organization_key: int | None,
    place: tuple[str, int, str, str],
    sealed_password: bytes,
    schema_version: int,
) -> int:
    """`place` is (host, port, database, role). Returns the store's key."""
    host, port, database, role = place
    return await conn.fetchval(
        """
        insert into registry.store
               (broker, organization_key, host, port, database, role, sealed_password, schema_version)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (broker, coalesce(organization_key, 0)) do update
           set host = excluded.host, port = excluded.port, database = excluded.database, role = excluded.role,
               sealed_password = excluded.sealed_password, schema_version = excluded.schema_version
        returning store_key
        """,
        broker,
        organization_key,
        host,
        port,
        database,
        role,
        sealed_password,
        schema_version,
    )
