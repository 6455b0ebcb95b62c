"""Values of consent: the text a resident is shown, what they decide, and what is in force."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339, tokyo

Choice = Literal["given", "refused", "kept", "prolonged"]
"""What is chosen for a link. `kept`: as it stands, and without what was added since; `prolonged`: what stands, until
the day that the text names. Neither gives what does not stand."""

Granularity = Literal["service", "component"]
"""同意の粒度 (guidebook 5-5, 5-6)."""

PRESENTATION_MINUTES = 60
"""How long a decision is accepted after its text was served."""

ENROLMENT_MINUTES = 120
"""How long a walk through the five steps may take before it is forgotten."""


class State(IntEnum):
    """`consent.state.state`: one row per link that a resident was asked about."""

    GIVEN = 1
    REFUSED = 2
    WITHDRAWN = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class ItemText(msgspec.Struct, frozen=True):
    """A data item in plain words; `name` is its name in the dataset's schema."""

    name: str
    text_ja: str
    text_en: str


class Party(msgspec.Struct, frozen=True):
    """Who generates, uses or manages the data (guidebook 1.2.3). Without a component: an organisation as such."""

    organization_id: str
    organization_ja: str
    organization_en: str
    contact: str = ""
    component_id: str = ""
    component_ja: str = ""
    component_en: str = ""


class LinkText(msgspec.Struct, frozen=True):
    """One link as a resident reads it before deciding. `until` is when the consent would end (RFC 3339, UTC);
    `version` counts the texts that this link has had."""

    link_id: str
    version: int
    purpose_id: str
    purpose_name_ja: str
    purpose_name_en: str
    purpose_ja: str
    purpose_en: str
    benefit_ja: str
    benefit_en: str
    dataset_id: str
    dataset_ja: str
    dataset_en: str
    items: tuple[ItemText, ...]
    generates: Party
    uses: Party
    manages: Party
    until: str
    until_ja: str
    until_en: str
    stop_ja: str
    stop_en: str


class TermsReference(msgspec.Struct, frozen=True):
    """Which version of terms a text or an acceptance means."""

    version: int
    sha256: str


class ThisPlatform(msgspec.Struct, frozen=True):
    """What the configuration says of this platform; `base_url` is also the issuer of receipts."""

    platform_id: str
    name_ja: str
    name_en: str
    base_url: str


class PlatformText(msgspec.Struct, frozen=True):
    """The platform that a service connects to, and who answers for it."""

    platform_id: str
    name_ja: str
    name_en: str
    base_url: str
    operator: Party


class ServiceText(msgspec.Struct, frozen=True):
    """A service as residents see it."""

    service_id: str
    name_ja: str
    name_en: str
    summary_ja: str
    summary_en: str
    kind: str
    municipality_codes: tuple[str, ...]
    provider: Party


class PresentationText(msgspec.Struct, frozen=True):
    """All that is shown before a decision. Its canonical JSON is what the resident's decision is bound to."""

    service: ServiceText
    platform: PlatformText
    granularity: Granularity
    links: tuple[LinkText, ...]
    service_terms: TermsReference
    platform_terms: TermsReference

    def canonical(self) -> bytes:
        return canonical(self)

    def sha256(self) -> bytes:
        return hashlib.sha256(self.canonical()).digest()


class Presentation(msgspec.Struct, frozen=True):
    """A text that was served to one session."""

    presentation_id: UUID
    sha256: str
    served_at: datetime
    expires_at: datetime
    text: PresentationText


