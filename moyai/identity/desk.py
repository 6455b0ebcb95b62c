"""The staffed desk: which residents it looks after, and what it may see of them.

A desk sees and changes only residents of its own municipalities, and those outside every participating
municipality whom it enrolled. Whatever it looks at goes on record.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import names, store_residents
from moyai.identity.model import Desk, Enrolled, Person, Proofing, Resident
from moyai.identity.residents import resident_of
from moyai.ledger import Act, Kind
from moyai.registry import store_parties

_SEARCH_LIMIT = 50
_RESIDENT_ID = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}")


async def desk_of(conn: Connection, organization_key: int, actor: str) -> Desk:
    """The desk of an organisation. `actor` is `staff:LOGIN` or `client:ID`, and goes on record."""
    party = await store_parties.party(conn, organization_key)
    if party is None or party.state == "suspended":
        raise Problem("forbidden", "this organisation has no desk")
    return Desk(
        actor,
        party.organization_id,
        organization_key,
        frozenset(party.municipality_codes),
        everywhere=party.kind == "operating_organization",
    )


async def at_desk(conn: Connection, desk: Desk, resident_id: str) -> Resident:
    """A resident whom this desk looks after. Anybody else does not exist here (Problem does_not_exist)."""
    resident = await _by_id(conn, resident_id)
    if resident is None or resident.state != "active" or not _looks_after(desk, resident):
        raise Problem("does_not_exist", "no such resident at this desk")
    return resident


async def for_erasure(conn: Connection, desk: Desk, resident_id: str) -> Resident:
    """As `at_desk`, also for somebody whose erasure was begun and could not be finished."""
    resident = await _by_id(conn, resident_id)
    if resident is None or resident.state == "erased" or not _looks_after(desk, resident):
        raise Problem("does_not_exist", "no such resident at this desk")
    return resident


async def _by_id(conn: Connection, resident_id: str) -> Resident | None:
    typed = resident_id.strip().upper()
    row = await store_residents.resident_by_id(conn, typed) if _RESIDENT_ID.fullmatch(typed) else None
    return None if row is None else resident_of(row)


def _looks_after(desk: Desk, resident: Resident) -> bool:
    return (
        desk.everywhere
        or resident.municipality_code in desk.municipality_codes
        or resident.desk_key == desk.organization_key
    )


async def open_record(conn: Connection, desk: Desk, resident_id: str) -> Enrolled:
    """Everything the desk may see of one resident; that it was looked at goes on record (staff_access)."""
    resident = await at_desk(conn, desk, resident_id)
    row = await store_residents.person(conn, resident.resident_key)
    if row is None:
        raise Problem("does_not_exist", "no such resident at this desk")
    proofings = await store_residents.proofings(conn, resident.resident_key)
    await ledger.record(
        conn,
        Act(
            kind=Kind.STAFF_ACCESS,
            actor=desk.actor,
            resident_key=resident.resident_key,
            detail={"organization_id": desk.organization_id, "what": "resident_record"},
        ),
    )
    return Enrolled(
        resident, _person(row), row["login"], tuple(msgspec.convert(dict(p), Proofing) for p in proofings)
    )


async def search(conn: Connection, desk: Desk, text: str) -> list[Enrolled]:
    """Residents at this desk by resident ID, birth date (YYYY-MM-DD) or the beginning of a name or reading.

    At most 50; the search goes on record with the number found, not with what was asked.
    """
    codes = ["*"] if desk.everywhere else sorted(desk.municipality_codes)
    text = text.strip()
    rows: list[Any] = []
    if (born := _as_date(text)) is not None:
        rows = await store_residents.find_by_birth_date(
            conn, born, codes, desk.organization_key, _SEARCH_LIMIT
        )
    elif text:
        rows = await store_residents.find_by_name(
            conn, names.fold_kana(text), names.fold_kanji(text), codes, desk.organization_key, _SEARCH_LIMIT
        )
        rows += await _row_by_id(conn, desk, text)
    await ledger.record(
        conn,
        Act(
            kind=Kind.STAFF_ACCESS,
            actor=desk.actor,
            detail={"organization_id": desk.organization_id, "what": "resident_search", "found": len(rows)},
        ),
    )
    return [Enrolled(resident_of(row), _person(row), row["login"]) for row in rows]


async def _row_by_id(conn: Connection, desk: Desk, text: str) -> list[Any]:
    resident = await _by_id(conn, text)
    if resident is None or resident.state != "active" or not _looks_after(desk, resident):
        return []
    person = await store_residents.person(conn, resident.resident_key)
    return [] if person is None else [{**msgspec.structs.asdict(resident), **dict(person)}]


def _as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _person(row: Any) -> Person:
    return Person(
        family_name=row["family_name"],
        given_name=row["given_name"],
        family_kana=row["family_kana"],
        given_kana=row["given_kana"],
        birth_date=row["birth_date"],
        address=row["address"],
        municipality_code=row["municipality_code"],
        postal_code=row["postal_code"],
        sex=row["sex"],
    )
