"""How the log goes on after a restore: under its origin, or under a new one that names the old.

A log that is shorter than a checkpoint that anybody has seen under its signature must never sign again: two logs would
exist under one name. Its first entries are as true as before, so a new log continues them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from moyai.base.db import Connection
from moyai.ledger import log, note, store_log, witness_call
from moyai.ledger.merkle import MissingHash
from moyai.ledger.note import NoteError
from moyai.ledger.verifiers import Witness, log_keys, quorum
from moyai.ledger.witness_call import Unanswered


class Continued(msgspec.Struct, frozen=True):
    """The log after a restore. `continues` is the old origin, cut back to `size` entries; "" if it stays."""

    origin: str
    continues: str
    size: int


async def seen_by(witnesses: Sequence[Witness]) -> list[str | None]:
    """The newest checkpoint that each witness shows, "" if it has cosigned none; None if it does not answer."""
    found: list[str | None] = []
    for witness in witnesses:
        try:
            found.append(await witness_call.newest(witness) or "")
        except Unanswered:
            found.append(None)
    return found


async def go_on(
    conn: Connection, shown: Sequence[str | None], saved: Sequence[str], *, complete: bool
) -> Continued | None:
    """Decide, and open the new log where it takes one; None if there was no log yet.

    `shown` is what the registered witnesses answered, `saved` are checkpoints that somebody kept. The origin stays if
    none of them is beyond this log, and enough witnesses answered. Where none is registered, it stays if the restore
    is `complete`: if the engine's log was archived up to the loss.
    """
    row = await store_log.log(conn)
    newest = await store_log.latest_checkpoint(conn)
    if row is None or newest is None:
        return None
    origin, size = row["origin"], newest["size"]
    answered = [text for text in shown if text is not None]
    enough = len(answered) >= quorum(len(shown)) if shown else complete
    contradicted = [await _contradicts(conn, origin, size, text) for text in (*answered, *saved) if text]
    if enough and not any(contradicted):
        return Continued(origin, "", size)
    first, count = await store_log.count_logs(conn)
    new = f"{first}/{count + 1}"
    await store_log.close_log(conn, f"restored from a backup of {size} entries: continued as {new}")
    await store_log.continue_log(conn, new, origin, size)
    return Continued(new, origin, size)


async def _contradicts(conn: Connection, origin: str, size: int, text: str) -> bool:
    """Whether a checkpoint under this log's signature is not of this log. What we did not sign says nothing."""
    try:
        seen, _ = note.open_checkpoint(text, await log_keys(conn, origin))
    except NoteError:
        return False
    if seen.size > size:
        return True
    try:
        return await log.root_at(conn, seen.size) != seen.root
    except MissingHash:
        return True
