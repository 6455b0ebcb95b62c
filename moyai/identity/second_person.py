"""Acts at the desk that need two persons: the first asks, another one does it; what waits ends by itself.

Two accounts are two persons if both are in force and bear different staff numbers of this organisation, or the second
is of the operating one. (Acts of the registry and about staff: `registry.acting`.)

Whoever confirms or takes back names the request that was read. An id stands for one content for ever: what is asked anew
for the same resident gets another id, and is not confirmed by a word that was meant for what was asked before.

What waits rests on those who said it (`request_standing`): where one of them may not say it any more, it ends, and the
resident's history says so.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from moyai import ledger
from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.identity import request_standing, residents, store_desk
from moyai.identity.model import Desk, Resident, ResidentCaller
from moyai.ledger import Act, Kind, contents
from moyai.registry import find_operating_organization

MINUTES: Final = 24 * 60
"""How long a second person may take, from the moment a first one stands for it."""

PROGRAM_MINUTES: Final = 30 * 24 * 60
"""How long what a program asked for waits for a first person; then it lapses."""

Ended = Literal["withdrawn", "objected", "void", "lapsed"]
"""How what waited ended without being done: taken back; stopped by the resident; whoever said it may not any more; nobody said the rest in time."""


class Request(msgspec.Struct, frozen=True):
    """What the first person asked for. `own`: the reader asked, or stands for it already; `stood`: a person does."""

    request_id: UUID
    act: str
    content: dict[str, Any]
    own: bool
    stood: bool
    asked_at: datetime
    expires_at: datetime


async def require_another(conn: Connection, desk: Desk, staff_key: int | None) -> None:
    """Raises Problem second_person_required unless `desk` is a member of staff other than the one named."""
    if desk.staff_key is None or staff_key is None:
        raise Problem("second_person_required")
    await _require_number(conn, desk.staff_key)
    if not await _are_two(conn, staff_key, desk.staff_key):
        raise Problem("second_person_required")


async def _are_two(conn: Connection, first: int, second: int) -> bool:
    operator = await find_operating_organization(conn)
    return await store_desk.are_two(conn, first, second, operator.organization_key if operator else None)


async def two_among(conn: Connection, persons: Set[tuple[int, str]]) -> bool:
    """Whether two of these persons (organisation and staff number) may be the two of one act."""
    operator = await find_operating_organization(conn)
    offices = [organization_key for organization_key, _ in persons]
    everywhere = operator is not None and operator.organization_key in offices
    return len(persons) >= 2 and (everywhere or len(set(offices)) < len(offices))


async def _require_number(conn: Connection, staff_key: int) -> None:
    """Whoever has no staff number is nobody where persons are counted, and is told so before anything waits."""
    if not await store_desk.is_a_person(conn, staff_key):
        raise Problem("second_person_required", "this account has no staff number, or is not in force")


async def ask(
    conn: Connection,
    desk: Desk,
    act: str,
    resident: Resident,
    content: dict[str, Any] | None = None,
    named: str | None = None,
) -> None:
    """Be the first of two. Raises Problem second_person_required for a program, which is nobody, and for an account
    without a staff number; request_changed, as `join`."""
    if desk.staff_key is None:
        raise Problem("second_person_required", "at the desk's pages only")
    await _require_number(conn, desk.staff_key)
    row = await _read(conn, desk, act, resident, named)
    if row is not None and row["staff_key"] is None:
        await store_desk.stand_first(conn, row["request_id"], desk.staff_key, MINUTES)
    else:
        await _insert(conn, desk, act, resident, content or {})


async def ask_by_program(
    conn: Connection, desk: Desk, act: str, resident: Resident, content: dict[str, Any]
) -> datetime | None:
    """Ask without being the first of two. What waits already goes on as it is. When it takes effect by itself: None as
    long as no person stands for it."""
    row = await _waiting(conn, desk, act, resident)
    if row is None:
        await _insert(conn, desk, act, resident, content)
        return None
    return row["expires_at"] if row["staff_key"] is not None else None


async def _insert(
    conn: Connection, desk: Desk, act: str, resident: Resident, content: dict[str, Any]
) -> None:
    key = resident.resident_key
    before = await store_desk.held(conn, act, key)
    if before is not None:  # of another desk, or over
        await end(conn, before, "lapsed" if before["over"] else "void", desk.actor)
    minutes = PROGRAM_MINUTES if desk.staff_key is None else MINUTES
    await store_desk.ask(
        conn, random_uuid(), act, key, desk.organization_key, content, desk.staff_key, desk.actor, minutes
    )
    told = contents.SecondPerson(
        organization_id=desk.organization_id, act=act, by_program=desk.staff_key is None
    )
    await ledger.record(conn, Act(Kind.SECOND_PERSON_ASKED, desk.actor, key, told))


async def end(conn: Connection, row: Record, how: Ended, actor: str) -> None:
    """What waited is over, and was not done; the resident reads it. `row` is held."""
    await store_desk.delete_request(conn, row["request_id"])
    told = contents.SecondPerson(
        organization_id=await residents.organization_id(conn, row["organization_key"]),
        act=row["act"],
        withdrawn=how == "withdrawn",
        ended="" if how == "withdrawn" else how,
    )
    await ledger.record(conn, Act(Kind.SECOND_PERSON_ASKED, actor, row["resident_key"], told))


async def _waiting(conn: Connection, desk: Desk, act: str, resident: Resident) -> Record | None:
    """What waits at this desk, held, and judged again to the end of the transaction; what may not take effect any more is
    ended."""
    row = await store_desk.held(conn, act, resident.resident_key)
    if row is None or not (desk.everywhere or row["organization_key"] == desk.organization_key):
        return None
    if row["over"] or row["confirmed_by"] is not None:
        return None
    if await request_standing.stands_to_the_end(conn, row, resident):
        return row
    await end(conn, row, "void", desk.actor)
    return None


async def _read(
    conn: Connection, desk: Desk, act: str, resident: Resident, named: str | None
) -> Record | None:
    """What waits, if it is what was read: its id, or "" for nothing. None, of a program, names whatever waits.

    Raises Problem request_changed.
    """
    row = await _waiting(conn, desk, act, resident)
    if named is not None and named != ("" if row is None else str(row["request_id"])):
        raise Problem("request_changed")
    return row


async def join(
    conn: Connection, desk: Desk, act: str, resident: Resident, named: str | None
) -> dict[str, Any] | None:
    """Be the second of two: what the first one asked for, which is taken with this; None if nobody else asked.

    Raises Problem request_changed, where what was read (`named`) is not what waits.
    """
    row = await _read(conn, desk, act, resident, named)
    if row is None or desk.staff_key is None or row["staff_key"] is None:
        return None
    await _require_number(conn, desk.staff_key)
    if not await _are_two(conn, row["staff_key"], desk.staff_key):
        return None
    await store_desk.delete_request(conn, row["request_id"])
    return row["content"]


async def do_alone(conn: Connection, desk: Desk, act: str, resident: Resident, named: str | None) -> None:
    """One person does what takes one: what somebody asked for is done with it. Raises Problem request_changed, as `join`."""
    row = await _read(conn, desk, act, resident, named)
    if row is not None:
        await store_desk.delete_request(conn, row["request_id"])


async def stand(
    conn: Connection,
    desk: Desk,
    act: str,
    resident: Resident,
    content: dict[str, Any],
    named: str | None,
) -> dict[str, Any] | None:
    """Ask, or be one of the two for what waits. What was asked for once both are there, None until then.

    For an act that may take several tries: it stays on the list, as confirmed, until it is done. Raises Problem
    second_person_required: the same person again, no staff number; request_changed, as `join`.
    """
    row = await _read(conn, desk, act, resident, named)
    if row is None or desk.staff_key is None:
        await ask(conn, desk, act, resident, content)
        return None
    if row["staff_key"] is not None:
        await require_another(conn, desk, row["staff_key"])
        await store_desk.confirm_request(conn, row["request_id"], desk.actor)
        return row["content"]
    await _require_number(conn, desk.staff_key)
    await store_desk.stand_first(conn, row["request_id"], desk.staff_key, MINUTES)
    return None


async def begun(conn: Connection, act: str, resident: Resident) -> dict[str, Any] | None:
    """What was asked for of an act that two stood for and that is not done yet."""
    row = await store_desk.held(conn, act, resident.resident_key)
    return None if row is None or row["confirmed_by"] is None else row["content"]


class OwnErasure(msgspec.Struct, frozen=True):
    """An erasure that waits, as the resident reads it. `takes_effect_at`: None as long as only a program asked for it."""

    request_id: UUID
    organization_key: int
    ground: str
    asked_at: datetime
    takes_effect_at: datetime | None


async def own_erasure(conn: Connection, caller: ResidentCaller) -> OwnErasure | None:
    """Whether this resident's data is going to be erased."""
    row = await store_desk.held(conn, "erase", caller.resident_key)
    if row is None or row["confirmed_by"] is not None or (row["over"] and row["staff_key"] is None):
        return None
    at = row["expires_at"] if row["staff_key"] is not None else None
    return OwnErasure(
        row["request_id"], row["organization_key"], row["content"]["ground"], row["asked_at"], at
    )


