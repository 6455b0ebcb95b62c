"""Residents: enrolled once, found if enrolled before, moved, and at the end erased.

Every act takes the `Desk` that does it, and goes on record.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from moyai import ledger
from moyai.base import ids
from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection, Database
from moyai.base.errors import Problem, Refused
from moyai.base.journal import Journal
from moyai.base.stops import ResidentClosed, ResidentErased
from moyai.identity import (
    guessing,
    meetings,
    names,
    store_desk,
    store_logins,
    store_residents,
    store_sessions,
)
from moyai.identity.meetings import MeetsSomebody
from moyai.identity.model import (
    DOCUMENT_CLASSES,
    PROOFING_METHODS,
    Desk,
    Evidence,
    Person,
    Resident,
)
from moyai.ledger import Act, Kind, contents
from moyai.registry import store_parties

RECOVERY_HOLD_DAYS: Final = 14
"""How long after a move that the resident did not confirm a lost authenticator is replaced by two clerks only."""


async def enrol_at(
    database: Database, desk: Desk, person: Person, evidence: Evidence, distinct_reason: str = ""
) -> Resident:
    """`enrol` in a transaction of its own; whom a refused entry met can read it in their history.

    Raises Problem too_many_requests if this desk has met too many residents of others.
    """
    async with meetings.counted(database, desk, "enrolment"), database.transaction() as conn:
        return await enrol(conn, desk, person, evidence, distinct_reason)


async def enrol(
    conn: Connection, desk: Desk, person: Person, evidence: Evidence, distinct_reason: str = ""
) -> Resident:
    """Enrol a person, proofed by `evidence`, and give them a resident ID (guidebook 1.1.1).

    Raises Problem: resident_already_enrolled if somebody with the same birth date and the same folded reading or
    writing of the name is enrolled (`resident_id` only if this desk looks after them), unless `distinct_reason`
    says why this is somebody else; other_municipality; proofing_insufficient; invalid_request.
    """
    check_person(person)
    check_evidence(evidence)
    desk_key = await _desk_for(conn, desk, person.municipality_code)
    await store_residents.lock_birth_date(conn, person.birth_date)
    known, hidden = await same_people(conn, desk, person)
    here = [one for one in known if await reaches(conn, desk, one)]
    elsewhere = [one for one in known if one not in here]
    if known and not distinct_reason.strip():
        extra = {"resident_id": here[0].resident_id} if here else {}
        raise MeetsSomebody("resident_already_enrolled", None, here, elsewhere, hidden, **extra)
    for one in [*elsewhere, *hidden]:
        await meetings.record(conn, desk, one.resident_key, "enrolment", "distinct")
    resident = await _insert(conn, person, evidence.level, desk_key, distinct_reason.strip())
    await _keep_proofing(conn, f"{desk.organization_id}/{desk.actor}", resident.resident_key, evidence)
    enrolled = contents.Enrolled(
        organization_id=desk.organization_id,
        ial=evidence.level,
        method=evidence.method,
        document_class=evidence.document_class,
        distinct_from=len(known),
    )
    await ledger.record(conn, Act(Kind.RESIDENT_ENROLLED, desk.actor, resident.resident_key, enrolled))
    return resident


async def same_people(conn: Connection, desk: Desk, person: Person) -> tuple[list[Resident], list[Resident]]:
    """Active residents who may be this person, wherever they live; and those who do not exist for this desk."""
    rows = await store_residents.same_person(
        conn,
        person.birth_date,
        names.fold_kana(person.family_kana + person.given_kana),
        names.fold_kanji(person.family_name + person.given_name),
    )
    found = [resident_of(row) for row in rows]
    open_ = [not one.protected or await reaches(conn, desk, one) for one in found]
    known = [one for one, shown in zip(found, open_, strict=True) if shown]
    return known, [one for one, shown in zip(found, open_, strict=True) if not shown]


async def reaches(conn: Connection, desk: Desk, resident: Resident) -> bool:
    """Whether whoever acts may open this resident: of their desk, or, if protected, for named staff alone."""
    if not resident.protected:
        return desk.looks_after(resident)
    return desk.staff_key is not None and await store_desk.may_open(
        conn, resident.resident_key, desk.staff_key
    )


async def _insert(
    conn: Connection, person: Person, ial: int, desk_key: int, distinct_reason: str
) -> Resident:
    row = await store_residents.insert_resident(
        conn, ids.resident_id(), person.municipality_code, ial, desk_key
    )
    if row is None:
        raise RuntimeError("the database did not return the new resident")
    resident = resident_of(row)
    await store_residents.insert_person(
        conn,
        resident.resident_key,
        (person.family_name, person.given_name, person.family_kana, person.given_kana),
        person.birth_date,
        person.sex,
        person.postal_code,
        person.address,
        names.fold_kana(person.family_kana + person.given_kana),
        names.fold_kanji(person.family_name + person.given_name),
        distinct_reason,
    )
    return resident


async def _desk_for(conn: Connection, desk: Desk, municipality_code: str) -> int:
    """Whose desk looks after a resident of this municipality; raises other_municipality if not this one."""
    if municipality_code in desk.municipality_codes:
        return desk.organization_key
    own = await store_parties.municipality(conn, municipality_code)
    if own is None:
        return desk.organization_key
    if desk.everywhere:
        return own.organization_key
    raise Problem("other_municipality", f"the desk of {own.organization_id} looks after {municipality_code}")


async def _keep_proofing(conn: Connection, verifier: str, resident_key: int, evidence: Evidence) -> None:
    await store_residents.insert_proofing(
        conn,
        ids.random_uuid(),
        resident_key,
        evidence.level,
        evidence.method,
        evidence.document_class,
        verifier,
    )


async def record_proofing(
    conn: Connection, organization_id: str, actor: str, resident_key: int, evidence: Evidence
) -> None:
    """A later proofing, kept and put on record; the caller sets the level."""
    await _keep_proofing(conn, f"{organization_id}/{actor}", resident_key, evidence)
    proofed = contents.Proofed(
        organization_id=organization_id,
        ial=evidence.level,
        method=evidence.method,
        document_class=evidence.document_class,
    )
    await ledger.record(conn, Act(Kind.IDENTITY_PROOFED, actor, resident_key, proofed))


async def hold(conn: Connection, resident: Resident) -> None:
    """Before a resident is changed: nobody else changes them until the transaction ends. Raises Problem("resident_inactive")
    for somebody who was closed or erased since they were looked up: nothing is written about them any more."""
    if await store_residents.lock_for_change(conn, resident.resident_key) != "active":
        raise Problem("resident_inactive")


async def proof_again(conn: Connection, desk: Desk, resident: Resident, evidence: Evidence) -> None:
    """A later proofing (身元確認レベルの引き上げ); the level follows the latest evidence, up or down."""
    check_evidence(evidence)
    await hold(conn, resident)
    await record_proofing(conn, desk.organization_id, desk.actor, resident.resident_key, evidence)
    await store_residents.set_ial(conn, resident.resident_key, evidence.level)


def check_evidence(evidence: Evidence) -> None:
    """Raises Problem proofing_insufficient if the method or document cannot carry the level (guidebook 1.2.4)."""
    method = PROOFING_METHODS.get(evidence.method)
    if method is None:
        raise Problem("invalid_request", f"method must be one of {', '.join(PROOFING_METHODS)}")
    if evidence.document_class not in DOCUMENT_CLASSES:
        raise Problem("invalid_request", f"document_class must be one of {', '.join(DOCUMENT_CLASSES)}")
    if evidence.level > method.level:
        raise Problem("proofing_insufficient", f"{evidence.method} gives level {method.level} at most")
    if evidence.level > 1 and evidence.document_class == "none":
        raise Problem("proofing_insufficient", "levels 2 and 3 need an official document")


def check_person(person: Person) -> None:
    if not is_municipality_code(person.municipality_code):
        raise Problem("invalid_request", "municipality_code: the check digit does not fit")
    if not date(1880, 1, 1) <= person.birth_date <= tokyo(utc_now()).date():
        raise Problem("invalid_request", "birth_date is not a plausible date")
    if not names.fold_kana(person.family_kana + person.given_kana):
        raise Problem("invalid_request", "family_kana and given_kana hold no reading")


def is_municipality_code(code: str) -> bool:
    """Whether a 全国地方公共団体コード is six digits with a fitting check digit."""
    if len(code) != 6 or not code.isascii() or not code.isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=False))
    return int(code[5]) == (11 - total % 11) % 10


async def move(
    conn: Connection, desk: Desk, resident: Resident, municipality_code: str, postal_code: str, address: str
) -> None:
    """A new address, entered by the desk that looks after the resident. The resident ID stays.

    Scope is judged by it from the next request on. Where another desk takes over, a recovery there takes two
    clerks for a while: the resident did not confirm it.
    """
    if not is_municipality_code(municipality_code):
        raise Problem("invalid_request", "municipality_code: the check digit does not fit")
    await hold(conn, resident)
    own = await store_parties.municipality(conn, municipality_code)
    desk_key = resident.desk_key if own is None else own.organization_key
    await store_residents.set_residence(
        conn, resident.resident_key, municipality_code, desk_key, postal_code, address
    )
    if own is not None and own.organization_key != desk.organization_key:
        await store_desk.hold_recovery(conn, resident.resident_key, RECOVERY_HOLD_DAYS)
    moved = contents.Moved(organization_id=desk.organization_id)
    await ledger.record(conn, Act(Kind.RESIDENT_MOVED, desk.actor, resident.resident_key, moved))


async def organization_id(conn: Connection, organization_key: int) -> str:
    """Which organisation's desk this is, for records."""
    party = await store_parties.party(conn, organization_key)
    if party is None:
        raise Problem("does_not_exist", "this organisation is gone")
    return party.organization_id


