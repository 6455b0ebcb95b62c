"""What the portal's templates are given: values in the page's language, ready to be read.

Built in `portal_*.py` from what the rooms answer. Times are UTC; templates turn them into Asia/Tokyo.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from moyai.web import flow_map

LinkStanding = Literal["given", "refused", "withdrawn", "expired", "undecided"]
MovementKind = Literal["exchange", "refusal", "view", "act"]


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """One link as the resident reads it: what goes from whom to whom, why, and how it stands."""

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
    since: datetime | None = None
    standing: LinkStanding = "undecided"


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service in the list or with its links. `reason` is the code why it cannot be used, if so."""

    service_id: str
    name: str
    summary: str
    provider: str
    url: str | None
    in_use: bool
    reason: str | None = None
    links: tuple[LinkView, ...] = ()
    receipt: str | None = None
    accepted_at: datetime | None = None

    @property
    def given(self) -> tuple[LinkView, ...]:
        return tuple(link for link in self.links if link.standing == "given")


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


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history. `code` is the reason of a refusal."""

    entry_id: str
    at: datetime
    kind: MovementKind
    title: str
    dataset: str = ""
    source: str = ""
    target: str = ""
    purpose: str = ""
    items: int | None = None
    code: str | None = None
    proof: ProofView


class SharingView(msgspec.Struct, frozen=True, kw_only=True):
    """A sharing, seen by the one who shares or by the one who views."""

    sharing_id: str
    name: str
    relation: str
    service: str
    datasets: tuple[str, ...]
    state: Literal["offered", "lapsed", "in_force", "expired", "ended"]
    expires_at: datetime


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
