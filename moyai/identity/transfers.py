"""転入: somebody of another desk moves in. The asking desk's word moves nobody.

A transfer waits until the losing desk, the resident with two factors, or (where a 転出証明書 was shown) a second
clerk confirms it. Silence never does: after `TRANSFER_DAYS` it is declined. While it waits, no login is issued or
recovered; after one that the resident did not confirm, a recovery takes two clerks for `residents.RECOVERY_HOLD_DAYS`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from moyai import ledger
from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.identity import (
    credentials,
    guessing,
    meetings,
    residents,
    second_person,
    step_up,
    store_desk,
    store_residents,
    store_transfers,
)
from moyai.identity.guessing import Counter
from moyai.identity.meetings import MeetsSomebody
from moyai.identity.model import Desk, Evidence, Person, Resident, ResidentCaller
from moyai.ledger import Act, Kind, contents
from moyai.registry import store_parties

TRANSFER_DAYS: Final = 30

EVEN_SECONDS: Final = 0.25
"""After so long it is said that there is nobody: sooner, a clock would tell nobody from somebody who is protected, in whose
history the attempt is written."""

_NOBODY: Final = "nobody of another desk has this name and birth date"

Way = Literal["losing_desk", "resident", "certificate"]


class Transfer(msgspec.Struct, frozen=True):
    """A transfer as the asking desk sees it: what it entered, and how far it is."""

    transfer_id: UUID
    state: str
    asked_at: datetime
    expires_at: datetime
    certificate: bool


# --- asked for ------------------------------------------------------------------------------------------------


async def ask(
    database: Database,
    desk: Desk,
    person: Person,
    evidence: Evidence,
    certificate: str = "",
    resident_id: str = "",
) -> Transfer:
    """Ask to take over a resident of another desk, who stands here with a document.

    Raises Problem: other_municipality, proofing_insufficient, evidence_below_level, does_not_exist, several_candidates (unless `resident_id`, which the person brought, says who), transfer_pending,
    too_many_requests. Whom a refused entry met can read it.
    """
    residents.check_person(person)
    residents.check_evidence(evidence)
    if person.municipality_code not in desk.municipality_codes:
        raise Problem("other_municipality", "the new address is not in this desk's municipalities")
    if evidence.document_class == "none":
        raise Problem("proofing_insufficient", "moving in needs an official document")
    began = time.monotonic()
    try:
        async with meetings.counted(database, desk, "move_in"), database.transaction() as conn:
            return await _ask(conn, desk, person, evidence, certificate.strip(), resident_id)
    except MeetsSomebody as problem:
        if problem.code == "does_not_exist":
            await asyncio.sleep(max(0.0, began + EVEN_SECONDS - time.monotonic()))
        raise


async def _ask(
    conn: Connection, desk: Desk, person: Person, evidence: Evidence, certificate: str, resident_id: str
) -> Transfer:
    await store_residents.lock_birth_date(conn, person.birth_date)
    known, hidden = await residents.same_people(conn, desk, person)
    elsewhere = [one for one in known if not one.protected and not desk.looks_after(one)]
    chosen = _chosen(elsewhere, hidden, resident_id.strip().upper())
    if chosen.ial > evidence.level:
        raise MeetsSomebody("evidence_below_level", None, (), [chosen])
    transfer_id = random_uuid()
    await store_transfers.end_expired(conn, chosen.resident_key)
    if not await store_transfers.insert(
        conn,
        transfer_id,
        chosen.resident_key,
        desk.organization_key,
        f"{person.family_name} {person.given_name}",
        (person.municipality_code, person.postal_code, person.address),
        (evidence.level, evidence.method, evidence.document_class),
        certificate,
        desk.actor,
        desk.staff_key,
        TRANSFER_DAYS,
    ):
        raise MeetsSomebody("transfer_pending", None, (), [chosen])
    await _require_open(conn, chosen)
    content = contents.TransferAsked(
        transfer_id=str(transfer_id),
        organization_id=desk.organization_id,
        ial=evidence.level,
        method=evidence.method,
        document_class=evidence.document_class,
        certificate=bool(certificate),
    )
    await ledger.record(conn, Act(Kind.TRANSFER_ASKED, desk.actor, chosen.resident_key, content))
    row = await store_transfers.hold(conn, transfer_id)
    if row is None:
        raise RuntimeError("the database did not return the new transfer")
    return _transfer(row)


async def _require_open(conn: Connection, chosen: Resident) -> None:
    """Raises MeetsSomebody, as for nobody, where the protection of whom was chosen began meanwhile. A transfer is locked before
    its resident, here as where it is completed."""
    await residents.hold(conn, chosen)
    now = await residents.find(conn, chosen.resident_key)
    if now is None or now.protected:
        raise MeetsSomebody("does_not_exist", _NOBODY, (), (), [chosen])


def _chosen(elsewhere: list[Resident], hidden: list[Resident], resident_id: str) -> Resident:
    if not elsewhere:
        raise MeetsSomebody("does_not_exist", _NOBODY, (), (), hidden)
    fitting = [one for one in elsewhere if resident_id in ("", one.resident_id)]
    if len(fitting) != 1:
        raise MeetsSomebody("several_candidates", None, (), elsewhere)
    return fitting[0]


def _transfer(row: Any) -> Transfer:
    return Transfer(
        row["transfer_id"],
        "pending",
        row["asked_at"],
        row["expires_at"],
        certificate=bool(row["certificate"]),
    )


# --- confirmed ------------------------------------------------------------------------------------------------


async def confirm_at_losing_desk(conn: Connection, desk: Desk, transfer_id: UUID) -> None:
    """The desk that looks after the resident lets them go. Raises Problem does_not_exist, desk_new."""
    row, resident = await _held_at(conn, desk, transfer_id)
    if not await _may_confirm(conn, desk, row, resident):
        raise Problem("does_not_exist", "no such transfer at this desk")
    if resident.desk_key != desk.organization_key:
        await _require_settled(conn, desk, resident.municipality_code, resident)
    await _complete(conn, desk.actor, desk.organization_id, row, resident, "losing_desk")


async def _may_confirm(conn: Connection, desk: Desk, row: Any, resident: Resident) -> bool:
    own = resident.municipality_code in desk.municipality_codes or resident.desk_key == desk.organization_key
    if not own or row["organization_key"] == desk.organization_key:
        return False
    return await residents.reaches(conn, desk, resident)


async def confirm_as_second_clerk(conn: Connection, desk: Desk, transfer_id: UUID, certificate: str) -> None:
    """Another clerk of the asking desk read the number on the 転出証明書, and it is the recorded one.

    Raises Problem: does_not_exist, certificate_missing, second_person_required, desk_new.
    """
    row, resident = await _held_at(conn, desk, transfer_id)
    if row["organization_key"] != desk.organization_key:
        raise Problem("does_not_exist", "no such transfer at this desk")
    await second_person.require_another(conn, desk, row["asked_staff_key"])
    await _require_settled(conn, desk, row["municipality_code"], resident)
    if not row["certificate"] or not _same(row["certificate"], certificate):
        raise Problem("certificate_missing")
    await _complete(conn, desk.actor, desk.organization_id, row, resident, "certificate")


async def _require_settled(conn: Connection, desk: Desk, code: str, resident: Resident) -> None:
    """A desk that gained a town a moment ago moves nobody who was there before, by its own word alone: whoever made the
    desk may have made both its clerks. Raises Problem desk_new."""
    if await store_parties.gained_code(
        conn, desk.organization_key, code, resident.enrolled_at, credentials.CODE_DAYS
    ):
        raise Problem("desk_new")


def counted(database: Database, transfer_id: UUID) -> AbstractAsyncContextManager[None]:
    """Around `confirm_as_second_clerk`: numbers that are tried are counted. Raises Problem too_many_requests."""
    counter = Counter(guessing.CERTIFICATE, str(transfer_id))
    return guessing.counted(database, [counter], frozenset({"certificate_missing"}))


def _same(recorded: str, typed: str) -> bool:
    return secrets.compare_digest(recorded.encode(), typed.strip().encode())


async def confirm_as_resident(conn: Connection, caller: ResidentCaller, transfer_id: UUID) -> None:
    """The resident, with two factors, says that it is them. Raises Problem: does_not_exist, assurance_insufficient,
    insufficient_user_authentication (the second was not shown just now)."""
    if caller.aal < 2:
        raise Problem("assurance_insufficient", "confirming a transfer needs two factors")
    row, resident = await _held(conn, transfer_id)
    if row["resident_key"] != caller.resident_key:
        raise Problem("does_not_exist", "no such transfer")
    step_up.require_fresh(caller)
    await _complete(conn, f"resident:{caller.resident_id}", "", row, resident, "resident")


async def _held(conn: Connection, transfer_id: UUID) -> tuple[Any, Resident]:
    row = await store_transfers.hold(conn, transfer_id)
    resident = None if row is None else await residents.find(conn, row["resident_key"])
    if row is None or resident is None or resident.state != "active":
        raise Problem("does_not_exist", "no such transfer")
    return row, resident


async def _held_at(conn: Connection, desk: Desk, transfer_id: UUID) -> tuple[Any, Resident]:
    """As `_held`, at a desk of either side. One about a protected resident is none, but for whoever is named."""
    row, resident = await _held(conn, transfer_id)
    if resident.protected and not await residents.reaches(conn, desk, resident):
        raise Problem("does_not_exist", "no such transfer at this desk")
    return row, resident


async def _complete(
    conn: Connection, actor: str, organization_id: str, row: Any, resident: Resident, way: Way
) -> None:
    key = resident.resident_key
    await residents.hold(conn, resident)
    await store_transfers.end(conn, row["transfer_id"], "completed", way)
    await store_residents.set_residence(
        conn, key, row["municipality_code"], row["organization_key"], row["postal_code"], row["address"]
    )
    asking = await residents.organization_id(conn, row["organization_key"])
    evidence = Evidence(row["level"], row["method"], row["document_class"])
    await residents.record_proofing(conn, asking, row["asked_by"], key, evidence)
    await store_residents.set_ial(conn, key, max(resident.ial, evidence.level))
    if way != "resident":
        await store_desk.hold_recovery(conn, key, residents.RECOVERY_HOLD_DAYS)
    ended = contents.TransferEnded(
        transfer_id=str(row["transfer_id"]), organization_id=organization_id, way=way
    )
    await ledger.record(conn, Act(Kind.TRANSFER_COMPLETED, actor, key, ended))
    await ledger.record(conn, Act(Kind.RESIDENT_MOVED, actor, key, contents.Moved(organization_id=asking)))


# --- declined -------------------------------------------------------------------------------------------------


async def decline(conn: Connection, desk: Desk, transfer_id: UUID) -> None:
    """The asking desk takes it back, or the losing desk refuses. Raises Problem does_not_exist."""
    row, resident = await _held_at(conn, desk, transfer_id)
    asking = row["organization_key"] == desk.organization_key
    if not asking and not await _may_confirm(conn, desk, row, resident):
        raise Problem("does_not_exist", "no such transfer at this desk")
    way = "withdrawn" if asking else "declined"
    await _end(conn, desk.actor, desk.organization_id, row, way)


async def decline_as_resident(conn: Connection, caller: ResidentCaller, transfer_id: UUID) -> None:
    """The resident says that it is not them, or not so. Raises Problem does_not_exist."""
    row, _ = await _held(conn, transfer_id)
    if row["resident_key"] != caller.resident_key:
        raise Problem("does_not_exist", "no such transfer")
    await _end(conn, f"resident:{caller.resident_id}", "", row, "declined")


async def _end(
    conn: Connection, actor: str, organization_id: str, row: Any, way: Literal["declined", "withdrawn"]
) -> None:
    await store_transfers.end(conn, row["transfer_id"], way, None)
    ended = contents.TransferEnded(
        transfer_id=str(row["transfer_id"]), organization_id=organization_id, way=way
    )
    await ledger.record(conn, Act(Kind.TRANSFER_ENDED, actor, row["resident_key"], ended))


# --- seen -----------------------------------------------------------------------------------------------------


async def of_resident(conn: Connection, resident_key: int) -> tuple[Transfer, int] | None:
    """What is pending for this resident, with the key of the organisation that asks."""
    row = await store_transfers.pending_of(conn, resident_key)
    return None if row is None else (_transfer(row), row["organization_key"])
