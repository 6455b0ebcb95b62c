"""What consent needs to know from the registry and about the resident, gathered per service."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent.model import Party
from moyai.identity.model import Resident
from moyai.identity.residents import find
from moyai.registry import lookups, standing, store_links, store_organizations, store_services, store_terms
from moyai.registry import model as registry
from moyai.registry.services import is_offered, offered_service

_NO_PARTY = Party("", "", "")


class ServiceFacts(msgspec.Struct, frozen=True):
    """A service as the registry describes it at this moment: its links, the parties, the terms in force."""

    service: registry.Service
    provider: Party
    operator: Party
    links: tuple[registry.Link, ...]
    service_terms: registry.TermsVersion | None
    terms_of_platform: registry.TermsVersion | None
    component_organizations: frozenset[str]

    @property
    def terms(self) -> registry.TermsVersion:
        """Raises Problem service_not_offered if the service has published none."""
        return _published(self.service_terms, "service terms")

    @property
    def platform_terms(self) -> registry.TermsVersion:
        return _published(self.terms_of_platform, "platform terms")

    @property
    def terms_keys(self) -> tuple[int, int]:
        return self.terms.terms_key, self.platform_terms.terms_key

    def on_offer(self) -> bool:
        """Certified, by a certified organisation, with both terms published (guidebook 1.1.1: in that order)."""
        published = self.service_terms is not None and self.terms_of_platform is not None
        return is_offered(self.service) and published

    def links_on_offer(self) -> list[registry.Link]:
        """Links that could flow if the resident agreed: a consent to a closed link is not asked for."""
        return [link for link in self.links if _could_flow(link)]

    def link(self, link_id: str) -> registry.Link:
        """Raises Problem does_not_exist."""
        for link in self.links:
            if link.link_id == link_id:
                return link
        raise Problem("does_not_exist", f"link {link_id} of service {self.service.service_id}")

    def provider_organizations(self) -> set[str]:
        return set(self.component_organizations)

    def generates(self, link: registry.Link) -> Party:
        return party(link.provider)

    def uses(self, link: registry.Link) -> Party:
        return party(link.consumer)


def _published(terms: registry.TermsVersion | None, what: str) -> registry.TermsVersion:
    if terms is None:
        raise Problem("service_not_offered", f"no {what} are published", reason="terms_not_published")
    return terms


def _could_flow(link: registry.Link) -> bool:
    ends = (link.provider.organization_state, link.consumer.organization_state)
    return link.state == "registered" and all(standing.of_organization(one) is None for one in ends)


def party(end: registry.Party) -> Party:
    """One end of a link, in the words of a text for residents."""
    return Party(
        organization_id=end.organization_id,
        organization_ja=end.organization_name_ja,
        organization_en=end.organization_name_en,
        contact=end.contact,
        component_id=end.component_id,
        component_ja=end.component_name_ja,
        component_en=end.component_name_en,
    )


def _organization_party(organization: registry.Organization | None) -> Party:
    if organization is None:
        return _NO_PARTY
    return Party(
        organization_id=organization.organization_id,
        organization_ja=organization.name_ja,
        organization_en=organization.name_en,
        contact=organization.contact,
    )


async def facts_of(conn: Connection, service_id: str, *, on_offer: bool = True) -> ServiceFacts:
    """Raises Problem: does_not_exist; and, where it must be `on_offer`, service_not_offered (with a `reason`)."""
    service = await (offered_service if on_offer else lookups.service)(conn, service_id)
    facts = (await _gather(conn, [service], await _links(conn, service.service_key)))[0]
    if on_offer:
        _ = facts.terms_keys  # raises if one of the terms is missing
    return facts


async def links_by_key(conn: Connection, link_keys: Collection[int]) -> dict[int, registry.Link]:
    """The named links, also ended ones."""
    return {link.link_key: link for link in await _links(conn, None) if link.link_key in link_keys}


async def all_facts(conn: Connection) -> list[ServiceFacts]:
    """Every service there is, also those that are not (or no longer) on offer."""
    return await _gather(conn, await store_services.services(conn), await _links(conn, None))


async def _links(conn: Connection, service_key: int | None) -> list[registry.Link]:
    """Also ended links: somebody may still have to withdraw from them, or to read what they once allowed."""
    return await store_links.links(conn, service_key=service_key, every=True)


async def _gather(
    conn: Connection, services: list[registry.Service], links: list[registry.Link]
) -> list[ServiceFacts]:
    """The same few statements for one service or all: no statement per service."""
    organizations = {o.organization_key: o for o in await store_organizations.organizations(conn)}
    components = {c.component_id: c.organization_id for c in await store_services.components(conn)}
    terms = {t.service_key: t for t in await store_terms.all_terms_in_force(conn)}
    operator = next((o for o in organizations.values() if o.kind == "operating_organization"), None)
    return [
        ServiceFacts(
            service=service,
            provider=_organization_party(organizations.get(service.organization_key)),
            operator=_organization_party(operator),
            links=tuple(link for link in links if link.service_key == service.service_key),
            service_terms=terms.get(service.service_key),
            terms_of_platform=terms.get(None),
            component_organizations=frozenset(components[c] for c in service.components),
        )
        for service in services
    ]


async def resident_of(conn: Connection, resident_key: int) -> Resident:
    """Raises Problem resident_inactive if there is none."""
    resident = await find(conn, resident_key)
    if resident is None:
        raise Problem("resident_inactive")
    return resident


class Names(msgspec.Struct, frozen=True):
    """What people call things: (Japanese, English) by id. What is unknown is named by its id."""

    components: dict[str, Party]
    datasets: dict[str, tuple[str, str]]
    purposes: dict[str, tuple[str, str]]
    services: dict[str, tuple[str, str]]
    organizations: dict[str, tuple[str, str]]
    links: dict[str, tuple[str, str]]
    links_by_key: dict[int, tuple[str, str]]

    def organization(self, organization_id: str | None) -> tuple[str, str] | None:
        return self.organizations.get(organization_id or "")

    def link(self, link_id: str) -> tuple[str, str]:
        """A link is called by its dataset."""
        return self.links.get(link_id, (link_id, link_id))

    def dataset(self, dataset_id: str | None) -> tuple[str | None, str | None]:
        return _called(self.datasets, dataset_id)

    def purpose(self, purpose_id: str | None) -> tuple[str | None, str | None]:
        return _called(self.purposes, purpose_id)

    def service(self, service_id: str | None) -> tuple[str | None, str | None]:
        return _called(self.services, service_id)

    def component(self, component_id: str | None) -> Party | None:
        if component_id is None:
            return None
        return self.components.get(component_id) or Party(
            "", "", "", "", component_id, component_id, component_id
        )


def _called(names: dict[str, tuple[str, str]], id_: str | None) -> tuple[str | None, str | None]:
    return (None, None) if id_ is None else names.get(id_, (id_, id_))


async def names(conn: Connection) -> Names:
    """The names of everything registered; a platform has hundreds of them, not millions."""
    organizations = {o.organization_key: o for o in await store_organizations.organizations(conn)}
    links = await _links(conn, None)
    return Names(
        components={
            c.component_id: Party(
                c.organization_id,
                organizations[c.organization_key].name_ja,
                organizations[c.organization_key].name_en,
                organizations[c.organization_key].contact,
                c.component_id,
                c.name_ja,
                c.name_en,
            )
            for c in await store_services.components(conn)
        },
        datasets={d.dataset_id: (d.name_ja, d.name_en) for d in await store_links.datasets(conn)},
        purposes={p.purpose_id: (p.name_ja, p.name_en) for p in await store_links.purposes(conn)},
        services={s.service_id: (s.name_ja, s.name_en) for s in await store_services.services(conn)},
        organizations={o.organization_id: (o.name_ja, o.name_en) for o in organizations.values()},
        links={link.link_id: (link.dataset_name_ja, link.dataset_name_en) for link in links},
        links_by_key={link.link_key: (link.dataset_name_ja, link.dataset_name_en) for link in links},
    )
