"""What happens to a log-in, on record: log-ins, locks, password changes, authorisations and their ends.

A resident reads them in the history; those of staff concern nobody, and are there for audits.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal

import msgspec

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.stops import SecretsReplaced
from moyai.identity import store_logins, store_residents
from moyai.identity.model import Session
from moyai.ledger import Act, Kind, contents
from moyai.ledger.contents import Content
from moyai.registry.store_parties import ClientParty


class Whose(msgspec.Struct, frozen=True):
    """The person behind a log-in: a resident, or else a member of staff."""

    login: str
    resident_key: int | None


async def _record(conn: Connection, kind: Kind, whose: Whose, content: Content) -> None:
    actor, concerns = await _actor(conn, whose), whose.resident_key or 0
    await ledger.record(conn, Act(kind, actor, concerns, content))


async def _actor(conn: Connection, whose: Whose) -> str:
    """Who it is, for records: an id that opens no account."""
    if whose.resident_key is not None:
        row = await store_residents.resident_by_key(conn, whose.resident_key)
        return f"resident:{'' if row is None else row['resident_id']}"
    row = await store_logins.staff(conn, whose.login)
    return f"staff:{'' if row is None else row['staff_id']}"


def _whose(session: Session) -> Whose:
    return Whose(session.login, session.resident_key)


# --- log-ins ---------------------------------------------------------------------------------------------------


async def logged_in(conn: Connection, session: Session) -> None:
    content = contents.LoggedIn(factors=list(session.amr), aal=session.aal, device=session.device)
    await _record(conn, Kind.LOGGED_IN, _whose(session), content)


async def logged_out(conn: Connection, session: Session) -> None:
    await _record(conn, Kind.LOGGED_OUT, _whose(session), contents.LoggedOut(device=session.device))


async def locked(conn: Connection, whose: Whose, seconds: float) -> None:
    """Somebody failed once too often; who it was, nobody knows."""
    content = contents.LoginLocked(minutes=ceil(seconds / 60))
    await ledger.record(conn, Act(Kind.LOGIN_LOCKED, "anybody", whose.resident_key or 0, content))


async def password_changed(conn: Connection, whose: Whose) -> None:
    await _record(conn, Kind.PASSWORD_CHANGED, whose, contents.PasswordChanged())


async def secrets_replaced(conn: Connection, whose: Whose, journal: Journal) -> None:
    """Written before the secrets change, so that what the database says of them afterwards is newer than the line."""
    if whose.resident_key is not None:
        row = await store_residents.resident_by_key(conn, whose.resident_key)
        stop = SecretsReplaced(resident_id="" if row is None else row["resident_id"])
    else:
        row = await store_logins.staff(conn, whose.login)
        stop = SecretsReplaced(staff_id="" if row is None else row["staff_id"])
    await journal.append(conn, stop)


# --- authorisations ----------------------------------------------------------------------------------------------

Why = Literal["resident", "others", "client", "code_reused", "refresh_reused"]


async def authorized(conn: Connection, client: ClientParty, session: Session, scopes: Sequence[str]) -> None:
    """A client may act for the resident, or was told who logged in."""
    content = contents.Authorized(
        client_id=client.client_id,
        component_id=client.component_id or "",
        scopes=list(scopes),
        device=session.device,
    )
    await _record(conn, Kind.AUTHORIZATION_GIVEN, _whose(session), content)


async def authorization_ended(conn: Connection, resident_key: int, client: ClientParty, why: Why) -> None:
    """`resident` and `others`: by the resident's word; else by the client, or because something was used twice."""
    content = contents.AuthorizationEnded(
        client_id=client.client_id, component_id=client.component_id or "", why=why
    )
    own = why in ("resident", "others")
    actor = await _actor(conn, Whose("", resident_key)) if own else f"client:{client.client_id}"
    reused = why in ("code_reused", "refresh_reused")
    kind = Kind.REFRESH_REUSED if reused else Kind.AUTHORIZATION_ENDED
    await ledger.record(conn, Act(kind, actor, resident_key, content))


async def closed_by_restore(conn: Connection, resident_key: int) -> None:
    """The secrets that a backup brought back open nothing: they were replaced after it was taken."""
    content = contents.AccessEnded(everything=True, restored=True)
    await ledger.record(conn, Act(Kind.ACCESS_ENDED, "system", resident_key, content))


async def access_ended(conn: Connection, resident_key: int, device: str = "", *, everything: bool) -> None:
    """The resident logged out another device, or everything but the one at hand."""
    content = contents.AccessEnded(device=device, everything=everything)
    await _record(conn, Kind.ACCESS_ENDED, Whose("", resident_key), content)
