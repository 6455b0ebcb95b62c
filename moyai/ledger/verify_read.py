"""Reading a log for a verifier: both copies of every leaf hash, and the two trees that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol
from uuid import UUID

import msgspec

from moyai.ledger import merkle
from moyai.ledger.findings import MOST_FINDINGS, Findings, GaveUp, finding
from moyai.ledger.merkle import HASH_BYTES, Frontier, leaf_hash
from moyai.ledger.verify_source import Absent, Source

_LEAF_BYTES = 58

Progress = Callable[[int, int], None]


class Marks(Protocol):
    """What is compared at which size: `next` is the next one, -1 if there is no more."""

    next: int

    def reach(self, trees: Trees) -> None: ...


class Place(msgspec.Struct, frozen=True):
    """One index where bundle and tile disagree."""

    index: int
    entry_id: str | None
    in_bundle: bytes | None
    in_tile: bytes | None


Roots = tuple[bytes | None, bytes | None]
"""The root by the bundles and the one by the tiles; None where something of it could not be read."""


class Trees:
    """The two trees, grown side by side from bundles and from tiles."""

    def __init__(self) -> None:
        self.size = 0
        self.bundles, self.tiles = Frontier(), Frontier()
        self.bundles_whole = self.tiles_whole = True
        self.differ: list[Place] = []
        self.full: list[bytes] = []  # the roots of the full tiles of level 0

    def roots(self) -> Roots:
        return (
            self.bundles.root() if self.bundles_whole else None,
            self.tiles.root() if self.tiles_whole else None,
        )

    def add(self, leaf: bytes | None, in_tile: bytes | None) -> None:
        in_bundle = leaf_hash(leaf) if leaf is not None and len(leaf) == _LEAF_BYTES else None
        if in_bundle is None:
            self.bundles_whole = False
        else:
            self.bundles.append(in_bundle)
        if in_tile is None:
            self.tiles_whole = False
        else:
            self.tiles.append(in_tile)
        if in_bundle is None or in_bundle != in_tile:
            self._note(Place(self.size, _entry_id(leaf), in_bundle, in_tile))
        self.size += 1

    def _note(self, place: Place) -> None:
        if len(self.differ) >= MOST_FINDINGS:
            raise GaveUp(
                f"more than {MOST_FINDINGS:,} entries do not fit their hashes, from {self.differ[0].index} on"
            )
        self.differ.append(place)


def _entry_id(leaf: bytes | None) -> str | None:
    """The id in a leaf, or the id alone, which the platform serves in place of a missing leaf."""
    if leaf is None or len(leaf) not in (16, _LEAF_BYTES):
        return None
    return str(UUID(bytes=leaf if len(leaf) == 16 else leaf[10:26]))


def read(source: Source, size: int, marks: Marks, findings: Findings, progress: Progress | None) -> Trees:
    """Read both copies, and hold the growing trees against every signed root as its size is reached."""
    trees = Trees()
    marks.reach(trees)
    places = -(-size // merkle.TILE_WIDTH)
    for done, (number, width) in enumerate(merkle.widths(size, 0), 1):
        leaves = _bundle(source, number, width, findings)
        hashes = tile(source, 0, number, width, findings)
        for leaf, hash_ in zip(leaves, hashes, strict=True):
            trees.add(leaf, hash_)
            if trees.size == marks.next:
                marks.reach(trees)
        if width == merkle.TILE_WIDTH and None not in hashes:
            trees.full.append(merkle.fold(b"".join([hash_ for hash_ in hashes if hash_])))
        if progress is not None:
            progress(done, places)
    return trees


def _bundle(source: Source, number: int, width: int, findings: Findings) -> list[bytes | None]:
    path = merkle.tile_path("entries", number, width)
    try:
        leaves: list[bytes | None] = list(_unpack(source.read(path)))
    except (Absent, ValueError) as error:
        findings.add(finding("tile_unreadable", where=path, why=str(error)))
        return [None] * width
    if len(leaves) != width:
        findings.add(finding("tile_unreadable", where=path, why=f"{len(leaves)} entries, not {width}"))
    return (leaves + [None] * width)[:width]


def _unpack(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise ValueError("truncated bundle")
        yield data[at + 2 : end]
        at = end


def tile(source: Source, level: int, number: int, width: int, findings: Findings) -> list[bytes | None]:
    path = merkle.tile_path(level, number, width)
    try:
        data = source.read(path)
    except Absent as error:
        findings.add(finding("tile_unreadable", where=path, why=str(error)))
        return [None] * width
    if len(data) != width * HASH_BYTES:
        findings.add(finding("tile_unreadable", where=path, why=f"{len(data)} bytes"))
        return [None] * width
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]
