"""A client and the organisation behind it as they stand now. Read per write, by rooms above, and never kept."""

from __future__ import annotations

import msgspec

from moyai.base.db import Connection


class ClientStanding(msgspec.Struct, frozen=True):
    """`client_state`: active, disabled. `organization_state`: registered, certified, suspended."""

    client_id: str
    client_state: str
    organization_id: str
    organization_state: str


async def client_standing(conn: Connection, client_id: str) -> ClientStanding | None:
    """None for a client that does not exist or has no organisation behind it."""
    row = await conn.fetchrow(
        """
        select s.client_id, s.client_state, o.organization_id, s.organization_state
          from registry.client_standing s
          join registry.organization o using (organization_key)
         where s.client_id = $1
        """,
        client_id,
    )
    return None if row is None else ClientStanding(**dict(row))
