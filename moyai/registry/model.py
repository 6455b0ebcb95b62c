"""What the registry holds, as it is read. Ids are what people and programs use; keys are small integers for joins
and never leave the platform. How things are declared is in `declarations`.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)"
Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, max_length=63)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=4000)]
Level = Annotated[int, msgspec.Meta(ge=1, le=3)]
MunicipalityCode = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$(?!\n)", max_length=6)]
Url = Annotated[str, msgspec.Meta(max_length=2000)]

OrganizationKind = Literal[
    "municipality", "prefecture", "wide_area_union", "company", "operating_organization"
]
PUBLIC_KINDS = frozenset({"municipality", "prefecture", "wide_area_union"})
"""Kinds that count as 自治体 (guidebook 1.2.1); a 広域連合 is a special local public entity."""

Standing = Literal["registered", "certified", "suspended"]
UserScope = Literal["municipality", "prefecture"]
Engagement = Literal["direct", "outsourced"]
ClientKind = Literal["component", "touch_point", "desk", "operator"]
Outcome = Literal["created", "changed", "unchanged", "pending"]


def is_id(value: str) -> bool:
    """Whether a string from outside (a path, a query) can be an id at all."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", value) is not None


class Bilingual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in plain Japanese, and in English."""

    ja: Text
    en: Text


class DataItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One data item in plain words; `name` is the property of the dataset's JSON Schema."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    ja: Name
    en: Name


class Change(msgspec.Struct, frozen=True):
    """What one act did: `fields` names what differed before a change.

    `pending`: nothing yet. The act waits for a second person, under the id in the member `pending`.
    """

    noun: str
    id: str
    outcome: Outcome
    fields: tuple[str, ...] = ()
    pending: str | msgspec.UnsetType = msgspec.UNSET


class Organization(msgspec.Struct, frozen=True):
    organization_key: int
    organization_id: str
    name_ja: str
    name_en: str
    kind: OrganizationKind
    municipality_codes: list[str]
    contact: str
    state: Standing
    criteria_version: str | None
    reviewer: str | None
    reviewer_organization_id: str | None
    certified_at: datetime | None
    suspended_at: datetime | None
    suspension_reason: str | None
    registered_at: datetime


class Component(msgspec.Struct, frozen=True):
    component_key: int
    component_id: str
    organization_key: int
    organization_id: str
    organization_state: Standing
    name_ja: str
    name_en: str
    description_ja: str
    description_en: str
    engagement: Engagement
    contractor: str | None
    url: str | None
    datasets: list[str]


class Service(msgspec.Struct, frozen=True):
    """`municipality_codes` are always whole codes: a prefecture's scope is written out when it is registered."""

    service_key: int
    service_id: str
    organization_key: int
    organization_id: str
    organization_state: Standing
    name_ja: str
    name_en: str
    summary_ja: str
    summary_en: str
    kind: str
    user_scope: UserScope
    municipality_codes: list[str]
    required_ial: int
    required_aal: int
    level_reason: str | None
    url: str | None
    state: Standing
    certified_at: datetime | None
    components: list[str]


class Dataset(msgspec.Struct, frozen=True):
    dataset_key: int
    dataset_id: str
    name_ja: str
    name_en: str
    items: list[DataItem]
    schema: dict[str, Any]
    required_ial: int
    required_aal: int


class Purpose(msgspec.Struct, frozen=True):
    purpose_key: int
    purpose_id: str
    name_ja: str
    name_en: str
    dpv: str | None


class Party(msgspec.Struct, frozen=True):
    """One end of a link: the component, and the organisation that is responsible for it."""

    component_key: int
    component_id: str
    component_name_ja: str
    component_name_en: str
    organization_key: int
    organization_id: str
    organization_name_ja: str
    organization_name_en: str
    organization_state: Standing
    contact: str


class Link(msgspec.Struct, frozen=True):
    """A link with everything a resident needs to decide about it (guidebook 1.2.6, 3.2.5)."""

    link_key: int
    link_id: str
    service_key: int
    service_id: str
    state: Literal["registered", "ended"]
    provider: Party
    consumer: Party
    dataset_key: int
    dataset_id: str
    dataset_name_ja: str
    dataset_name_en: str
    items: list[DataItem]
    purpose_key: int
    purpose_id: str
    purpose_name_ja: str
    purpose_name_en: str
    dpv: str | None
    purpose_ja: str
    purpose_en: str
    benefit_ja: str
    benefit_en: str
    consent_days: int
    required_ial: int
    required_aal: int
    version_key: int | None
    version: int | None


class Names(msgspec.Struct, frozen=True):
    """What a party is called."""

    name_ja: str
    name_en: str


SuccessionKind = Literal["renaming", "merger", "succession", "operation"]
"""改称, 合併, 承継, 運営組織の交代."""


class Succession(msgspec.Struct, frozen=True):
    """A succession that has taken effect: whose names `before` became `after`, on which document, since when.

    `way`: `second_person` confirmed it, or it `waited` its hours without a word against it.
    """

    succession_id: UUID
    kind: SuccessionKind
    noun: Literal["organization", "component"]
    id: str
    before: Names
    after: Names
    document: str
    document_number: str
    document_sha256: str | None
    effective_date: date
    notice_ja: str
    notice_en: str
    recorded_at: datetime
    way: str | None = None


class TermsVersion(msgspec.Struct, frozen=True):
    """A published text. `sha256` (hex) is of the canonical JSON of `content`: what is hashed is what is rendered.

    `accept_by` is the last day (Asia/Tokyo) on which those who accepted an earlier version may go on without this one.
    """

    terms_key: int
    kind: Literal["platform", "service"]
    service_key: int | None
    service_id: str | None
    version: int
    content: dict[str, Any]
    sha256: str
    published_at: datetime
    accept_by: date | None = None


class Criteria(msgspec.Struct, frozen=True):
    criteria_version: str
    content: dict[str, Any]
    sha256: str
    published_at: datetime


class RegisteredClient(msgspec.Struct, frozen=True):
    client_key: int
    client_id: str
    component_key: int | None
    component_id: str | None
    organization_key: int | None
    organization_id: str | None
    kind: ClientKind
    name_ja: str
    name_en: str
    jwks: dict[str, Any] | None
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    scopes: list[str]
    state: Literal["active", "disabled"]


class AuthenticationService(msgspec.Struct, frozen=True):
    authentication_service_id: str
    name_ja: str
    name_en: str
    ial: int
    aal: int


class Witness(msgspec.Struct, frozen=True):
    witness_id: str
    organization_key: int
    organization_id: str
    organization_name_ja: str
    verifier_key: str
    url: str
    ended: bool = False


class Store(msgspec.Struct, frozen=True):
    """Where an organisation's linkable data lies; the password is sealed under `store:<database>`."""

    store_key: int
    broker: Literal["personal", "non_personal"]
    organization_key: int | None
    organization_id: str | None
    host: str
    port: int
    database: str
    role: str
    sealed_password: bytes
    schema_version: int
