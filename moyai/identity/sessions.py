"""Browser sessions: a random cookie whose hash is stored, an end that slides, levels from the factors really used."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from moyai.base.clock import utc_now
from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.identity import (
    guessing,
    login_acts,
    staff_in_force,
    store_logins,
    store_oauth,
    store_sessions,
    store_staff,
)
from moyai.identity.credentials import Credential
from moyai.identity.model import PORTAL_CLIENT, Factor, ResidentCaller, Session, StaffCaller, aal_of
from moyai.registry import store_parties

IDLE_SECONDS: Final = 30 * 60
TOTAL_SECONDS: Final = 12 * 3600
"""A session ends after 30 minutes without a request, and after 12 hours whatever happens."""

PENDING_SECONDS: Final = 5 * 60
"""How long the second factor may take."""

INITIAL_SECONDS: Final = 30 * 60
"""How long somebody may take to choose their own secrets at the first log-in."""

AAL2_SECONDS: Final = 12 * 3600
"""How long a session counts at the level it was opened with (guidebook 1.2.4: the level has a validity time)."""


class Opened(msgspec.Struct, frozen=True):
    """A session and the cookie that opens it; the cookie is not kept anywhere."""

    cookie: str
    session: Session


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


def session_id_of(session_hash: bytes) -> str:
    """What names a session in lists and records, and opens nothing."""
    return session_hash.hex()[:32]


async def open_session(
    conn: Connection,
    credential: Credential,
    amr: tuple[str, ...],
    *,
    shown: tuple[Factor, ...] = (),
    device: str = "",
) -> Opened:
    """A new session after `amr` were shown; complete if that is all this login has, and its owner has chosen it.

    `shown` are the factors of the step before, with their times; the others were shown now. Each step of a login opens
    a new session: what a browser held before it logged in opens nothing afterwards. If everything of the person was
    ended since the password was checked, the session is none from the start.
    """
    cookie, now = secrets.token_urlsafe(32), utc_now()
    shown_all = not credential.has_code or "otp" in amr
    complete = shown_all and not credential.initial
    earlier = {factor.name: factor for factor in shown}
    session = Session(
        _hash(cookie),
        credential.login,
        credential.resident_key,
        credential.staff_key,
        amr,
        aal_of(amr),
        now if complete else None,
        tuple(earlier.get(name, Factor(name, now)) for name in amr),
        credential.generation,
        device,
        initial=shown_all and credential.initial,
    )
    await _insert(conn, session)
    if complete and credential.staff_key is not None:
        await store_staff.logged_in(conn, credential.staff_key)
    return Opened(cookie, session)


async def end_others(conn: Connection, session: Session) -> Opened:
    """End all that acts for this session's person but the session itself, which goes on under another cookie, as old
    as it was.

    Raises Problem unauthenticated, in a transaction that then ends nothing: the session had ended meanwhile. What was
    ended is never in force again, whoever is quick.
    """
    kept, cookie = session.session_hash, secrets.token_urlsafe(32)
    if session.resident_key is not None:
        generation = await store_sessions.end_all_of_resident(conn, session.resident_key, session=kept)
    else:
        generation = await store_sessions.end_all_of_staff(conn, session.staff_key or 0, session=kept)
    again = replace(session, session_hash=_hash(cookie), generation=generation)
    if not await store_sessions.go_on(
        conn, kept, again.session_hash, generation, IDLE_SECONDS, TOTAL_SECONDS
    ):
        raise Problem("unauthenticated")
    return Opened(cookie, again)


async def _insert(conn: Connection, session: Session) -> None:
    await store_sessions.insert_session(
        conn,
        session.session_hash,
        session.login,
        session.resident_key,
        session.staff_key,
        [msgspec.to_builtins(factor) for factor in session.factors],
        list(session.amr),
        session.aal,
        session.generation,
        session.authenticated_at,
        session.device,
        IDLE_SECONDS if session.complete else INITIAL_SECONDS if session.initial else PENDING_SECONDS,
    )


async def read_session(conn: Connection, cookie: str | None) -> Session | None:
    """The live session of a cookie, complete or not."""
    row = await _find(conn, cookie)
    return None if row is None else _session_of(row)


async def _find(conn: Connection, cookie: str | None) -> Record | None:
    if not cookie or len(cookie) > 200:
        return None
    return await store_sessions.session(conn, _hash(cookie))


def _session_of(row: Record) -> Session:
    return Session(
        row["session_hash"],
        row["login"],
        row["resident_key"],
        row["staff_key"],
        tuple(row["amr"]),
        level_now(row["aal"], row["authenticated_at"]),
        row["authenticated_at"],
        msgspec.convert(row["factors"], tuple[Factor, ...]),
        row["generation"],
        row["device"],
        row["method"],
        row["initial"],
    )


def level_now(aal: int, authenticated_at: datetime | None) -> int:
    """The level that factors shown at that time give now."""
    stale = authenticated_at is not None and utc_now() - authenticated_at > timedelta(seconds=AAL2_SECONDS)
    return min(aal, 1) if stale else aal


async def caller_of(conn: Connection, cookie: str | None) -> ResidentCaller | StaffCaller | None:
    """Who a cookie belongs to: a resident, or staff with two factors, as they and their organisation stand now. None for
    an unfinished or ended session."""
    row = await _find(conn, cookie)
    if row is None or row["authenticated_at"] is None:
        return None
    session = _session_of(row)
    if row["slide"]:
        await store_sessions.slide_session(conn, session.session_hash, IDLE_SECONDS, TOTAL_SECONDS)
    if session.staff_key is not None:
        return await _staff(conn, session, row)
    return _resident(session, row)


async def _staff(conn: Connection, session: Session, row: Record) -> StaffCaller | None:
    party = await store_parties.party(conn, row["organization_key"])
    if party is None or session.aal < 2 or session.staff_key is None:
        return None
    return StaffCaller(
        session.staff_key,
        session.login,
        row["name"],
        party.organization_id,
        party.organization_key,
        staff_in_force.roles_in_force(row["roles"], row["in_force_since"], party),
        row["staff_id"],
        row["staff_number"],
        session.second_factor_at,
        staff_in_force.why_closed(row["in_force_since"], party),
    )


def _resident(session: Session, row: Record) -> ResidentCaller | None:
    if row["resident_state"] != "active" or session.resident_key is None:
        return None
    return ResidentCaller(
        session.resident_key,
        row["resident_id"],
        session.session_id,
        PORTAL_CLIENT,
        row["ial"],
        session.aal,
        frozenset({"consent"}),
        session.second_factor_at,
        row["erasure_at"],
        row["moved"],
    )


async def close(conn: Connection, session: Session) -> None:
    """Log out: the session ends, and with it every authorisation that was given in it."""
    if session.complete:
        await login_acts.logged_out(conn, session)
    await store_oauth.revoke_grants_of_session(conn, session.session_hash, None)
    await store_sessions.delete_session(conn, session.session_hash)


async def supersede(conn: Connection, session: Session) -> None:
    """End a session that another one takes the place of."""
    await store_sessions.delete_session(conn, session.session_hash)


async def end_all(conn: Connection, resident_key: int) -> int:
    """End all that acts for a resident: sessions, authorisations with their tokens, codes, requests on their way.

    From the commit on, at every process: what is being made meanwhile was begun in the generation that ends here. Gives
    the generation that begins.
    """
    return await store_sessions.end_all_of_resident(conn, resident_key)


async def sweep(conn: Connection) -> None:
    """Delete what has run out: sessions, requests, grants, marks of things that were good once, old counts of guesses."""
    await store_logins.delete_expired(conn)
    await guessing.sweep(conn)
