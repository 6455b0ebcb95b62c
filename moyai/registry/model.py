"""What the registry holds: the shapes that are declared (by the API or a file) and the shapes that are read.

A declaration says how things should be; registering it twice changes nothing. Ids are what people and programs
use; keys are small integers for joins and never leave the platform.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, max_length=63)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=4000)]
Level = Annotated[int, msgspec.Meta(ge=1, le=3)]
MunicipalityCode = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$", max_length=6)]
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
Outcome = Literal["created", "changed", "unchanged"]


def is_id(value: str) -> bool:
    """Whether a string from outside (a path, a query) can be an id at all."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", value) is not None


class Bilingual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in plain Japanese, and in English."""

    ja: Text
    en: Text


class Change(msgspec.Struct, frozen=True):
    """What one act did: `fields` names what differed before a change."""

    noun: str
    id: str
    outcome: Outcome
    fields: tuple[str, ...] = ()


# --- declared ---------------------------------------------------------------------------------------


class OrganizationDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation that may provide services or components, or operates the platform (運営組織)."""

    organization_id: Id
    name_ja: Name
    name_en: Name
    kind: OrganizationKind
    municipality_codes: list[MunicipalityCode] = []
    contact: Text = ""


class CriteriaDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """認定審査基準 (guidebook 5-1). A published version never changes; `audit_schedule` says how often 5-2 is done."""

    criteria_version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,30}$")]
    title: Bilingual
    requirements: Annotated[list[Bilingual], msgspec.Meta(min_length=1, max_length=100)]
    audit_schedule: Bilingual | None = None


class CertificationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A review that ended well: against which criteria, by whom, of which organisation (not the applicant's)."""

    criteria_version: str
    reviewer: Name
    reviewer_organization: Id


class ComponentDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """部品: the unit of consent and responsibility. `datasets` are what it generates and accumulates.

    `engagement` is `outsourced` when a contractor runs it for the (public) organisation, which stays the one
    responsible; the contractor is named for the record and never counts as a provider (guidebook 1.2.1, 3-1).
    """

    component_id: Id
    organization: Id
    name_ja: Name
    name_en: Name
    description_ja: Text = ""
    description_en: Text = ""
    engagement: Engagement = "direct"
    contractor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    url: Url | None = None
    datasets: list[Id] = []


class ServiceDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """サービス. Levels left out are its kind's (guidebook 1.2.4); others need a written reason.

    With `user_scope` "prefecture", `municipality_codes` is left out and `prefecture_code` says which prefecture.
    """

    service_id: Id
    organization: Id
    name_ja: Name
    name_en: Name
    summary_ja: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    summary_en: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    kind: str
    user_scope: UserScope
    components: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)]
    municipality_codes: list[MunicipalityCode] = []
    prefecture_code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}$", max_length=2)] | None = None
    required_ial: Level | None = None
    required_aal: Level | None = None
    level_reason: Text | None = None
    url: Url | None = None


class DataItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One data item in plain words; `name` is the property of the dataset's JSON Schema."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    ja: Name
    en: Name


class DatasetDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """連携対象データ: a JSON Schema (2020-12) for one item's content, and its items in plain words."""

    dataset_id: Id
    name_ja: Name
    name_en: Name
    items: Annotated[list[DataItem], msgspec.Meta(min_length=1, max_length=200)]
    schema: dict[str, Any]
    required_ial: Level = 1
    required_aal: Level = 1


class PurposeDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """利用目的; `dpv` is a term of the W3C Data Privacy Vocabulary where one fits."""

    purpose_id: Id
    name_ja: Name
    name_en: Name
    dpv: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class LinkDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This provider's dataset may go to this consumer for this purpose, if the resident allows it (R-037)."""

    link_id: Id
    service: Id
    provider: Id
    consumer: Id
    dataset: Id
    purpose: Id
    purpose_ja: Text
    purpose_en: Text
    benefit_ja: Text
    benefit_en: Text
    consent_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365


class TermsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section that the owner of the terms adds to the ones every terms text has."""

    id: Id
    title: Bilingual
    body: Bilingual


class PlatformTermsDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """データ連携基盤利用規約 (guidebook 3-3, 3-4): what the operating organisation has to say; the rest is generated."""

    title: Bilingual
    role: Bilingual
    collected: Bilingual
    stopping: Bilingual
    distinction: Bilingual | None = None
    certification_and_audit: Bilingual | None = None
    sections: list[TermsSection] = []


class ServiceTermsDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """サービス利用規約 (guidebook 2-1, 3-1, 3-3): what the provider has to say; the rest is generated."""

    service: Id
    title: Bilingual
    platform_use: Bilingual
    stopping: Bilingual
    components_stated: bool = True
    distinction: Bilingual | None = None
    certification_and_audit: Bilingual | None = None
    sections: list[TermsSection] = []


class ClientDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An OAuth client. `jwks` holds public keys only; a touch point is a public client and has none."""

    client_id: Id
    kind: ClientKind
    name_ja: Name
    name_en: Name
    scopes: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]
    component: Id | None = None
    organization: Id | None = None
    jwks: dict[str, Any] | None = None
    redirect_uris: list[Url] = []
    state: Literal["active", "disabled"] = "active"


class AuthenticationServiceDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """個人認証サービス, with the levels it gives (framework `jp-ds500`)."""

    authentication_service_id: Id
    name_ja: Name
    name_en: Name
    ial: Level
    aal: Level


class WitnessDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who co-signs the log's checkpoints: its verifier key (C2SP signed note) and where it answers."""

    witness_id: Id
    organization: Id
    verifier_key: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    url: Url


# --- read -------------------------------------------------------------------------------------------


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


class TermsVersion(msgspec.Struct, frozen=True):
    """A published text. `sha256` (hex) is of the canonical JSON of `content`: what is hashed is what is rendered."""

    terms_key: int
    kind: Literal["platform", "service"]
    service_key: int | None
    service_id: str | None
    version: int
    content: dict[str, Any]
    sha256: str
    published_at: datetime


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
