"""What a choice does to a link, where it does anything. Pure.

A decision changes what was chosen and nothing beyond it: what stands already, and is said to be given or kept, keeps its
version, its end and its level, and is no part of the act. Only `prolonged` moves the end of what stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from moyai.base.errors import Problem
from moyai.consent.model import Choice, LinkState, LinkText, NewState, State
from moyai.registry.model import Link

Choices = dict[str, Choice] | Literal["given", "refused"]
"""What is decided per link_id, or one word for all links of the text."""


class Standing(msgspec.Struct, frozen=True):
    """One link as it was read, and how it stands for the resident (`state` None: never decided)."""

    link: Link
    text: LinkText
    state: LinkState | None

    @property
    def until(self) -> datetime:
        """When a consent to this text ends."""
        return msgspec.convert(self.text.until, type=datetime)

    @property
    def ends(self) -> datetime:
        """When the consent that stands ends; where none does, when one to this text would."""
        stands = self.state is not None and self.state.stands
        return self.state.expires_at or self.until if stands and self.state is not None else self.until

    @property
    def waiting(self) -> tuple[str, ...]:
        """Items of the text that the consent that stands does not open."""
        if self.state is None or not self.state.stands:
            return ()
        return tuple(item.name for item in self.text.items if item.name not in self.state.items)

    @property
    def asking(self) -> tuple[str, ...]:
        """Of the waiting items, those that were not declined."""
        declined = self.state.declined if self.state is not None else ()
        return tuple(name for name in self.waiting if name not in declined)


def chosen(choices: Choices, read: Mapping[str, Standing], *, in_use: bool) -> dict[str, Choice]:
    """What was chosen for which link, in the order of the text.

    A first decision gives or refuses each link: silence is not consent, and no consent is assumed. Later, what is not named
    stays as it stands; one word never overturns a refusal or a stop. Raises Problem: invalid_request,
    decision_contradictory.
    """
    if isinstance(choices, str):
        overturned = [link_id for link_id, one in read.items() if _refused(one)]
        if in_use and choices == "given" and overturned:
            raise Problem("decision_contradictory", "decide on each link by its id", links=overturned)
        return dict.fromkeys(read, choices)
    unknown, missing = set(choices) - set(read), set(read) - set(choices)
    whole = in_use or not (missing or set(choices.values()) - {"given", "refused"})
    if unknown or not whole:
        raise Problem(
            "invalid_request", "decide on every link of the text, and on no other", links=list(read)
        )
    return {link_id: choices[link_id] for link_id in read if link_id in choices}


def _refused(read: Standing) -> bool:
    """Whether the resident said no to this, or to a part of it, by name."""
    if read.state is None:
        return False
    return read.state.state is not State.GIVEN or bool(set(read.waiting) - set(read.asking))


def outcome(choice: Choice, read: Standing, aal: int) -> Choice | None:
    """What the choice does to the link; None where the link stays as it is.

    Raises Problem decision_contradictory for prolonging what does not stand, or what more than was read would flow by.
    """
    state = read.state
    if choice == "refused":
        return None if state is not None and state.state is not State.GIVEN else "refused"
    if choice == "prolonged":
        return _prolonged(read, aal)
    if state is None or not state.stands:
        return "given" if choice == "given" else None
    if choice == "given":
        return "given" if read.waiting else None
    return "kept" if read.asking else None


def _prolonged(read: Standing, aal: int) -> Choice | None:
    state = read.state
    if state is None or not state.stands or read.waiting:
        raise Problem(
            "decision_contradictory", "there is no consent to just this text", links=[read.text.link_id]
        )
    return "prolonged" if can_be_prolonged(read, aal) else None


def can_be_prolonged(read: Standing, aal: int) -> bool:
    """Whether to decide anew on what stands gains anything: a later end, or a higher level."""
    state = read.state
    if state is None or not state.stands or read.waiting:
        return False
    ends = state.expires_at or read.until
    return read.until > ends or (read.until == ends and aal > state.aal)


def available(read: Standing, aal: int, *, in_use: bool) -> tuple[Choice, ...]:
    """What can be chosen, in the order in which it is offered."""
    state = read.state
    if not in_use or state is None:
        return ("given", "refused")
    if state.state is not State.GIVEN:
        return ("given", "kept")
    if not state.stands:
        return ("given", "refused")
    if read.waiting:
        return ("given", "kept", "refused")
    return ("kept", "prolonged", "refused") if can_be_prolonged(read, aal) else ("kept", "refused")


def new_state(done: Choice, read: Standing, aal: int) -> NewState:
    """The row that comes of it."""
    key, version_key = read.link.link_key, read.link.version_key
    if done == "refused":
        return NewState(key, State.REFUSED, None, aal, version_key)
    if done == "kept" and read.state is not None:
        stands = read.state
        return NewState(key, State.GIVEN, stands.expires_at, stands.aal, stands.version_key, version_key)
    return NewState(key, State.GIVEN, read.until, aal, version_key)


def as_decided(done: Choice, read: Standing, text_of_end: tuple[str, str, str]) -> LinkText:
    """What the resident has agreed to or refused, in the words of the text: of what is kept, only what stands."""
    if done != "kept" or read.state is None:
        return read.text
    kept = tuple(item for item in read.text.items if item.name in read.state.items)
    until, until_ja, until_en = text_of_end
    return msgspec.structs.replace(read.text, items=kept, until=until, until_ja=until_ja, until_en=until_en)
