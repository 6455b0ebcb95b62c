"""Roles and databases: who may log in to PostgreSQL, and what each may open.

| role | may |
|---|---|
| `moyai_admin` | everything; used only to set up |
| `moyai_owner` | own control database and city data, and change their schema |
| `moyai_provision` | make an organisation's role and database, own the latter |
| `moyai_serve`, `moyai_worker` | what `grants.sql` says, nothing else |
| `store_ORGANISATION` | rows of its own organisation's store |

No role is a member of another, and nobody connects to a database without a grant for it. Statements that name
roles and databases cannot take parameters: PostgreSQL itself quotes the names (`format('%I')`).
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import LiteralString

from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.engine import ADMIN
from moyai.base.scram import verifier

OWNER = "moyai_owner"
PROVISION = "moyai_provision"
SERVE = "moyai_serve"
WORKER = "moyai_worker"
PROCESS_ROLES = (OWNER, PROVISION, SERVE, WORKER)

MAINTENANCE = "postgres"
"""The database one connects to in order to make others."""
_LOCK = 0x6D6F7961


def context_database(home: Home) -> str:
    """The name of the database of city data that belongs to a platform's control database."""
    return home.config().database.name.removesuffix("_control") + "_context"


async def run(conn: Connection, template: LiteralString, *names: str) -> None:
    """Run a statement whose `%1$I`, `%2$L` … PostgreSQL has filled in."""
    await conn.raw.execute(
        await conn.fetchval("select format($1, variadic $2::text[])", template, list(names))
    )


def admin_dsn(home: Home) -> str:
    """The superuser's URI: the embedded engine's own, or what the file named by MOYAI_ADMIN_DSN_FILE holds.

    On a server that is not ours only the operator knows it; it is needed to set up and to migrate, never to run.
    """
    file = os.environ.get("MOYAI_ADMIN_DSN_FILE")
    return Path(file).read_text(encoding="utf-8").strip() if file else home.dsn(ADMIN, MAINTENANCE)


@asynccontextmanager
async def maintenance(dsn: str) -> AsyncGenerator[Connection]:
    """A session for making roles and databases; whoever else does the same at this moment waits."""
    # Making a database waits for a checkpoint, and its turn.
    conn = await connect(dsn, statement_timeout="0")
    try:
        await conn.execute("select pg_advisory_lock($1)", _LOCK)
        yield conn
    finally:
        await conn.close()


async def bootstrap(home: Home) -> None:
    """Make or correct the process roles and the two shared databases, as the bootstrap superuser."""
    async with maintenance(admin_dsn(home)) as conn:
        for role in PROCESS_ROLES:
            password = home.secrets().get_or_create(f"role:{role}")
            await make_role(conn, role, password, creates=role == PROVISION)
        for database in (home.config().database.name, context_database(home)):
            await make_database(conn, database, OWNER)
            for role in (SERVE, WORKER):
                await run(conn, "grant connect on database %1$I to %2$I", database, role)
        await _close_to_public(conn)


async def make_role(
    conn: Connection, role: str, password: str, *, creates: bool = False, login: bool = True
) -> None:
    """Make a role, or set it to what it shall be: a login with this password, and no rights of its own.

    Without `login` it cannot log in for now (`set_login`).
    """
    known = await conn.fetchval("select exists (select from pg_roles where rolname = $1)", role)
    if not known:
        await run(conn, "create role %1$I", role)
    rights = "createdb createrole" if creates else "nocreatedb nocreaterole"
    may = "login" if login else "nologin"
    await run(conn, f"alter role %1$I {may} {rights} noinherit password %2$L", role, verifier(password))


async def set_login(conn: Connection, role: str, *, may: bool) -> None:
    """Whether a role may log in from now on; sessions that it has go on."""
    if may:
        await run(conn, "alter role %1$I login", role)
    else:
        await run(conn, "alter role %1$I nologin", role)


async def has_database(conn: Connection, database: str) -> bool:
    """Whether the server lists a database; its files may be gone all the same."""
    return await conn.fetchval("select exists (select from pg_database where datname = $1)", database)


async def make_database(conn: Connection, database: str, owner: str) -> None:
    """Make a database where it is missing, and close it to everybody who has no grant."""
    if not await has_database(conn, database):
        await run(conn, "create database %1$I owner %2$I", database, owner)
    await run(conn, "revoke all on database %1$I from public", database)


async def drop_database(conn: Connection, database: str) -> None:
    """Drop a database if the server lists it, whatever is left of its files, and whoever has it open."""
    await run(conn, "drop database if exists %1$I with (force)", database)


async def rename_database(conn: Connection, database: str, name: str) -> None:
    """Nobody may have it open."""
    await run(conn, "alter database %1$I rename to %2$I", database, name)


async def _close_to_public(conn: Connection) -> None:
    for database in (MAINTENANCE, "template1"):
        await run(conn, "revoke all on database %1$I from public", database)
    await run(conn, "grant connect on database %1$I to %2$I", MAINTENANCE, PROVISION)
