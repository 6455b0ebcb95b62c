"""Bringing a database to the version that this code knows: numbered SQL files, once each, then the rights.

Every database carries its own version. Code serves version n and n-1; a newer database is refused with a text
that says so, because what a newer version means is not known here.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Literal

import msgspec

from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.roles import OWNER, bootstrap, context_database

Kind = Literal["control", "store", "context"]

_NUMBERED = re.compile(r"(\d{4})_\w+\.sql")
# Any two migrations of one database, whoever starts them, come one after the other.
_LOCK = 0x6D6F7961


class SchemaTooNew(Exception):
    """The database was migrated by a newer release than this one."""


class SchemaTooOld(Exception):
    """The database lacks migrations that this release needs."""


class Migration(msgspec.Struct, frozen=True):
    version: int
    name: str
    sql: str


def migrations(kind: Kind) -> list[Migration]:
    """The numbered files of one kind of database, in order."""
    folder = resources.files("moyai.migrations").joinpath(kind)
    found = [
        Migration(int(match[1]), entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in (folder.iterdir() if folder.is_dir() else ())
        if (match := _NUMBERED.fullmatch(entry.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


def grants(kind: Kind) -> str:
    """`grants.sql` of one kind: rights as they shall be, whatever they were; applied after every migration."""
    file = resources.files("moyai.migrations").joinpath(kind, "grants.sql")
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def latest(kind: Kind) -> int:
    return max((migration.version for migration in migrations(kind)), default=0)


async def version(conn: Connection) -> int:
    """The version of the database one is connected to; 0 if it was never migrated."""
    if await conn.fetchval("select to_regclass('public.moyai_schema_version')") is None:
        return 0
    return await conn.fetchval("select coalesce(max(version), 0) from public.moyai_schema_version")


async def check_version(conn: Connection, kind: Kind) -> int:
    """Refuse to work on a database that this code does not understand.

    Returns its version (n or n-1). Raises SchemaTooNew or SchemaTooOld.
    """
    found, known = await version(conn), latest(kind)
    name = await conn.fetchval("select current_database()")
    if found > known:
        raise SchemaTooNew(
            f"database {name} has version {found}, this release knows {kind} version {known}: "
            "run the release that migrated it, or a newer one"
        )
    if found < max(known - 1, min(known, 1)):
        raise SchemaTooOld(f"database {name} has version {found}, {known} is needed: run `moyai migrate`")
    return found


async def apply(conn: Connection, kind: Kind) -> int:
    """Apply what is missing, each file in its own transaction, then the rights. Returns the version."""
    # Neither the wait for another migration nor a large table may run into the sessions' ordinary limit: `migrate`
    # opens a session without one.
    await conn.execute("set statement_timeout = 0")
    await conn.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        return await _apply(conn, kind)
    finally:
        await conn.execute("select pg_advisory_unlock($1)", _LOCK)


async def _apply(conn: Connection, kind: Kind) -> int:
    found = await version(conn)
    if found > latest(kind):
        await check_version(conn, kind)
    for migration in migrations(kind):
        if migration.version > found:
            await _apply_one(conn, migration)
    if latest(kind):
        async with conn.transaction():
            await conn.raw.execute(grants(kind))
    return latest(kind)


async def _apply_one(conn: Connection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute(
            """
            create table if not exists public.moyai_schema_version (
                version    int primary key,
                name       text not null,
                applied_at timestamptz not null default clock_timestamp()
            )
            """
        )
        await conn.raw.execute(migration.sql)
        await conn.execute(
            "insert into public.moyai_schema_version (version, name) values ($1, $2)",
            migration.version,
            migration.name,
        )


async def migrate(dsn: str, kind: Kind) -> int:
    """Bring the database of a libpq URI, which names its owner, to this code's version."""
    conn = await connect(dsn, statement_timeout="0")
    try:
        return await apply(conn, kind)
    finally:
        await conn.close()


async def migrate_control(home: Home) -> int:
    """Make roles and control database where they are missing, and migrate it. Returns its version."""
    await bootstrap(home)
    return await migrate(home.dsn(OWNER), "control")


async def migrate_context(home: Home) -> int:
    """Migrate the database of city data, which `migrate_control` has made. Returns its version."""
    return await migrate(home.dsn(OWNER, context_database(home)), "context")


async def migrate_store(dsn: str) -> int:
    """Migrate one store of linkable personal data; the URI names its owner. Returns its version."""
    return await migrate(dsn, "store")
