"""`moyai migrate`: roles, control database, city data, then the stores, several at a time."""

from __future__ import annotations

import asyncio

import msgspec

from moyai import registry
from moyai.base import keys
from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.migrate import migrate_context, migrate_control
from moyai.base.provision import Store as Made
from moyai.base.provision import StoreLost, provision_store
from moyai.base.roles import OWNER, SERVE, context_database
from moyai.identity import credentials
from moyai.registry import Store
from moyai.supervisor import engine_running

_AT_ONCE = 4


class Migrated(msgspec.Struct, frozen=True):
    """One database and its version now; `problem` says why it stays behind."""

    database: str
    version: int
    problem: str | None = None


def migrate(home: Home) -> list[Migrated]:
    """Migrate everything that belongs to a platform. A store left behind stops only its organisation.

    Raises SchemaTooNew if a shared database was migrated by a newer release.
    """
    with engine_running(home):
        return asyncio.run(migrate_all(home))


async def migrate_all(home: Home) -> list[Migrated]:
    """The same, on a server that runs."""
    home.secrets().seal_anew()
    shared = [
        Migrated(home.config().database.name, await migrate_control(home)),
        Migrated(context_database(home), await migrate_context(home)),
    ]
    await _seal_anew(home)
    conn = await connect(home.dsn(SERVE))
    try:
        stores = [one for one in await registry.all_stores(conn) if one.broker == "personal"]
    finally:
        await conn.close()
    turns = asyncio.Semaphore(_AT_ONCE)
    return [*shared, *await asyncio.gather(*(_store(home, store, turns) for store in stores))]


async def _seal_anew(home: Home) -> None:
    """Earlier releases sealed everything under one key, which no single process is given any more."""
    conn, box = await connect(home.dsn(OWNER), statement_timeout="0"), home.box()
    try:
        async with conn.transaction():
            await keys.seal_anew(conn, box)
        await credentials.seal_anew(conn, box)
    finally:
        await conn.close()


async def _store(home: Home, store: Store, turns: asyncio.Semaphore) -> Migrated:
    if store.organization_id is None:
        return Migrated(store.database, store.schema_version, "belongs to no organisation")
    async with turns:
        try:
            made = await provision_store(home, store.organization_id, store.sealed_password)
            await _note(home, store.organization_id, made)
        except StoreLost as error:
            return Migrated(store.database, store.schema_version, str(error))
        except Exception as error:  # whatever is wrong with one store, the others are migrated
            return Migrated(store.database, store.schema_version, type(error).__name__)
    return Migrated(made.database, made.schema_version)


async def _note(home: Home, organization_id: str, made: Made) -> None:
    conn = await connect(home.dsn(SERVE))
    try:
        async with conn.transaction():
            place = (made.host, made.port, made.database, made.role)
            await registry.register_store(
                conn, organization_id, place, made.sealed_password, made.schema_version, "moyai migrate"
            )
    finally:
        await conn.close()