async def hold_active(conn: Connection, resident_key: int) -> None:
    """Keep this resident from being closed until the caller's transaction ends. Raises Refused("resident_inactive")."""
    if await store_residents.hold_state(conn, resident_key) != "active":
        raise Refused("resident_inactive")


async def close_for_erasure(conn: Connection, resident: Resident, journal: Journal) -> None:
    """Nothing more is stored, read or logged in to for this resident while the erasure is under way."""
    await store_residents.lock_for_change(conn, resident.resident_key)
    await store_residents.close(conn, resident.resident_key)
    await store_sessions.end_all_of_resident(conn, resident.resident_key)
    await journal.append(conn, ResidentClosed(resident_id=resident.resident_id))


async def erase(conn: Connection, resident_key: int, actor: str, ground: str, journal: Journal) -> None:
    """Delete who this was and what services knew them as; the bare ID stays, erased, and so do the commitments.

    The identity room's part of an erasure: the caller erases items (`personal`), consents (`consent`) and then
    the ledger's contents in the same transaction. `ground` is the reason that audits will read. The erasure is in the
    journal before it is committed, so that a restored backup cannot bring the resident back.
    """
    await store_residents.lock_for_change(conn, resident_key)
    resident = await find(conn, resident_key)
    if resident is None or resident.state == "erased":
        raise Problem("resident_inactive")
    login = await store_logins.login_of_resident(conn, resident_key)
    if login is not None:
        await guessing.unlock(conn, login)
    await store_residents.erase(conn, resident_key)
    await journal.append(conn, ResidentErased(resident_id=resident.resident_id))
    # Recorded under nobody: this entry has to outlive the contents that are about to go.
    await ledger.record(
        conn,
        Act(
            kind=Kind.RESIDENT_ERASED,
            actor=actor,
            detail=contents.Erased(resident_id=resident.resident_id, ground=ground),
        ),
    )


async def by_id(conn: Connection, resident_id: str) -> Resident:
    """Raises Problem("does_not_exist")."""
    row = await store_residents.resident_by_id(conn, resident_id)
    if row is None:
        raise Problem("does_not_exist", f"resident {resident_id}")
    return resident_of(row)


async def find(conn: Connection, resident_key: int) -> Resident | None:
    row = await store_residents.resident_by_key(conn, resident_key)
    return None if row is None else resident_of(row)


def resident_of(row: Any) -> Resident:
    """A row of `identity.resident`."""
    return Resident(
        row["resident_key"],
        row["resident_id"],
        row["municipality_code"],
        row["ial"],
        row["state"],
        row["enrolled_at"],
        row["desk_key"],
        row["protected"],
    )
