"""Merkle trees of RFC 9162 (section 2.1), stored as tiles of C2SP tlog-tiles (height 8). Pure; SHA-256.

A **range** `(begin, end)` of leaves has a Merkle tree hash. A **node** `(height, index)` is the perfect range
`index << height … (index + 1) << height`. A **tile** `(level, number)` holds up to 256 consecutive hashes of
nodes of height `8 * level`; every node lies in one tile or is folded from hashes of one tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

Range = tuple[int, int]
Node = tuple[int, int]
Tile = tuple[int, int]

HASH_BYTES = 32
TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES
_MAX_GROUPS = 6  # tile numbers below 10**18, more than any database's integers need
EMPTY_ROOT = sha256(b"").digest()


class MissingHash(Exception):
    """A tile that the proof needs is absent or too narrow: the stored tree is damaged."""


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """The root over concatenated hashes; their number is a power of two."""
    while len(hashes) > HASH_BYTES:
        hashes = b"".join(
            [sha256(b"\x01" + hashes[i : i + 64]).digest() for i in range(0, len(hashes), 2 * HASH_BYTES)]
        )
    return hashes


class Frontier:
    """A tree that only grows, kept as the roots of its perfect subtrees: log n hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, hash_: bytes) -> None:
        size = self.size
        while size & 1:
            hash_ = node_hash(self._roots.pop(), hash_)
            size >>= 1
        self._roots.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        return _fold_right(self._roots) if self._roots else EMPTY_ROOT


def _fold_right(roots: Sequence[bytes]) -> bytes:
    result = roots[-1]
    for left in reversed(roots[:-1]):
        result = node_hash(left, result)
    return result


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (RFC 9162, section 2.1.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove leaf `index` in a tree of `size` (section 2.1.3.1), leaf upwards."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    begin, end = 0, size
    ranges: list[Range] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove a tree of `old` to be a prefix of one of `new` (section 2.1.4.1)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is no prefix of a tree of {new}")
    if old in (0, new):
        return []
    begin, end = 0, new
    ranges: list[Range] = []
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin:  # the old root itself is known to the verifier, unless the walk went right
        ranges.append((begin, end))
    return ranges[::-1]


def perfect_nodes(range_: Range) -> list[Node]:
    """The perfect subtrees that make up a range of a proof, or a whole tree, left to right."""
    begin, end = range_
    nodes: list[Node] = []
    while begin < end:
        height = (end - begin).bit_length() - 1
        nodes.append((height, begin >> height))
        begin += 1 << height
    return nodes


def _place(node: Node) -> tuple[Tile, int, int]:
    """Tile, first hash and number of hashes that a node is folded from."""
    height, index = node
    level, inside = divmod(height, 8)
    number, offset = divmod(index << inside, TILE_WIDTH)
    return (level, number), offset, 1 << inside


def tiles_needed(ranges: Iterable[Range]) -> set[Tile]:
    return {_place(node)[0] for range_ in ranges for node in perfect_nodes(range_)}


def range_hash(tiles: Mapping[Tile, bytes], range_: Range) -> bytes:
    """The Merkle tree hash of a range. Raises MissingHash if a tile is absent or too narrow."""
    if range_ == (0, 0):
        return EMPTY_ROOT
    return _fold_right([_node(tiles, node) for node in perfect_nodes(range_)])


def _node(tiles: Mapping[Tile, bytes], node: Node) -> bytes:
    tile, offset, count = _place(node)
    hashes = tiles.get(tile, b"")[offset * HASH_BYTES : (offset + count) * HASH_BYTES]
    if len(hashes) != count * HASH_BYTES:
        raise MissingHash(f"tile {tile_path(*tile)} lacks hashes {offset} to {offset + count - 1}")
    return fold(hashes)


def right_edge(size: int) -> set[Tile]:
    """The partial tiles of a tree: the only ones that growing it reads."""
    return {
        (level, (size >> 8 * level) // TILE_WIDTH)
        for level in range((size.bit_length() + 7) // 8)
        if (size >> 8 * level) % TILE_WIDTH
    }


def grow(size: int, edge: Mapping[Tile, bytes], leaf_hashes: Sequence[bytes]) -> dict[Tile, bytes]:
    """Append leaf hashes to a tree of `size` whose partial tiles are `edge`; gives the tiles that changed."""
    changed: dict[Tile, bytes] = {}
    level, new = 0, b"".join(leaf_hashes)
    while new:
        number, width = divmod(size >> 8 * level, TILE_WIDTH)
        old = edge.get((level, number), b"")[: width * HASH_BYTES]
        if len(old) != width * HASH_BYTES:
            raise MissingHash(f"tile {tile_path(level, number, width)} is not stored in full")
        parents: list[bytes] = []
        data = old + new
        for start in range(0, len(data), TILE_BYTES):
            tile = data[start : start + TILE_BYTES]
            changed[(level, number + start // TILE_BYTES)] = tile
            if len(tile) == TILE_BYTES:
                parents.append(fold(tile))
        level, new = level + 1, b"".join(parents)
    return changed


def verify_inclusion(hash_: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    position, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            hash_ = node_hash(sibling, hash_)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hash_ == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """RFC 9162, section 2.1.4.2. Any tree extends the empty one."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def tile_path(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]` of tlog-tiles; level `entries` names an entry bundle."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def parse_tile_path(path: str) -> tuple[int | str, int, int]:
    """Level (or `entries`), number and width. Raises ValueError for any other spelling than `tile_path`'s."""
    head, _, partial = path.partition(".p/")
    kind, level, *groups = head.split("/")
    number = 0
    for group in groups:
        number = number * 1000 + int(group[-3:])
    width = int(partial) if partial else TILE_WIDTH
    known = level == "entries" or 0 <= int(level) < 64
    parsed = (level if level == "entries" else int(level), number, width)
    if kind != "tile" or not (known and 0 < len(groups) <= _MAX_GROUPS and 0 < width <= TILE_WIDTH):
        raise ValueError(f"not a tile: {path}")
    if tile_path(*parsed) != path:
        raise ValueError(f"not a tile: {path}")
    return parsed


def widths(size: int, level: int) -> Iterator[tuple[int, int]]:
    """Number and width of every tile at a level (level 0: every entry bundle, too) of a tree of `size`."""
    full, rest = divmod(size >> 8 * level, TILE_WIDTH)
    for number in range(full):
        yield number, TILE_WIDTH
    if rest:
        yield full, rest
