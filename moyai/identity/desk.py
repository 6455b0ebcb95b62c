"""The staffed desk: which residents it looks after, and what it may see of them.

A desk sees and changes only residents of its own municipalities, and those outside every participating
municipality whom it enrolled. Whatever it looks at goes on record, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Final

import msgspec

from moyai import ledger
from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.identity import names, store_residents
from moyai.identity.model import DOCUMENT_CLASSES, Desk, Enrolled, Person, Proofing, RequestProof, Resident
from moyai.identity.residents import reaches, resident_of
from moyai.ledger import Act, Kind, contents
from moyai.registry import standing, store_parties

_SEARCH_LIMIT = 50
_RESIDENT_ID = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}")
_FORM = re.compile(r"[^\x00-\x1f]{1,40}")
_NOTE = re.compile(r"[^\x00-\x1f]{0,200}")

REASONS: Final[dict[str, tuple[str, str]]] = {
    "identity_check": ("本人確認", "Identity check"),
    "procedure": ("手続の受付", "A procedure at the desk"),
    "consultation": ("相談への対応", "Consultation"),
    "correction": ("登録内容の確認と訂正", "Checking and correcting the registration"),
    "stop_request": ("同意の停止の申出", "Request to stop a consent"),
    "transfer": ("転入・転出の手続", "Moving in or out"),
    "enrolment": ("新規登録の手続", "Enrolment"),
    "recovery": ("ログインの再発行の手続", "Recovery of a login"),
    "erasure": ("情報の消去の手続", "Erasure"),
    "other": ("そのほか", "Other"),
}
"""Why a record may be looked at; the resident reads it. `other` asks for words of the clerk's own."""


class Looking(msgspec.Struct, frozen=True):
    """Why somebody looks: a key of `REASONS`, and words beside it."""

    reason: str
    note: str = ""


def looking(reason: str, note: str = "") -> Looking:
    """Raises Problem reason_required."""
    note = note.strip()
    if reason not in REASONS or not _NOTE.fullmatch(note) or (reason == "other" and not note):
        raise Problem("reason_required", f"reason: one of {', '.join(REASONS)}; other needs a note")
    return Looking(reason, note)


def proven(form: str, document_class: str) -> RequestProof:
    """That a resident who stands here asked. Raises Problem: proofing_insufficient (no document), invalid_request `form`."""
    if document_class == "none" or document_class not in DOCUMENT_CLASSES:
        raise Problem("proofing_insufficient", "acting for somebody takes a document that they showed")
    if not _FORM.fullmatch(form.strip()):
        raise Problem("invalid_request", "form")
    return RequestProof(form.strip(), document_class)


class NotHere(Problem):
    """A resident exists, but not for this desk. To the caller it is as if there were none."""

    def __init__(self, desk: Desk, resident: Resident) -> None:
        super().__init__("does_not_exist", _NOBODY)
        self.desk = desk
        self.resident = resident


_NOBODY = "no such resident at this desk"


@asynccontextmanager
async def transaction(database: Database) -> AsyncGenerator[Connection]:
    """The transaction of an act at the desk. That somebody tried to reach a resident of another desk stands in
    that resident's history, although nothing else of the attempt stays."""
    try:
        async with database.transaction() as conn:
            yield conn
    except NotHere as refused:
        async with database.transaction() as conn:
            await _record_refusal(conn, refused.desk, refused.resident)
        raise


async def _record_refusal(conn: Connection, desk: Desk, resident: Resident) -> None:
    tried = contents.StaffAccess(
        organization_id=desk.organization_id, what="resident_record", reason="refused"
    )
    await ledger.record(conn, Act(Kind.STAFF_ACCESS_REFUSED, desk.actor, resident.resident_key, tried))


async def desk_of(conn: Connection, organization_key: int, actor: str, staff_key: int | None = None) -> Desk:
    """The desk of an organisation. `actor` is `staff:ID` or `client:ID`, and goes on record."""
    party = await store_parties.party(conn, organization_key)
    if party is None or standing.of_office(party.state) is not None:
        raise Problem("forbidden", "this organisation has no desk")
    return Desk(
        actor,
        party.organization_id,
        organization_key,
        frozenset(party.municipality_codes),
        everywhere=party.kind == "operating_organization",
        staff_key=staff_key,
    )


