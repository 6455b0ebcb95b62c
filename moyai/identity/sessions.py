"""Browser sessions: a random cookie whose hash is stored, an end that slides, levels from the factors really used."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

import msgspec

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.identity import guessing, store_logins, store_oauth
from moyai.identity.credentials import Credential
from moyai.identity.model import PORTAL_CLIENT, ResidentCaller, Session, StaffCaller, aal_of
from moyai.registry import store_parties

IDLE_SECONDS: Final = 30 * 60
TOTAL_SECONDS: Final = 12 * 3600
"""A session ends after 30 minutes without a request, and after 12 hours whatever happens."""

PENDING_SECONDS: Final = 5 * 60
"""How long the second factor may take."""

AAL2_SECONDS: Final = 12 * 3600
"""How long a session counts at the level it was opened with (guidebook 1.2.4: the level has a validity time)."""


class Opened(msgspec.Struct, frozen=True):
    """A session and the cookie that opens it; the cookie is not kept anywhere."""

    cookie: str
    session: Session


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


async def open_session(conn: Connection, credential: Credential, amr: tuple[str, ...]) -> Opened:
    """A new session after `amr` were shown; complete if that is all this login has.

    Each step of a login opens a new one: what a browser held before it logged in opens nothing afterwards.
    """
    cookie = secrets.token_urlsafe(32)
    complete = not credential.has_code or "otp" in amr
    seconds = IDLE_SECONDS if complete else PENDING_SECONDS
    aal = aal_of(amr)
    await store_logins.insert_session(
        conn, _hash(cookie), credential.login, list(amr), aal, complete, seconds
    )
    session = Session(
        _hash(cookie),
        credential.login,
        credential.resident_key,
        credential.staff_key,
        amr,
        aal,
        utc_now() if complete else None,
    )
    return Opened(cookie, session)


async def read_session(conn: Connection, cookie: str | None) -> Session | None:
    """The live session of a cookie, complete or not."""
    found = await _read(conn, cookie)
    return None if found is None else found[0]


async def _read(
    conn: Connection, cookie: str | None
) -> tuple[Session, ResidentCaller | StaffCaller | None] | None:
    if not cookie or len(cookie) > 200:
        return None
    row = await store_logins.session(conn, _hash(cookie))
    if row is None:
        return None
    authenticated_at = row["authenticated_at"]
    aal = int(row["aal"])
    if authenticated_at is not None and utc_now() - authenticated_at > timedelta(seconds=AAL2_SECONDS):
        aal = min(aal, 1)
    session = Session(
        row["session_hash"],
        row["login"],
        row["resident_key"],
        row["staff_key"],
        tuple(row["amr"]),
        aal,
        authenticated_at,
    )
    if not session.complete:
        return session, None
    if row["slide"]:
        await store_logins.slide_session(conn, session.session_hash, IDLE_SECONDS, TOTAL_SECONDS)
    if session.staff_key is not None:
        party = await store_parties.party(conn, row["organization_key"])
        if party is None or session.aal < 2:
            return session, None
        return session, StaffCaller(
            session.staff_key,
            session.login,
            row["name"],
            party.organization_id,
            party.organization_key,
            frozenset(row["roles"]),
            row["staff_id"],
        )
    if row["resident_state"] != "active" or session.resident_key is None:
        return session, None
    return session, ResidentCaller(
        session.resident_key,
        row["resident_id"],
        session.session_id,
        PORTAL_CLIENT,
        row["ial"],
        session.aal,
        frozenset({"consent"}),
    )


async def caller_of(conn: Connection, cookie: str | None) -> ResidentCaller | StaffCaller | None:
    """Who a cookie belongs to: a resident, or staff with two factors. None for an unfinished or ended session."""
    found = await _read(conn, cookie)
    return None if found is None else found[1]


async def close(conn: Connection, session: Session) -> None:
    """Log out: the session ends, and with it every authorisation that was given in it."""
    await store_oauth.revoke_grants_of_session(conn, session.session_hash)
    await store_logins.delete_session(conn, session.session_hash)


async def replace(conn: Connection, session: Session) -> None:
    """End an unfinished session that a complete one takes the place of."""
    await store_logins.delete_session(conn, session.session_hash)


async def sweep(conn: Connection) -> None:
    """Delete what has run out: sessions, requests, grants, marks of things that were good once, old counts of guesses."""
    await store_logins.delete_expired(conn)
    await guessing.sweep(conn)
