"""One database, role and password per organisation: how linkable personal data is kept apart."""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from moyai.base.config import Home, make_dsn
from moyai.base.db import NoSuchDatabase, connect
from moyai.base.migrate import migrate_store
from moyai.base.roles import (
    MAINTENANCE,
    PROVISION,
    has_database,
    maintenance,
    make_database,
    make_role,
    run,
)
from moyai.base.secrets import SEALED, SecretBox


class StoreLost(Exception):
    """An organisation has a store, and its database is not there: an empty one in its place would say that all is well."""

    def __init__(self, database: str) -> None:
        super().__init__(
            f"store_lost: the database {database} is gone; put it back with "
            "`moyai restore BACKUP --store ORGANISATION`"
        )


class Store(msgspec.Struct, frozen=True):
    """What `registry.store` keeps of one organisation's database."""

    host: str
    port: int
    database: str
    role: str
    sealed_password: bytes
    schema_version: int

    def dsn(self, box: SecretBox) -> str:
        password = box.open(f"store:{self.database}", self.sealed_password).decode()
        return make_dsn(self.host, self.port, self.role, password, self.database)


def store_names(organization_id: str) -> tuple[str, str]:
    """Database and role of an organisation's personal store, e.g. `moyai_personal_c1`, `store_c1`."""
    name = organization_id.replace("-", "_")
    return _identifier(f"moyai_personal_{name}"), _identifier(f"store_{name}")


def anew_name(database: str) -> str:
    """What a store's database is called while it is made anew from a backup."""
    return _identifier(f"{database}_anew")


def _identifier(name: str) -> str:
    """PostgreSQL cuts names at 63 bytes; two long ids must not become one."""
    return name if len(name) <= 63 else f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


async def provision_store(home: Home, organization_id: str, sealed_password: bytes | None = None) -> Store:
    """Make an organisation's role and database for linkable personal data, and migrate it.

    Every step may have been done before, so that an interrupted provisioning is simply run again. With the
    `sealed_password` of an existing store its password stays, and its database has to be there; without one it gets
    a new one. Raises StoreLost.
    """
    settings, box = home.config().database, home.box()
    database, role = store_names(organization_id)
    name = f"store:{database}"
    password = box.open(name, sealed_password).decode() if sealed_password else secrets.token_urlsafe(24)
    async with maintenance(home.dsn(PROVISION, MAINTENANCE)) as conn:
        if sealed_password is not None and not await has_database(conn, database):
            raise StoreLost(database)
        await make_role(conn, role, password)
    try:
        version = await make_store(home, database, role)
    except NoSuchDatabase as error:  # listed, but the directory of its files is gone
        raise StoreLost(database) from error
    kept = sealed_password if sealed_password and sealed_password.startswith(SEALED) else None
    sealed = kept or box.seal(name, password.encode())
    return Store(settings.host, settings.port, database, role, sealed, version)


async def make_store(home: Home, database: str, role: str) -> int:
    """Make a database for linkable personal data where it is missing, migrated, the role's own. Returns its version."""
    async with maintenance(home.dsn(PROVISION, MAINTENANCE)) as conn:
        await make_database(conn, database, PROVISION)
        await run(conn, "grant connect on database %1$I to %2$I", database, role)
    version = await migrate_store(home.dsn(PROVISION, database))
    await _grant_store(home.dsn(PROVISION, database), role)
    return version


async def _grant_store(dsn: str, role: str) -> None:
    conn = await connect(dsn)
    try:
        async with conn.transaction():
            await run(conn, "revoke all on all tables in schema store from %1$I", role)
            await run(conn, "grant usage on schema public, store to %1$I", role)
            await run(
                conn, "grant select, insert, update, delete on all tables in schema store to %1$I", role
            )
            await run(conn, "grant select on public.moyai_schema_version to %1$I", role)
    finally:
        await conn.close()
