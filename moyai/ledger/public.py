"""What is under `/log/v1`, as values for the web room. Everything here is public; nothing names a person.

Tiles, entry bundles and checkpoint have the form of C2SP tlog-tiles, with `/log/v1` as the prefix.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import log, merkle, store_log
from moyai.ledger.merkle import HASH_BYTES, TILE_WIDTH, MissingHash
from moyai.ledger.store_log import FormerLog
from moyai.ledger.verifiers import Witness, log_keys, quorum

PAGE = 1000


class WitnessKey(msgspec.Struct, frozen=True):
    """A witness and its verifier key (C2SP vkey). `url` is its prefix: `add-checkpoint` and `checkpoint`."""

    witness_id: str
    verifier_key: str
    url: str


class Keys(msgspec.Struct, frozen=True):
    """What a verifier needs to trust. `verifier_keys`: the log's keys (C2SP vkeys), newest first.

    `former`: logs that a restore cut back; this one continues their first `size` entries under the same keys.
    """

    origin: str
    verifier_keys: list[str]
    witnesses: list[WitnessKey]
    former: list[FormerLog] = []


class Checkpoints(msgspec.Struct, frozen=True):
    """Checkpoints (signed notes) by size, smallest first. `next` is the `after` of the next page, or null."""

    checkpoints: list[str]
    next: int | None


class InclusionProof(msgspec.Struct, frozen=True):
    """That an entry is in the tree of `checkpoint` (RFC 9162, section 2.1.3): the newest one that more than half of the
    registered witnesses have cosigned, or the newest of all as long as that one does not have the entry.

    `leaf` is base64 of the 58 bytes, `proof` base64 of sibling hashes from the leaf upwards.
    """

    entry_id: str
    index: int
    leaf: str
    size: int
    proof: list[str]
    checkpoint: str


class ConsistencyProof(msgspec.Struct, frozen=True):
    """That a tree of `from` entries is a prefix of one of `to` (RFC 9162, section 2.1.4)."""

    from_: int = msgspec.field(name="from")
    to: int = 0
    proof: list[str] = []


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def checkpoint(conn: Connection) -> bytes:
    """The newest checkpoint, with the cosignatures that came so far: `text/plain; charset=utf-8`.

    Raises Problem("does_not_exist") before the first one.
    """
    latest = await store_log.latest_checkpoint(conn)
    if latest is None:
        raise Problem("does_not_exist", "the log has no checkpoint yet")
    return (await _with_cosignatures(conn, latest["size"])).encode()


async def cosigned_checkpoint(conn: Connection, witnesses: Sequence[Witness]) -> bytes:
    """The newest checkpoint that more than half of these witnesses have cosigned, with their cosignatures.

    Raises Problem("does_not_exist") where there is none.
    """
    size = await _cosigned_size(conn, witnesses)
    if size is None:
        raise Problem(
            "does_not_exist", "no checkpoint is cosigned by more than half of the registered witnesses"
        )
    return (await _with_cosignatures(conn, size)).encode()


async def _cosigned_size(conn: Connection, witnesses: Sequence[Witness]) -> int | None:
    return await store_log.cosigned_by(conn, [w.witness_id for w in witnesses], quorum(len(witnesses)))


async def _with_cosignatures(conn: Connection, size: int) -> str:
    return (await store_log.checkpoints_after(conn, size - 1, 1))[0]["note"]


async def checkpoints(conn: Connection, after: int = -1) -> Checkpoints:
    """The chain of checkpoints larger than `after`, at most 1000."""
    rows = await store_log.checkpoints_after(conn, after, PAGE)
    return Checkpoints([row["note"] for row in rows], rows[-1]["size"] if len(rows) == PAGE else None)


async def tile(conn: Connection, path: str) -> bytes:
    """A tile or an entry bundle by its path below `/log/v1`, e.g. `tile/0/x001/234.p/7`.

    A partial tile is served as long as its full one is. Raises Problem("does_not_exist").
    """
    try:
        level, number, width = merkle.parse_tile_path(path)
    except ValueError as error:
        raise Problem("does_not_exist", "no such tile") from error
    if isinstance(level, str):
        return await _bundle(conn, number, width)
    hashes = (await store_log.tiles(conn, [(level, number)])).get((level, number), b"")
    if len(hashes) < width * HASH_BYTES:
        raise Problem("does_not_exist", "no such tile")
    return hashes[: width * HASH_BYTES]


async def _bundle(conn: Connection, number: int, width: int) -> bytes:
    """Leaves, each after its length (2 bytes, big-endian).

    The place of an entry that somebody removed keeps its id instead of a leaf (16 bytes), or nothing (0).
    """
    begin = number * TILE_WIDTH
    latest = await store_log.latest_checkpoint(conn)
    if latest is None or begin + width > latest["size"]:
        raise Problem("does_not_exist", "no such bundle")
    rows = await store_log.leaves(conn, begin, begin + width)
    at = {row["index"]: row["entry_id"].bytes if row["leaf"] is None else row["leaf"] for row in rows}
    parts = [at.get(index, b"") for index in range(begin, begin + width)]
    return b"".join([len(part).to_bytes(2, "big") + part for part in parts])


async def inclusion(conn: Connection, entry_id: UUID, witnesses: Sequence[Witness] = ()) -> InclusionProof:
    """The proof of an entry in the tree of the newest cosigned checkpoint, or of the newest one until that has it.

    Raises Problem: does_not_exist, entry_not_integrated (try again in a second), log_damaged.
    """
    row = await store_log.placed(conn, entry_id)
    if row is None:
        raise Problem("does_not_exist", f"no entry {entry_id}")
    index: int | None = row["index"]
    size = None if index is None else await _covering(conn, index, witnesses)
    if index is None or size is None:
        raise Problem("entry_not_integrated", f"entry {entry_id} has no index yet")
    proof = await _proof(conn, merkle.inclusion_ranges(index, size))
    signed = await _with_cosignatures(conn, size)
    return InclusionProof(str(entry_id), index, _b64(row["leaf"]), size, proof, signed)


async def _covering(conn: Connection, index: int, witnesses: Sequence[Witness]) -> int | None:
    """The size of the checkpoint to prove an entry by: the newest cosigned one if it has the entry."""
    cosigned = await _cosigned_size(conn, witnesses)
    if cosigned is not None and index < cosigned:
        return cosigned
    latest = await store_log.latest_checkpoint(conn)
    return latest["size"] if latest is not None and index < latest["size"] else None


async def consistency(conn: Connection, old: int, new: int) -> ConsistencyProof:
    """Raises Problem: invalid_request unless 0 <= old <= new <= the newest checkpoint's size, log_damaged."""
    latest = await store_log.latest_checkpoint(conn)
    if not 0 <= old <= new <= (0 if latest is None else latest["size"]):
        raise Problem("invalid_request", f"no proof from size {old} to size {new}")
    return ConsistencyProof(old, new, await _proof(conn, merkle.consistency_ranges(old, new)))


async def _proof(conn: Connection, ranges: Sequence[merkle.Range]) -> list[str]:
    try:
        return [_b64(hash_) for hash_ in await log.hashes(conn, ranges)]
    except MissingHash as error:
        raise Problem("log_damaged", str(error)) from error


async def keys(conn: Connection, witnesses: Sequence[Witness]) -> Keys:
    """Origin and keys. The caller passes the registered witnesses. Raises Problem("does_not_exist")."""
    row = await store_log.log(conn)
    if row is None:
        raise Problem("does_not_exist", "the log has no origin yet")
    verifiers = await log_keys(conn, row["origin"])
    return Keys(
        row["origin"],
        [verifier.vkey() for verifier in verifiers],
        [WitnessKey(w.witness_id, w.verifier_key, w.url) for w in witnesses],
        await store_log.former_logs(conn),
    )
