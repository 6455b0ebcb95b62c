"""How things are declared, by the API or a file: how they should be. Declaring the same twice changes nothing."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from moyai.registry.model import (
    Bilingual,
    ClientKind,
    DataItem,
    Engagement,
    Id,
    Level,
    MunicipalityCode,
    Name,
    OrganizationKind,
    SuccessionKind,
    Text,
    Url,
    UserScope,
)


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

    criteria_version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,30}$(?!\n)")]
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
    prefecture_code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}$(?!\n)", max_length=2)] | None = None
    required_ial: Level | None = None
    required_aal: Level | None = None
    level_reason: Text | None = None
    url: Url | None = None


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


AcceptWithin = Annotated[
    int,
    msgspec.Meta(
        ge=7,
        le=365,
        description="For a text that changes: how many days from its publication residents who use the service have to accept it",
    ),
]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a succession rests on: its title, and its number or the SHA-256 (hex) of the file, or both."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    number: Annotated[str, msgspec.Meta(max_length=100)] = ""
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] | None = None


class SuccessionDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """合併, 承継, 改称, or another operating organisation: who is in an organisation's or component's place from now on.

    The entry goes on under the same id, with its stores, clients, consents and pairwise ids, under the names given
    here. `operation` is of the operating organisation alone. `effective_date` (Asia/Tokyo) is not in the future.
    `notice_…` is what residents read.
    """

    kind: SuccessionKind
    noun: Literal["organization", "component"]
    id: Id
    name_ja: Name
    name_en: Name
    document: Document
    effective_date: date
    notice_ja: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    notice_en: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


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
    accept_within_days: AcceptWithin = 30


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
    accept_within_days: AcceptWithin = 30


class ClientDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An OAuth client. `jwks` holds public keys only; a touch point is a public client and has none. After a log-out
    that it asked for, a browser is sent to one of `post_logout_redirect_uris` or stays here."""

    client_id: Id
    kind: ClientKind
    name_ja: Name
    name_en: Name
    scopes: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]
    component: Id | None = None
    organization: Id | None = None
    jwks: dict[str, Any] | None = None
    redirect_uris: list[Url] = []
    post_logout_redirect_uris: list[Url] = []


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
