"""Acts that take two persons: asked for, confirmed, done, ended."""

from __future__ import annotations

from moyai.ledger.contents.content import Content


class ActAsked(Content, frozen=True, kw_only=True):
    """ACT_ASKED: `act` on the `noun` with this id waits. `sha256` is of the change, `fields` names what it changes."""

    pending_id: str
    act: str
    noun: str
    id: str
    fields: list[str]
    sha256: str


class ActConfirmed(Content, frozen=True, kw_only=True):
    """ACT_CONFIRMED: a member of staff of `organization_id` stands for it."""

    pending_id: str
    act: str
    noun: str
    id: str
    sha256: str
    organization_id: str


class ActDone(Content, frozen=True, kw_only=True):
    """ACT_DONE. `way`: second_person, organization (the one that it concerns said yes), waited.

    `first_person` is the other of the two; the actor of the entry is who spoke last. What was done stands in an entry
    of its own kind.
    """

    pending_id: str
    act: str
    noun: str
    id: str
    sha256: str
    way: str
    asked_by: str
    first_person: str | None = None


class ActEnded(Content, frozen=True, kw_only=True):
    """ACT_ENDED: `state` is revoked, or void, because what it refers to is no longer what it was."""

    pending_id: str
    act: str
    noun: str
    id: str
    sha256: str
    state: str
    reason: str
