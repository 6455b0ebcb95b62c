"""An organisation's own word on an act that concerns it: worth a second person's only by a client that can be trusted
to be the organisation.

Whoever registers could otherwise register a client for another organisation, and then agree with themselves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry import standing
from moyai.registry import store_clients as store

HOURS: Final = 24
"""How long before the act was asked for a client must have had its keys and rights."""


async def require_own_word(
    conn: Connection, organization_id: str, client_id: str, asked_by: str, asked_at: datetime
) -> None:
    """Whether this client can say yes for the organisation: one that the organisation holds itself (`desk`, `operator`;
    a component may be run by others), that is not who asked, and whose keys and rights are older than the act by `HOURS`.

    Raises Problem second_person_required, organization_suspended.
    """
    client = await store.standing(conn, client_id, asked_at, HOURS)
    if client is None or client["organization_id"] != organization_id or client["state"] != "active":
        raise Problem("second_person_required", "members of staff confirm this, in the console")
    if code := standing.of_office(client["organization_state"]):
        raise Problem(code)
    if client["kind"] not in ("desk", "operator"):
        raise Problem("second_person_required", "a client of the organisation itself, not one of a component")
    if asked_by == f"client:{client_id}":
        raise Problem("second_person_required", "who asked does not confirm")
    if not client["settled"]:
        raise Problem(
            "second_person_required", f"this client was changed less than {HOURS} hours before it was asked"
        )
