"""Recording acts, and reading the record back. Everything joins the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.base.ids import entry_id
from moyai.ledger import contents, store
from moyai.ledger.model import (
    SALT_BYTES,
    Act,
    Daily,
    Event,
    Kind,
    Recorded,
    Sealed,
    canonical,
    instant,
    parse_leaf,
)

_KEY_SECONDS = 7 * 86_400
_AT = '"at":"'


async def record(conn: Connection, act: Act) -> UUID:
    """Append one act, at the database's time unless it names its own. Returns the entry's id."""
    contents.check(act.kind, act.detail)
    id_ = entry_id()
    fields: dict[str, object] = {"actor": act.actor, "at": "", "detail": act.detail, "kind": act.kind.code}
    if act.resident_key:
        fields["resident"] = act.resident_key
    # quotes inside `actor` are escaped, so the first bare `"at":"` is the member itself
    head, _, rest = canonical(fields).partition(_AT)
    salt = secrets.token_bytes(SALT_BYTES)
    await store.add(conn, id_, act.kind, head + _AT, rest, act.resident_key, salt, act.at)
    return id_


async def recorded_under(conn: Connection, component_key: int, key_hash: bytes) -> Recorded | None:
    """The exchange that this component made under this `Idempotency-Key`, if any."""
    row = await store.remembered(conn, component_key, key_hash)
    if row is None:
        return None
    at = instant(parse_leaf(row["leaf"]).at_ms)
    return Recorded(row["entry_id"], at, row["request_hash"], row["answer_digest"])


async def remember_key(
    conn: Connection,
    component_key: int,
    key_hash: bytes,
    request_hash: bytes,
    entry_id: UUID,
    resident_key: int,
    answer_digest: bytes,
) -> None:
    """Tie an `Idempotency-Key` to its entry. Raises UniqueViolation if another request was first."""
    await store.remember(conn, component_key, key_hash, request_hash, entry_id, resident_key, answer_digest)


async def forget_keys(conn: Connection) -> None:
    """Forget each `Idempotency-Key` a week after its exchange: a later request under it is a new one."""
    await store.forget_keys(conn, _KEY_SECONDS)


def _event(row: Record) -> Event:
    content = msgspec.json.decode(row["body"])
    return Event(
        entry_id=row["entry_id"],
        kind=Kind(row["kind"]),
        at=row["at"],
        resident_key=row["resident_key"],
        actor=content["actor"],
        detail=content["detail"],
        body=row["body"],
        salt=row["salt"],
        leaf=row["leaf"],
        index=row["index"],
    )


async def opening(conn: Connection, id_: UUID) -> Event | Sealed:
    """One entry with its content, or without it once that is erased. Raises Problem("does_not_exist")."""
    row = await store.one(conn, id_)
    if row is None:
        raise Problem("does_not_exist", f"no entry {id_}")
    return _event(row) if row["body"] is not None else Sealed(row["entry_id"], row["leaf"], row["index"])


async def history(
    conn: Connection,
    resident_key: int,
    *,
    kinds: Iterable[Kind] | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Event]:
    """What concerns one resident, newest first. Continue with `before=(last.at, last.entry_id)`."""
    at, id_ = before or (None, None)
    rows = await store.of_resident(conn, resident_key, _numbers(kinds), at, id_, limit)
    return [_event(row) for row in rows]


async def newest(
    conn: Connection, *, kinds: Iterable[Kind] | None = None, before: int | None = None, limit: int = 50
) -> list[Event]:
    """Integrated entries of everybody, newest first. Continue with `before=last.index`."""
    return [_event(row) for row in await store.newest(conn, _numbers(kinds), before, limit)]


async def last_actor(conn: Connection, noun: str, named: str, kinds: Iterable[Kind]) -> str | None:
    """Who did the newest act of these kinds upon a thing of the registry (its id) or an account (its staff id)."""
    return await store.last_actor(conn, noun, named, [int(one) for one in kinds])


async def recorded_since(
    conn: Connection, named: str, kinds: Iterable[Kind], at: datetime, noun: str | None = None
) -> bool:
    """Whether something was done to the thing with this id (and of this noun) at or after a time."""
    return await store.recorded_since(conn, named, [int(kind) for kind in kinds], at, noun)


async def deletions_since(conn: Connection, at: datetime) -> set[tuple[int, str, str]]:
    """(resident_key, component id, dataset id) from which items were deleted, on record at or after a time."""
    rows = await store.deletions_since(conn, Kind.ITEMS_DELETED, at)
    return {(row["resident_key"], row["component_id"], row["dataset_id"]) for row in rows}


async def done_to_since(conn: Connection, resident_key: int, kinds: Iterable[Kind], at: datetime) -> bool:
    """Whether something of these kinds was done to a resident at or after a time."""
    return await store.done_to_since(conn, resident_key, [int(kind) for kind in kinds], at)


def _numbers(kinds: Iterable[Kind] | None) -> list[int] | None:
    return None if kinds is None else [int(kind) for kind in kinds]


async def daily(
    conn: Connection, since: date, until: date, *, kinds: Iterable[Kind] | None = None
) -> list[Daily]:
    """Counts per day of Asia/Tokyo, newest day first, both ends included."""
    return [
        Daily(row["day"], Kind(row["kind"]), *(row[i] for i in range(2, 7)))
        for row in await store.daily(conn, since, until, _numbers(kinds))
    ]


async def erase_contents(conn: Connection, resident_key: int) -> int:
    """Delete what the commitments of one resident's entries open to, and digests of answers about them.

    Entries stay, so proofs hold.

    Returns the number of entries that became unreadable. Raises ValueError for key 0, which is nobody.
    """
    if resident_key <= 0:
        raise ValueError("entries that concern nobody are not erased")
    return await store.erase(conn, resident_key)


async def mismatched_contents(
    conn: Connection, after: int = 0, limit: int = 100_000
) -> list[tuple[int, UUID]]:
    """Index and id of entries whose content is not what was committed to, among `limit` from index `after`."""
    return [(row["index"], row["entry_id"]) for row in await store.mismatched(conn, after, limit)]
