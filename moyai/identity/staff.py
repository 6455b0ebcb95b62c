"""Staff accounts: who works for which organisation, in which roles. They log in like residents do."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, store_logins
from moyai.identity.model import STAFF_ROLES, IssuedLogin
from moyai.ledger import Act, Kind
from moyai.registry import store_parties


class StaffDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a staff account should be. `login` is the id."""

    login: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._@-]{2,63}$(?!\n)", max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    organization_id: str
    roles: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10)]


async def declare(
    conn: Connection, declaration: StaffDeclaration, actor: str
) -> Literal["created", "changed", "unchanged"]:
    """Register or change a staff account; it can log in once `issue_login` gave it secrets.

    Raises Problem does_not_exist (organisation), invalid_request (role).
    """
    party = await store_parties.party_by_id(conn, declaration.organization_id)
    if party is None:
        raise Problem("does_not_exist", f"organization {declaration.organization_id}")
    unknown = set(declaration.roles) - STAFF_ROLES
    if unknown:
        raise Problem("invalid_request", f"roles: {', '.join(sorted(unknown))}")
    known = await store_logins.staff(conn, declaration.login)
    wanted = (declaration.name, party.organization_key, sorted(declaration.roles))
    if known is not None and (known["name"], known["organization_key"], sorted(known["roles"])) == wanted:
        return "unchanged"
    await store_logins.upsert_staff(
        conn, declaration.login, declaration.name, party.organization_key, sorted(declaration.roles)
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


async def issue_login(
    conn: Connection, box: SecretBox, login: str, issuer: str, password: str | None = None
) -> IssuedLogin:
    """First secrets of a staff account, shown once. Raises Problem does_not_exist, login_taken."""
    known = await store_logins.staff(conn, login)
    if known is None:
        raise Problem("does_not_exist", f"staff account {login}")
    return await credentials.issue_for_staff(conn, box, issuer, login, password, known["staff_key"])
