"""Releasing: the statement that records is the one that judges again (`store_release.release`, 0012_release.sql).

What somebody was let see is recorded first, and only if nothing closed since it was judged. `Judged` are the epochs
that were read together with the facts; a stop counts them up, and holds a lock until it is committed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.ids import entry_bytes
from moyai.ledger import contents, store_release
from moyai.ledger.model import SALT_BYTES, Kind, canonical

_AT = '"at":"'
NEVER_MS = 2**62


class Outcome(IntEnum):
    WRITTEN = 0
    KNOWN = 1
    """An entry with this id is there: its proof was used before."""

    CLOSED = 2
    """Something that was judged may be closed now: judge anew."""

    BUSY = 3
    """Somebody is just closing something: ask again in a moment."""


_OUTCOMES = {int(outcome): outcome for outcome in Outcome}


class Judged(msgspec.Struct, frozen=True):
    """What a verdict rests on: `resident_key` (0: nobody), the epochs read with the facts, and the earliest end of
    the consents (Unix time in milliseconds)."""

    resident_key: int
    registry_epoch: int
    resident_epoch: int
    ends_ms: int = NEVER_MS


class Release(msgspec.Struct, frozen=True):
    """One entry to record. `head` and `rest` are the body before and after its time, which the database says; `name` is
    the entry's id, its 16 bytes."""

    name: bytes
    kind: Kind
    head: str
    rest: str
    salt: bytes
    judged: Judged

    @property
    def entry_id(self) -> UUID:
        return UUID(bytes=self.name)


class Released(msgspec.Struct, frozen=True):
    outcome: Outcome
    at: datetime


def prepare(
    kind: Kind,
    actor: str,
    detail: msgspec.Struct,
    judged: Judged,
    *,
    at_ms: int | None = None,
    fingerprint: bytes | None = None,
) -> Release:
    """An entry that waits for its time. `at_ms` and `fingerprint` are those of the sender's proof: the id made from
    them has the ledger's key refuse the proof's second use."""
    contents.check(kind, detail)
    fields: dict[str, Any] = {"actor": actor, "at": "", "detail": detail, "kind": kind.code}
    if judged.resident_key:
        fields["resident"] = judged.resident_key
    # quotes inside `actor` are escaped, so the first bare `"at":"` is the member itself
    head, _, rest = canonical(fields).partition(_AT)
    salt = secrets.token_bytes(SALT_BYTES)
    return Release(entry_bytes(at_ms, fingerprint), kind, head + _AT, rest, salt, judged)


async def release_many(conn: Connection, releases: Sequence[Release]) -> list[Released]:
    """Record those that may be released, in one statement, and say what became of each. Never waits for a stop.

    Of several with one id, the first is meant; the others are known then.
    """
    fresh = {one.name: one for one in reversed(releases)}
    if len(fresh) < len(releases):
        return await _without_twins(conn, releases, fresh)
    row = await store_release.release(
        conn,
        b"".join([one.name for one in releases]),
        [one.kind for one in releases],
        [one.head for one in releases],
        [one.rest for one in releases],
        b"".join([one.salt for one in releases]),
        [one.judged.resident_key for one in releases],
        [one.judged.registry_epoch for one in releases],
        [one.judged.resident_epoch for one in releases],
        [one.judged.ends_ms for one in releases],
    )
    outcomes: list[int] = row["verdicts"]
    for n in row["known"]:
        outcomes[n - 1] = Outcome.KNOWN
    return [Released(_OUTCOMES[outcome], row["at"]) for outcome in outcomes]


async def _without_twins(
    conn: Connection, releases: Sequence[Release], fresh: dict[bytes, Release]
) -> list[Released]:
    asked = list(fresh.values())
    answers = dict(zip(map(id, asked), await release_many(conn, asked), strict=True))
    of_first = {one.name: answers[id(one)] for one in asked}
    return [answers.get(id(one)) or _of_twin(of_first[one.name]) for one in releases]


def _of_twin(first: Released) -> Released:
    return Released(Outcome.KNOWN, first.at) if first.outcome is Outcome.WRITTEN else first


async def hold_registry(conn: Connection) -> None:
    """Until the caller's transaction ends nothing of the registry closes: whoever closes something waits for it. To be taken
    before the facts are read, in a statement of its own."""
    await store_release.hold_registry(conn)


async def epochs(conn: Connection, resident_key: int) -> Judged:
    """To be read before the facts that are judged, in a statement of its own or the same."""
    registry, resident = await store_release.epochs(conn, resident_key)
    return Judged(resident_key, registry, resident)
