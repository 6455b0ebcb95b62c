"""The tree against the recursive definitions of RFC 9162, which are short enough to be plainly right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moyai.ledger import merkle
from moyai.ledger.merkle import Frontier, leaf_hash, node_hash


def mth(hashes: list[bytes]) -> bytes:
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(mth(hashes[:k]), mth(hashes[k:]))


def path(m: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: list[bytes], known: bool) -> list[bytes]:
    if m == len(hashes):
        return [] if known else [mth(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m <= k:
        return [*subproof(m, hashes[:k], known), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], False), mth(hashes[:k])]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(i).encode()) for i in range(count)]


def tree(sizes: list[int]) -> dict[merkle.Tile, bytes]:
    """Tiles of a tree grown in the given steps."""
    tiles: dict[merkle.Tile, bytes] = {}
    size = 0
    for step in sizes:
        edge = {tile: tiles[tile] for tile in merkle.right_edge(size)}
        tiles |= merkle.grow(size, edge, leaves(size + step)[size:])
        size += step
    return tiles


def test_known_root_of_the_rfc6962_reference_leaves() -> None:
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    frontier = Frontier()
    for text in inputs:
        frontier.append(leaf_hash(bytes.fromhex(text)))
    assert frontier.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.lists(st.integers(1, 700), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_tiles_frontier_and_definition_agree_however_the_tree_grew(steps: list[int]) -> None:
    tiles, size = tree(steps), sum(steps)
    frontier = Frontier()
    for hash_ in leaves(size):
        frontier.append(hash_)
    assert frontier.root() == mth(leaves(size)) == merkle.range_hash(tiles, (0, size))


@given(st.integers(1, 1500), st.data())
@settings(max_examples=60, deadline=None)
def test_inclusion_proofs_are_the_definition_and_verify(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tiles, hashes = tree([size]), leaves(size)
    ranges = merkle.inclusion_ranges(index, size)
    assert merkle.tiles_needed(ranges) <= set(tiles)
    proof = [merkle.range_hash(tiles, r) for r in ranges]
    assert proof == path(index, hashes)
    root = mth(hashes)
    assert merkle.verify_inclusion(hashes[index], index, size, proof, root)
    assert not merkle.verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    assert not merkle.verify_inclusion(hashes[index], index, size, [*proof, root], root)
    if size > 1:
        assert not merkle.verify_inclusion(hashes[index], (index + 1) % size, size, proof, root)
        assert not merkle.verify_inclusion(hashes[index], index, size, proof[:-1], root)


@given(st.integers(1, 1500), st.data())
@settings(max_examples=60, deadline=None)
def test_consistency_proofs_are_the_definition_and_verify(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    tiles, hashes = tree([new]), leaves(new)
    proof = [merkle.range_hash(tiles, r) for r in merkle.consistency_ranges(old, new)]
    if 0 < old < new:
        assert proof == subproof(old, hashes, True)
    old_root, new_root = mth(hashes[:old]), mth(hashes)
    assert merkle.verify_consistency(old, new, proof, old_root, new_root)
    rewritten = mth([leaf_hash(b"x"), *hashes[1:old]])
    assert not merkle.verify_consistency(old, new, proof, rewritten, new_root)
    assert not merkle.verify_consistency(old, new, [*proof, new_root], old_root, new_root)


@given(st.integers(1, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_no_changed_proof_verifies(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    hashes = leaves(size)
    proof = subproof(old, hashes, True)
    if not proof:
        return
    at = data.draw(st.integers(0, len(proof) - 1))
    proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    assert not merkle.verify_consistency(old, size, proof, mth(hashes[:old]), mth(hashes))


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    assert len(list(merkle.widths(70_000, 0))) == 274
    assert list(merkle.widths(70_000, 0))[-1] == (273, 112)
    assert list(merkle.widths(70_000, 1)) == [(0, 256), (1, 17)]
    assert list(merkle.widths(70_000, 2)) == [(0, 1)]
    assert merkle.right_edge(70_000) == {(0, 273), (1, 1), (2, 0)}
    assert merkle.right_edge(256) == {(1, 0)}


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((0, 5, 256), "tile/0/005"),
        ((2, 1_234_067, 256), "tile/2/x001/x234/067"),
        (("entries", 1_000, 7), "tile/entries/x001/000.p/7"),
    ],
)
def test_tile_paths_of_the_specification(arguments: tuple[int, int, int], path: str) -> None:
    assert merkle.tile_path(*arguments) == path
    assert merkle.parse_tile_path(path) == arguments


@pytest.mark.parametrize(
    "path",
    ["tile/0/5", "tile/00/005", "tile/0/005.p/0", "tile/0/005.p/256", "tile/0/x000/005", "tile/0", "tile/0/abc",
     "tiles/0/005", "tile/0/005.p/07", "tile/0/1005", "tile/-1/005", "tile/０/005"],
)  # fmt: skip
def test_other_spellings_of_tile_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        merkle.parse_tile_path(path)


def test_growing_on_a_damaged_edge_stops() -> None:
    tiles = tree([300])
    edge = {(0, 1): tiles[(0, 1)][:-32], (1, 0): tiles[(1, 0)]}
    with pytest.raises(merkle.MissingHash):
        merkle.grow(300, edge, leaves(1))
