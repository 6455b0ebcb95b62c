"""Staff accounts: who works for which organisation, in which roles. They log in like residents do."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from moyai import ledger
from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, store_logins
from moyai.identity.model import STAFF_ROLES, IssuedLogin
from moyai.ledger import Act, Kind
from moyai.registry import store_parties


class StaffDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a staff account should be. `login` is the id.

    `staff_number` is the 職員番号 that the organisation knows the person by; it is given once and never another's.
    An account without one counts for nobody where two persons are needed.
    """

    login: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._@-]{2,63}$(?!\n)", max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    organization_id: str
    roles: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10)]
    staff_number: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z-]{0,40}$(?!\n)", max_length=40)] = ""


async def declare(
    conn: Connection, declaration: StaffDeclaration, actor: str
) -> Literal["created", "changed", "unchanged"]:
    """Register or change a staff account; it can log in once `issue_login` gave it secrets.

    Raises Problem does_not_exist (organisation), invalid_request (role), staff_number_taken, change_not_allowed (of a
    staff number).
    """
    party = await store_parties.party_by_id(conn, declaration.organization_id)
    if party is None:
        raise Problem("does_not_exist", f"organization {declaration.organization_id}")
    unknown = set(declaration.roles) - STAFF_ROLES
    if unknown:
        raise Problem("invalid_request", f"roles: {', '.join(sorted(unknown))}")
    known = await store_logins.staff(conn, declaration.login)
    number = declaration.staff_number or (known["staff_number"] if known else None) or None
    await _check_number(conn, known, party.organization_key, number)
    wanted = (declaration.name, party.organization_key, sorted(declaration.roles), number)
    if known is not None and wanted == (
        known["name"],
        known["organization_key"],
        sorted(known["roles"]),
        known["staff_number"],
    ):
        return "unchanged"
    await store_logins.upsert_staff(
        conn, declaration.login, declaration.name, party.organization_key, sorted(declaration.roles), number
    )
    await ledger.record(
        conn,
        Act(
            kind=Kind.STAFF_REGISTERED,
            actor=actor,
            detail={
                "login": declaration.login,
                "organization_id": declaration.organization_id,
                "roles": sorted(declaration.roles),
            },
        ),
    )
    return "created" if known is None else "changed"


async def _check_number(
    conn: Connection, known: Record | None, organization_key: int, number: str | None
) -> None:
    """One number is one person of an organisation, for good."""
    if known is not None and known["staff_number"] not in (None, number):
        raise Problem("change_not_allowed", "the staff number of an account")
    if number is None:
        return
    holder = await store_logins.staff_of_number(conn, organization_key, number)
    if holder is not None and (known is None or holder != known["staff_key"]):
        raise Problem("staff_number_taken")


async def issue_login(
    conn: Connection, box: SecretBox, login: str, issuer: str, password: str | None = None
) -> IssuedLogin:
    """First secrets of a staff account, shown once. Raises Problem does_not_exist, login_taken."""
    known = await store_logins.staff(conn, login)
    if known is None:
        raise Problem("does_not_exist", f"staff account {login}")
    return await credentials.issue_for_staff(conn, box, issuer, login, password, known["staff_key"])
