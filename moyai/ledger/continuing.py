"""How the log goes on after a restore: under its origin, or under a new one that names the old.

A log that is shorter than a checkpoint that anybody has seen under its signature must never sign again: two logs would
exist under one name. Its first entries are as true as before, so a new log continues them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from moyai.base.db import Connection
from moyai.ledger import log, note, store_log, witness_call
from moyai.ledger.merkle import MissingHash
from moyai.ledger.note import Checkpoint, NoteError, Verifier
from moyai.ledger.verifiers import Witness, log_keys, quorum
from moyai.ledger.witness_call import Unanswered


class Continued(msgspec.Struct, frozen=True):
    """The log after a restore. `continues` is the old origin, cut back to `size` entries; "" if it stays."""

    origin: str
    continues: str
    size: int


async def seen_by(witnesses: Sequence[Witness]) -> dict[str, str | None]:
    """The newest checkpoint that each witness shows, "" if it has cosigned none; None if it does not answer."""
    found: dict[str, str | None] = {}
    for witness in witnesses:
        try:
            found[witness.witness_id] = await witness_call.newest(witness) or ""
        except Unanswered:
            found[witness.witness_id] = None
    return found


async def go_on(
    conn: Connection, shown: Mapping[str, str | None], saved: Sequence[str], *, complete: bool
) -> Continued | None:
    """Decide, and open the new log where it takes one; None if there was no log yet.

    `shown` is what the registered witnesses answered, `saved` are checkpoints that somebody kept. The origin stays if
    none of them is beyond this log, and enough witnesses answered; one that shows less than the log holds of it was
    lost as well, and does not count. Where none is registered, it stays if the restore is `complete`: if the engine's
    log was archived up to the loss.
    """
    row = await store_log.log(conn)
    newest = await store_log.latest_checkpoint(conn)
    if row is None or newest is None:
        return None
    origin, size = row["origin"], newest["size"]
    ours, held = await log_keys(conn, origin), await store_log.cosigned_sizes(conn, list(shown))
    seen = {name: _opened(text, ours) for name, text in shown.items() if text is not None}
    remembering = [name for name, one in seen.items() if (one.size if one else 0) >= held.get(name, 0)]
    enough = len(remembering) >= quorum(len(shown)) if shown else complete
    known = (*seen.values(), *(_opened(text, ours) for text in saved))
    contradicted = [await _contradicts(conn, size, one) for one in known if one]
    if enough and not any(contradicted):
        return Continued(origin, "", size)
    first, count = await store_log.count_logs(conn)
    new = f"{first}/{count + 1}"
    await store_log.close_log(conn, f"restored from a backup of {size} entries: continued as {new}")
    await store_log.continue_log(conn, new, origin, size)
    return Continued(new, origin, size)


def _opened(text: str, ours: list[Verifier]) -> Checkpoint | None:
    """A checkpoint under this log's signature. What we did not sign says nothing."""
    try:
        return note.open_checkpoint(text, ours)[0]
    except NoteError:
        return None


async def _contradicts(conn: Connection, size: int, seen: Checkpoint) -> bool:
    """Whether a checkpoint is not of this log."""
    if seen.size > size:
        return True
    try:
        return await log.root_at(conn, seen.size) != seen.root
    except MissingHash:
        return True
