"""Staff accounts: who works for which organisation, in which roles, from the first day to the last.

They log in like residents do. An account is a person of an organisation, known by the staff number; both stay. Disabling
is a stop: one person, at once, in all processes. What gives power back, or gives more of it, takes two (`registry.acting`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from moyai import ledger
from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.base.stops import StaffDisabled
from moyai.identity import credentials, guessing, login_acts, store_logins, store_sessions, store_staff
from moyai.identity.login_acts import Whose
from moyai.identity.model import STAFF_ROLES, IssuedLogin
from moyai.identity.staff_model import ADMIN_ROLES, Administrator, StaffAccount, StaffDeclaration
from moyai.ledger import Act, Kind, contents
from moyai.registry import acting, ending, persons, store_parties
from moyai.registry.hashing import digest
from moyai.registry.model import Change
from moyai.registry.pending import Asker, TwoPersonAct, known
from moyai.registry.persons import Person
from moyai.registry.recording import builtins
from moyai.registry.store_parties import Party

_MOST = 1000


Row = dict[str, Any]


def _account(row: Row) -> StaffAccount:
    return msgspec.convert(row, StaffAccount)


def _of(party: Party | None) -> Row:
    """The organisation of an account, beside what the account says itself."""
    assert party is not None
    return {
        "organization_id": party.organization_id,
        "organization_ja": party.name_ja,
        "organization_en": party.name_en,
    }


# --- found ----------------------------------------------------------------------------------------------------


async def administrator(
    conn: Connection, organization_id: str, actor: str, person: Person | None
) -> Administrator:
    """Raises Problem does_not_exist, organization_suspended."""
    party = await store_parties.party_by_id(conn, organization_id)
    if party is None:
        raise Problem("does_not_exist", f"organization {organization_id}")
    if party.state == "suspended":
        raise Problem("organization_suspended")
    everywhere = party.kind == "operating_organization" and (person is None or "operator" in person.roles)
    return Administrator(
        Asker(actor, organization_id, person), organization_id, party.organization_key, everywhere
    )


async def accounts(conn: Connection, by: Administrator) -> list[StaffAccount]:
    rows = await store_staff.accounts(conn, None if by.everywhere else by.organization_key, _MOST)
    parties = {one.organization_key: one for one in await store_parties.all_parties(conn)}
    return [_account({**row, **_of(parties[row["organization_key"]])}) for row in rows]


async def account(conn: Connection, by: Administrator, staff_id: str) -> StaffAccount:
    """Raises Problem does_not_exist, also for another organisation's."""
    return _account(await _held(conn, by, staff_id))


async def _held(conn: Connection, by: Administrator | None, staff_id: str) -> Row:
    row = await store_staff.account(conn, staff_id)
    if row is None or (
        by is not None and not by.everywhere and row["organization_key"] != by.organization_key
    ):
        raise Problem("does_not_exist", "staff account")
    return {**row, **_of(await store_parties.party(conn, row["organization_key"]))}


async def at_terminal(conn: Connection, staff_key: int) -> Person:
    """A member of staff who has shown both factors somewhere else than in a browser. Raises Problem staff_disabled."""
    row = await store_staff.account_of_key(conn, staff_key)
    if row is None or row["state"] != "active":
        raise Problem("staff_disabled")
    await store_staff.logged_in(conn, staff_key)
    organization_id: str = _of(await store_parties.party(conn, row["organization_key"]))["organization_id"]
    return Person(row["staff_id"], row["staff_number"] or "", organization_id, frozenset(row["roles"]))


async def in_force(conn: Connection, staff_id: str) -> Person | None:
    """Who an account is now, for acts that waited; None for a disabled one."""
    row = await store_staff.account(conn, staff_id)
    if row is None or row["state"] != "active":
        return None
    organization_id: str = _of(await store_parties.party(conn, row["organization_key"]))["organization_id"]
    return Person(staff_id, row["staff_number"], organization_id, frozenset(row["roles"]))


def introduce() -> None:
    """Tell the registry who knows accounts. Every process that acts does this once, where it is composed; a process
    that has, also knows the acts on staff that take two persons (below)."""
    persons.found_by(in_force)


# --- declared -------------------------------------------------------------------------------------------------


