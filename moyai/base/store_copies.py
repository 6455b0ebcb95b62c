"""What a backup asks of the server that it copies."""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection, Record


async def server(conn: Connection) -> Record:
    """The server's identifier and its time."""
    row = await conn.fetchrow(
        "select system_identifier::text as system, clock_timestamp() as at from pg_control_system()"
    )
    assert row is not None
    return row


async def clock(conn: Connection) -> datetime:
    return await conn.fetchval("select clock_timestamp()")


async def databases(conn: Connection) -> list[Record]:
    """Names and sizes of all databases but PostgreSQL's own."""
    return await conn.fetch(
        """
        select datname as name, pg_database_size(oid) as bytes
          from pg_database
         where datallowconn and not datistemplate and datname <> 'postgres'
         order by datname
        """
    )


async def slots(conn: Connection) -> dict[str, Record]:
    """Our slots: whether somebody reads, and whether the log that they wait for is still there."""
    rows = await conn.fetch(
        """
        select slot_name, active, wal_status is distinct from 'lost' as kept
          from pg_replication_slots
         where slot_name like 'moyai\\_%'
        """
    )
    return {row["slot_name"]: row for row in rows}


async def make_slot(conn: Connection, name: str) -> None:
    """From now on the server keeps its log until it was read under this name."""
    await conn.execute("select pg_create_physical_replication_slot($1, true)", name)


async def drop_slot(conn: Connection, name: str) -> None:
    await conn.execute("select pg_drop_replication_slot($1)", name)
