"""Staff accounts: who works for which organisation, in which roles, from the first day to the last.

They log in like residents do. An account is a person of an organisation, known by the staff number; both stay. Disabling
is a stop: one person, at once, in all processes. What gives power back, or gives more of it, takes two (`registry.acting`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from moyai import ledger
from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.stops import StaffDisabled
from moyai.identity import staff_in_force, staff_logins, store_logins, store_sessions, store_staff
from moyai.identity.model import STAFF_ROLES
from moyai.identity.staff_found import Row, account_now, held_account, organization_of, record_act
from moyai.identity.staff_model import (
    CONSOLE_ROLES,
    POWERFUL_ROLES,
    Administrator,
    StaffAccount,
    StaffDeclaration,
)
from moyai.ledger import Act, Kind, contents
from moyai.registry import acting, ending, persons, standing, store_parties
from moyai.registry.hashing import digest
from moyai.registry.model import Change
from moyai.registry.pending import Asker, TwoPersonAct, known
from moyai.registry.persons import Person
from moyai.registry.recording import builtins
from moyai.registry.store_parties import Party

_MOST = 1000


def _account(row: Row) -> StaffAccount:
    return msgspec.convert(row, StaffAccount)


# --- found ----------------------------------------------------------------------------------------------------


async def administrator(
    conn: Connection, organization_id: str, actor: str, person: Person | None
) -> Administrator:
    """Raises Problem does_not_exist, organization_suspended."""
    party = await store_parties.party_by_id(conn, organization_id)
    if party is None:
        raise Problem("does_not_exist", f"organization {organization_id}")
    if code := standing.of_office(party.state):
        raise Problem(code)
    everywhere = party.kind == "operating_organization" and (person is None or "operator" in person.roles)
    return Administrator(
        Asker(actor, organization_id, person), organization_id, party.organization_key, everywhere
    )


async def accounts(conn: Connection, by: Administrator) -> list[StaffAccount]:
    rows = await store_staff.accounts(conn, None if by.everywhere else by.organization_key, _MOST)
    parties = {one.organization_key: one for one in await store_parties.all_parties(conn)}
    return [_account({**row, **organization_of(parties[row["organization_key"]])}) for row in rows]


async def account(conn: Connection, by: Administrator, staff_id: str) -> StaffAccount:
    """Raises Problem does_not_exist, also for another organisation's."""
    return _account(await held_account(conn, by, staff_id))


async def at_terminal(conn: Connection, staff_key: int) -> Person:
    """A member of staff who has shown both factors somewhere else than in a browser. Raises Problem staff_disabled,
    staff_waiting."""
    row = await store_staff.account_of_key(conn, staff_key)
    if row is None or row["state"] != "active":
        raise Problem("staff_disabled")
    await store_staff.logged_in(conn, staff_key)
    if row["in_force_since"] is None:
        raise Problem("staff_waiting")
    return await staff_in_force.person_of(conn, row)


def introduce() -> None:
    """Tell the registry who knows accounts. Every process that acts does this once, where it is composed; a process
    that has, also knows the acts on staff that take two persons (below)."""
    persons.found_by(staff_in_force.person)


# --- declared -------------------------------------------------------------------------------------------------


async def put(conn: Connection, by: Administrator, declared: StaffDeclaration) -> Change:
    """Create an account or change it. It waits for a second person where an account is to begin with a role that makes
    others, or one in the console; and where one that is in force is to gain any role, or a number.

    Raises Problem as `declare`, forbidden (another organisation's), invalid_request (no staff number).
    """
    if not by.everywhere and declared.organization_id != by.organization_id:
        raise Problem("forbidden", "staff of the own organisation only")
    known = await store_logins.staff(conn, declared.login)
    if known is not None:
        await held_account(conn, by, known["staff_id"])
    if not declared.staff_number and (known is None or known["staff_number"] is None):
        raise Problem("invalid_request", "staff_number")
    return await _perform_put(conn, declared, known, by.asker)


