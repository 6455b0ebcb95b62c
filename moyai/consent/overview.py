"""The resident's view across services: who may use my data, and how do I stop it (guidebook 5-4).

"Where is it" is the third question; its answer comes from the personal broker, which is above this room, so the
web puts the three together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import gate, store
from moyai.consent.catalogue import ServiceFacts, all_facts, party, resident_of
from moyai.consent.differences import Difference, differences
from moyai.consent.eligibility import obstacle
from moyai.consent.enrolment import is_current
from moyai.consent.model import Granularity, ItemText, LinkState, Membership, Party, granularity_of
from moyai.identity.model import ForResident, Resident, ResidentCaller
from moyai.registry import standing
from moyai.registry.model import Link, Service, Succession
from moyai.registry.successions import successions
from moyai.registry.version_text import VersionText, version_texts

Standing = Literal["given", "outdated", "refused", "withdrawn", "expired", "undecided"]
"""`outdated`: given, to a text that is not the link's any more; nothing flows until the resident decides anew."""

STOPPABLE: frozenset[Standing] = frozenset({"given", "outdated"})
"""What the resident can stop. A consent that is outdated must not revive, should the old text come back."""


_NOT_ON_OFFER = frozenset(
    {
        *("organization_suspended", "organization_not_certified", "consumer_not_linked"),
        *("service_suspended", "service_not_certified"),
    }
)
"""Why a link is closed so that no text of it is served."""


class LinkStanding(msgspec.Struct, frozen=True):
    """One link, and how the resident stands to it. `closed` is the code with which the gate refuses it, if it does.

    `version` counts the link's texts, `consented_version` is the one decided on, and `changes` are what the present
    text says otherwise. `waiting` names items that were added since: they do not flow; `declined` are those of them that the
    resident has answered with “only what was allowed before”.
    `successions` are those of its parties since the decision that it was carried on through.
    """

    link_id: str
    dataset_id: str
    dataset_ja: str
    dataset_en: str
    items: tuple[ItemText, ...]
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
    version: int | None = None
    consented_version: int | None = None
    changes: tuple[Difference, ...] = ()
    waiting: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    successions: tuple[Succession, ...] = ()

    @property
    def to_decide(self) -> bool:
        """Whether the present text asks for more than what was decided (all of it, or items that were added), and is
        still offered for a decision."""
        asks = self.standing == "outdated" or bool(set(self.waiting) - set(self.declined))
        return asks and self.closed not in _NOT_ON_OFFER


class ServiceStanding(msgspec.Struct, frozen=True):
    """A service, whether the resident uses it or could (`reason`: the code why not), and its links.

    `terms_changed`: other terms are in force than were accepted; `accept_by` is the last day (Asia/Tokyo) to accept
    them, and `paused` says that it has passed.
    """

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
    accept_by: date | None = None
    paused: bool = False


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
    for one in await _standings(conn, caller):
        if one.service_id == service_id:
            return one
    raise Problem("does_not_exist", f"service {service_id}")


class _Known(msgspec.Struct, frozen=True):
    """What is known of one resident's decisions, by link_key, and the texts of versions, by version_key."""

    states: dict[int, LinkState]
    closed: dict[int, str]
    texts: dict[int, VersionText]
    successions: list[Succession]


async def _standings(conn: Connection, caller: ResidentCaller | ForResident) -> list[ServiceStanding]:
    resident = await resident_of(conn, caller.resident_key)
    members = await store.memberships(conn, caller.resident_key)
    facts = await all_facts(conn)
    states = await store.states_of(conn, caller.resident_key)
    closed = await gate.why_closed(conn, resident)
    links = [link for one in facts for link in one.links]
    texts = await version_texts(conn, _to_compare(links, states))
    known = _Known(states, closed, texts, await successions(conn))
    return [
        _service(one, members.get(one.service.service_key), known, _told(resident, caller.aal, one))
        for one in facts
    ]


