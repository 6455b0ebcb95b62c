"""Whether what waits at a desk may still take effect: everybody whose word it rests on may still say it of this resident.

Whoever asked, whoever stands for it, whoever confirmed it is judged as if they acted now: a disabled account or client, a
lost role or scope, a suspended organisation, a resident who moved to another desk or came under protection end what waits.
A person who asks here needs nobody else to be asked again; a program is nobody, and brings nothing about by waiting.
"""

from __future__ import annotations

from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.identity import desk, store_desk
from moyai.identity.model import Resident
from moyai.identity.residents import reaches
from moyai.identity.staff_in_force import roles_in_force
from moyai.ledger import release
from moyai.registry import store_clients, store_parties

_SCOPES = {"erase": "identity:erase", "recover": "identity:recover"}
"""What a program's client needs, to ask for an act."""


async def stands(conn: Connection, request: Record, resident: Resident) -> bool:
    """Whether all whose word `request` (of `store_desk`) rests on may say it now. Nobody's word is none."""
    words = {request["asked_by"], request["first"], request["confirmed_by"]} - {None, ""}
    for actor in sorted(words):
        if not await _may(conn, actor, request, resident):
            return False
    return bool(words)


async def stands_to_the_end(conn: Connection, request: Record, resident: Resident) -> bool:
    """As `stands`, and nothing that it rests on ends before the caller's transaction does: whoever stops waits for it."""
    await release.hold_registry(conn)
    await store_desk.hold_staff(conn, request["request_id"])
    return await stands(conn, request, resident)


async def _may(conn: Connection, actor: str, request: Record, resident: Resident) -> bool:
    kind, _, name = actor.partition(":")
    if kind == "staff":
        return await _clerk_may(conn, name, resident)
    return kind == "client" and await _program_may(conn, name, request, resident)


async def _clerk_may(conn: Connection, staff_id: str, resident: Resident) -> bool:
    row = await store_desk.clerk(conn, staff_id)
    if row is None or row["state"] != "active":
        return False
    party = await store_parties.party(conn, row["organization_key"])
    if party is None:
        return False
    if "desk" not in roles_in_force(row["roles"], row["in_force_since"], party):
        return False
    return await _reaches(conn, party.organization_key, f"staff:{staff_id}", resident, row["staff_key"])


async def _program_may(conn: Connection, client_id: str, request: Record, resident: Resident) -> bool:
    client = await store_clients.client(conn, client_id)
    if client is None or client.state != "active" or _SCOPES.get(request["act"]) not in client.scopes:
        return False
    # a program speaks for one organisation: who has it now is not who asked
    if client.organization_key != request["organization_key"]:
        return False
    return await _reaches(conn, request["organization_key"], f"client:{client_id}", resident, None)


async def _reaches(
    conn: Connection, organization_key: int, actor: str, resident: Resident, staff_key: int | None
) -> bool:
    try:
        at = await desk.desk_of(conn, organization_key, actor, staff_key)
    except Problem:  # suspended: it has no desk now
        return False
    return await reaches(conn, at, resident)