class LinkState(msgspec.Struct, frozen=True):
    """What is in force for one link. `in_force` is consent given and not expired; the gate asks for more. `outdated`
    says that the link's text is not the one any more that was agreed to, so that nothing flows; `version_key` and
    `version` name the text that was decided on (None where none is kept), `items` what it still opens. `aal` is the level
    of the session that decided. `declined_version_key` names the last text whose further items were declined, `declined`
    the items of that text."""

    link_key: int
    state: State
    act_id: UUID
    since: datetime
    expires_at: datetime | None
    in_force: bool
    outdated: bool = False
    version_key: int | None = None
    version: int | None = None
    items: tuple[str, ...] = ()
    aal: int = 0
    declined_version_key: int | None = None
    declined: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether this is a consent through which data could flow, as far as the consent goes."""
        return self.in_force and not self.outdated


class NewState(msgspec.Struct, frozen=True):
    """What an act makes of one link: a row of the history, and from then on the state."""

    link_key: int
    state: State
    expires_at: datetime | None = None
    aal: int = 0
    version_key: int | None = None
    declined_version_key: int | None = None


class Membership(msgspec.Struct, frozen=True):
    """A resident's use of a service, with both terms versions and the time they were accepted.

    `…_until` is when the accepted version stops being enough; None where it is. `terms_paused`: one of them has.
    """

    service_key: int
    service_terms_key: int
    platform_terms_key: int
    accepted_at: datetime
    service_terms_until: datetime | None = None
    platform_terms_until: datetime | None = None
    terms_paused: bool = False

    @property
    def accept_by(self) -> date | None:
        """The last day (Asia/Tokyo) to accept what changed, if something has to be."""
        ends = [one for one in (self.service_terms_until, self.platform_terms_until) if one is not None]
        return last_day(min(ends)) if ends else None


def last_day(until: datetime | None) -> date | None:
    """The day (Asia/Tokyo) that ends at `until`."""
    return None if until is None else (tokyo(until) - timedelta(microseconds=1)).date()


def words_of_end(end: datetime) -> tuple[str, str, str]:
    """The end of a consent as a time, and as residents read it."""
    day = tokyo(end) - timedelta(microseconds=1)
    return rfc3339(end), f"{day.year}年{day.month}月{day.day}日まで", f"until {day.day} {day:%B %Y}"


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, without spaces, in UTF-8: the bytes that hashes are taken of."""
    return msgspec.json.encode(value, order="sorted")


def granularity_of(provider_organizations: set[str]) -> Granularity:
    """One organisation behind all components: the service as a whole; several: each component (5-5, 5-6)."""
    return "service" if len(provider_organizations) <= 1 else "component"


class Enrolment(msgspec.Struct, frozen=True):
    """A walk through the five steps (guidebook 3.2.3). `step` is the last one done, 1 to 4."""

    enrolment_id: UUID
    service_key: int
    step: int
    service_terms_key: int | None
    platform_terms_key: int | None
    terms_accepted_at: datetime | None
    started_at: datetime
    expires_at: datetime


class Act(msgspec.Struct, frozen=True):
    """One act of the resident. `links` says what it did to each link: given, refused or withdrawn."""

    act_id: UUID
    service_key: int
    kind: str
    presentation_id: UUID | None
    sha256: str | None
    content: dict[str, Any]
    receipt: str | None
    client_id: str
    acted_at: datetime

    @property
    def links(self) -> dict[str, str]:
        return self.content.get("links", {})


class Sharing(msgspec.Struct, frozen=True):
    """What a resident lets a related person view (R-004). `viewer_key` is None until the code is taken.

    `version_keys` are the versions that were consented to when it was made, beside `link_keys`; None for a link that was
    withdrawn or refused since: consenting to it again does not share it again.
    """

    sharing_id: UUID
    resident_key: int
    service_key: int
    link_keys: tuple[int, ...]
    version_keys: tuple[int | None, ...]
    relation: str
    viewer_name: str
    shown_as: str
    viewer_key: int | None
    created_at: datetime
    code_expires_at: datetime | None
    accepted_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None
    now: datetime

    @property
    def versions(self) -> dict[int, int]:
        """The links that are still shared, each with the version it was shared on."""
        pairs = zip(self.link_keys, self.version_keys, strict=True)
        return {link_key: version for link_key, version in pairs if version is not None}

    @property
    def state(self) -> Literal["offered", "lapsed", "in_force", "expired", "ended"]:
        if self.ended_at is not None or not self.versions:
            return "ended"
        if self.expires_at <= self.now:
            return "expired"
        if self.viewer_key is not None:
            return "in_force"
        return "offered" if self.code_expires_at and self.code_expires_at > self.now else "lapsed"
