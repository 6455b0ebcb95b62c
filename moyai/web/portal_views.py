"""What the portal's templates are given: values in the page's language, ready to be read.

Built in `portal_build.py` from what the rooms answer. Times are UTC; templates turn them into Asia/Tokyo.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from moyai.consent.overview import STOPPABLE
from moyai.web import flow_map
from moyai.web.pages import Language

LinkStanding = Literal["given", "outdated", "refused", "withdrawn", "expired", "undecided"]


def say(language: Language, ja: str, en: str) -> str:
    return ja if language == "ja" else en


def words(thing: Any, field: str, language: Language) -> str:
    """The attribute `field_ja` or `field_en`."""
    return str(getattr(thing, f"{field}_{language}") or "")


class ChangeView(msgspec.Struct, frozen=True):
    """One thing that a text says otherwise than before: what it is about, the old words and the new; one may lack."""

    label: str
    old: str | None
    new: str | None


class SuccessionView(msgspec.Struct, frozen=True):
    """A succession in words: what kind, whose old name became which, since when, on which document, and its notice."""

    title: str
    old: str
    new: str
    effective: datetime
    document: str
    notice: str


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """One link as the resident reads it: what goes from whom to whom, why, and how it stands.

    `until` is the last day it holds. `closed` is the code with which everything is refused, if so. `items` are those
    that the decision was about or, without one, all; `waiting` were added since, `declined` are those of them that were
    declined. `to_decide`: the present text waits for a decision. `done`: what the act of a receipt did to it; `receipt`: the
    act by which it stands.
    """

    link_id: str
    dataset: str
    items: tuple[str, ...]
    purpose: str
    benefit: str
    generates: str
    generates_organization: str
    uses: str
    uses_organization: str
    manages: str
    until: datetime | None
    standing: LinkStanding = "undecided"
    closed: str | None = None
    changes: tuple[ChangeView, ...] = ()
    waiting: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    successions: tuple[SuccessionView, ...] = ()
    to_decide: bool = False
    done: str = ""
    receipt: str | None = None

    @property
    def flows(self) -> bool:
        return self.standing == "given" and self.closed is None


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service in the list or with its links. `reason` is the code why it cannot be used, if so.

    `terms_changed`: terms ask to be accepted, until `accept_by`, the last day; `paused`: it has passed.
    """

    service_id: str
    name: str
    summary: str
    provider: str
    url: str | None
    in_use: bool
    terms_changed: bool = False
    accept_by: datetime | None = None
    paused: bool = False
    reason: str | None = None
    links: tuple[LinkView, ...] = ()
    receipt: str | None = None

    @property
    def given(self) -> tuple[LinkView, ...]:
        """What was given and not stopped, so that it can be stopped; also where the text has changed since."""
        return tuple(link for link in self.links if link.standing in STOPPABLE)

    @property
    def to_decide(self) -> tuple[LinkView, ...]:
        return tuple(link for link in self.links if link.to_decide)


class UserView(msgspec.Struct, frozen=True):
    """Who may use data of the resident at this moment."""

    name: str
    organization: str
    datasets: tuple[str, ...]


class ViewerView(msgspec.Struct, frozen=True):
    """A person who may look at data of the resident at this moment, as the resident named them."""

    sharing_id: str
    name: str
    relation: str
    datasets: tuple[str, ...]


class HoldingView(msgspec.Struct, frozen=True, kw_only=True):
    """Where data of one dataset lies: whose, in which component, how many items."""

    organization: str
    component: str
    dataset: str
    items: int
    updated_at: datetime


class ProofView(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser needs to check a ledger entry: leaf and salt in hexadecimal, the committed text, the index."""

    leaf: str
    salt: str
    body: str
    index: int | None


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One source's part of a movement; `code` is why it was refused, `version` which text of the link was agreed to."""

    dataset: str
    source: str
    source_organization: str
    items: int | None
    code: str | None
    version: int | None


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history. `code` is why nothing happened at all, where no part says so; `viewer` a relative."""

    entry_id: str
    at: datetime
    kind: Literal["exchange", "refusal", "view", "act"]
    picture: str
    title: str
    purpose: str
    viewer: str
    target: str
    target_organization: str
    parts: tuple[PartView, ...]
    code: str | None
    proof: ProofView


class ProofStep(msgspec.Struct, frozen=True):
    """One step of the arithmetic, and the values in it."""

    title_ja: str
    title_en: str
    text_ja: str
    text_en: str
    values: tuple[str, ...]


class SharingView(msgspec.Struct, frozen=True, kw_only=True):
    """A sharing, seen by the one who shares or by the one who views. `relation` is empty for the one who views.

    `closed` are the datasets of it that the one who shares has stopped since, or that cannot flow at the moment.
    """

    sharing_id: str
    name: str
    relation: str
    service: str
    datasets: tuple[str, ...]
    state: Literal["offered", "lapsed", "in_force", "expired", "ended"]
    expires_at: datetime
    closed: tuple[str, ...] = ()


class SharedGroup(msgspec.Struct, frozen=True):
    """Items of one dataset that a relative may look at, as a table; or the code why not."""

    dataset: str
    source: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    code: str | None = None


class Pictures(msgspec.Struct, frozen=True):
    """The same flow map for a wide and for a narrow screen, and what it says in words."""

    wide: flow_map.Picture
    narrow: flow_map.Picture
    edges: tuple[flow_map.Edge, ...]


def pictures(edges: list[flow_map.Edge], hub_name: str) -> Pictures | None:
    """None where nothing is to be drawn."""
    if not edges:
        return None
    return Pictures(flow_map.wide(edges, hub_name), flow_map.narrow(edges, hub_name), tuple(edges))
