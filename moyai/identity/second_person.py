"""Acts at the desk that need two persons: the first asks, another one does it; what waits ends by itself."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.identity import store_desk
from moyai.identity.model import Desk, Resident
from moyai.ledger import Act, Kind, contents

MINUTES: Final = 24 * 60
"""How long a second person may take."""


class Request(msgspec.Struct, frozen=True):
    """What the first person asked for."""

    act: str
    content: dict[str, Any]
    own: bool


def require_another(desk: Desk, staff_key: int | None) -> None:
    """Raises Problem second_person_required unless `desk` is a member of staff other than the one named."""
    if desk.staff_key is None or staff_key is None or desk.staff_key == staff_key:
        raise Problem("second_person_required")


async def ask(
    conn: Connection, desk: Desk, act: str, resident: Resident, content: dict[str, Any] | None = None
) -> None:
    """Be the first of two. Raises Problem second_person_required for a program, which is nobody."""
    if desk.staff_key is None:
        raise Problem("second_person_required", "at the desk's pages only")
    key = resident.resident_key
    await store_desk.ask(
        conn, random_uuid(), act, key, desk.organization_key, content or {}, desk.staff_key, MINUTES
    )
    told = contents.SecondPerson(organization_id=desk.organization_id, act=act)
    await ledger.record(conn, Act(Kind.SECOND_PERSON_ASKED, desk.actor, key, told))


async def join(conn: Connection, desk: Desk, act: str, resident: Resident) -> dict[str, Any] | None:
    """Be the second of two: what the first one asked for, which is taken with this; None if nobody else asked."""
    row = await store_desk.asked(conn, act, resident.resident_key, desk.organization_key)
    if row is None or desk.staff_key is None or row["staff_key"] == desk.staff_key:
        return None
    await store_desk.delete_request(conn, row["request_id"])
    return row["content"]


async def withdraw(conn: Connection, desk: Desk, act: str, resident: Resident) -> None:
    """Take back what waits; anybody of this desk may."""
    row = await store_desk.asked(conn, act, resident.resident_key, desk.organization_key)
    if row is not None:
        await store_desk.delete_request(conn, row["request_id"])


async def waiting(conn: Connection, desk: Desk, resident: Resident) -> list[Request]:
    """What waits for a second person about this resident, at this desk."""
    rows = await store_desk.waiting(conn, resident.resident_key, desk.organization_key)
    return [Request(row["act"], row["content"], row["staff_key"] == desk.staff_key) for row in rows]
