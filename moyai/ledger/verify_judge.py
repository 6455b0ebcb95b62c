"""Signed statements about a log, held against the trees that its bundles and tiles really make.

A log may have tens of millions of checkpoints, and all of it comes from a stranger: statements are read as a stream,
in the order of their sizes, beside the trees; what is kept of them does not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from moyai.ledger import merkle, note
from moyai.ledger.findings import Finding, Findings, finding
from moyai.ledger.note import Checkpoint, Note, NoteError, Verifier
from moyai.ledger.policy import Policy
from moyai.ledger.verify_read import Place, Roots, Trees
from moyai.ledger.verify_source import Source

_COSIGNED_KEPT = 64


class Claim(msgspec.Struct, frozen=True):
    """A signed statement about the log at one size, from outside it: `saved_in` names where from."""

    checkpoint: Checkpoint
    saved_in: str


class Chain:
    """The checkpoints that the log keeps, smallest first, up to the newest one that was read before."""

    def __init__(
        self, source: Source, keys: list[Verifier], head: tuple[Checkpoint, Note], trust: Policy
    ) -> None:
        self._source, self._keys, self._head, self._trust = source, keys, head, trust
        self._ids = {(key.name, key.key_id): name for name, key in trust.witnesses.items()}
        self._cosigned: deque[tuple[Checkpoint, Note]] = deque(maxlen=_COSIGNED_KEPT)

    def read(self, findings: Findings) -> Iterator[Checkpoint]:
        last = -1
        for number, text in enumerate(self._source.chain()):
            where = f"checkpoints[{number}]"
            try:
                checkpoint, signed = note.open_checkpoint(text, self._keys)
            except NoteError as error:
                findings.add(finding("checkpoint_invalid", where=where, why=str(error)))
                continue
            if checkpoint.size > self._head[0].size:  # the log has grown since
                break
            if checkpoint.size <= last:
                findings.add(finding("checkpoints_unordered", where=where))
                break
            last = checkpoint.size
            self._keep(checkpoint, signed)
            yield checkpoint
        self._keep(*self._head)
        yield self._head[0]

    def _keep(self, checkpoint: Checkpoint, signed: Note) -> None:
        """Remember the newest ones that name enough trusted witnesses; verifying every signature would be slow."""
        named = [self._ids.get((one.name, one.key_id), "") for one in signed.signatures]
        if self._trust.demands_witnesses and self._trust.satisfied_by(named):
            self._cosigned.append((checkpoint, signed))

    def cosigned(self, findings: Findings) -> tuple[list[str], int, int | None]:
        """Names of the trusted witnesses under the newest checkpoint that has enough, its size, the earliest time."""
        for checkpoint, signed in reversed(self._cosigned):
            times = self._trust.cosigners(signed)
            if self._trust.satisfied_by(list(times)):
                names = [self._trust.witnesses[name].name for name in times]
                return names, checkpoint.size, min(times.values())
            why = "a witness's signature does not fit"
            findings.add(finding("checkpoint_invalid", where=f"{checkpoint.size}", why=why))
        if self._trust.demands_witnesses:
            findings.add(finding("not_witnessed"))
        return [], 0, None


class Judge:
    """Compares the growing trees with each statement as its size is reached."""

    def __init__(self, own: Iterator[Checkpoint], outside: Sequence[Claim], size: int) -> None:
        self._own = own
        self._pending = next(own, None)
        self._outside = sorted(outside, key=lambda claim: claim.checkpoint.size)
        self._sizes = {claim.checkpoint.size for claim in outside if claim.checkpoint.size <= size}
        self._outside_roots: dict[int, Roots] = {}
        self._size = size
        self._bundle_proven = self._tile_proven = self._good = 0
        self._bad_before = False
        self._history: list[Finding] = []
        self._aim()

    def _aim(self) -> None:
        own = {self._pending.size} if self._pending else set[int]()
        self.next = min(own | self._sizes, default=-1)

    def reach(self, trees: Trees) -> None:
        roots = trees.roots()
        while self._pending is not None and self._pending.size == trees.size:
            self._compare(self._pending, roots)
            self._pending = next(self._own, None)
        if trees.size in self._sizes:
            self._sizes.discard(trees.size)
            self._outside_roots[trees.size] = roots
        self._aim()

    def _compare(self, own: Checkpoint, roots: Roots) -> None:
        if own.root == roots[0]:
            self._bundle_proven = own.size
        if own.root == roots[1]:
            self._tile_proven = own.size
        if own.root in roots:
            self._good, self._bad_before = own.size, False
        elif not self._bad_before:
            self._history.append(finding("history_changed", interval=(self._good, own.size)))
            self._bad_before = True

    def verdict(self, trees: Trees, findings: Findings) -> int:
        """What all that says about every place where the trees differ. Returns the largest outside size that holds."""
        true = {place.in_tile: place.index for place in trees.differ if place.index < self._tile_proven}
        for place in trees.differ:
            findings.add(self._place(place, true))
        for one in self._history:
            findings.add(one)
        return self._judge_outside(findings)

    def _place(self, place: Place, true: dict[bytes | None, int]) -> Finding:
        named = partial(finding, index=place.index, entry_id=place.entry_id)
        if place.index < self._tile_proven:
            if place.in_bundle is None:
                return named("entry_removed")
            if place.in_bundle in true:
                return named("entry_moved", other=true[place.in_bundle])
            return named("entry_changed")
        if place.index < self._bundle_proven:
            return named("tile_changed", where=merkle.tile_path(0, place.index // merkle.TILE_WIDTH))
        return named("entry_doubtful")

    def _judge_outside(self, findings: Findings) -> int:
        good = 0
        for claim in self._outside:
            size = claim.checkpoint.size
            if size > self._size:
                findings.add(finding("log_shorter", where=claim.saved_in, interval=(self._size, size)))
            elif claim.checkpoint.root in self._outside_roots[size]:
                good = max(good, size)
            else:
                findings.add(finding("log_rewritten", where=claim.saved_in, interval=(good, size)))
        return good
