"""Asking witnesses for cosignatures (C2SP tlog-witness), and heeding what they have seen.

A witness that has seen a larger or another log than ours, and can show it under our own signature, closes the
log: it was cut back or rewritten. A witness's bare word does not.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import msgspec
import structlog

from moyai.base.db import Connection, Database
from moyai.ledger import log, note, store_log
from moyai.ledger.merkle import MissingHash
from moyai.ledger.note import Checkpoint, NoteError
from moyai.ledger.verifiers import Witness, log_keys

_log = structlog.get_logger()
_TIMEOUT = aiohttp.ClientTimeout(total=2)
_MAX_ANSWER = 65_536

Registered = Callable[[], Awaitable[Sequence[Witness]]]


class _Answer(msgspec.Struct, frozen=True):
    status: int
    text: str


async def cosign(database: Database, witnesses: Sequence[Witness]) -> dict[str, str]:
    """Have every witness cosign the newest checkpoint. Returns what stopped those that did not, by id.

    Raises log.LogClosed if a witness proves that this log was cut back or rewritten.
    """
    async with database.connection() as conn:
        latest = await store_log.latest_checkpoint(conn)
        known = await store_log.cosigned_sizes(conn, [w.witness_id for w in witnesses])
    if latest is None or latest["size"] == 0:
        return {}
    behind = [w for w in witnesses if known.get(w.witness_id, 0) < latest["size"]]
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        outcomes = await asyncio.gather(
            *(_cosign(database, session, w, latest["note"], known.get(w.witness_id, 0)) for w in behind)
        )
    return {w.witness_id: why for w, why in zip(behind, outcomes, strict=True) if why}


async def _cosign(
    database: Database, session: aiohttp.ClientSession, witness: Witness, text: str, old: int
) -> str:
    checkpoint = note.parse_checkpoint(note.parse_note(text).text)
    try:
        answer = await _submit(database, session, witness, text, old, checkpoint.size)
        if answer.status == 409 and answer.text.strip().isdecimal():
            old = int(answer.text)
            if old <= checkpoint.size:
                answer = await _submit(database, session, witness, text, old, checkpoint.size)
        if answer.status == 200:
            return await _keep(database, witness, text, checkpoint.size, answer.text)
        await _heed(database, session, witness)
        return f"answered {answer.status}"
    except (aiohttp.ClientError, OSError, TimeoutError, NoteError, MissingHash) as error:
        return f"{type(error).__name__}: {error}"


async def _submit(
    database: Database, session: aiohttp.ClientSession, witness: Witness, text: str, old: int, size: int
) -> _Answer:
    async with database.connection() as conn:
        proof = await log.consistency(conn, old, size)
    lines = [f"old {old}", *(base64.b64encode(hash_).decode() for hash_ in proof), "", text]
    async with session.post(f"{witness.url.rstrip('/')}/add-checkpoint", data="\n".join(lines)) as response:
        body = await response.content.read(_MAX_ANSWER)
        return _Answer(response.status, body.decode(errors="replace"))


async def _keep(database: Database, witness: Witness, text: str, size: int, lines: str) -> str:
    verifier = note.parse_vkey(witness.verifier_key)
    signed = note.parse_note(text).text
    for signature in note.parse_signature_lines(lines):
        if note.holds(verifier, signed, signature):
            async with database.transaction() as conn:
                await store_log.save_cosignature(conn, size, witness.witness_id, signature.line())
            return ""
    return "answered without a signature of its registered key"


async def clear(database: Database, witnesses: Sequence[Witness]) -> bool:
    """Whether signing may begin: some witness of this log says what it has seen, and it is no more than ours.

    Also true for a log that no given witness has ever cosigned. Raises log.LogClosed on proof of the contrary.
    """
    async with database.connection() as conn:
        known = await store_log.cosigned_sizes(conn, [w.witness_id for w in witnesses])
    asked = [w for w in witnesses if w.witness_id in known]
    if not asked:
        return True
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        answers = await asyncio.gather(*(_heed(database, session, w) for w in asked))
    return any(answers)


async def _heed(database: Database, session: aiohttp.ClientSession, witness: Witness) -> bool:
    """Fetch the newest checkpoint that a witness has cosigned, and close the log if ours does not extend it.

    False if the witness does not answer, or shows nothing that our own key has signed.
    """
    try:
        async with session.get(f"{witness.url.rstrip('/')}/checkpoint") as response:
            text = (await response.content.read(_MAX_ANSWER)).decode(errors="replace")
            if response.status != 200:
                return False
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        _log.warning("witness_silent", witness=witness.witness_id, error=type(error).__name__)
        return False
    async with database.transaction() as conn:
        row = await store_log.log(conn)
        try:
            seen, _ = note.open_checkpoint(text, await log_keys(conn, row["origin"] if row else ""))
        except NoteError as error:
            _log.warning("witness_shows_nothing_of_ours", witness=witness.witness_id, error=str(error))
            return False
        reason = await _contradiction(conn, seen, witness)
        if reason:
            await store_log.close_log(conn, reason)
    if reason:
        raise log.LogClosed(reason)
    return True


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
