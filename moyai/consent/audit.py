"""What was in force at a past moment (R-139): the question that an audit asks about an exchange."""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection
from moyai.consent import store
from moyai.consent.model import LinkState


async def state_as_of(conn: Connection, resident_key: int, link_key: int, at: datetime) -> LinkState | None:
    """The state that was in force for one link at `at` (with its zone), or None if nothing was decided by then."""
    return await store.state_as_of(conn, resident_key, link_key, at)