def _told(resident: Resident, aal: int, facts: ServiceFacts) -> Problem | None:
    """Why a service cannot be used. A protected resident is not told in lists for which towns it is not: that would say in
    which one they live. Whoever begins with it is told."""
    problem = obstacle(resident, aal, facts)
    hidden = resident.protected and problem is not None and problem.code == "outside_user_scope"
    return None if hidden else problem


def _to_compare(links: Iterable[Link], states: dict[int, LinkState]) -> set[int]:
    """The versions that were decided on and the present ones, where they are not the same."""
    pairs = [
        (state.version_key, link.version_key)
        for link in links
        if (state := states.get(link.link_key)) is not None and state.version_key != link.version_key
    ]
    return {key for pair in pairs for key in pair if key is not None}


def _not_offered(service: Service) -> str:
    return standing.of_service(service.state, service.organization_state) or "service_not_offered"


def _service(
    facts: ServiceFacts, member: Membership | None, known: _Known, problem: Problem | None
) -> ServiceStanding:
    service = facts.service
    on_offer = facts.on_offer()
    shown = [link for link in facts.links if link.state == "registered" or link.link_key in known.states]
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
        reason=problem.code if problem else None if on_offer else _not_offered(service),
        links=tuple(_link(link, known, facts) for link in shown),
        accept_by=member.accept_by if member else None,
        paused=member is not None and member.terms_paused,
    )


def _link(link: Link, known: _Known, facts: ServiceFacts) -> LinkStanding:
    state = known.states.get(link.link_key)
    changes = _changes(link, state, known)
    standing = _standing(state)
    waiting = _waiting(link, state) if standing == "given" else ()
    return LinkStanding(
        link_id=link.link_id,
        dataset_id=link.dataset_id,
        dataset_ja=link.dataset_name_ja,
        dataset_en=link.dataset_name_en,
        items=tuple(ItemText(item.name, item.ja, item.en) for item in link.items),
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
        standing=standing,
        since=state.since if state else None,
        until=state.expires_at if state else None,
        act_id=str(state.act_id) if state else None,
        closed=known.closed.get(link.link_key) if standing in STOPPABLE else _closed(link, facts),
        version=link.version,
        consented_version=state.version if state else None,
        changes=changes,
        waiting=waiting,
        declined=tuple(name for name in waiting if state is not None and name in state.declined),
        successions=_carried_through(state, known) if standing == "given" and changes else (),
    )


def _standing(state: LinkState | None) -> Standing:
    if state is None:
        return "undecided"
    if state.state.word != "given":
        return "refused" if state.state.word == "refused" else "withdrawn"
    if not state.in_force:
        return "expired"
    return "outdated" if state.outdated else "given"


def _changes(link: Link, state: LinkState | None, known: _Known) -> tuple[Difference, ...]:
    """None where the text is the same, or where the one decided on is not kept."""
    if state is None or state.version_key is None or link.version_key is None:
        return ()
    old, new = known.texts.get(state.version_key), known.texts.get(link.version_key)
    return () if old is None or new is None else differences(old, new)


def _carried_through(state: LinkState | None, known: _Known) -> tuple[Succession, ...]:
    """The successions, since the decision, of those whom the text that was read names."""
    text = known.texts.get(state.version_key) if state is not None and state.version_key is not None else None
    if state is None or text is None:
        return ()
    every = (text.responsible, text.provider, text.consumer, text.manager)
    parties = [one for one in every if one is not None]
    named = {("organization", one.organization_id) for one in parties}
    named |= {("component", one.component_id) for one in parties if one.component_id}
    return tuple(
        one for one in known.successions if (one.noun, one.id) in named and one.recorded_at > state.since
    )


def _waiting(link: Link, state: LinkState | None) -> tuple[str, ...]:
    return tuple(item.name for item in link.items if state is not None and item.name not in state.items)


def _closed(link: Link, facts: ServiceFacts) -> str | None:
    """Why a link could not flow whatever the resident decided."""
    return standing.of_link(
        link.state,
        link.provider.organization_state,
        link.consumer.organization_state,
        facts.service.state,
        facts.service.organization_state,
    )
