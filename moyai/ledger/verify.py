"""The program behind `moyai verify`: reads a whole log, computes everything anew, trusts nothing but the verifier's keys.

It knows no database and none of the platform's own code but the formats (`merkle`, `note`, `policy`). Two copies of
every leaf hash exist, in the entry bundles and in the tiles; whichever has a root that the log signed is the true one,
so a changed entry is named by index and id. Where both were changed, the signed checkpoints around the change tell the
interval.

That shows a log to be consistent with itself; anybody can make such a log, with keys of their own. What it is worth
rests on what the verifier brings along: the log's key, witnesses' keys and how many of them must have signed, a
checkpoint that was saved, what a witness says. The report says which of these there was, and what was not checked.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from moyai.ledger import merkle, note, policy
from moyai.ledger.findings import Findings, GaveUp, finding
from moyai.ledger.note import LOG_KEY, Checkpoint, Note, NoteError, Verifier
from moyai.ledger.policy import Policy
from moyai.ledger.verify_judge import Chain, Claim, Judge
from moyai.ledger.verify_read import Progress, Trees, read, tile
from moyai.ledger.verify_report import Report, Unchecked, unchecked
from moyai.ledger.verify_source import (
    MOST_ENTRIES,
    Absent,
    Former,
    Keys,
    Source,
    VerifyError,
    check_size,
    open_source,
    witness_checkpoint,
)


def examine(
    place: str,
    *,
    trust: Policy | None = None,
    checkpoints: Sequence[Path] = (),
    witnesses: Sequence[str] = (),
    most_entries: int = MOST_ENTRIES,
    progress: Progress | None = None,
) -> Report:
    """Verify the log at a URL or in a directory, by `trust`, against saved checkpoint files and witnesses' URLs.

    Raises VerifyError if there is no log to examine, or an argument cannot be used.
    """
    try:
        saved = [(str(path), path.read_text(encoding="utf-8")) for path in checkpoints]
        with closing(open_source(place)) as source:
            return verify(
                source,
                trust=trust,
                saved=saved,
                witnesses=witnesses,
                most_entries=most_entries,
                progress=progress,
            )
    except (Absent, GaveUp, ValueError, OSError) as error:
        raise VerifyError(str(error)) from error


def first_use(place: str) -> Policy:
    """The keys that a log names of itself, and more than half of its witnesses. Nothing vouches for them.

    Raises VerifyError.
    """
    try:
        with closing(open_source(place)) as source:
            said = source.keys()
        return policy.make(said.verifier_keys, [one.verifier_key for one in said.witnesses])
    except (Absent, GaveUp, ValueError) as error:
        raise VerifyError(str(error)) from error


def verify(
    source: Source,
    *,
    trust: Policy | None = None,
    saved: Sequence[tuple[str, str]] = (),
    witnesses: Sequence[str] = (),
    most_entries: int = MOST_ENTRIES,
    progress: Progress | None = None,
) -> Report:
    """Verify a log.

    `trust` is the verifier's own, `saved` are (where from, text) of checkpoints kept elsewhere, `witnesses` are URLs.
    Raises Absent if there is no log at all.
    """
    trust, findings = trust or Policy(), Findings()
    said = _said(source)
    keys = list(trust.logs) or [note.parse_vkey(key, LOG_KEY) for key in said.verifier_keys]
    keys += _other_names(said, keys)
    try:
        head = note.open_checkpoint(source.read("checkpoint").decode(errors="replace"), keys)
    except NoteError as error:
        findings.add(finding("checkpoint_invalid", where="checkpoint", why=str(error)))
        return _report(trust, keys[0].name if keys else "", None, findings, ([], 0, None), 0)
    chain = Chain(source, keys, head, trust)
    cosigned: tuple[list[str], int, int | None] = ([], 0, None)
    held = 0
    try:
        check_size(head[0], most_entries)
        claims = _outside(keys, saved, witnesses, findings)
        claims = [claim for claim in claims if not _is_lost(claim, said.former, findings)]
        held = _examine(source, chain, head, claims, findings, progress)
        cosigned = chain.cosigned(findings)
    except GaveUp as error:
        findings.found.append(finding("gave_up", why=str(error)))  # the one beyond the limit
    report = _report(trust, head[0].origin, head[0], findings, cosigned, held)
    continued = [unchecked("continued", end=former.size, origin=former.origin) for former in said.former]
    return msgspec.structs.replace(report, unchecked=[*report.unchecked, *continued])


def _said(source: Source) -> Keys:
    """What the log says about itself: needed where the verifier brings no key, and for the names that it had before."""
    try:
        return source.keys()
    except Absent:
        return Keys("", [])


def _other_names(said: Keys, keys: Sequence[Verifier]) -> list[Verifier]:
    """The same keys under the other origins of this log: a restored log goes on under a new one.

    Who trusts a key under one name trusts its owner; the name only keeps the two logs apart.
    """
    known = {key.name for key in keys}
    names = [name for name in (said.origin, *(former.origin for former in said.former)) if name not in known]
    return [Verifier(name, LOG_KEY, public) for name in names for public in {key.public for key in keys}]


def _is_lost(claim: Claim, former: Sequence[Former], findings: Findings) -> bool:
    """Whether a checkpoint is of a former log beyond what this one continues: a restore lost those entries."""
    for one in former:
        if claim.checkpoint.origin == one.origin and claim.checkpoint.size > one.size:
            interval = (one.size, claim.checkpoint.size)
            findings.add(finding("entries_lost", where=claim.saved_in, why=one.origin, interval=interval))
            return True
    return False


def _examine(
    source: Source,
    chain: Chain,
    head: tuple[Checkpoint, Note],
    claims: Sequence[Claim],
    findings: Findings,
    progress: Progress | None,
) -> int:
    """Read it all. Returns the largest size of a checkpoint from outside that the log extends."""
    judge = Judge(chain.read(findings), claims, head[0].size)
    trees = read(source, head[0].size, judge, findings, progress)
    held = judge.verdict(trees, findings)
    if head[0].root == trees.roots()[1] and not trees.differ:
        _upper_tiles(source, trees, head[0], findings)
    return held


def _outside(
    keys: list[Verifier],
    saved: Sequence[tuple[str, str]],
    witnesses: Sequence[str],
    findings: Findings,
) -> list[Claim]:
    texts = list(saved)
    for url in witnesses:
        try:
            texts.append((url, witness_checkpoint(url)))
        except Absent as error:
            findings.add(finding("witness_silent", where=url, why=str(error)))
    claims: list[Claim] = []
    for where, text in texts:
        try:
            claims.append(Claim(note.open_checkpoint(text, keys)[0], where))
        except NoteError as error:
            findings.add(finding("checkpoint_invalid", where=where, why=str(error)))
    return claims


def _upper_tiles(source: Source, trees: Trees, head: Checkpoint, findings: Findings) -> None:
    level, hashes = 1, trees.full
    while hashes:
        full: list[bytes] = []
        for number, width in merkle.widths(head.size, level):
            expected = hashes[number * merkle.TILE_WIDTH :][:width]
            served = tile(source, level, number, width, findings)
            if served != expected and None not in served:
                findings.add(finding("tile_changed", where=merkle.tile_path(level, number, width)))
            if width == merkle.TILE_WIDTH:
                full.append(merkle.fold(b"".join(expected)))
        level, hashes = level + 1, full


def _report(
    trust: Policy,
    origin: str,
    head: Checkpoint | None,
    findings: Findings,
    cosigned: tuple[list[str], int, int | None],
    held: int,
) -> Report:
    names, cosigned_size, at = cosigned
    size = head.size if head else 0
    return Report(
        ok=not findings.found,
        origin=origin,
        size=size,
        root=base64.b64encode(head.root).decode() if head else "",
        vouched=not findings.found and bool(trust.logs or names or held),
        vouched_size=0 if findings.found else max(size if trust.logs else 0, cosigned_size, held),
        cosigned_by=names,
        cosigned_size=cosigned_size,
        cosigned_at=None if at is None else _time(at),
        findings=findings.found,
        unchecked=_unchecked(trust, size, cosigned_size, held),
    )


def _time(seconds: int) -> datetime | None:
    """A time that a witness stated; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _unchecked(trust: Policy, size: int, cosigned_size: int, held: int) -> list[Unchecked]:
    found: list[Unchecked] = []
    if not trust.logs:
        found.append(unchecked("log_key"))
    if not trust.demands_witnesses:
        found.append(unchecked("witnesses"))
    elif cosigned_size < size:
        found.append(unchecked("unwitnessed", cosigned_size, size))
    vouched = max(size if trust.logs else 0, cosigned_size, held)
    if 0 < vouched < size:
        found.append(unchecked("unvouched", vouched, size))
    return found
