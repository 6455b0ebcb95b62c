"""Proof that the gate said yes. Functions that touch personal content take a Permit, never a bare id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, final
from uuid import UUID

import msgspec

from moyai.ledger.release import NEVER_MS

_GATE_ONLY: Final = object()


@final
class Permit:
    """One link, open for one resident, at one moment; only `moyai.consent.gate` can make one.

    `provider_subject` is what the provider component (and so its store) knows the resident as. `items` are the names
    of what was consented to and still means the same: an answer holds nothing else, at any depth; `version` is the
    version of the text that was read, `version_key` the link as it is now. A component that works on its own items
    has a permit without `link_id`, and sees all of them (`items` is None).
    """

    __slots__ = (
        "at",
        "component_id",
        "component_key",
        "dataset_id",
        "dataset_key",
        "ends_ms",
        "items",
        "link_id",
        "organization_id",
        "organization_key",
        "provider_subject",
        "resident_key",
        "version",
        "version_key",
    )

    def __init__(
        self,
        seal: object,
        *,
        at: datetime,
        resident_key: int,
        dataset_key: int,
        dataset_id: str,
        component_key: int,
        component_id: str,
        organization_key: int,
        organization_id: str,
        provider_subject: str,
        link_id: str | None,
        items: tuple[str, ...] | None = None,
        version: int | None = None,
        version_key: int | None = None,
        ends_ms: int = NEVER_MS,
    ) -> None:
        if seal is not _GATE_ONLY:
            raise TypeError("a Permit is made by moyai.consent.gate, and nowhere else")
        self.at = at
        self.resident_key = resident_key
        self.dataset_key = dataset_key
        self.dataset_id = dataset_id
        self.component_key = component_key
        self.component_id = component_id
        self.organization_key = organization_key
        self.organization_id = organization_id
        self.provider_subject = provider_subject
        self.link_id = link_id
        self.items = items
        self.version = version
        self.version_key = version_key
        self.ends_ms = ends_ms


class Tie(msgspec.Struct, frozen=True):
    """What one component knows a resident as, and whose component it is."""

    component_key: int
    organization_key: int
    subject: str


@final
class ErasurePermit:
    """Leave to erase everything about one resident; only `moyai.consent.gate` can make one."""

    __slots__ = ("resident_key", "ties")

    def __init__(self, seal: object, resident_key: int, ties: list[Tie]) -> None:
        if seal is not _GATE_ONLY:
            raise TypeError("an ErasurePermit is made by moyai.consent.gate, and nowhere else")
        self.resident_key = resident_key
        self.ties = ties


class Holder(msgspec.Struct, frozen=True):
    """Whom a subject stands for, and which component knows them by it."""

    resident_key: int
    component_key: int


@final
class RestorePermit:
    """Leave to put back into one organisation's store what a copy of it holds; only `moyai.consent.gate` can make one.

    Of whom: `holders`, by subject. Of what: every dataset, but for the pairs (subject, dataset id) `withheld`: from those
    something was deleted at or after `since`, and nobody can tell what.
    """

    __slots__ = ("holders", "organization_key", "since", "withheld")

    def __init__(
        self,
        seal: object,
        *,
        organization_key: int,
        since: datetime,
        holders: Mapping[UUID, Holder],
        withheld: frozenset[tuple[UUID, str]],
    ) -> None:
        if seal is not _GATE_ONLY:
            raise TypeError("a RestorePermit is made by moyai.consent.gate, and nowhere else")
        self.organization_key = organization_key
        self.since = since
        self.holders = holders
        self.withheld = withheld

    def names(self, subject: UUID, dataset_id: str) -> bool:
        """Whether what the copy holds of this person and dataset may come back."""
        return subject in self.holders and (subject, dataset_id) not in self.withheld


def gate_seal() -> object:
    """For `moyai.consent.gate` alone (held by a house test)."""
    return _GATE_ONLY