async def object_to_erasure(conn: Connection, caller: ResidentCaller, named: UUID) -> None:
    """The resident stops the erasure that they read. Raises Problem request_changed where it is another one, or none."""
    row = await store_desk.held(conn, "erase", caller.resident_key)
    if row is None or row["request_id"] != named or row["confirmed_by"] is not None:
        raise Problem("request_changed")
    await end(conn, row, "objected", caller.actor)


async def withdraw(
    conn: Connection, desk: Desk, act: str, resident: Resident, named: str | None = None
) -> bool:
    """Take back what waits; anybody of this desk may. Whether there was something.

    Raises Problem request_changed, as `join`.
    """
    row = await _read(conn, desk, act, resident, named)
    if row is not None:
        await end(conn, row, "withdrawn", desk.actor)
    return row is not None


async def waiting(conn: Connection, desk: Desk, resident: Resident) -> list[Request]:
    """What waits for a second person about this resident, at this desk."""
    found = await store_desk.waiting(conn, resident.resident_key, desk.organization_key, desk.everywhere)
    rows = [row for row in found if await request_standing.stands(conn, row, resident)]
    return [
        Request(
            row["request_id"],
            row["act"],
            row["content"],
            desk.staff_key is not None and row["staff_key"] == desk.staff_key,
            row["staff_key"] is not None,
            row["asked_at"],
            row["expires_at"],
        )
        for row in rows
    ]
