"""A personal store for every organisation that generates data: database, role and password of its own (R-022)."""

from __future__ import annotations

from moyai import registry
from moyai.base.config import Home
from moyai.base.db import Connection, Database
from moyai.base.migrate import latest
from moyai.base.provision import provision_store
from moyai.registry import Change, Organization
from moyai.registry import Store as RegisteredStore


async def provision_missing(home: Home, database: Database, actor: str) -> list[Change]:
    """Make the stores that are missing or of an older version, and note them in the registry.

    Does nothing unless the personal broker is `internal_segregated`. May be interrupted and run again, and by
    several processes: `apply` makes the stores of its file, the worker those of organisations that came over HTTP.
    Raises what hindered one, after all have had their turn.
    """
    if home.config().brokers.personal != "internal_segregated":
        return []
    async with database.connection() as conn:
        waiting = await _waiting(conn)
    done, hindered = list[Change](), list[Exception]()
    for organization in waiting:
        try:
            done.append(await _provision(home, database, organization, actor))
        except Exception as error:
            hindered.append(error)
    if hindered:
        raise hindered[0]
    return done


async def _waiting(conn: Connection) -> list[Organization]:
    """Organisations that generate data and have no store of this release's version."""
    generating = {one.organization_key for one in await registry.all_components(conn) if one.datasets}
    known = {one.organization_key: one for one in await registry.all_stores(conn) if one.broker == "personal"}
    newest = latest("store")
    return [
        one
        for one in await registry.all_organizations(conn)
        if one.organization_key in generating and _is_behind(known.get(one.organization_key), newest)
    ]


def _is_behind(store: RegisteredStore | None, newest: int) -> bool:
    return store is None or store.schema_version < newest


async def _provision(home: Home, database: Database, organization: Organization, actor: str) -> Change:
    async with database.transaction() as conn:
        await registry.lock_for_provisioning(conn)
        known = await registry.store_of(conn, "personal", organization.organization_key)
        if not _is_behind(known, latest("store")):
            return Change("store", organization.organization_id, "unchanged")
        sealed = known.sealed_password if known else None
        made = await provision_store(home, organization.organization_id, sealed)
        place = (made.host, made.port, made.database, made.role)
        return await registry.register_store(
            conn, organization.organization_id, place, made.sealed_password, made.schema_version, actor
        )
