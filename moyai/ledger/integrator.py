"""The one integrator: gives entries their indexes, grows the tree, signs checkpoints; about once a second.

Any worker may run it; a lock lets one through at a time. A round is one transaction, and all that it needs to
know is read from the database, so that a round that was killed never happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from moyai.base.db import LOST, Connection, Database, PostgresError
from moyai.base.keys import KeyRing
from moyai.ledger import log, merkle, note, store_log, witnesses
from moyai.ledger.log import Head, LogClosed
from moyai.ledger.merkle import HASH_BYTES
from moyai.ledger.note import Checkpoint, Signer
from moyai.ledger.verifiers import Witness

BATCH = 20_000

_log = structlog.get_logger()


class Integrator:
    """One per worker process. `origin` names the log if it has no name yet.

    Before the first signature of a process, all registered witnesses are asked for the newest checkpoint they know:
    a log restored from an old backup must not be signed again. Until more than half answer, entries wait; recording
    them does not depend on it.
    """

    def __init__(self, database: Database, keys: KeyRing, origin: str) -> None:
        self._database = database
        self._keys = keys
        self._origin = origin
        self._cleared = False

    async def step(self, known: Sequence[Witness] = (), *, batch: int = BATCH) -> int:
        """One round: integrate at most `batch` entries, and sign. Returns how many were integrated.

        Raises LogClosed when the log must not be signed.
        """
        if not self._cleared:
            self._cleared = await witnesses.clear(self._database, known)
            if not self._cleared:
                raise LogClosed(
                    "too few of the registered witnesses say what they have seen: entries wait for their order"
                )
        async with self._database.transaction() as conn:
            if not await store_log.lock(conn):
                return 0
            await log.open_log(conn, self._origin)
            return await self._integrate(conn, await log.head(conn), batch)

    async def _integrate(self, conn: Connection, head: Head, batch: int) -> int:
        packed = await store_log.place(conn, head.size, *head.after, batch)
        hashes = [packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES)]
        if not hashes and head.signed:
            return 0
        size = head.size + len(hashes)
        edge = await store_log.tiles(conn, merkle.right_edge(head.size))
        changed = merkle.grow(head.size, edge, hashes)
        if changed:
            await store_log.save_tiles(conn, changed)
            await count(conn, head.size, size)
        root = merkle.range_hash(edge | changed, (0, size))
        signed = note.sign_checkpoint(
            await self._signer(conn, head.origin), Checkpoint(head.origin, size, root)
        )
        await store_log.save_checkpoint(conn, size, root, str(signed))
        return len(hashes)

    async def _signer(self, conn: Connection, origin: str) -> Signer:
        return Signer(origin, (await self._keys.current(conn, "log")).ed25519())


async def count(conn: Connection, begin: int, end: int) -> None:
    """Count entries by day. Counts are for people: a content that cannot be read is counted by its kind alone, or
    not at all, and never holds up the log's order."""
    try:
        async with conn.transaction():
            await store_log.count_days(conn, begin, end)
    except LOST:
        raise
    except PostgresError as error:
        if end - begin > 1:  # find the one
            middle = (begin + end) // 2
            await count(conn, begin, middle)
            await count(conn, middle, end)
        else:
            await _count_blind(conn, begin, error)


async def _count_blind(conn: Connection, index: int, error: PostgresError) -> None:
    _log.error("content cannot be counted", index=index, error=type(error).__name__)
    try:
        async with conn.transaction():
            await store_log.count_days(conn, index, index + 1, blind=True)
    except LOST:
        raise
    except PostgresError:
        _log.exception("entry cannot be counted", index=index)


async def drain(integrator: Integrator, known: Sequence[Witness] = ()) -> int:
    """Rounds until nothing waits. Returns how many entries were integrated."""
    total = 0
    while done := await integrator.step(known):
        total += done
    return total


async def run(integrator: Integrator, registered: witnesses.Registered, *, seconds: float = 1.0) -> None:
    """Rounds for ever. What stops one is logged once, and the next one tries again."""
    said = ""
    while True:
        try:
            done = await integrator.step(await registered())
            said = ""
        except LogClosed as error:
            done = 0
            if str(error) != said:
                said = str(error)
                _log.error("log_closed", reason=said)
        if done < BATCH:
            await asyncio.sleep(seconds)
