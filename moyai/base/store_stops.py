"""SQL of `platform.stop_due`: what the caller's transaction stops, and has not written into the journal yet."""

from __future__ import annotations

import msgspec

from moyai.base.db import Connection, Record
from moyai.base.stops import AnyStop


async def note(conn: Connection, stop: AnyStop) -> None:
    """Note what the caller's transaction stops, where no trigger can tell."""
    await conn.execute("select platform.note_stop($1)", msgspec.to_builtins(stop))


async def take(conn: Connection) -> list[Record]:
    """What is noted, in the order in which it was done. It is noted no more when the transaction commits."""
    rows = await conn.fetch("delete from platform.stop_due returning stop_key, at, stop")
    return sorted(rows, key=lambda row: row["stop_key"])
