"""People who have logged in before: what the desk handed over is replaced by their own, as the first log-in does."""

from __future__ import annotations

import pyotp

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, passwords, store_logins
from moyai.identity.desk import desk_of
from moyai.identity.model import Desk, IssuedLogin, RequestProof
from tests.factories import Made, make_clerks

SHOWN = RequestProof("2026-0001", "drivers_license")
"""Somebody stood at the desk, signed that request and showed that document."""

PROOF = {"form": SHOWN.form, "document_class": SHOWN.document_class}
"""The same, as a form sends it."""


async def clerk_at(conn: Connection, office: Made) -> Desk:
    """The desk of an organisation, as one of its clerks, in force."""
    (clerk,) = await make_clerks(conn, office, 1)
    return await desk_of(conn, office.key, clerk.actor, clerk.key)


async def own_login(conn: Connection, box: SecretBox, issued: IssuedLogin) -> IssuedLogin:
    """The login with a password and an authenticator secret that nobody handed over."""
    row = await store_logins.credential(conn, issued.login)
    assert row is not None
    password, secret = passwords.generate(), pyotp.random_base32()
    sealed = box.seal(credentials.sealed_name(issued.login), secret.encode())
    new_hash = await passwords.make_hash(password)
    assert await store_logins.replace_initial(conn, issued.login, row["password_hash"], new_hash, sealed, 0)
    await in_force(conn, issued.login)
    return IssuedLogin(
        issued.login, password, secret, credentials.provisioning_uri(issued.login, secret, "test")
    )


async def in_force(conn: Connection, login: str) -> None:
    """As if two had said, the day before, whose account it is; nothing for a resident's login."""
    await conn.execute(
        "update identity.staff set in_force_since = clock_timestamp() - interval '1 day' where login = $1",
        login,
    )


async def next_codes(conn: Connection, login: str) -> None:
    """As if half a minute passed: the codes of now are good again."""
    await conn.execute("update identity.credential set totp_step = 0 where login = $1", login)
