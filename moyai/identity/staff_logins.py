"""Log-ins of staff: first secrets handed over by a person, ended, and given anew."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import (
    credentials,
    guessing,
    login_acts,
    staff_in_force,
    store_logins,
    store_sessions,
    store_staff,
)
from moyai.identity.login_acts import Whose
from moyai.identity.model import IssuedLogin
from moyai.identity.staff_found import account_now, held_account, record_act
from moyai.identity.staff_model import ADMIN_ROLES, Administrator
from moyai.ledger import Kind
from moyai.registry import acting, ending
from moyai.registry.model import Change
from moyai.registry.pending import Asker, TwoPersonAct, known


async def recover(conn: Connection, by: Administrator, staff_id: str, journal: Journal) -> Change:
    """End the account's secrets and sessions, so that new ones can be issued. Two, for a role that makes others.

    Raises Problem does_not_exist.
    """
    row = await held_account(conn, by, staff_id)
    if not row["has_login"]:
        return Change("staff_login", row["login"], "unchanged")
    await login_acts.secrets_replaced(conn, Whose(row["login"], None), journal)
    change = await acting.perform(
        conn,
        STAFF_RECOVERY,
        staff_id,
        {},
        by.asker,
        needs_two=bool(ADMIN_ROLES & set(row["roles"])),
        organization_id=row["organization_id"],
    )
    return msgspec.structs.replace(change, id=row["login"])


async def end_secrets(conn: Connection, staff_id: str, actor: str) -> Change:
    """The account's secrets and sessions end at once. Raises Problem does_not_exist."""
    return await _recover(conn, staff_id, {}, actor)


async def _recover(conn: Connection, staff_id: str, _: dict[str, Any], actor: str) -> Change:
    row = await held_account(conn, None, staff_id)
    if not row["has_login"]:
        return Change("staff_login", staff_id, "unchanged")
    await store_sessions.end_all_of_staff(conn, row["staff_key"])
    await guessing.forget_login(conn, row["login"])
    await store_staff.end_credential(conn, row["staff_key"])
    await ending.revoke_of(conn, f"staff:{staff_id}", staff_id)
    await record_act(conn, Kind.STAFF_RECOVERED, actor, row)
    return Change("staff_login", staff_id, "changed", ("login",))


async def issue(
    conn: Connection, box: SecretBox, by: Administrator, staff_id: str, issuer: str, journal: Journal
) -> IssuedLogin:
    """First secrets, shown once, to the person who hands them over: a program is nobody, and would be whom it makes.

    Raises Problem does_not_exist, second_person_required (a program), staff_disabled, login_exists.
    """
    row = await held_account(conn, by, staff_id)
    if by.asker.person is None:
        raise Problem("second_person_required", "a person hands over first secrets, at the pages of staff")
    if row["state"] != "active":
        raise Problem("staff_disabled")
    if row["has_login"]:
        raise Problem("login_exists")
    await login_acts.secrets_replaced(conn, Whose(row["login"], None), journal)
    await store_staff.issued(conn, row["staff_key"], by.actor, first=False)
    issued = await credentials.issue_for_staff(conn, box, issuer, row["login"], None, row["staff_key"])
    await record_act(conn, Kind.STAFF_LOGIN_ISSUED, by.actor, row)
    return issued


async def issue_login(
    conn: Connection,
    box: SecretBox,
    login: str,
    issuer: str,
    password: str | None = None,
    *,
    by: str = "system",
    at_setup: bool = False,
) -> IssuedLogin:
    """First secrets of an account that a registry file declared, once: a recovered login is not issued by a file.
    `at_setup`: nobody is there who could say whose account it is, so it is in force.

    Raises Problem does_not_exist, login_taken.
    """
    known = await store_logins.staff(conn, login)
    if known is None:
        raise Problem("does_not_exist", f"staff account {login}")
    if not await store_staff.issued(conn, known["staff_key"], by, first=True):
        raise Problem("login_taken")
    issued = await credentials.issue_for_staff(conn, box, issuer, login, password, known["staff_key"])
    if at_setup:
        await staff_in_force.enter(conn, known, by)
    return issued


async def issue_at_machine(
    conn: Connection, box: SecretBox, asker: Asker, login: str, issuer: str, journal: Journal
) -> IssuedLogin:
    """First secrets, printed on the machine itself; where some were handed over and not used yet, others in their place.

    Where no operator is in force nobody is there who could say whose account it is: then it is in force at once.
    Raises Problem does_not_exist, staff_disabled, login_exists (the owner's own: they are ended first).
    """
    found = await store_logins.staff(conn, login)
    if found is None:
        raise Problem("does_not_exist", f"staff account {login}")
    alone = await staff_in_force.nobody_there(conn)
    row = await held_account(conn, None, found["staff_id"])
    if row["state"] != "active":
        raise Problem("staff_disabled")
    if row["has_login"] and not row["initial"]:
        raise Problem("login_exists")
    await login_acts.secrets_replaced(conn, Whose(login, None), journal)
    await store_staff.issued(conn, row["staff_key"], asker.actor, first=False)
    key = row["staff_key"]
    if row["has_login"]:
        issued = await credentials.reissue_for_staff(conn, box, issuer, login, key)
    else:
        issued = await credentials.issue_for_staff(conn, box, issuer, login, None, key)
    await record_act(conn, Kind.STAFF_LOGIN_ISSUED, asker.actor, row)
    if alone:
        await staff_in_force.enter(conn, found, asker.actor)
    return issued


async def unlock(conn: Connection, by: Administrator, staff_id: str) -> Change:
    """Nothing is held against the login any more. Raises Problem does_not_exist."""
    row = await held_account(conn, by, staff_id)
    await guessing.unlock(conn, row["login"])
    await record_act(conn, Kind.STAFF_UNLOCKED, by.actor, row)
    return Change("staff_login", row["login"], "changed", ("lock",))


STAFF_RECOVERY: Final = known(
    TwoPersonAct(
        "staff_recovery",
        "staff_login",
        "管理する職員のログインを作り直す",
        "Recover the login of an administrator",
        account_now,
        _recover,
        level="staff",
        gives_power=True,
    )
)
