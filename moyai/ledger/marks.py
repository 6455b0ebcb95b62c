"""The check marks of a page: each event opened, proved and compared with the newest signed checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from moyai.base.db import Connection
from moyai.ledger import merkle, note, store_log
from moyai.ledger.merkle import MissingHash
from moyai.ledger.model import Event
from moyai.ledger.note import Checkpoint, NoteError
from moyai.ledger.verifiers import log_keys

Mark = Literal["proved", "waiting", "broken"]


async def marks(conn: Connection, events: Sequence[Event]) -> dict[UUID, Mark]:
    """For each event: `proved` if its content opens its leaf, and the leaf is included in the tree that the
    log signed; `waiting` until it is integrated; `broken` otherwise. Two or three statements for all."""
    signed = await _signed(conn)
    size = 0 if signed is None else signed.size
    indexes = [event.index for event in events if event.index is not None and event.index < size]
    ranges = {index: merkle.inclusion_ranges(index, size) for index in indexes}
    needed = {tile for each in ranges.values() for tile in merkle.tiles_needed(each)}
    tiles = await store_log.tiles(conn, needed) if needed else {}
    return {event.entry_id: _mark(event, signed, ranges, tiles) for event in events}


async def _signed(conn: Connection) -> Checkpoint | None:
    row, latest = await store_log.log(conn), await store_log.latest_checkpoint(conn)
    if row is None or latest is None:
        return None
    try:
        return note.open_checkpoint(latest["note"], await log_keys(conn, row["origin"]))[0]
    except NoteError:
        return Checkpoint(row["origin"], latest["size"], b"")  # a root that nothing proves


def _mark(
    event: Event,
    signed: Checkpoint | None,
    ranges: dict[int, list[merkle.Range]],
    tiles: dict[merkle.Tile, bytes],
) -> Mark:
    if not event.opens():
        return "broken"
    if event.index is None or signed is None or event.index >= signed.size:
        return "waiting"
    try:
        proof = [merkle.range_hash(tiles, range_) for range_ in ranges[event.index]]
    except MissingHash:
        return "broken"
    hash_ = merkle.leaf_hash(event.leaf)
    good = merkle.verify_inclusion(hash_, event.index, signed.size, proof, signed.root)
    return "proved" if good else "broken"
