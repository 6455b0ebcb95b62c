"""What waits for a second person, as it is read: all of it, page by page, what takes effect soonest first.

The right to speak against an act is worth what its list shows: nothing that is asked for can push another act off it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry import store_pending as store
from moyai.registry.pending import Pending, act_named, shown


class Counts(msgspec.Struct, frozen=True):
    """How much waits altogether: `gives_power` to somebody, and `takes_effect` at a time that is set already."""

    waiting: int
    gives_power: int
    takes_effect: int


class PendingPage(msgspec.Struct, frozen=True):
    """`next` is the `cursor` of the next page, and None on the last."""

    pending: list[Pending]
    next: str | None


class Position(msgspec.Struct, frozen=True, array_like=True):
    """After which act a page begins: by when it takes effect (None: no time is set), when it was asked for, and its id;
    of what ended, by when it ended."""

    at: datetime | None
    asked_at: datetime
    pending_id: UUID


async def waiting(
    conn: Connection,
    limit: int,
    cursor: str | None = None,
    *,
    organization_id: str | None = None,
    acts: list[str] | None = None,
) -> PendingPage:
    """What takes effect soonest first, then what no time brings about, oldest first. Of one organisation, or of acts
    with these names, or everything. Raises Problem("invalid_request") for a cursor that is none."""
    rows = await store.waiting_page(conn, organization_id, acts, _position(cursor), limit + 1)
    return _page([shown(row) for row in rows], limit)


async def ended(
    conn: Connection, limit: int, cursor: str | None = None, *, organization_id: str | None = None
) -> PendingPage:
    """What ended, newest first. Raises Problem as `waiting`."""
    rows = await store.ended_page(conn, organization_id, _position(cursor), limit + 1)
    return _page([shown(row) for row in rows], limit)


async def everything(conn: Connection) -> list[Pending]:
    """All that waits, in the order of `waiting`."""
    found: list[Pending] = []
    page = await waiting(conn, 500)
    while page.next is not None:
        found += page.pending
        page = await waiting(conn, 500, page.next)
    return found + page.pending


async def counts(
    conn: Connection, *, organization_id: str | None = None, acts: list[str] | None = None
) -> Counts:
    rows = await store.counts(conn, organization_id, acts)
    return Counts(
        waiting=sum(row["waiting"] for row in rows),
        gives_power=sum(row["waiting"] for row in rows if act_named(row["act"]).gives_power),
        takes_effect=sum(row["timed"] for row in rows),
    )


def _page(found: list[Pending], limit: int) -> PendingPage:
    page = found[:limit]
    return PendingPage(page, _cursor(page[-1]) if len(found) > limit else None)


def _cursor(last: Pending) -> str:
    at = last.takes_effect_at if last.state == "waiting" else last.ended_at
    position = Position(at, last.asked_at, UUID(last.pending_id))
    return urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def _position(cursor: str | None) -> tuple[datetime | None, datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        found = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Position)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Problem("invalid_request", "cursor: send `next` of the answer before, as it came") from error
    if any(at is not None and at.tzinfo is None for at in (found.at, found.asked_at)):
        raise Problem("invalid_request", "cursor: a time without its zone")
    return found.at, found.asked_at, found.pending_id
