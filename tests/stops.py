"""What a transaction has stopped, as the journal will have it."""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.stops import AnyStop, Line


async def stopped(conn: Connection, journal: Journal) -> list[AnyStop]:
    """Everything in the journal once what was done so far commits; the session of a test never does."""
    await journal.write_due(conn)
    return [line.stop for line in journal.lines() if isinstance(line, Line)]
