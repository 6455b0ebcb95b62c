"""The program behind `moyai verify`: reads a whole log, computes everything anew, trusts nothing but keys.

It knows no database and none of the platform's own code but the formats (`merkle`, `note`). Two copies of every
leaf hash exist, in the entry bundles and in the tiles; whichever has a root that the log signed is the true one,
so a changed entry is named by index and id. Where both were changed, the signed checkpoints around the change
tell the interval. A checkpoint that somebody saved, or that a witness keeps, also convicts a log that was
rewritten and signed anew with the true key.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from moyai.ledger import merkle, note
from moyai.ledger.findings import Finding, finding
from moyai.ledger.note import Checkpoint, Note, NoteError, Verifier
from moyai.ledger.verify_read import Place, Progress, Trees, read, tile
from moyai.ledger.verify_source import Absent, Source, VerifyError, open_source, witness_checkpoint


class Report(msgspec.Struct, frozen=True):
    """What was found. `size` and `root` (base64) are the newest checkpoint's.

    `cosigned_by` are the witnesses under the newest checkpoint that has any, `cosigned_size` is its size.
    """

    ok: bool
    origin: str
    size: int
    root: str
    cosigned_by: list[str]
    cosigned_size: int
    findings: list[Finding]

    def lines(self) -> list[str]:
        """For people: what was examined, and each finding in both languages."""
        seen = f"{self.origin}  {self.size:,}  {self.root}"
        by = f"証人 / witnesses: {', '.join(self.cosigned_by) or '-'}  ({self.cosigned_size:,})"
        told = [line for found in self.findings for line in (f"✕ {found.ja}", f"  {found.en}")]
        good = "○ 変更・削除・並べ替えはありません。 / Nothing was changed, removed or moved."
        return [seen, by, *(told or [good])]


class Claim(msgspec.Struct, frozen=True):
    """A signed statement about the log at one size. `saved_in` names where an outside one comes from."""

    checkpoint: Checkpoint
    saved_in: str | None = None


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
        head, newest = note.open_checkpoint(source.read("checkpoint").decode(errors="replace"), keys)
    except NoteError as error:
        bad = finding("checkpoint_invalid", where="checkpoint", why=str(error))
        return Report(False, said.origin, 0, "", [], 0, [bad])
    signed = [(head, newest), *_chain(source, keys, head, findings)]
    claims = [*(Claim(each) for each, _ in signed), *_outside(keys, saved, witnesses, findings)]
    trees = read(source, head, {claim.checkpoint.size for claim in claims}, findings, progress)
    _judge(trees, claims, head, findings)
    if head.root == trees.proven[head.size][1] and not trees.differ:
        _upper_tiles(source, trees, head, findings)
    cosigned = _cosigned(signed, [key.verifier_key for key in said.witnesses], findings)
    root = base64.b64encode(head.root).decode()
    return Report(not findings, head.origin, head.size, root, *cosigned, findings)


def _chain(
    source: Source, keys: list[Verifier], head: Checkpoint, findings: list[Finding]
) -> list[tuple[Checkpoint, Note]]:
    """The checkpoints that the log keeps, up to the newest one that was read before."""
    chain: list[tuple[Checkpoint, Note]] = []
    for number, text in enumerate(source.chain()):
        try:
            checkpoint, signed = note.open_checkpoint(text, keys)
        except NoteError as error:
            findings.append(finding("checkpoint_invalid", where=f"checkpoints[{number}]", why=str(error)))
            continue
        if checkpoint.size <= head.size:  # the log may have grown since
            chain.append((checkpoint, signed))
    return chain


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
            served = tile(source, level, number, width, findings)
            if served != expected and None not in served:
                findings.append(finding("tile_changed", where=merkle.tile_path(level, number, width)))
            if width == merkle.TILE_WIDTH:
                full.append(merkle.fold(b"".join(expected)))
        level, hashes = level + 1, full


def _cosigned(
    signed: list[tuple[Checkpoint, Note]], vkeys: Sequence[str], findings: list[Finding]
) -> tuple[list[str], int]:
    """Names of the witnesses under the newest checkpoint that any has cosigned, and its size."""
    try:
        keys = [note.parse_vkey(vkey) for vkey in vkeys]
        for checkpoint, text in sorted(signed, key=lambda pair: -pair[0].size):
            if names := [key.name for key in note.signed_by(text, keys)]:
                return names, checkpoint.size
    except NoteError as error:
        findings.append(finding("checkpoint_invalid", where="checkpoints", why=str(error)))
    return [], 0
