"""What acts for a resident now, as the resident reads it, and its end by their own word: one by one, or all others."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import login_acts, sessions, step_up, store_live_access, store_oauth, store_sessions
from moyai.identity.authorization import resident_scopes
from moyai.identity.login_acts import Why
from moyai.identity.model import PORTAL_CLIENT, Factor, ResidentCaller, Session
from moyai.identity.sessions import Opened, level_now
from moyai.registry import store_parties
from moyai.registry.store_parties import ClientParty


class LiveSession(msgspec.Struct, frozen=True):
    """A browser in which the resident is logged in, with the factors that were shown in it (RFC 8176) and when.

    `aal` is the level that they give now. `device` is what the browser calls itself, empty where that says nothing.
    """

    session_id: str
    device: str
    method: str
    factors: tuple[Factor, ...]
    aal: int
    opened_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


class LiveAuthorization(msgspec.Struct, frozen=True):
    """A client that acts for the resident (a touch point), or to which they are logged in (a service).

    `scopes` are those that it has now; `device` is the browser in which it was allowed.
    """

    authorization_id: UUID
    client: ClientParty
    scopes: tuple[str, ...]
    device: str
    aal: int
    allowed_at: datetime
    used_at: datetime | None
    expires_at: datetime
    current: bool


def _grant_of(caller: ResidentCaller) -> UUID | None:
    """The authorisation that the caller acts by; None in the portal."""
    return None if caller.client_id == PORTAL_CLIENT else UUID(caller.session_id)


def _require_person(caller: ResidentCaller) -> None:
    """An app, which may have been taken with its device, ends itself; what else acts for the resident it ends only
    where they showed a second factor just now. Raises Problem insufficient_user_authentication."""
    if _grant_of(caller) is not None:
        step_up.require_fresh(caller)


async def live_sessions(conn: Connection, caller: ResidentCaller) -> list[LiveSession]:
    return [
        LiveSession(
            sessions.session_id_of(row["session_hash"]),
            row["device"],
            row["method"],
            msgspec.convert(row["factors"], tuple[Factor, ...]),
            level_now(row["aal"], row["authenticated_at"]),
            row["created_at"],
            row["seen_at"],
            row["expires_at"],
            sessions.session_id_of(row["session_hash"]) == caller.session_id,
        )
        for row in await store_live_access.sessions_of(conn, caller.resident_key)
    ]


async def live_authorizations(conn: Connection, caller: ResidentCaller) -> list[LiveAuthorization]:
    found: list[LiveAuthorization] = []
    for row in await store_live_access.authorizations_of(conn, caller.resident_key):
        client = await store_parties.client_party(conn, row["client_id"])
        if client is None:
            continue
        scopes = tuple(scope for scope in row["scope"].split() if scope in resident_scopes(client))
        found.append(
            LiveAuthorization(
                row["grant_id"],
                client,
                scopes,
                row["device"],
                level_now(row["aal"], row["authenticated_at"]),
                row["created_at"],
                row["used_at"],
                row["expires_at"],
                row["grant_id"] == _grant_of(caller),
            )
        )
    return found


async def end_authorization(conn: Connection, caller: ResidentCaller, authorization_id: UUID) -> None:
    """Its tokens are refused from the next use on. Raises Problem does_not_exist, also for another resident's, and
    insufficient_user_authentication."""
    if authorization_id != _grant_of(caller):
        _require_person(caller)
    ended = await store_live_access.revoke_authorization(conn, caller.resident_key, authorization_id)
    if ended is None:
        raise Problem("does_not_exist", "no such authorisation in force")
    await _record_end(conn, caller, ended["client_id"], "resident")


async def end_other_authorizations(conn: Connection, caller: ResidentCaller) -> None:
    """Every authorisation but the one that the caller acts by. Raises Problem insufficient_user_authentication."""
    _require_person(caller)
    kept = _grant_of(caller)
    for ended in await store_live_access.revoke_other_authorizations(conn, caller.resident_key, kept):
        await _record_end(conn, caller, ended["client_id"], "others")


async def _record_end(conn: Connection, caller: ResidentCaller, client_id: str, why: Why) -> None:
    client = await store_parties.client_party(conn, client_id)
    if client is not None:
        await login_acts.authorization_ended(conn, caller.resident_key, client, why)


async def end_session(conn: Connection, caller: ResidentCaller, session_id: str) -> None:
    """The session ends with what was authorised in it. Raises Problem does_not_exist, also for another resident's, and
    insufficient_user_authentication."""
    _require_person(caller)
    for row in await store_live_access.sessions_of(conn, caller.resident_key):
        if sessions.session_id_of(row["session_hash"]) == session_id:
            await store_oauth.revoke_grants_of_session(conn, row["session_hash"], _grant_of(caller))
            await store_sessions.delete_session(conn, row["session_hash"])
            await login_acts.access_ended(conn, caller.resident_key, row["device"], everything=False)
            return
    raise Problem("does_not_exist", "no such session")


async def end_others(conn: Connection, caller: ResidentCaller, session: Session | None) -> Opened | None:
    """Everything but what says so: the portal's `session`, which goes on under another cookie, or the authorisation.

    What is being made at this moment, by whoever it is, ends as well. Raises Problem unauthenticated or token_invalid
    where the caller's own access was ended meanwhile: then it ends nothing. Raises insufficient_user_authentication.
    """
    _require_person(caller)
    opened = None if session is None else await sessions.end_others(conn, session)
    if opened is None:
        await _end_all_but_own(conn, caller)
    await login_acts.access_ended(conn, caller.resident_key, everything=True)
    return opened


async def _end_all_but_own(conn: Connection, caller: ResidentCaller) -> None:
    key, kept = caller.resident_key, _grant_of(caller)
    if kept is None:
        raise Problem("unauthenticated")
    generation = await store_sessions.end_all_of_resident(conn, key, grant=kept)
    if not await store_live_access.keep_authorization(conn, key, kept, generation):
        raise Problem("token_invalid")
