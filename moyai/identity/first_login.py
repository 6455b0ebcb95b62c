"""The first log-in: what was handed over on paper is replaced by what only its owner knows, before anything else opens.

Until then a session stays unfinished, whatever factors it showed (`sessions`): no page, no authorisation, no token.
Afterwards neither the desk nor whoever saw the sheet knows a secret in force. The new authenticator secret is made when
the session is, and dies with it: somebody who began here with a copied sheet does not know the one that its owner scans.
"""

from __future__ import annotations

import time

import msgspec
import pyotp
from msgspec.structs import replace

from moyai import ledger
from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import (
    login_acts,
    passwords,
    staff_in_force,
    store_logins,
    store_residents,
    store_sessions,
)
from moyai.identity.credentials import Credential, fits, matching_step, provisioning_uri, sealed_name
from moyai.identity.login_acts import Whose
from moyai.identity.model import Session
from moyai.ledger import Act, Kind, contents


class NewAuthenticator(msgspec.Struct, frozen=True):
    """What the authenticator app scans, or is told letter by letter."""

    secret: str
    uri: str


def _sealed_as(session: Session) -> str:
    return f"totp:first:{session.session_id}"


async def prepare(conn: Connection, box: SecretBox, session: Session) -> None:
    """Make the authenticator secret that this session will offer."""
    sealed = box.seal(_sealed_as(session), pyotp.random_base32().encode())
    await store_sessions.set_new_secret(conn, session.session_hash, sealed)


async def offered(conn: Connection, box: SecretBox, session: Session, issuer: str) -> NewAuthenticator:
    """The authenticator secret that this session offers. Raises Problem unauthenticated where it offers none."""
    sealed = await store_sessions.new_secret(conn, session.session_hash)
    if sealed is None:
        raise Problem("unauthenticated")
    secret = box.open(_sealed_as(session), sealed).decode()
    return NewAuthenticator(secret, provisioning_uri(session.login, secret, issuer))


async def choose(
    database: Database, box: SecretBox, session: Session, password: str, code: str, journal: Journal
) -> Credential:
    """Replace what was handed over by this password and the secret that the session offers, whose code shows that the
    app has it. Every other session and authorisation ends; the credential is that of the log-in which is now complete.

    Raises Problem password_too_weak, password_unchanged, code_wrong; unauthenticated where there is nothing (more) to
    replace: done in another browser meanwhile, or handed over anew.
    """
    passwords.check_new(password)
    async with database.connection() as conn:
        row = await store_logins.credential(conn, session.login)
        secret = (await offered(conn, box, session, "")).secret
    if row is None or not row["must_change"]:
        raise Problem("unauthenticated")
    step = matching_step(secret, code, time.time())
    if step is None:
        raise Problem("code_wrong")
    if await fits(row["password_hash"], password):
        raise Problem("password_unchanged")
    sealed = box.seal(sealed_name(session.login), secret.encode())
    new_hash = await passwords.make_hash(password)
    async with database.transaction() as conn:
        await login_acts.secrets_replaced(conn, Whose(session.login, row["resident_key"]), journal)
        # compared with what was judged: whoever comes second, here or at the desk, changes nothing
        old_hash = row["password_hash"]
        if not await store_logins.replace_initial(conn, session.login, old_hash, new_hash, sealed, step):
            raise Problem("unauthenticated")
        credential = Credential(session.login, row["resident_key"], row["staff_key"], has_code=True)
        recorded = await _recorded(conn, credential)
        if credential.staff_key is not None:
            await staff_in_force.ask_at_first_login(conn, await _staff_id(conn, credential.login))
        return recorded


async def _staff_id(conn: Connection, login: str) -> str:
    row = await store_logins.staff(conn, login)
    return "" if row is None else row["staff_id"]


async def _recorded(conn: Connection, credential: Credential) -> Credential:
    content = contents.InitialSecretsChanged(factors=["pwd", "otp"])
    if credential.resident_key is not None:
        generation = await store_sessions.end_all_of_resident(conn, credential.resident_key)
        row = await store_residents.resident_by_key(conn, credential.resident_key)
        actor, concerns = f"resident:{'' if row is None else row['resident_id']}", credential.resident_key
    else:
        generation = await store_sessions.end_all_of_staff(conn, credential.staff_key or 0)
        actor, concerns = f"staff:{await _staff_id(conn, credential.login)}", 0
    await ledger.record(conn, Act(Kind.INITIAL_PASSWORD_CHANGED, actor, concerns, content))
    return replace(credential, generation=generation)
