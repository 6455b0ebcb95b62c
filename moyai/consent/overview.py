"""The resident's view across services: who may use my data, and how do I stop it (guidebook 5-4).

"Where is it" is the third question; its answer comes from the personal broker, which is above this room, so the
web puts the three together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import store
from moyai.consent.catalogue import ServiceFacts, all_facts, party, resident_of
from moyai.consent.eligibility import obstacle
from moyai.consent.enrolment import is_current
from moyai.consent.model import Granularity, Item, LinkState, Membership, Party, granularity_of
from moyai.identity.model import ForResident, ResidentCaller
from moyai.registry.model import Link

Standing = Literal["given", "refused", "withdrawn", "expired", "undecided"]


class LinkStanding(msgspec.Struct, frozen=True):
    """One link, and how the resident stands to it. `closed` says why it cannot flow whatever the consent."""

    link_id: str
    dataset_id: str
    dataset_ja: str
    dataset_en: str
    items: tuple[Item, ...]
    purpose_id: str
    purpose_name_ja: str
    purpose_name_en: str
    purpose_ja: str
    purpose_en: str
    benefit_ja: str
    benefit_en: str
    generates: Party
    uses: Party
    manages: Party
    standing: Standing
    since: datetime | None
    until: datetime | None
    act_id: str | None
    closed: str | None


class ServiceStanding(msgspec.Struct, frozen=True):
    """A service, whether the resident uses it or could (`reason`: the code why not), and its links."""

    service_id: str
    name_ja: str
    name_en: str
    summary_ja: str
    summary_en: str
    kind: str
    url: str | None
    provider: Party
    municipality_codes: tuple[str, ...]
    granularity: Granularity
    on_offer: bool
    in_use: bool
    accepted_at: datetime | None
    terms_changed: bool
    reason: str | None
    links: tuple[LinkStanding, ...]


async def offered(conn: Connection, caller: ResidentCaller) -> list[ServiceStanding]:
    """Services on offer, with the reason where this resident cannot use one. Uncertified services are not here."""
    return [standing for standing in await _standings(conn, caller) if standing.on_offer]


async def consents(conn: Connection, caller: ResidentCaller | ForResident) -> list[ServiceStanding]:
    """Services that the resident uses, or was ever asked about; also those that are no longer on offer."""
    return [
        standing
        for standing in await _standings(conn, caller)
        if standing.in_use or any(link.standing != "undecided" for link in standing.links)
    ]


async def consents_of_service(conn: Connection, caller: ResidentCaller, service_id: str) -> ServiceStanding:
    """Raises Problem does_not_exist."""
    for standing in await _standings(conn, caller):
        if standing.service_id == service_id:
            return standing
    raise Problem("does_not_exist", f"service {service_id}")


async def _standings(conn: Connection, caller: ResidentCaller | ForResident) -> list[ServiceStanding]:
    resident = await resident_of(conn, caller.resident_key)
    states = await store.states_of(conn, caller.resident_key)
    members = await store.memberships(conn, caller.resident_key)
    return [
        _service(facts, members.get(facts.service.service_key), states, obstacle(resident, caller.aal, facts))
        for facts in await all_facts(conn)
    ]


def _service(
    facts: ServiceFacts, member: Membership | None, states: dict[int, LinkState], problem: Problem | None
) -> ServiceStanding:
    service = facts.service
    on_offer = facts.on_offer()
    shown = [link for link in facts.links if link.state == "registered" or link.link_key in states]
    return ServiceStanding(
        service_id=service.service_id,
        name_ja=service.name_ja,
        name_en=service.name_en,
        summary_ja=service.summary_ja,
        summary_en=service.summary_en,
        kind=service.kind,
        url=service.url,
        provider=facts.provider,
        municipality_codes=tuple(service.municipality_codes),
        granularity=granularity_of(facts.provider_organizations()),
        on_offer=on_offer,
        in_use=member is not None,
        accepted_at=member.accepted_at if member else None,
        terms_changed=member is not None and on_offer and not is_current(member, facts),
        reason=problem.code if problem else None if on_offer else "service_not_offered",
        links=tuple(_link(link, states.get(link.link_key), facts) for link in shown),
    )


def _link(link: Link, state: LinkState | None, facts: ServiceFacts) -> LinkStanding:
    return LinkStanding(
        link_id=link.link_id,
        dataset_id=link.dataset_id,
        dataset_ja=link.dataset_name_ja,
        dataset_en=link.dataset_name_en,
        items=tuple(Item(item.name, item.ja, item.en) for item in link.items),
        purpose_id=link.purpose_id,
        purpose_name_ja=link.purpose_name_ja,
        purpose_name_en=link.purpose_name_en,
        purpose_ja=link.purpose_ja,
        purpose_en=link.purpose_en,
        benefit_ja=link.benefit_ja,
        benefit_en=link.benefit_en,
        generates=party(link.provider),
        uses=party(link.consumer),
        manages=facts.operator,
        standing=_standing(state),
        since=state.since if state else None,
        until=state.expires_at if state else None,
        act_id=str(state.act_id) if state else None,
        closed=_closed(link, facts, state),
    )


def _standing(state: LinkState | None) -> Standing:
    if state is None:
        return "undecided"
    if state.state.word == "given":
        return "given" if state.in_force else "expired"
    return "refused" if state.state.word == "refused" else "withdrawn"


def _closed(link: Link, facts: ServiceFacts, state: LinkState | None) -> str | None:
    ends = {link.provider.organization_state, link.consumer.organization_state}
    if "suspended" in ends:
        return "organization_suspended"
    if ends != {"certified"}:
        return "organization_not_certified"
    if link.state != "registered":
        return "consumer_not_linked"
    if facts.service.state != "certified":
        return "service_not_certified"
    return "consent_outdated" if state is not None and state.outdated else None
