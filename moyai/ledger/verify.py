"""The program behind `moyai verify`: reads a whole log, computes everything anew, trusts nothing but keys.

It knows no database and none of the platform's own code but the formats (`merkle`, `note`). Two copies of every
leaf hash exist, in the entry bundles and in the tiles; whichever has a root that the log signed is the true one,
so a changed entry is named by index and id. Where both were changed, the signed checkpoints around the change
tell the interval. A checkpoint that somebody saved, or that a witness keeps, also convicts a log that was
rewritten and signed anew with the true key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec

from moyai.ledger import merkle, note
from moyai.ledger.findings import Finding, finding
from moyai.ledger.merkle import HASH_BYTES, Frontier, leaf_hash
from moyai.ledger.note import Checkpoint, Note, NoteError, Verifier
from moyai.ledger.verify_source import Absent, Source, VerifyError, open_source, witness_checkpoint

_LEAF_BYTES = 58

Progress = Callable[[int, int], None]


class Report(msgspec.Struct, frozen=True):
    """What was found. `size` and `root` (base64) are the newest checkpoint's; `cosigned_by` its witnesses."""

    ok: bool
    origin: str
    size: int
    root: str
    cosigned_by: list[str]
    findings: list[Finding]

    def lines(self) -> list[str]:
        """For people: what was examined, and each finding in both languages."""
        seen = f"{self.origin}  {self.size:,}  {self.root}"
        by = f"証人 / witnesses: {', '.join(self.cosigned_by) or '-'}"
        told = [line for found in self.findings for line in (f"✕ {found.ja}", f"  {found.en}")]
        good = "○ 変更・削除・並べ替えはありません。 / Nothing was changed, removed or moved."
        return [seen, by, *(told or [good])]


class Claim(msgspec.Struct, frozen=True):
    """A signed statement about the log at one size. `saved_in` names where an outside one comes from."""

    checkpoint: Checkpoint
    saved_in: str | None = None


class Place(msgspec.Struct, frozen=True):
    """One index where bundle and tile disagree."""

    index: int
    entry_id: str | None
    in_bundle: bytes | None
    in_tile: bytes | None


class Trees:
    """The two trees, grown side by side from bundles and from tiles, and their roots at the claimed sizes."""

    def __init__(self) -> None:
        self.bundles, self.tiles = Frontier(), Frontier()
        self.bundles_whole = self.tiles_whole = True
        self.differ: list[Place] = []
        self.full: list[bytes] = []  # the roots of the full tiles of level 0
        self.proven: dict[int, tuple[bytes | None, bytes | None]] = {}

    def mark(self, size: int) -> None:
        self.proven[size] = (
            self.bundles.root() if self.bundles_whole else None,
            self.tiles.root() if self.tiles_whole else None,
        )

    def add(self, index: int, leaf: bytes | None, in_tile: bytes | None) -> None:
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
            self.differ.append(Place(index, _entry_id(leaf), in_bundle, in_tile))


def _entry_id(leaf: bytes | None) -> str | None:
    """The id in a leaf, or the id alone, which the platform serves in place of a missing leaf."""
    if leaf is None or len(leaf) not in (16, _LEAF_BYTES):
        return None
    return str(UUID(bytes=leaf if len(leaf) == 16 else leaf[10:26]))


