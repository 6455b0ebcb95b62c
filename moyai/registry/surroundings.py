"""What stands around the registry's core: authentication services, stores."""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import RegistryEntry
from moyai.registry import lookups
from moyai.registry import store_organizations as store
from moyai.registry.declarations import AuthenticationServiceDeclaration
from moyai.registry.model import (
    Change,
    Store,
)
from moyai.registry.recording import builtins, differing, replaced, require_clean, settle
from moyai.registry.store import lock_for_writing


async def register_authentication_service(
    conn: Connection, declared: AuthenticationServiceDeclaration, actor: str
) -> Change:
    """個人認証サービス of the platform (guidebook 1.2.2, 1.2.4)."""
    require_clean(declared)
    await lock_for_writing(conn)
    wanted, service_id = builtins(declared), declared.authentication_service_id
    known = {one.authentication_service_id: one for one in await store.authentication_services(conn)}
    stored = known.get(service_id)
    return await settle(
        conn,
        "authentication_service",
        service_id,
        Kind.AUTHENTICATION_SERVICE_REGISTERED,
        actor,
        wanted,
        builtins(stored) if stored else None,
        lambda: store.put_authentication_service(conn, declared),
    )


async def register_store(
    conn: Connection,
    organization_id: str,
    place: tuple[str, int, str, str],
    sealed_password: bytes,
    schema_version: int,
    actor: str,
) -> Change:
    """Note where an organisation's linkable personal data lies; `place` is (host, port, database, role)."""
    await lock_for_writing(conn)
    organization = await lookups.organization(conn, organization_id)
    stored = await store.store_of(conn, "personal", organization.organization_key)
    if stored and _place(stored) == (place, sealed_password, schema_version):
        return Change("store", organization_id, "unchanged")
    await store.put_store(
        conn, "personal", organization.organization_key, place, sealed_password, schema_version
    )
    names = ("host", "port", "database", "role", "schema_version")
    before = {name: getattr(stored, name) for name in names} if stored else None
    after: dict[str, object] = dict(zip(names, (*place, schema_version), strict=True))
    fields = tuple(after) if before is None else differing(after, before)
    detail = RegistryEntry(noun="store", id=organization_id, fields=replaced(fields, before, after))
    await record(conn, Act(kind=Kind.STORE_REGISTERED, actor=actor, detail=detail))
    return Change("store", organization_id, "changed" if stored else "created", ("place",) if stored else ())


def _place(stored: Store) -> tuple[tuple[str, int, str, str], bytes, int]:
    place = (stored.host, stored.port, stored.database, stored.role)
    return place, stored.sealed_password, stored.schema_version
