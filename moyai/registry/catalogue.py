"""The catalogue: everything public about what is registered, in one answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from moyai.base.config import StorageMode
from moyai.base.db import Connection
from moyai.registry import standing, store_links, store_organizations, store_services, store_terms
from moyai.registry.links import Responsibility, responsibility
from moyai.registry.model import (
    AuthenticationService,
    Component,
    Criteria,
    DataItem,
    Dataset,
    Link,
    Organization,
    Purpose,
    Service,
    Standing,
    TermsVersion,
)
from moyai.registry.service_kinds import service_kinds
from moyai.registry.services import is_offered


class CatalogueOrganization(msgspec.Struct, frozen=True):
    organization_id: str
    name_ja: str
    name_en: str
    kind: str
    municipality_codes: list[str]
    contact: str
    state: Standing
    criteria_version: str | None
    certified_at: datetime | None


class CatalogueComponent(msgspec.Struct, frozen=True):
    component_id: str
    organization_id: str
    name_ja: str
    name_en: str
    description_ja: str
    description_en: str
    datasets: list[str]


class CatalogueService(msgspec.Struct, frozen=True):
    """`terms_sha256` is of the terms in force; `kind_ja` is the guidebook's word for the kind."""

    service_id: str
    organization_id: str
    name_ja: str
    name_en: str
    summary_ja: str
    summary_en: str
    kind: str
    kind_ja: str
    kind_en: str
    user_scope: str
    municipality_codes: list[str]
    required_ial: int
    required_aal: int
    level_reason: str | None
    url: str | None
    state: Standing
    offered: bool
    components: list[str]
    terms_version: int | None
    terms_sha256: str | None


class CatalogueDataset(msgspec.Struct, frozen=True):
    dataset_id: str
    name_ja: str
    name_en: str
    items: list[DataItem]
    schema: dict[str, Any]
    required_ial: int
    required_aal: int


class CataloguePurpose(msgspec.Struct, frozen=True):
    purpose_id: str
    name_ja: str
    name_en: str
    dpv: str | None


class CatalogueLink(msgspec.Struct, frozen=True):
    """`open` says whether both organisations and the service stand; consent is the resident's."""

    link_id: str
    service_id: str
    provider: str
    consumer: str
    dataset: str
    purpose: str
    purpose_ja: str
    purpose_en: str
    benefit_ja: str
    benefit_en: str
    consent_days: int
    required_ial: int
    required_aal: int
    responsible: Responsibility
    open: bool


class Catalogue(msgspec.Struct, frozen=True):
    organizations: list[CatalogueOrganization]
    services: list[CatalogueService]
    components: list[CatalogueComponent]
    datasets: list[CatalogueDataset]
    purposes: list[CataloguePurpose]
    links: list[CatalogueLink]
    authentication_services: list[AuthenticationService]
    criteria: Criteria | None


class Registered(msgspec.Struct, frozen=True):
    """Everything registered, as rows: what the catalogue, the console and introspection are made from."""

    operator: Organization | None
    organizations: list[Organization]
    services: list[Service]
    components: list[Component]
    datasets: list[Dataset]
    purposes: list[Purpose]
    links: list[Link]
    authentication_services: list[AuthenticationService]
    terms: list[TermsVersion]
    criteria: Criteria | None


async def registered(conn: Connection) -> Registered:
    """Read the whole registry. The caller may want a transaction around it, for one moment's view."""
    return Registered(
        operator=await store_organizations.operating_organization(conn),
        organizations=await store_organizations.organizations(conn),
        services=await store_services.services(conn),
        components=await store_services.components(conn),
        datasets=await store_links.datasets(conn),
        purposes=await store_links.purposes(conn),
        links=await store_links.links(conn),
        authentication_services=await store_organizations.authentication_services(conn),
        terms=await store_terms.all_terms_in_force(conn),
        criteria=await store_organizations.criteria_in_force(conn),
    )


async def catalogue(conn: Connection, personal_broker: StorageMode) -> Catalogue:
    """The public catalogue; `personal_broker` decides what the platform answers for (R-023)."""
    known = await registered(conn)
    services = {service.service_id: service for service in known.services}
    terms = {one.service_id: one for one in known.terms if one.service_id}
    return Catalogue(
        organizations=[_pick(one, CatalogueOrganization) for one in known.organizations],
        services=[_service(one, terms.get(one.service_id)) for one in known.services],
        components=[_pick(one, CatalogueComponent) for one in known.components],
        datasets=[_pick(one, CatalogueDataset) for one in known.datasets],
        purposes=[_pick(one, CataloguePurpose) for one in known.purposes],
        links=[
            _link(one, services[one.service_id], known.operator, personal_broker == "external")
            for one in known.links
            if known.operator
        ],
        authentication_services=known.authentication_services,
        criteria=known.criteria,
    )


def _pick(row: msgspec.Struct, shape: Any) -> Any:
    """The public members of a row."""
    return shape(**{name: getattr(row, name) for name in shape.__struct_fields__})


def _service(service: Service, terms: TermsVersion | None) -> CatalogueService:
    kind = service_kinds().get(service.kind)
    shared = {
        name: getattr(service, name)
        for name in CatalogueService.__struct_fields__
        if name in service.__struct_fields__
    }
    return CatalogueService(
        **shared,
        kind_ja=kind.ja if kind else service.kind,
        kind_en=kind.en if kind else service.kind,
        offered=is_offered(service),
        terms_version=terms.version if terms else None,
        terms_sha256=terms.sha256 if terms else None,
    )


def _link(link: Link, service: Service, operator: Organization, authorises_only: bool) -> CatalogueLink:
    closed = standing.of_link(
        link.state,
        link.provider.organization_state,
        link.consumer.organization_state,
        service.state,
        service.organization_state,
    )
    return CatalogueLink(
        link_id=link.link_id,
        service_id=link.service_id,
        provider=link.provider.component_id,
        consumer=link.consumer.component_id,
        dataset=link.dataset_id,
        purpose=link.purpose_id,
        purpose_ja=link.purpose_ja,
        purpose_en=link.purpose_en,
        benefit_ja=link.benefit_ja,
        benefit_en=link.benefit_en,
        consent_days=link.consent_days,
        required_ial=link.required_ial,
        required_aal=link.required_aal,
        responsible=responsibility(link, operator, authorises_only=authorises_only),
        open=closed is None,
    )
