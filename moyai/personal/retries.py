"""One exchange however often it is retried: the `Idempotency-Key` of a request.

A retry has passed the gate anew before it comes here. If an item changed since, the caller is told (409) rather
than given something the ledger does not have. A source that did not answer, then or now, has changed nothing: its
retry is what an `Idempotency-Key` is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from moyai.base.db import Connection, Database, UniqueViolation
from moyai.base.errors import Problem
from moyai.ledger import Recorded, recorded_under, remember_key
from moyai.ledger.release import Outcome, Release, release_many
from moyai.personal.door import free, until_free
from moyai.personal.model import Result

_encode = msgspec.json.Encoder().encode
_NAME_BYTES, _DIGEST_BYTES = 8, 24
_PART_BYTES = _NAME_BYTES + _DIGEST_BYTES


def digest_of(results: Sequence[Result]) -> bytes:
    """What an answer is compared by: 32 bytes for each source that answered or refused, its name and its content."""
    return b"".join(
        _name(result) + hashlib.sha256(_encode(result)).digest()[:_DIGEST_BYTES]
        for result in results
        if result.status != "unavailable"
    )


def _name(result: Result) -> bytes:
    return hashlib.sha256(_encode((result.dataset, result.source))).digest()[:_NAME_BYTES]


def agree(earlier: bytes, now: bytes) -> bool:
    """Whether every source that is in both answers gave the same."""
    then, today = _parts(earlier), _parts(now)
    return all(then[name] == today[name] for name in then.keys() & today.keys())


def _parts(digest: bytes) -> dict[bytes, bytes]:
    parts = [digest[at : at + _PART_BYTES] for at in range(0, len(digest), _PART_BYTES)]
    return {part[:_NAME_BYTES]: part[_NAME_BYTES:] for part in parts}


class Retry(msgspec.Struct, frozen=True):
    """What makes two requests the same: component, key and request; and two answers: `digest_of` them.

    `repeated` makes the entry that says a retry was answered. Its id comes from the retry's own proof, so that the
    ledger's key refuses that proof a second time, with an `Idempotency-Key` or without.
    """

    component_key: int
    key: str
    request_hash: bytes
    answer_digest: bytes
    repeated: Callable[[Recorded], Release]

    @property
    def key_hash(self) -> bytes:
        return hashlib.sha256(self.key.encode()).digest()


class Recording(msgspec.Struct, frozen=True):
    """The entry that an answer names (its id's 16 bytes), and when it was recorded."""

    name: bytes
    at: datetime


class Retries:
    def __init__(self, control: Database) -> None:
        self._control = control

    async def record(self, made: Release, retry: Retry) -> Recording | None:
        """The entry of this exchange: a new one, or the one that an earlier request under the key made. None if it
        must be judged anew.

        Raises Problem: idempotency_key_reused, idempotency_item_changed, proof_replayed.
        """

        async def ask() -> Recording | None:
            async with self._control.transaction() as conn:
                return await self._record(conn, made, retry)

        try:
            return await until_free(ask)
        except UniqueViolation:
            # two requests under one key at the same moment: the other one was first
            return await until_free(ask)

    async def _record(self, conn: Connection, made: Release, retry: Retry) -> Recording | None:
        earlier = await recorded_under(conn, retry.component_key, retry.key_hash)
        entry = made if earlier is None else retry.repeated(earlier)
        released = free((await release_many(conn, [entry]))[0])
        if released.outcome is Outcome.CLOSED:
            return None
        if earlier is None:
            await remember_key(
                conn,
                retry.component_key,
                retry.key_hash,
                retry.request_hash,
                made.entry_id,
                made.judged.resident_key,
                retry.answer_digest,
            )
            return Recording(made.name, released.at)
        if earlier.request_hash != retry.request_hash:
            raise Problem("idempotency_key_reused")
        if not agree(earlier.answer_digest, retry.answer_digest):
            raise Problem("idempotency_item_changed")
        return Recording(earlier.entry_id.bytes, earlier.at)