async def put_from_file(conn: Connection, declared: StaffDeclaration, asker: Asker, file: str) -> Change:
    """As `put`, for a registry file, which is the operating organisation's and from then on names this account."""
    known = await store_logins.staff(conn, declared.login)
    change = await _perform_put(conn, declared, known, asker)
    await store_staff.name_in(conn, declared.login, file)
    return change


async def _perform_put(
    conn: Connection, declared: StaffDeclaration, known: Record | None, asker: Asker
) -> Change:
    gained = set(declared.roles) - set(known["roles"] if known else ())
    if known is not None and known["in_force_since"] is not None:
        widens = bool(gained) or bool(declared.staff_number and known["staff_number"] is None)
    else:
        widens = bool(gained & POWERFUL_ROLES)
    named = f"{declared.organization_id}/{declared.staff_number}" if known is None else known["staff_id"]
    change = await acting.perform(
        conn,
        STAFF_RIGHTS,
        named,
        builtins(declared),
        asker,
        needs_two=widens,
        organization_id=declared.organization_id,
    )
    return msgspec.structs.replace(change, id=declared.login)


async def declare(conn: Connection, declared: StaffDeclaration, actor: str) -> Change:
    """Register or change a staff account; it can log in once `issue_login` gave it secrets.

    Raises Problem does_not_exist (organisation), invalid_request (role), staff_number_taken, change_not_allowed (of a
    staff number, or of the organisation).
    """
    party = await store_parties.party_by_id(conn, declared.organization_id)
    if party is None:
        raise Problem("does_not_exist", f"organization {declared.organization_id}")
    _check_roles(declared, party)
    known = await store_logins.staff(conn, declared.login)
    number = declared.staff_number or (known["staff_number"] if known else None) or None
    await _check_person(conn, known, party.organization_key, number)
    wanted: dict[str, Any] = {"name": declared.name, "roles": sorted(declared.roles), "staff_number": number}
    now = (
        None if known is None else {**{name: known[name] for name in wanted}, "roles": sorted(known["roles"])}
    )
    if now == wanted:
        return Change("staff", declared.login, "unchanged")
    fields = tuple(name for name in wanted if now is None or now[name] != wanted[name])
    await store_logins.upsert_staff(
        conn, declared.login, declared.name, party.organization_key, wanted["roles"], number
    )
    stored = await store_logins.staff(conn, declared.login)
    assert stored is not None
    if set(now["roles"] if now else ()) - set(wanted["roles"]):
        await ending.revoke_of(conn, f"staff:{stored['staff_id']}", stored["staff_id"])
    replaced = {
        one: contents.Replaced(_shown(one, (now or {}).get(one)), _shown(one, wanted[one])) for one in fields
    }
    content = contents.StaffRegistered(
        staff_id=stored["staff_id"], organization_id=declared.organization_id, fields=replaced
    )
    await ledger.record(conn, Act(Kind.STAFF_REGISTERED, actor, detail=content))
    return Change(
        "staff", declared.login, "created" if known is None else "changed", () if known is None else fields
    )


def _shown(field: str, value: Any) -> Any:
    """A person's name stands by its hash."""
    return {"sha256": digest(value).hex()} if field == "name" and value else value


def _check_roles(declared: StaffDeclaration, party: Party) -> None:
    unknown = set(declared.roles) - STAFF_ROLES
    if unknown:
        raise Problem("invalid_request", f"roles: {', '.join(sorted(unknown))}")
    if CONSOLE_ROLES & set(declared.roles) and party.kind != "operating_organization":
        raise Problem(
            "invalid_request", "roles: operator and auditor are for staff of the operating organisation"
        )


async def _check_person(
    conn: Connection, known: Record | None, organization_key: int, number: str | None
) -> None:
    """An account is one person of one organisation, for good; so is a number."""
    if known is not None and known["staff_number"] not in (None, number):
        raise Problem("change_not_allowed", "the staff number of an account")
    if known is not None and known["organization_key"] != organization_key:
        raise Problem("change_not_allowed", "the organisation of an account")
    if number is None:
        return
    holder = await store_logins.staff_of_number(conn, organization_key, number)
    if holder is not None and (known is None or holder != known["staff_key"]):
        raise Problem("staff_number_taken")


