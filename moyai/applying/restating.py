"""A file that restates what it said before asks back nothing that a later act changed: narrower scopes, keys that replace
stolen ones, a role that was taken away. It says that it differs, and who changed it; another wording is a new act.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.identity import store_logins
from moyai.ledger import Kind, last_actor
from moyai.registry import Change
from moyai.registry import store_declared as store
from moyai.registry.hashing import digest

_KINDS: Final = (
    Kind.CLIENT_REGISTERED,
    Kind.WITNESS_REGISTERED,
    Kind.REGISTRY_CHANGED,
    Kind.STAFF_REGISTERED,
)


class Kept(msgspec.Struct, frozen=True):
    """What differs from the file and was left as it is. `changed_by`: the actor of the last change, from the ledger."""

    noun: str
    id: str
    fields: list[str]
    changed_by: str


class _Rehearsed(Exception):
    def __init__(self, change: Change) -> None:
        self.change = change


async def unless_restated(
    conn: Connection,
    file: str,
    noun: str,
    thing_id: str,
    declared: msgspec.Struct,
    put: Callable[[], Awaitable[Change]],
) -> Change | Kept:
    """What `put` does, unless this file said exactly this before, it took effect, and somebody changed it since."""
    sha256 = digest(msgspec.to_builtins(declared))
    if await store.was_in_force(conn, file, noun, thing_id, sha256):
        change = await _rehearse(conn, put)
        if change.outcome == "unchanged":
            return change
        account = await store_logins.staff(conn, thing_id) if noun == "staff" else None
        named = thing_id if account is None else account["staff_id"]
        by = await last_actor(conn, noun, named, _KINDS)
        return Kept(noun, thing_id, list(change.fields), by or "")
    change = await put()
    pending = UUID(change.pending) if isinstance(change.pending, str) else None
    await store.note(conn, file, noun, thing_id, sha256, pending)
    return change


async def _rehearse(conn: Connection, put: Callable[[], Awaitable[Change]]) -> Change:
    """What would be done; nothing of it stays."""
    try:
        async with conn.transaction():
            raise _Rehearsed(await put())
    except _Rehearsed as rehearsed:
        return rehearsed.change