async def put(conn: Connection, by: Administrator, declared: StaffDeclaration) -> Change:
    """Create an account or change it; it waits for a second person where it gains a role that makes others.

    Raises Problem as `declare`, forbidden (another organisation's), invalid_request (no staff number).
    """
    if not by.everywhere and declared.organization_id != by.organization_id:
        raise Problem("forbidden", "staff of the own organisation only")
    known = await store_logins.staff(conn, declared.login)
    if known is not None:
        await _held(conn, by, known["staff_id"])
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
    had = set[str]() if known is None else set(known["roles"])
    numbered = declared.staff_number and known is not None and known["staff_number"] is None
    widens = ADMIN_ROLES & (set(declared.roles) - had) or (numbered and ADMIN_ROLES & set(declared.roles))
    named = f"{declared.organization_id}/{declared.staff_number}" if known is None else known["staff_id"]
    change = await acting.perform(
        conn,
        STAFF_RIGHTS,
        named,
        builtins(declared),
        asker,
        needs_two=bool(widens),
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
    if "operator" in declared.roles and party.kind != "operating_organization":
        raise Problem("invalid_request", "roles: operator is for staff of the operating organisation")


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
    row = await _held(conn, None, staff_id)
    if row["state"] == "disabled":
        return Change("staff_stop", row["login"], "unchanged")
    await store_staff.set_state(conn, row["staff_key"], "disabled", reason)
    await store_sessions.end_all_of_staff(conn, row["staff_key"])
    await ending.revoke_of(conn, f"staff:{staff_id}", staff_id)
    await journal.append(conn, StaffDisabled(staff_id=staff_id))
    await _record(conn, Kind.STAFF_DISABLED, actor, row, reason)
    return Change("staff_stop", row["login"], "created", ("state",))


async def leave(conn: Connection, file: str, logins: list[str], actor: str, journal: Journal) -> list[Change]:
    """Disable the accounts that this file named before and names no more."""
    gone = [row for row in await store_staff.named_in(conn, file) if row["login"] not in logins]
    return [
        await disable(
            conn, row["staff_id"], f"{file} に記載がなくなった / no longer in {file}", actor, journal
        )
        for row in gone
    ]


async def enable(conn: Connection, by: Administrator, staff_id: str, reason: str) -> Change:
    """End the stop; always takes two. Raises Problem does_not_exist, invalid_request (no reason)."""
    _check_reason(reason)
    row = await _held(conn, by, staff_id)
    change = await acting.perform(
        conn, STAFF_STOP_END, staff_id, {"reason": reason}, by.asker, organization_id=row["organization_id"]
    )
    return msgspec.structs.replace(change, id=row["login"])


async def _enable(conn: Connection, staff_id: str, body: dict[str, Any], actor: str) -> Change:
    row = await _held(conn, None, staff_id)
    if row["state"] == "active":
        return Change("staff_stop", staff_id, "unchanged")
    await store_staff.set_state(conn, row["staff_key"], "active", "")
    await _record(conn, Kind.STAFF_ENABLED, actor, row, body["reason"])
    return Change("staff_stop", staff_id, "changed", ("state",))


# --- log-ins --------------------------------------------------------------------------------------------------


async def recover(conn: Connection, by: Administrator, staff_id: str, journal: Journal) -> Change:
    """End the account's secrets and sessions, so that new ones can be issued. Two, for a role that makes others.

    Raises Problem does_not_exist, login_missing.
    """
    row = await _held(conn, by, staff_id)
    if not row["has_login"]:
        raise Problem("login_missing")
    await login_acts.secrets_replaced(conn, Whose(row["login"], None), journal)
    change = await acting.perform(
        conn,
        STAFF_RECOVERY,
        staff_id,
        {},
        by.asker,
        needs_two=_account(row).admin,
        organization_id=row["organization_id"],
    )
    return msgspec.structs.replace(change, id=row["login"])


async def end_secrets(conn: Connection, staff_id: str, actor: str) -> Change:
    """The account's secrets and sessions end at once. Raises Problem does_not_exist."""
    return await _recover(conn, staff_id, {}, actor)


async def _recover(conn: Connection, staff_id: str, _: dict[str, Any], actor: str) -> Change:
    row = await _held(conn, None, staff_id)
    if not row["has_login"]:
        return Change("staff_login", staff_id, "unchanged")
    await store_sessions.end_all_of_staff(conn, row["staff_key"])
    await guessing.forget_login(conn, row["login"])
    await store_staff.end_credential(conn, row["staff_key"])
    await ending.revoke_of(conn, f"staff:{staff_id}", staff_id)
    await _record(conn, Kind.STAFF_RECOVERED, actor, row)
    return Change("staff_login", staff_id, "changed", ("login",))


async def issue(
    conn: Connection, box: SecretBox, by: Administrator, staff_id: str, issuer: str, journal: Journal
) -> IssuedLogin:
    """First secrets, shown once. Raises Problem does_not_exist, staff_disabled, login_exists."""
    row = await _held(conn, by, staff_id)
    if row["state"] != "active":
        raise Problem("staff_disabled")
    if row["has_login"]:
        raise Problem("login_exists")
    await login_acts.secrets_replaced(conn, Whose(row["login"], None), journal)
    await store_staff.issued(conn, row["staff_key"], first=False)
    issued = await credentials.issue_for_staff(conn, box, issuer, row["login"], None, row["staff_key"])
    await _record(conn, Kind.STAFF_LOGIN_ISSUED, by.actor, row)
    return issued


async def issue_login(
    conn: Connection, box: SecretBox, login: str, issuer: str, password: str | None = None
) -> IssuedLogin:
    """First secrets of an account that a registry file declared, once: a recovered login is not issued by a file.

    Raises Problem does_not_exist, login_taken.
    """
    known = await store_logins.staff(conn, login)
    if known is None:
        raise Problem("does_not_exist", f"staff account {login}")
    if not await store_staff.issued(conn, known["staff_key"], first=True):
        raise Problem("login_taken")
    return await credentials.issue_for_staff(conn, box, issuer, login, password, known["staff_key"])


async def unlock(conn: Connection, by: Administrator, staff_id: str) -> Change:
    """Nothing is held against the login any more. Raises Problem does_not_exist."""
    row = await _held(conn, by, staff_id)
    await guessing.unlock(conn, row["login"])
    await _record(conn, Kind.STAFF_UNLOCKED, by.actor, row)
    return Change("staff_login", row["login"], "changed", ("lock",))


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 1000 or "\x00" in reason:
        raise Problem("invalid_request", "a stop, and its end, need a reason")


async def _record(conn: Connection, kind: Kind, actor: str, row: Row, reason: str = "") -> None:
    content = contents.StaffChanged(
        staff_id=row["staff_id"], organization_id=row["organization_id"], reason=reason
    )
    await ledger.record(conn, Act(kind, actor, detail=content))


# --- what takes two -------------------------------------------------------------------------------------------


async def _account_now(conn: Connection, named: str) -> Any:
    """What an act refers to: the account with what gives it power, or nobody."""
    organization_id, _, number = named.partition("/")
    if number:
        party = await store_parties.party_by_id(conn, organization_id)
        key = party and await store_logins.staff_of_number(conn, party.organization_key, number)
        return None if key is None else {"staff_key": key}
    found = await store_staff.account(conn, named)
    row = (
        None
        if found is None
        else {**found, **_of(await store_parties.party(conn, found["organization_key"]))}
    )
    told = (
        "staff_id",
        "name",
        "organization_id",
        "roles",
        "staff_number",
        "state",
        "state_reason",
        "has_login",
    )
    return None if row is None else {name: row[name] for name in told}


async def _declare(conn: Connection, _: str, body: dict[str, Any], actor: str) -> Change:
    return await declare(conn, msgspec.convert(body, StaffDeclaration), actor)


STAFF_RIGHTS: Final = known(
    TwoPersonAct(
        "staff_rights",
        "staff",
        "ほかの職員を管理できる役割を与える",
        "Give a role that administers others",
        _account_now,
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
        _account_now,
        _enable,
        level="staff",
        gives_power=True,
    )
)
STAFF_RECOVERY: Final = known(
    TwoPersonAct(
        "staff_recovery",
        "staff_login",
        "管理する職員のログインを作り直す",
        "Recover the login of an administrator",
        _account_now,
        _recover,
        level="staff",
        gives_power=True,
    )
)
