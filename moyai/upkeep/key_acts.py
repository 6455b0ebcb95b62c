"""What `moyai keys` does, each act with its entry in the ledger, in one transaction; and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

import msgspec

from moyai.base import keys, stops, store_server
from moyai.base.clock import rfc3339
from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.keys import Known, Purpose
from moyai.base.roles import OWNER
from moyai.base.secrets import SecretBox
from moyai.ledger import Act, Kind, record, store_log
from moyai.ledger.contents.platform import KeyRevoked, KeyRotated
from moyai.ledger.verifiers import log_keys
from moyai.supervisor import engine_running
from moyai.upkeep.tables import show

State = Literal["signs", "verifies", "ended", "revoked"]

_FOLLOWS: dict[Purpose, tuple[str, str]] = {
    "oidc": (
        "サービスは公開鍵（/oauth2/jwks）を取り直します（最長 60 秒）。",
        "Services fetch /oauth2/jwks again, within 60 seconds.",
    ),
    "receipt": (
        "受領証の公開鍵は /consent/v1/keys にあります。",
        "The public keys of receipts are at /consent/v1/keys.",
    ),
    "grant": ("", ""),
    "log": (
        "証人と検証する人に、次の鍵を渡してください。渡すまで、証人は署名しません：",
        "Give this key to your witnesses and verifiers; until then the witnesses do not sign:",
    ),
}


class Listed(msgspec.Struct, frozen=True):
    """One key. `verifies_until` is null while it signs, and for good where what it signed is kept."""

    purpose: Purpose
    key_id: str
    state: State
    created_at: datetime
    verifies_until: datetime | None
    reason: str | None


class Changed(msgspec.Struct, frozen=True):
    """A key that was rotated or revoked, and the one that signs now. `vkey` is the log's, as its verifiers need it."""

    purpose: Purpose
    old: str
    new: str
    verifies_until: datetime | None
    vkey: str | None = None


def list_keys(home: Home) -> list[Listed]:
    """All keys, by purpose, newest first."""

    async def ask() -> list[Listed]:
        async with _owner(home) as conn:
            now = await store_server.clock(conn)
            return [_listed(one, now) for one in await keys.known(conn)]

    return asyncio.run(ask())


def _listed(one: Known, now: datetime) -> Listed:
    ended = one.forgotten_at is not None and one.forgotten_at <= now
    state: State = (
        "revoked" if one.revoked_at else "signs" if not one.retired_at else "ended" if ended else "verifies"
    )
    until = one.revoked_at or one.forgotten_at
    return Listed(one.purpose, one.key_id, state, one.created_at, until, one.revoked_reason)


async def rotate_key(home: Home, purpose: str, *, as_json: bool) -> None:
    """Raises Problem invalid_request for another purpose."""
    wanted = _purpose(purpose)
    async with _owner(home) as conn:
        async with conn.transaction():
            await keys.alone(conn)
            old = (await keys.current(conn, home.box(), wanted)).key_id
            new = (await keys.rotate(conn, home.box(), wanted)).key_id
            overlap = keys.OVERLAP_SECONDS[wanted]
            now = await store_server.clock(conn)
            until = None if overlap is None else now + timedelta(seconds=overlap)
            content = KeyRotated(
                purpose=wanted, old=old, new=new, verifies_until=rfc3339(until) if until else ""
            )
            await record(conn, Act(Kind.KEY_ROTATED, "system", detail=content))
        _tell(Changed(wanted, old, new, until, await _vkey(conn, wanted)), as_json=as_json)


async def revoke_key(home: Home, key: str, reason: str, *, as_json: bool) -> None:
    """Raises Problem invalid_request where no key of that name still verifies, or no reason is given."""
    if not reason.strip():
        raise Problem("invalid_request", "a reason is needed: it stands in the ledger")
    async with _owner(home) as conn:
        conn.before_commit = Journal.of(home).write_due
        async with conn.transaction():
            await keys.alone(conn)
            key_id = (await keys.current(conn, home.box(), _purpose(key))).key_id if _is_purpose(key) else key
            try:
                found, new = await revoke_recorded(conn, home.box(), key_id, reason)
            except LookupError as error:
                raise Problem("invalid_request", str(error)) from None
            await Journal.of(home).append(conn, stops.KeyRevoked(key_id=key_id))
        changed = Changed(found.purpose, key_id, new, found.revoked_at, await _vkey(conn, found.purpose))
        _tell(changed, as_json=as_json)


async def revoke_recorded(
    conn: Connection, box: SecretBox, key_id: str, reason: str
) -> tuple[keys.Known, str]:
    """Revoke a key in the caller's transaction, on record; gives it, and the key that signs now.

    Raises LookupError where no key of that name still verifies.
    """
    await keys.revoke(conn, box, key_id, reason)
    found = next(one for one in await keys.known(conn) if one.key_id == key_id)
    new = (await keys.current(conn, box, found.purpose)).key_id
    content = KeyRevoked(purpose=found.purpose, key_id=key_id, reason=reason, new=new)
    await record(conn, Act(Kind.KEY_REVOKED, "system", detail=content))
    return found, new


def _is_purpose(name: str) -> bool:
    return name in get_args(Purpose)


def _purpose(name: str) -> Purpose:
    if not _is_purpose(name):
        raise Problem("invalid_request", f"{name} is none of {', '.join(get_args(Purpose))}")
    return cast("Purpose", name)


async def _vkey(conn: Connection, purpose: Purpose) -> str | None:
    """What witnesses and verifiers of the log need; None for other keys, and before the log has a name."""
    row = await store_log.log(conn) if purpose == "log" else None
    return None if row is None else (await log_keys(conn, row["origin"]))[0].vkey()


def _tell(changed: Changed, *, as_json: bool) -> None:
    if as_json:
        show(changed, as_json=True)
        return
    until = rfc3339(changed.verifies_until) if changed.verifies_until else "—"
    print(f"○ {changed.purpose}: {changed.old} → {changed.new}")
    print(f"  前の鍵が通用するのは {until} まで / the old one verifies until {until}")
    for text in filter(None, (*_FOLLOWS[changed.purpose], changed.vkey or "")):
        print(f"  {text}")


@asynccontextmanager
async def _owner(home: Home) -> AsyncGenerator[Connection]:
    """A session as the databases' owner, who alone may change keys; with its engine, where none runs."""
    with engine_running(home):
        conn = await connect(home.dsn(OWNER))
        try:
            yield conn
        finally:
            await conn.close()
