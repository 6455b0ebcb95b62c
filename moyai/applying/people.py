"""The people of a registry file: who works where, who is named no more, and their first secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from moyai.applying.registry_file import RegistryFile
from moyai.applying.restating import Kept, unless_restated
from moyai.applying.waiting import Later, Step, Waiting
from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretFile
from moyai.identity import staff, staff_logins, store_staff
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry import Change
from moyai.registry.pending import Asker


async def people(
    conn: Connection, home: Home, document: RegistryFile, asker: Asker, file: str, waiting: Waiting
) -> AsyncIterator[Change | Kept | Later]:
    """Staff accounts as the file (its path) names them; whom it named before and names no more is disabled."""
    logins = [account.login for account in document.staff]
    await store_staff.take_over(conn, Path(file).name, file, logins)
    for one in document.staff:
        put_account = partial(staff.put_from_file, conn, one, asker, file)
        put = partial(unless_restated, conn, file, "staff", one.login, one, put_account)
        yield await waiting.take(conn, Step("staff", one.login, one, put))
    for change in await staff.leave(conn, file, logins, asker.actor, Journal.of(home)):
        yield change


async def first_secrets(
    conn: Connection, home: Home, accounts: list[StaffDeclaration], asker: Asker
) -> list[str]:
    """First secrets for accounts that have none; the password is kept sealed in the platform's directory."""
    secrets, box, issued = home.secrets(), home.box(), list[str]()
    issuer = home.config().platform.name_ja
    for account in accounts:
        password = login_password(secrets, account.login)
        try:
            await staff_logins.issue_login(
                conn, box, account.login, issuer, password, by=asker.actor, at_setup=asker.bootstrap
            )
        except Problem as problem:
            # taken: it has secrets, or had; does_not_exist: the account itself waits for a second person
            if problem.code not in ("login_taken", "does_not_exist"):
                raise
            continue
        issued.append(account.login)
    return issued


def login_password(secrets: SecretFile, login: str) -> str:
    """The first password of a staff account that a file declared, for who runs the platform to hand over."""
    return secrets.get_or_create(f"login:{login}")
