"""Whom a verifier trusts: a policy file after C2SP tlog-policy. Pure.

    log NAME+HASH+KEY
    witness c1 NAME+HASH+KEY
    witness c2 NAME+HASH+KEY
    group towns 2 c1 c2
    quorum towns

It is the verifier's own, and comes from outside the log that is examined.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from moyai.ledger import note
from moyai.ledger.note import LOG_KEY, WITNESS_KEY, Note, NoteError, Verifier

NOBODY = "none"
_MOST_BYTES = 65_536


class PolicyError(ValueError):
    """The text is no trust policy; the message names the line."""


class Group(msgspec.Struct, frozen=True):
    needed: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """Log keys, witnesses by the policy's own names, groups of them, and whose cosignatures a checkpoint needs."""

    logs: tuple[Verifier, ...] = ()
    witnesses: dict[str, Verifier] = {}
    groups: dict[str, Group] = {}
    quorum: str = NOBODY

    @property
    def demands_witnesses(self) -> bool:
        return self.quorum != NOBODY

    def cosigners(self, signed: Note) -> dict[str, int]:
        """The witnesses whose cosignature of this note holds, and the Unix time that each stated."""
        found: dict[str, int] = {}
        for name, key in self.witnesses.items():
            for signature in signed.signatures:
                if note.holds(key, signed.text, signature):
                    found[name] = int.from_bytes(signature.value[:8], "big")
        return found

    def satisfied_by(self, names: Sequence[str], place: str | None = None) -> bool:
        """Whether these witnesses make a checkpoint a valid one."""
        place = self.quorum if place is None else place
        group = self.groups.get(place)
        if group is None:
            return place == NOBODY or place in names
        return sum(self.satisfied_by(names, member) for member in group.members) >= group.needed

    def text(self) -> str:
        """The policy as a file."""
        lines = [f"log {key.vkey()}" for key in self.logs]
        lines += [f"witness {name} {key.vkey()}" for name, key in self.witnesses.items()]
        lines += [
            f"group {name} {group.needed} {' '.join(group.members)}" for name, group in self.groups.items()
        ]
        return "\n".join([*lines, f"quorum {self.quorum}", ""])


def make(log_keys: Sequence[str], witness_keys: Sequence[str], needed: int | None = None) -> Policy:
    """A policy of keys alone: `needed` of the witnesses, or more than half. Raises PolicyError."""
    names = [f"w{number}" for number in range(1, len(witness_keys) + 1)]
    needed = len(names) // 2 + 1 if needed is None and names else needed or 0
    lines = [*(f"log {key}" for key in log_keys)]
    lines += [f"witness {name} {key}" for name, key in zip(names, witness_keys, strict=True)]
    if needed:
        lines.append(f"group witnesses {needed} {' '.join(names)}")
    return parse("\n".join([*lines, f"quorum {'witnesses' if needed else NOBODY}", ""]))


def parse(text: str) -> Policy:
    """Raises PolicyError."""
    if len(text.encode()) > _MOST_BYTES:
        raise PolicyError("a trust policy has at most 64 KiB")
    draft = _Draft()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip(" \t").split()
        if words and not words[0].startswith("#"):
            try:
                draft.add(words)
            except (NoteError, PolicyError) as error:
                raise PolicyError(f"line {number} of the trust policy: {error}") from error
    if draft.quorum is None:
        raise PolicyError("a trust policy has one line: quorum NAME (or: quorum none)")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


class _Draft:
    """A policy while its lines are read: names are defined before they are used, and used once."""

    def __init__(self) -> None:
        self.logs: list[Verifier] = []
        self.witnesses: dict[str, Verifier] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._grouped: set[str] = set()

    def add(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(self._new(note.parse_vkey(vkey, LOG_KEY), self.logs))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                key = self._new(note.parse_vkey(vkey, WITNESS_KEY), list(self.witnesses.values()))
                self.witnesses[self._unused(name)] = key
            case ["group", name, needed, *members] if members:
                self.groups[self._unused(name)] = self._group(needed, members)
            case ["quorum", name] if self.quorum is None:
                self.quorum = name if name == NOBODY else self._known(name)
            case _:
                raise PolicyError(f"not understood, or a second quorum: {words[0][:40]}")

    def _group(self, needed: str, members: list[str]) -> Group:
        for member in members:
            if self._known(member) in self._grouped:
                raise PolicyError(f"{member} is a member twice")
            self._grouped.add(member)
        words = {"any": "1", "all": str(len(members))}
        number = words.get(needed, needed)
        if not (
            number.isascii() and number.isdigit() and len(number) < 4 and 1 <= int(number) <= len(members)
        ):
            raise PolicyError(f"a group needs all, any, or 1 to {len(members)} of its members")
        return Group(int(number), tuple(members))

    def _new(self, key: Verifier, known: list[Verifier]) -> Verifier:
        if key.public in [other.public for other in known]:
            raise PolicyError("the same key stands here twice")
        return key

    def _unused(self, name: str) -> str:
        if name == NOBODY or name in self.witnesses or name in self.groups:
            raise PolicyError(f"the name {name[:40]} is taken")
        return name

    def _known(self, name: str) -> str:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError(f"{name[:40]} is not defined on a line before")
        return name