# --- stopped, and again ---------------------------------------------------------------------------------------


async def disable(conn: Connection, staff_id: str, reason: str, actor: str, journal: Journal) -> Change:
    """End an account at once: its sessions, and what it asked for and others would have confirmed.

    Raises Problem does_not_exist, invalid_request (no reason).
    """
    _check_reason(reason)
    row = await held_account(conn, None, staff_id)
    if row["state"] == "disabled":
        return Change("staff_stop", row["login"], "unchanged")
    await store_staff.set_state(conn, row["staff_key"], "disabled", reason)
    await store_sessions.end_all_of_staff(conn, row["staff_key"])
    await ending.revoke_of(conn, f"staff:{staff_id}", staff_id)
    await journal.append(conn, StaffDisabled(staff_id=staff_id))
    await record_act(conn, Kind.STAFF_DISABLED, actor, row, reason)
    return Change("staff_stop", row["login"], "created", ("state",))


async def leave(conn: Connection, file: str, logins: list[str], actor: str, journal: Journal) -> list[Change]:
    """Disable the accounts that this file (its path) named before and names no more."""
    gone = [row for row in await store_staff.named_in(conn, file) if row["login"] not in logins]
    name = Path(file).name
    reason = f"{name} に記載がなくなった / no longer in {name}"
    return [await disable(conn, row["staff_id"], reason, actor, journal) for row in gone]


async def enable(conn: Connection, by: Administrator, staff_id: str, reason: str) -> Change:
    """End the stop; always takes two. Raises Problem does_not_exist, invalid_request (no reason)."""
    _check_reason(reason)
    row = await held_account(conn, by, staff_id)
    change = await acting.perform(
        conn, STAFF_STOP_END, staff_id, {"reason": reason}, by.asker, organization_id=row["organization_id"]
    )
    return msgspec.structs.replace(change, id=row["login"])


async def _enable(conn: Connection, staff_id: str, body: dict[str, Any], actor: str) -> Change:
    row = await held_account(conn, None, staff_id)
    if row["state"] == "active":
        return Change("staff_stop", staff_id, "unchanged")
    await store_staff.set_state(conn, row["staff_key"], "active", "")
    await _stay_in_force(conn, row)
    await record_act(conn, Kind.STAFF_ENABLED, actor, row, body["reason"])
    return Change("staff_stop", staff_id, "changed", ("state",))


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 1000 or "\x00" in reason:
        raise Problem("invalid_request", "a stop, and its end, need a reason")


# --- what takes two -------------------------------------------------------------------------------------------


async def _declare(conn: Connection, _: str, body: dict[str, Any], actor: str) -> Change:
    declared = msgspec.convert(body, StaffDeclaration)
    before = await store_logins.staff(conn, declared.login)
    change = await declare(conn, declared, actor)
    if before is not None:
        await _stay_in_force(conn, before)
    return change


async def _stay_in_force(conn: Connection, before: Row | Record) -> None:
    """What two have said of an account does not take it out of force, as any other widening does (migration 0034)."""
    if before["in_force_since"] is not None:
        await store_staff.put_in_force(conn, before["staff_key"])


STAFF_RIGHTS: Final = known(
    TwoPersonAct(
        "staff_rights",
        "staff",
        "職員に役割か職員番号を与える",
        "Give a member of staff a role or a number",
        account_now,
        _declare,
        level="staff",
        gives_power=True,
    )
)
STAFF_STOP_END: Final = known(
    TwoPersonAct(
        "staff_stop_end",
        "staff_stop",
        "職員の停止を解く",
        "Enable a staff account again",
        account_now,
        _enable,
        level="staff",
        gives_power=True,
    )
)

ACTS: Final = (STAFF_RIGHTS, STAFF_STOP_END, staff_in_force.STAFF_IN_FORCE, staff_logins.STAFF_RECOVERY)
"""Every act on staff that takes two: known once this is imported."""
