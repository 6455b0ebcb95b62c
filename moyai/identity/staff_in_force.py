"""Whose account it is: whoever makes accounts, or hands over their secrets, does not make persons.

An account opens nothing, and is nobody where two persons are needed, until two have said whose it is: who handed over
its first secrets, and another one; or nobody spoke against it for 24 hours (`registry.acting`). That is asked for at the
owner's first log-in, so what is confirmed is an account whose secrets only its owner knows: whoever kept what was to be
handed over keeps the owner out, who says so. It ends whenever secrets are handed over anew (migration 0034).

Where nobody is there who could be the second, the word of the machine's operator counts: at the first `moyai up` or `apply`,
and where no operator is in force any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from moyai import ledger
from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.identity import store_staff
from moyai.identity.staff_model import CONSOLE_ROLES
from moyai.ledger import Act, Kind, contents
from moyai.registry import acting, find_operating_organization, standing, store_parties
from moyai.registry.model import Change
from moyai.registry.pending import Asker, TwoPersonAct, known
from moyai.registry.persons import Person
from moyai.registry.store_parties import Party


def roles_in_force(roles: Iterable[str], since: datetime | None, party: Party) -> frozenset[str]:
    """What somebody may do now: nothing before it is said whose account it is, nothing while their organisation is
    suspended; in the console only for the operating organisation, which must still see what waits, and revoke it."""
    if since is None:
        return frozenset()
    if party.kind == "operating_organization":
        return frozenset(roles)
    return frozenset() if standing.of_office(party.state) else frozenset(roles) - CONSOLE_ROLES


def why_closed(since: datetime | None, party: Party) -> str:
    """The code of what keeps somebody out who has logged in; empty where nothing does."""
    if since is None:
        return "staff_waiting"
    suspended = standing.of_office(party.state) is not None
    return "own_organization_suspended" if suspended and party.kind != "operating_organization" else ""


async def person(conn: Connection, staff_id: str) -> Person | None:
    """Who an account is now, for acts that waited; None for a disabled one."""
    row = await store_staff.account(conn, staff_id)
    return None if row is None or row["state"] != "active" else await person_of(conn, row)


async def person_of(conn: Connection, row: Record) -> Person:
    """`row` names account, number, organisation, roles and since when they are in force."""
    party = await store_parties.party(conn, row["organization_key"])
    assert party is not None
    roles = roles_in_force(row["roles"], row["in_force_since"], party)
    return Person(row["staff_id"], row["staff_number"] or "", party.organization_id, roles)


async def nobody_there(conn: Connection) -> bool:
    """Whether no operator is in force: then nobody could say a second word on anything."""
    operator = await find_operating_organization(conn)
    if operator is None:
        return True
    return not await store_staff.any_in_force(conn, operator.organization_key, "operator")


async def ask(conn: Connection, staff_id: str, asker: Asker) -> Change:
    """Ask that an account comes into force; the same asked again waits on.

    Raises Problem does_not_exist, login_missing, first_login_missing.
    """
    row = await _held(conn, staff_id)
    organization_id = await _organization_id(conn, row)
    body = {"organization_id": organization_id}
    body |= {name: row[name] for name in ("login", "name", "staff_number", "roles")}
    return await acting.perform(conn, STAFF_IN_FORCE, staff_id, body, asker, organization_id=organization_id)


async def ask_at_first_login(conn: Connection, staff_id: str) -> None:
    """The owner has secrets of their own: from now on it can be said whose account it is. Who handed them over asks."""
    row = await _held(conn, staff_id)
    kind, _, by = row["issued_by"].partition(":")
    issuer = await person(conn, by) if kind == "staff" else None
    at = issuer.organization_id if issuer else await _organization_id(conn, row)
    try:
        await ask(conn, staff_id, Asker(row["issued_by"] or "system", at, issuer))
    except Problem as problem:
        if problem.code != "too_many_pending":  # whoever administers the account asks later
            raise


async def _organization_id(conn: Connection, row: Record) -> str:
    party = await store_parties.party(conn, row["organization_key"])
    assert party is not None
    return party.organization_id


async def _held(conn: Connection, staff_id: str) -> Record:
    row = await store_staff.account(conn, staff_id)
    if row is None:
        raise Problem("does_not_exist", "staff account")
    return row


async def _now(conn: Connection, staff_id: str) -> Any:
    """What is confirmed: this person, with these roles, and the log-in that was handed over then."""
    row = await store_staff.account(conn, staff_id)
    if row is None:
        return None
    told = ("name", "organization_key", "roles", "staff_number", "state", "has_login", "initial")
    issued_at: datetime | None = row["issued_at"]
    return {name: row[name] for name in told} | {"issued_at": issued_at and issued_at.isoformat()}


async def _put_in_force(conn: Connection, staff_id: str, _: dict[str, Any], actor: str) -> Change:
    row = await _held(conn, staff_id)
    if row["in_force_since"] is not None:
        return Change("staff", row["login"], "unchanged")
    if not row["has_login"]:
        raise Problem("login_missing")
    if row["initial"]:
        raise Problem("first_login_missing")
    await enter(conn, row, actor)
    return Change("staff", row["login"], "changed", ("in_force",))


async def enter(conn: Connection, row: Record, actor: str) -> None:
    """The account is in force from now on. Where two have said so, or nobody is there who could."""
    await store_staff.put_in_force(conn, row["staff_key"])
    content = contents.StaffChanged(
        staff_id=row["staff_id"], organization_id=await _organization_id(conn, row)
    )
    await ledger.record(conn, Act(Kind.STAFF_IN_FORCE, actor, detail=content))


STAFF_IN_FORCE: Final = known(
    TwoPersonAct(
        "staff_in_force",
        "staff",
        "職員本人のアカウントであることを確かめ、使えるようにする",
        "Confirm whose account it is, and put it into force",
        _now,
        _put_in_force,
        level="staff",
        gives_power=True,
    )
)