async def at_desk(conn: Connection, desk: Desk, resident_id: str) -> Resident:
    """A resident whom this desk looks after. Anybody else does not exist here (Problem does_not_exist)."""
    return await _reached(conn, desk, resident_id, ("active",))


async def for_erasure(conn: Connection, desk: Desk, resident_id: str) -> Resident:
    """As `at_desk`, also for somebody whose erasure was begun and could not be finished."""
    return await _reached(conn, desk, resident_id, ("active", "closed"))


async def _reached(conn: Connection, desk: Desk, resident_id: str, states: tuple[str, ...]) -> Resident:
    resident = await _by_id(conn, resident_id)
    if resident is None or resident.state not in states:
        raise Problem("does_not_exist", _NOBODY)
    if not await reaches(conn, desk, resident):
        raise NotHere(desk, resident)
    return resident


async def _by_id(conn: Connection, resident_id: str) -> Resident | None:
    typed = resident_id.strip().upper()
    row = await store_residents.resident_by_id(conn, typed) if _RESIDENT_ID.fullmatch(typed) else None
    return None if row is None else resident_of(row)


async def open_record(conn: Connection, desk: Desk, resident_id: str, why: Looking) -> Enrolled:
    """Everything the desk may see of one resident; that it was looked at, and why, goes on record (staff_access)."""
    resident = await at_desk(conn, desk, resident_id)
    row = await store_residents.person(conn, resident.resident_key)
    if row is None:
        raise Problem("does_not_exist", _NOBODY)
    proofings = await store_residents.proofings(conn, resident.resident_key)
    await record_look(conn, desk, resident.resident_key, "resident_record", why)
    return Enrolled(
        resident, _person(row), row["login"], tuple(msgspec.convert(dict(p), Proofing) for p in proofings)
    )


async def record_look(conn: Connection, desk: Desk, resident_key: int, what: str, why: Looking) -> None:
    """That the desk saw something of this resident, in their history."""
    seen = contents.StaffAccess(
        organization_id=desk.organization_id, what=what, reason=why.reason, note=why.note
    )
    await ledger.record(conn, Act(Kind.STAFF_ACCESS, desk.actor, resident_key, seen))


async def search(conn: Connection, desk: Desk, text: str, why: Looking) -> list[Enrolled]:
    """Residents at this desk by resident ID, birth date (YYYY-MM-DD) or the beginning of a name or reading.

    At most 50. The search goes on record with the number found, not with what was asked; and in the history of
    everybody whom it showed.
    """
    rows = await _found(conn, desk, text.strip())
    found = [Enrolled(resident_of(row), _person(row), row["login"]) for row in rows]
    searched = contents.StaffAccess(
        organization_id=desk.organization_id,
        what="resident_search",
        reason=why.reason,
        note=why.note,
        found=len(found),
    )
    await ledger.record(conn, Act(Kind.STAFF_ACCESS, desk.actor, detail=searched))
    # words that a clerk wrote about one of them are no reading for the others
    code = Looking(why.reason)
    for one in found:
        await record_look(conn, desk, one.resident.resident_key, "resident_search", code)
    return found


async def _found(conn: Connection, desk: Desk, text: str) -> list[Any]:
    codes = ["*"] if desk.everywhere else sorted(desk.municipality_codes)
    scope = (codes, desk.organization_key, desk.staff_key or 0, _SEARCH_LIMIT)
    if (born := _as_date(text)) is not None:
        return await store_residents.find_by_birth_date(conn, born, *scope)
    if not text:
        return []
    kana, kanji = names.fold_kana(text), names.fold_kanji(text)
    return await store_residents.find_by_name(conn, kana, kanji, *scope) + await _row_by_id(conn, desk, text)


async def _row_by_id(conn: Connection, desk: Desk, text: str) -> list[Any]:
    try:
        resident = await at_desk(conn, desk, text)
    except NotHere as refused:
        await _record_refusal(conn, desk, refused.resident)
        return []
    except Problem:
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
