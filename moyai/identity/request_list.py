"""What waits for a second person at a desk, about whomever: who asked, by when, and the way to take it back.

Without it only somebody who knew the resident found what waits. A list says the resident's ID and no name: whoever wants to
know more opens the record, for a reason that the resident reads.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import listing, request_standing, residents, second_person, store_desk
from moyai.identity.model import Desk


class Person(msgspec.Struct, frozen=True):
    """Whose word it is: `staff:…` or `client:…`. The name is told to colleagues of the same office."""

    actor: str
    name: str | None


class Waiting(msgspec.Struct, frozen=True):
    """`takes_effect_at`: when it is done if nobody takes it back; `lapses_at`: when it is over if nobody stands for it."""

    request_id: UUID
    act: str
    resident_id: str
    protected: bool
    organization_key: int
    asked_by: Person
    first_person: Person | None
    own: bool
    asked_at: datetime
    takes_effect_at: datetime | None
    lapses_at: datetime | None


class WaitingPage(msgspec.Struct, frozen=True):
    """`next` is the cursor of the next page, and None on the last."""

    requests: list[Waiting]
    next: str | None


async def page(conn: Connection, desk: Desk, limit: int, cursor: str | None = None) -> WaitingPage:
    """What ends or takes effect soonest first, then what a program asked for and waits for a first person. What may not take
    effect any more is left out: a page may be short of `limit`. Raises Problem invalid_request for a cursor that is none."""
    rows = await store_desk.waiting_page(
        conn, desk.organization_key, desk.everywhere, desk.staff_key, listing.place_of(cursor), limit + 1
    )
    shown, following = listing.page(rows, limit, "request_id")
    return WaitingPage([_shown(desk, row) for row in shown if await _stands(conn, row)], following)


async def _stands(conn: Connection, row: Any) -> bool:
    resident = await residents.find(conn, row["resident_key"])
    return resident is not None and await request_standing.stands(conn, row, resident)


def _shown(desk: Desk, row: Any) -> Waiting:
    first = row["first"]
    timed = row["act"] == "erase" and first is not None
    return Waiting(
        row["request_id"],
        row["act"],
        row["resident_id"],
        row["protected"],
        row["organization_key"],
        _person(desk, row["asked_by"], row["asked_name"], row["asked_at_key"]),
        None if first is None else _person(desk, first, row["first_name"], row["first_at_key"]),
        desk.staff_key is not None and row["staff_key"] == desk.staff_key,
        row["asked_at"],
        row["expires_at"] if timed else None,
        None if timed else row["expires_at"],
    )


def _person(desk: Desk, actor: str, name: str | None, organization_key: int | None) -> Person:
    return Person(actor, name if organization_key == desk.organization_key else None)


async def take_back(conn: Connection, desk: Desk, request_id: UUID) -> None:
    """Anybody of the desk takes back what they read in the list. Raises Problem request_changed: it is over, or never was one
    of this desk's."""
    row = await store_desk.held_by_id(conn, request_id)
    resident = None if row is None else await residents.find(conn, row["resident_key"])
    if row is None or resident is None or not await residents.reaches(conn, desk, resident):
        raise Problem("request_changed")
    await second_person.withdraw(conn, desk, row["act"], resident, str(request_id))
