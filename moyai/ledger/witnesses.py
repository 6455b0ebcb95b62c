"""Asking witnesses for cosignatures (C2SP tlog-witness), and heeding what they have seen.

A witness that has seen a larger or another log than ours, and can show it under our own signature, closes the
log: it was cut back or rewritten. A witness's bare word does not. Each witness is asked by itself: whatever one
answers, or does not, is its own outcome and changes nothing for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar, cast

import structlog

from moyai.base.db import LOST, Connection, Database
from moyai.base.fetch import Unanswered
from moyai.ledger import log, note, store_log, witness_call
from moyai.ledger.log import LogClosed
from moyai.ledger.merkle import MissingHash
from moyai.ledger.note import Checkpoint, NoteError
from moyai.ledger.verifiers import Witness, log_keys, quorum, revoked_log_keys
from moyai.ledger.witness_call import Answer

_log = structlog.get_logger()

T = TypeVar("T")
Registered = Callable[[], Awaitable[Sequence[Witness]]]


async def cosign(database: Database, witnesses: Sequence[Witness]) -> dict[str, str]:
    """Have every witness cosign the newest checkpoint. Returns what stopped those that did not, by id.

    Raises log.LogClosed, after all have been asked, if one proves that this log was cut back or rewritten.
    """
    outcomes = await _ask_each(partial(_cosign, database), witnesses)
    why = {w.witness_id: _why(outcome) for w, outcome in zip(witnesses, outcomes, strict=True)}
    return {witness_id: text for witness_id, text in why.items() if text}


async def _ask_each(
    ask: Callable[[Witness], Awaitable[T]], witnesses: Sequence[Witness]
) -> list[T | Exception]:
    """What came of each, an exception included: what a stranger's program makes of ours cannot be foreseen.

    Only what is no witness's fault is raised, after all have been asked: a closed log, a lost database.
    """
    outcomes = await asyncio.gather(*(ask(witness) for witness in witnesses), return_exceptions=True)
    for grave in (LogClosed, *LOST):
        for outcome in outcomes:
            if isinstance(outcome, grave):
                raise outcome
    for witness, outcome in zip(witnesses, outcomes, strict=True):
        if isinstance(outcome, Exception) and not isinstance(outcome, Unanswered):
            _log.error("witness could not be asked", witness=witness.witness_id, exc_info=outcome)
    return cast("list[T | Exception]", outcomes)


def _why(outcome: str | Exception) -> str:
    return outcome if isinstance(outcome, str) else str(outcome) or type(outcome).__name__


async def _cosign(database: Database, witness: Witness) -> str:
    async with database.connection() as conn:
        latest = await store_log.latest_checkpoint(conn)
        old = (await store_log.cosigned_sizes(conn, [witness.witness_id])).get(witness.witness_id, 0)
    if latest is None or old >= latest["size"]:
        return ""
    size, text = latest["size"], latest["note"]
    answer = await _submit(database, witness, text, old, size)
    if answer.size is not None and answer.size <= size:
        answer = await _submit(database, witness, text, answer.size, size)
    if answer.status == 200:
        return await _keep(database, witness, text, size, answer.text)
    await _heed(database, witness)
    return f"answered {answer.status}"


async def _submit(database: Database, witness: Witness, text: str, old: int, size: int) -> Answer:
    async with database.connection() as conn:
        proof = await log.consistency(conn, old, size)
    return await witness_call.submit(witness, old, proof, text)


async def _keep(database: Database, witness: Witness, text: str, size: int, lines: str) -> str:
    verifier = note.parse_vkey(witness.verifier_key, note.WITNESS_KEY)
    signed = note.parse_note(text).text
    try:
        signatures = note.parse_signature_lines(lines)
    except NoteError as error:
        return f"answered no signature: {error}"
    for signature in signatures:
        if note.holds(verifier, signed, signature):
            async with database.transaction() as conn:
                await store_log.save_cosignature(conn, size, witness.witness_id, signature.line())
            return ""
    return "answered without a signature of its registered key"


async def clear(database: Database, witnesses: Sequence[Witness]) -> bool:
    """Whether signing may begin: enough of the registered witnesses say what they have seen, and it is not more
    than ours.

    All are asked, not only those that our own database says have cosigned: it may be the older one. Enough is
    more than half, as it takes more than half for a checkpoint to count as cosigned: whichever ones answer, one
    of them has seen the newest such checkpoint. A witness that shows less than we hold of it has lost its memory
    and does not count. Raises log.LogClosed on proof of the contrary.
    """
    async with database.connection() as conn:
        row = await store_log.log(conn)
        if not await log_keys(conn, row["origin"] if row else ""):
            return True  # no key yet: what is signed from now on can contradict nothing that this log signed
        held = await store_log.cosigned_sizes(conn, [w.witness_id for w in witnesses])
    shown = await _ask_each(partial(_heed, database), witnesses)
    counted = [
        size
        for witness, size in zip(witnesses, shown, strict=True)
        if isinstance(size, int) and size >= held.get(witness.witness_id, 0)
    ]
    return len(counted) >= quorum(len(witnesses))


async def _heed(database: Database, witness: Witness) -> int | None:
    """Fetch the newest checkpoint that a witness has cosigned, and close the log if ours does not extend it.

    Returns its size, 0 if it has cosigned none; None if it does not answer, or shows nothing of our own key's.
    """
    try:
        text = await witness_call.newest(witness)
    except Unanswered as error:
        _log.warning("witness_silent", witness=witness.witness_id, error=str(error))
        return None
    if text is None:
        return 0
    async with database.transaction() as conn:
        row = await store_log.log(conn)
        if await _is_of_former_log(conn, text):
            return 0
        try:
            seen, _ = note.open_checkpoint(text, await log_keys(conn, row["origin"] if row else ""))
        except NoteError as error:
            if (size := await _under_revoked_key(conn, text, witness)) is not None:
                return size
            _log.warning("witness_shows_nothing_of_ours", witness=witness.witness_id, error=str(error))
            return None
        reason = await _contradiction(conn, seen, witness)
        if reason:
            await store_log.close_log(conn, reason)
    if reason:
        raise LogClosed(reason)
    return seen.size


async def _under_revoked_key(conn: Connection, text: str, witness: Witness) -> int | None:
    """The size of a checkpoint of our log as it is, under a key that was revoked since.

    One that contradicts our log closes nothing, for a thief can make it; it just does not count.
    """
    row = await store_log.log(conn)
    try:
        seen, _ = note.open_checkpoint(text, await revoked_log_keys(conn, row["origin"] if row else ""))
    except NoteError:
        return None
    return None if await _contradiction(conn, seen, witness) else seen.size


async def _is_of_former_log(conn: Connection, text: str) -> bool:
    """Whether a witness still shows a log that this one continues under another origin (moyai.ledger.continuing)."""
    for former in await store_log.former_logs(conn):
        with suppress(NoteError):
            note.open_checkpoint(text, await log_keys(conn, former.origin))
            return True
    return False


async def _contradiction(conn: Connection, seen: Checkpoint, witness: Witness) -> str | None:
    latest = await store_log.latest_checkpoint(conn)
    size = 0 if latest is None else latest["size"]
    if seen.size > size:
        return (
            f"witness {witness.witness_id} has seen {seen.size} entries under this log's signature, the log has "
            f"{size}: it was restored from an older state and must continue under a new origin"
        )
    try:
        root = await log.root_at(conn, seen.size)
    except MissingHash:
        root = b""
    if root != seen.root:
        return (
            f"witness {witness.witness_id} has seen another log of {seen.size} entries under this log's "
            "signature: the log was rewritten"
        )
    return None
