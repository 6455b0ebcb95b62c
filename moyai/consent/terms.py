"""Terms that changed while a service is in use: what changed, by when, and the resident's acceptance.

Acceptance is of both texts that are in force, for one service; the platform's terms are one text for all services, so
accepting them once is accepting them everywhere. Who does not accept loses nothing: after the date the service pauses
(the gate refuses with `terms_outdated`), and consents are as they were once the terms are accepted.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import store
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.enrolment import is_current, membership, reference
from moyai.consent.model import Membership, TermsReference, last_day
from moyai.identity.model import ResidentCaller
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import TermsAccepted
from moyai.registry import store_terms
from moyai.registry.model import TermsVersion
from moyai.registry.terms_changes import SectionChange, changed_sections


class ChangedTerms(msgspec.Struct, frozen=True):
    """One of the two texts: the version accepted, the one in force, and what that says otherwise.

    `accept_by` is the last day (Asia/Tokyo) to accept; null where it was accepted or asks for nothing. `url` shows it.
    """

    accepted: TermsReference
    in_force: TermsReference
    accept_by: date | None
    url: str
    changes: tuple[SectionChange, ...]


class TermsStanding(msgspec.Struct, frozen=True):
    """How a resident stands to the terms of a service in use. `paused`: nothing flows until they are accepted."""

    service_id: str
    service_ja: str
    service_en: str
    accepted_at: datetime
    current: bool
    accept_by: date | None
    paused: bool
    service_terms: ChangedTerms
    platform_terms: ChangedTerms


class Accepted(msgspec.Struct, frozen=True):
    """What is accepted now, and since when. `repeated`: it had been before."""

    service_terms: TermsReference
    platform_terms: TermsReference
    accepted_at: datetime
    repeated: bool = False


async def standing(conn: Connection, caller: ResidentCaller, service_id: str) -> TermsStanding:
    """Raises Problem: does_not_exist, service_not_offered, service_not_in_use."""
    facts = await facts_of(conn, service_id)
    member = await _member(conn, caller, facts)
    of_service = await _changed(
        conn, member.service_terms_key, facts.terms, member.service_terms_until, service_id
    )
    of_platform = await _changed(
        conn, member.platform_terms_key, facts.platform_terms, member.platform_terms_until, "platform"
    )
    return TermsStanding(
        service_id,
        facts.service.name_ja,
        facts.service.name_en,
        member.accepted_at,
        is_current(member, facts),
        member.accept_by,
        member.terms_paused,
        of_service,
        of_platform,
    )


async def _member(conn: Connection, caller: ResidentCaller, facts: ServiceFacts) -> Membership:
    member = await membership(conn, caller, facts)
    if member is None:
        raise Problem("service_not_in_use", f"service {facts.service.service_id}")
    return member


async def _changed(
    conn: Connection, accepted_key: int, in_force: TermsVersion, until: datetime | None, owner: str
) -> ChangedTerms:
    accepted = await store_terms.terms_by_key(conn, accepted_key) or in_force
    changes = changed_sections(accepted.content, in_force.content)
    return ChangedTerms(
        reference(accepted),
        reference(in_force),
        last_day(until),
        f"/terms/{owner}",
        changes,
    )


async def accept(
    conn: Connection, caller: ResidentCaller, service_id: str, service_sha256: str, platform_sha256: str
) -> Accepted:
    """Accept both terms in force, named by the hashes (hex) of what was read. Sent twice, it is one act.

    Raises Problem: does_not_exist, service_not_offered, service_not_in_use, terms_not_in_force (`in_force`).
    """
    at = await store.lock_resident(conn, caller.resident_key)
    facts = await facts_of(conn, service_id)
    member = await _member(conn, caller, facts)
    for read, terms in ((service_sha256, facts.terms), (platform_sha256, facts.platform_terms)):
        if read != terms.sha256:
            raise Problem("terms_not_in_force", f"{terms.kind} terms", in_force=terms.sha256)
    service_terms, platform_terms = reference(facts.terms), reference(facts.platform_terms)
    if is_current(member, facts):
        return Accepted(service_terms, platform_terms, member.accepted_at, repeated=True)
    await store.accept_terms(conn, caller.resident_key, facts.service.service_key, facts.terms_keys, at)
    await record(conn, acceptance(caller, facts, at))
    return Accepted(service_terms, platform_terms, at)


def acceptance(caller: ResidentCaller, facts: ServiceFacts, at: datetime) -> Act:
    """The ledger's entry: which texts, by their hashes."""
    return Act(
        kind=Kind.TERMS_ACCEPTED,
        actor=f"resident:{caller.resident_id}",
        resident_key=caller.resident_key,
        detail=TermsAccepted(
            service_id=facts.service.service_id,
            client_id=caller.client_id,
            service_terms=facts.terms.version,
            service_sha256=facts.terms.sha256,
            platform_terms=facts.platform_terms.version,
            platform_sha256=facts.platform_terms.sha256,
        ),
        at=at,
    )