def examine(
    place: str,
    *,
    checkpoints: Sequence[Path] = (),
    witnesses: Sequence[str] = (),
    log_keys: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Verify the log at a URL or in a directory, against saved checkpoint files and witnesses' URLs.

    Raises VerifyError if there is no log to examine, or an argument cannot be used.
    """
    try:
        saved = [(str(path), path.read_text(encoding="utf-8")) for path in checkpoints]
        source = open_source(place)
        return verify(source, log_keys=log_keys, saved=saved, witnesses=witnesses, progress=progress)
    except (Absent, ValueError, OSError) as error:
        raise VerifyError(str(error)) from error


def verify(
    source: Source,
    *,
    log_keys: Sequence[str] = (),
    saved: Sequence[tuple[str, str]] = (),
    witnesses: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Verify a log.

    `log_keys` are trusted verifier keys (else those that the log names are), `saved` are (where from, text) of
    checkpoints kept elsewhere, `witnesses` are URLs. Raises Absent if there is no log at all.
    """
    findings: list[Finding] = []
    trusted = [note.parse_vkey(key) for key in log_keys]
    said = source.keys()
    keys = trusted or [note.parse_vkey(key) for key in said.verifier_keys]
    try:
        head, signed = note.open_checkpoint(source.read("checkpoint").decode(errors="replace"), keys)
    except NoteError as error:
        bad = finding("checkpoint_invalid", where="checkpoint", why=str(error))
        return Report(False, said.origin, 0, "", [], [bad])
    claims = [Claim(head), *_chain(source, keys, head, findings), *_outside(keys, saved, witnesses, findings)]
    trees = _read(source, head, {claim.checkpoint.size for claim in claims}, findings, progress)
    _judge(trees, claims, head, findings)
    if head.root == trees.proven[head.size][1] and not trees.differ:
        _upper_tiles(source, trees, head, findings)
    cosigned = _cosigned(signed, [key.verifier_key for key in said.witnesses], findings)
    root = base64.b64encode(head.root).decode()
    return Report(not findings, head.origin, head.size, root, cosigned, findings)


def _chain(source: Source, keys: list[Verifier], head: Checkpoint, findings: list[Finding]) -> list[Claim]:
    claims: list[Claim] = []
    for number, text in enumerate(source.chain()):
        try:
            checkpoint, _ = note.open_checkpoint(text, keys)
        except NoteError as error:
            findings.append(finding("checkpoint_invalid", where=f"checkpoints[{number}]", why=str(error)))
            continue
        if checkpoint.size <= head.size:  # the log may have grown since
            claims.append(Claim(checkpoint))
    return claims


def _outside(
    keys: list[Verifier],
    saved: Sequence[tuple[str, str]],
    witnesses: Sequence[str],
    findings: list[Finding],
) -> list[Claim]:
    texts = list(saved)
    for url in witnesses:
        try:
            texts.append((url, witness_checkpoint(url)))
        except Absent as error:
            findings.append(finding("witness_silent", where=url, why=str(error)))
    claims: list[Claim] = []
    for where, text in texts:
        try:
            claims.append(Claim(note.open_checkpoint(text, keys)[0], where))
        except NoteError as error:
            findings.append(finding("checkpoint_invalid", where=where, why=str(error)))
    return claims


def _read(
    source: Source, head: Checkpoint, sizes: set[int], findings: list[Finding], progress: Progress | None
) -> Trees:
    trees = Trees()
    trees.mark(0)
    places = merkle.widths(head.size, 0)
    for done, (number, width) in enumerate(places, 1):
        leaves = _bundle(source, number, width, findings)
        hashes = _tile(source, 0, number, width, findings)
        for offset in range(width):
            index = number * merkle.TILE_WIDTH + offset
            trees.add(index, leaves[offset], hashes[offset])
            if index + 1 in sizes:
                trees.mark(index + 1)
        if width == merkle.TILE_WIDTH and None not in hashes:
            trees.full.append(merkle.fold(b"".join([hash_ for hash_ in hashes if hash_])))
        if progress is not None:
            progress(done, len(places))
    return trees


def _bundle(source: Source, number: int, width: int, findings: list[Finding]) -> list[bytes | None]:
    path = merkle.tile_path("entries", number, width)
    try:
        leaves: list[bytes | None] = list(_unpack(source.read(path)))
    except (Absent, ValueError) as error:
        findings.append(finding("tile_unreadable", where=path, why=str(error)))
        return [None] * width
    if len(leaves) != width:
        findings.append(finding("tile_unreadable", where=path, why=f"{len(leaves)} entries, not {width}"))
    return (leaves + [None] * width)[:width]


def _unpack(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise ValueError("truncated bundle")
        yield data[at + 2 : end]
        at = end


def _tile(source: Source, level: int, number: int, width: int, findings: list[Finding]) -> list[bytes | None]:
    path = merkle.tile_path(level, number, width)
    try:
        data = source.read(path)
    except Absent as error:
        findings.append(finding("tile_unreadable", where=path, why=str(error)))
        return [None] * width
    if len(data) != width * HASH_BYTES:
        findings.append(finding("tile_unreadable", where=path, why=f"{len(data)} bytes"))
        return [None] * width
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def _judge(trees: Trees, claims: Sequence[Claim], head: Checkpoint, findings: list[Finding]) -> None:
    """Which claims hold, by which tree; then what that says about every place where the trees differ."""
    own = sorted((c.checkpoint for c in claims if c.saved_in is None), key=lambda c: c.size)
    roots = [(checkpoint, trees.proven[checkpoint.size]) for checkpoint in own]
    bundle_proven = max((c.size for c, (in_bundles, _) in roots if in_bundles == c.root), default=0)
    tile_proven = max((c.size for c, (_, in_tiles) in roots if in_tiles == c.root), default=0)
    true = {place.in_tile: place.index for place in trees.differ if place.index < tile_proven}
    for place in trees.differ:
        findings.append(_place_finding(place, bundle_proven, tile_proven, true))
    good, bad_before = 0, False
    for checkpoint, both in roots:
        if checkpoint.root in both:
            good, bad_before = max(good, checkpoint.size), False
        elif not bad_before:
            findings.append(finding("history_changed", interval=(good, checkpoint.size)))
            bad_before = True
    _judge_outside(trees, [claim for claim in claims if claim.saved_in is not None], head, findings)


def _place_finding(
    place: Place, bundle_proven: int, tile_proven: int, true: dict[bytes | None, int]
) -> Finding:
    named = partial(finding, index=place.index, entry_id=place.entry_id)
    if place.index < tile_proven:
        if place.in_bundle is None:
            return named("entry_removed")
        if place.in_bundle in true:
            return named("entry_moved", other=true[place.in_bundle])
        return named("entry_changed")
    if place.index < bundle_proven:
        return named("tile_changed", where=merkle.tile_path(0, place.index // merkle.TILE_WIDTH))
    return named("entry_doubtful")


def _judge_outside(trees: Trees, claims: Sequence[Claim], head: Checkpoint, findings: list[Finding]) -> None:
    good = 0
    for claim in sorted(claims, key=lambda claim: claim.checkpoint.size):
        checkpoint = claim.checkpoint
        if checkpoint.size > head.size:
            interval = (head.size, checkpoint.size)
            findings.append(finding("log_shorter", where=claim.saved_in, interval=interval))
        elif checkpoint.root in trees.proven[checkpoint.size]:
            good = max(good, checkpoint.size)
        else:
            interval = (good, checkpoint.size)
            findings.append(finding("log_rewritten", where=claim.saved_in, interval=interval))


def _upper_tiles(source: Source, trees: Trees, head: Checkpoint, findings: list[Finding]) -> None:
    level, hashes = 1, trees.full
    while hashes:
        full: list[bytes] = []
        for number, width in merkle.widths(head.size, level):
            expected = hashes[number * merkle.TILE_WIDTH :][:width]
            served = _tile(source, level, number, width, findings)
            if served != expected and None not in served:
                findings.append(finding("tile_changed", where=merkle.tile_path(level, number, width)))
            if width == merkle.TILE_WIDTH:
                full.append(merkle.fold(b"".join(expected)))
        level, hashes = level + 1, full


def _cosigned(signed: Note, vkeys: Sequence[str], findings: list[Finding]) -> list[str]:
    """Names of the witnesses whose good signature the newest checkpoint carries."""
    try:
        return [key.name for key in note.signed_by(signed, [note.parse_vkey(vkey) for vkey in vkeys])]
    except NoteError as error:
        findings.append(finding("checkpoint_invalid", where="checkpoint", why=str(error)))
        return []
