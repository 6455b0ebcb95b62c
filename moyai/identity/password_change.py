"""A new password by its owner's own word: what was opened or authorised with the old one ends."""

from __future__ import annotations

from moyai.base.db import Database
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import guessing, login_acts, passwords, sessions, store_logins
from moyai.identity.credentials import check_code, check_password
from moyai.identity.guessing import Origin
from moyai.identity.login_acts import Whose
from moyai.identity.model import Session
from moyai.identity.sessions import Opened


async def change_password(
    database: Database,
    box: SecretBox,
    session: Session,
    old: str,
    code: str,
    new: str,
    origin: Origin,
    journal: Journal,
) -> Opened:
    """Password and code are asked for again. Everything else that acts for the person ends, and no other browser counts
    as known; gives the session under its new cookie.

    Raises Problem login_failed (also where the secrets were replaced while these were checked: at the desk, or in
    another browser), login_locked, code_used, password_too_weak, password_unchanged; unauthenticated where the session
    was ended meanwhile. Then the password stays as it is.
    """
    login = session.login
    passwords.check_new(new)
    async with database.connection() as conn:
        # read before it is judged: what was judged is this one, or the comparison below fails
        judged = await store_logins.credential(conn, login)
    credential = await check_password(database, login, old, origin)
    if passwords.same(old, new):
        raise Problem("password_unchanged")
    if credential.has_code:
        await check_code(database, box, login, code, origin)
    hashed = await passwords.make_hash(new)
    async with database.transaction() as conn:
        whose = Whose(credential.login, credential.resident_key)
        await login_acts.secrets_replaced(conn, whose, journal)
        old_hash = "" if judged is None else judged["password_hash"]
        if not await store_logins.set_password(conn, login, old_hash, hashed):
            raise Problem("login_failed")
        opened = await sessions.end_others(conn, session)
        await guessing.forget_login(conn, login, keep=origin.browser)
        await login_acts.password_changed(conn, whose)
    return opened
