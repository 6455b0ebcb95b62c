"""The log as it stands: size, root, proofs, and the reasons for which it must not grow or be signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import merkle, store_log
from moyai.ledger.merkle import Range
from moyai.ledger.model import Status, parse_leaf

_FIRST = ("0", UUID(int=0))


class LogClosed(Exception):
    """The log must not be signed; the message says why and what to do."""


class Head(msgspec.Struct, frozen=True):
    """The log between two rounds of integration. `after` is the last place of the order that was reached."""

    origin: str
    size: int
    root: bytes
    after: tuple[str, UUID]
    signed: bool


async def open_log(conn: Connection, origin: str) -> str:
    """Name the log, once; the origin stays when the platform's address changes. Returns the origin in use."""
    await store_log.open_log(conn, origin)
    row = await store_log.log(conn)
    assert row is not None
    return row["origin"]


async def check_open(conn: Connection) -> str:
    """The origin of the open log. Raises LogClosed."""
    row = await store_log.log(conn)
    if row is None:
        raise LogClosed("the log has no origin yet")
    if row["closed_at"] is not None:
        raise LogClosed(f"the log {row['origin']} is closed: {row['closed_reason']}")
    return row["origin"]


async def head(conn: Connection) -> Head:
    """Where the log stands. Raises LogClosed if order, tiles and last checkpoint do not fit each other.

    They are written in one transaction, so a difference means that somebody changed them.
    """
    origin = await check_open(conn)
    last, checkpoint = await store_log.last_placed(conn), await store_log.latest_checkpoint(conn)
    size = 0 if last is None else last["index"] + 1
    signed = 0 if checkpoint is None else checkpoint["size"]
    if size != signed:
        raise LogClosed(
            f"the log has {size} entries, but its last checkpoint signed {signed}: "
            "nothing is signed until the missing entries are restored"
        )
    try:
        root = merkle.range_hash(await store_log.tiles(conn, merkle.right_edge(size)), (0, size))
    except merkle.MissingHash as error:
        raise LogClosed(f"the log's tiles are damaged: {error}") from error
    if checkpoint is not None and checkpoint["root"] != root:
        raise LogClosed(f"the log's tiles do not have the root of its last checkpoint (size {size})")
    if last is not None and last["xact"] is None:
        raise LogClosed(f"entry {last['entry_id']} (index {last['index']}) is missing")
    if last is not None and last["ahead"]:
        raise LogClosed("the log's order was made by another database engine: continue under a new origin")
    after = _FIRST if last is None else (last["xact"], last["entry_id"])
    return Head(origin, size, root, after, checkpoint is not None)


async def hashes(conn: Connection, ranges: Sequence[Range]) -> list[bytes]:
    """The Merkle tree hashes of ranges, from stored tiles. Raises MissingHash if the tree is damaged."""
    tiles = await store_log.tiles(conn, merkle.tiles_needed(ranges))
    return [merkle.range_hash(tiles, range_) for range_ in ranges]


async def root_at(conn: Connection, size: int) -> bytes:
    return (await hashes(conn, [(0, size)]))[0]


async def consistency(conn: Connection, old: int, new: int) -> list[bytes]:
    """Raises Problem("invalid_request") unless 0 <= old <= new <= size of the last checkpoint."""
    latest = await store_log.latest_checkpoint(conn)
    if not 0 <= old <= new <= (0 if latest is None else latest["size"]):
        raise Problem("invalid_request", f"no proof from size {old} to size {new}")
    return await hashes(conn, merkle.consistency_ranges(old, new))


async def status(conn: Connection) -> Status:
    """For the console and `/metrics`."""
    row, last = await store_log.log(conn), await store_log.last_placed(conn)
    checkpoint = await store_log.latest_checkpoint(conn)
    after = _FIRST if last is None or last["xact"] is None else (last["xact"], last["entry_id"])
    leaf = await store_log.waiting_since(conn, *after)
    waiting = 0 if leaf is None else await store_log.clock_ms(conn) - parse_leaf(leaf).at_ms
    signed_at: datetime | None = checkpoint["signed_at"] if checkpoint else None
    return Status(
        origin=row["origin"] if row else None,
        size=checkpoint["size"] if checkpoint else 0,
        signed_at=signed_at,
        waiting_seconds=max(0, waiting) / 1000,
        closed_reason=row["closed_reason"] if row else None,
    )
