"""支援措置 (DV 等): a resident who exists for named staff alone.

Beginning it, naming other staff and ending it take evidence and two clerks. To anybody else at any desk such a resident
is not found, by ID, name, birth date, enrolment or transfer; the history names no office, so no municipality either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.stops import ProtectionBegun
from moyai.identity import residents, second_person, store_desk, store_residents, store_transfers
from moyai.identity.model import Desk, Resident
from moyai.ledger import Act, Kind, contents

FEWEST: Final = 2
"""So many persons are named at least: ending it takes two who may open the record."""

_ACT: Final = "protect"

Wanted = Literal["begin", "end"]


class Colleague(msgspec.Struct, frozen=True):
    """A member of staff who may be named."""

    staff_key: int
    staff_id: str
    name: str


async def colleagues(conn: Connection, desk: Desk) -> list[Colleague]:
    """Staff of this desk, to choose from."""
    rows = await store_desk.staff_of(conn, desk.organization_key)
    return [msgspec.convert(dict(row), Colleague) for row in rows]


async def who_may_open(conn: Connection, desk: Desk, resident: Resident) -> tuple[list[str], int]:
    """Whom clerks turn to about a protected resident: the named staff of this desk by name, those of others by number."""
    rows = await store_desk.named_for(conn, resident.resident_key)
    own = [row["name"] for row in rows if row["organization_key"] == desk.organization_key]
    return own, len(rows) - len(own)


async def ask(
    conn: Connection, desk: Desk, resident: Resident, wanted: Wanted, evidence: str, staff_ids: Sequence[str]
) -> None:
    """The first clerk asks, on the number of the decision (支援決定通知), while nothing else waits.

    Raises Problem: second_person_required (a program), invalid_request (evidence, staff), does_not_exist,
    request_changed (somebody else asked meanwhile).
    """
    if not evidence.strip() or len(evidence) > 60:
        raise Problem("invalid_request", "evidence")
    named = await _named(conn, staff_ids) if wanted == "begin" else []
    if wanted == "end" and not resident.protected:
        raise Problem("does_not_exist", "this resident is not protected")
    content: dict[str, Any] = {"wanted": wanted, "evidence": evidence.strip(), "staff": named}
    await second_person.ask(conn, desk, _ACT, resident, content, "")


async def _named(conn: Connection, staff_ids: Sequence[str]) -> list[int]:
    """Those who may be named, by their keys; at least `FEWEST` persons, two of whom can confirm each other's word. Else
    nobody could ever name others, or end it. Raises Problem invalid_request."""
    wanted = sorted({one.strip() for one in staff_ids if one.strip()})
    rows = await store_desk.openers(conn, wanted)
    persons = {(row["organization_key"], row["staff_number"]) for row in rows}
    if len(rows) != len(wanted) or len(persons) < FEWEST:
        raise Problem("invalid_request", "staff")
    if not await second_person.two_among(conn, persons):
        raise Problem("invalid_request", "staff")
    return [row["staff_key"] for row in rows]


async def confirm(conn: Connection, desk: Desk, resident: Resident, journal: Journal, named: str) -> None:
    """The second clerk confirms what the first one asked for, and the second one read (`named`, its id).

    Raises Problem second_person_required, request_changed, invalid_request (of those named, too few are left).
    """
    asked = await second_person.join(conn, desk, _ACT, resident, named)
    if asked is None:
        raise Problem("second_person_required")
    # a transfer is locked before its resident, here as where it is completed
    await _drop_transfer(conn, resident.resident_key)
    await residents.hold(conn, resident)
    key, begun = resident.resident_key, asked["wanted"] == "begin"
    if begun:
        staff_ids = await store_desk.staff_ids(conn, asked["staff"])
        await _named(conn, staff_ids)
        await journal.append(
            conn,
            ProtectionBegun(
                resident_id=resident.resident_id, organization_id=desk.organization_id, staff=staff_ids
            ),
        )
    await store_desk.set_protected(conn, key, protected=begun)
    await store_desk.clear_access(conn, key)
    for staff_key in asked["staff"]:
        await store_desk.name_access(conn, key, staff_key)
    change = ("changed" if resident.protected else "begun") if begun else "ended"
    content = contents.Protection(
        organization_id=desk.organization_id, change=change, evidence=asked["evidence"]
    )
    await ledger.record(conn, Act(Kind.PROTECTION_CHANGED, desk.actor, key, content))


async def protect_again(
    conn: Connection, resident: Resident, stop: ProtectionBegun, at: datetime, actor: str
) -> bool:
    """After a restore: as the journal has it from that time, unless what was restored is newer. Whether there was
    something to do. Of the named staff, those whom the backup does not know are left out."""
    if await ledger.done_to_since(conn, resident.resident_key, [Kind.PROTECTION_CHANGED], at):
        return False
    key = resident.resident_key
    await _drop_transfer(conn, key)
    await store_residents.lock_for_change(conn, key)
    await store_desk.set_protected(conn, key, protected=True)
    await store_desk.clear_access(conn, key)
    for staff_key in await store_desk.staff_keys(conn, sorted(stop.staff)):
        await store_desk.name_access(conn, key, staff_key)
    content = contents.Protection(organization_id=stop.organization_id, change="begun", evidence="")
    await ledger.record(conn, Act(Kind.PROTECTION_CHANGED, actor, key, content))
    return True


async def _drop_transfer(conn: Connection, resident_key: int) -> None:
    """A transfer that waits would show the name to another desk."""
    pending = await store_transfers.pending_of(conn, resident_key)
    if pending is not None:
        await store_transfers.end(conn, pending["transfer_id"], "declined", None)


async def withdraw(conn: Connection, desk: Desk, resident: Resident, named: str) -> None:
    """Nobody confirms what was asked for. Raises Problem request_changed."""
    await second_person.withdraw(conn, desk, _ACT, resident, named)
