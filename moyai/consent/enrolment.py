"""Starting to use a service, in five steps and in this order (guidebook 3.2.3, 2/2):

1. choose the service, 2. read its terms, 3. see which platform it connects to, 4. read the platform's terms,
5. decide (`moyai.consent.decisions`). The order is kept here, whatever a page or a touch point does. The walk may
be left at any time, and whoever declines leaves no data behind.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.consent import store, store_enrolment
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.eligibility import require_eligible
from moyai.consent.model import ENROLMENT_MINUTES, Enrolment, Membership, TermsReference
from moyai.identity.model import ResidentCaller
from moyai.registry import store_terms
from moyai.registry.model import TermsVersion

STEPS = ("choose", "service-terms", "platform", "platform-terms", "decide")
"""The five steps by the names that the API gives them; `expected_step` in a problem is one of these."""


def next_step(done: int) -> str:
    """The step that follows `done` steps, 0 to 4."""
    return STEPS[done]


def _skipped(done: int, detail: str) -> Problem:
    return Problem("step_skipped", detail, expected_step=next_step(done))


async def choose(conn: Connection, caller: ResidentCaller, service_id: str) -> Enrolment:
    """Step 1. Choosing again in the same session goes on where it was.

    Raises Problem: does_not_exist, service_not_offered, outside_user_scope, assurance_insufficient,
    service_in_use (the resident uses it already; terms that changed are accepted by an act of their own).
    """
    facts = await facts_of(conn, service_id)
    await require_eligible(conn, caller, facts)
    if await membership(conn, caller, facts) is not None:
        raise Problem("service_in_use", f"service {service_id}")
    walk = await _walk(conn, caller, facts)
    if walk is not None:
        return walk
    return await store_enrolment.begin_enrolment(
        conn,
        random_uuid(),
        caller.resident_key,
        facts.service.service_key,
        caller.session_id,
        ENROLMENT_MINUTES,
    )


async def accept_service_terms(
    conn: Connection, caller: ResidentCaller, service_id: str, sha256: str
) -> Enrolment:
    """Step 2. `sha256` (hex) names the version that was read; only the one in force is accepted.

    Raises Problem: step_skipped, terms_not_in_force.
    """
    facts, walk = await _on_the_way(conn, caller, service_id, done=1)
    if sha256 != facts.terms.sha256:
        raise Problem("terms_not_in_force", "service terms", in_force=facts.terms.sha256)
    if walk.service_terms_key == facts.terms.terms_key:
        return walk
    return await _go(conn, walk, 2, service_terms_key=facts.terms.terms_key)


async def recognize_platform(
    conn: Connection, caller: ResidentCaller, service_id: str, platform_id: str, this_platform_id: str
) -> Enrolment:
    """Step 3: the resident has seen which platform the service connects to, and names it.

    Raises Problem: step_skipped, invalid_request (another platform's id).
    """
    _, walk = await _on_the_way(conn, caller, service_id, done=2)
    if platform_id != this_platform_id:
        raise Problem("invalid_request", f"the service connects to platform {this_platform_id}")
    return walk if walk.step >= 3 else await _go(conn, walk, 3)


async def accept_platform_terms(
    conn: Connection, caller: ResidentCaller, service_id: str, sha256: str
) -> Enrolment:
    """Step 4. Raises Problem: step_skipped, terms_not_in_force."""
    facts, walk = await _on_the_way(conn, caller, service_id, done=3)
    if sha256 != facts.platform_terms.sha256:
        raise Problem("terms_not_in_force", "platform terms", in_force=facts.platform_terms.sha256)
    if walk.step == 4 and walk.platform_terms_key == facts.platform_terms.terms_key:
        return walk
    return await _go(conn, walk, 4, platform_terms_key=facts.platform_terms.terms_key)


async def state(conn: Connection, caller: ResidentCaller, service_id: str) -> Enrolment | None:
    """Where this session's walk is, or None."""
    return await _walk(conn, caller, await facts_of(conn, service_id, on_offer=False))


async def leave(conn: Connection, caller: ResidentCaller, service_id: str) -> None:
    """Leave the walk or decline: the walk and the texts served on it are deleted. Leaving twice is no error."""
    facts = await facts_of(conn, service_id, on_offer=False)
    key = facts.service.service_key
    await store_enrolment.delete_enrolment(conn, caller.resident_key, key, caller.session_id)
    await store_enrolment.delete_undecided_presentations(conn, caller.resident_key, key, caller.session_id)


async def membership(conn: Connection, caller: ResidentCaller, facts: ServiceFacts) -> Membership | None:
    return (await store.memberships(conn, caller.resident_key)).get(facts.service.service_key)


def is_current(member: Membership | None, facts: ServiceFacts) -> bool:
    """Whether the resident uses the service under the terms that are in force."""
    return member is not None and (member.service_terms_key, member.platform_terms_key) == facts.terms_keys


def reference(terms: TermsVersion) -> TermsReference:
    return TermsReference(terms.version, terms.sha256)


class Ready(msgspec.Struct, frozen=True):
    """Four steps are done, or the service is in use: which terms were accepted, and when."""

    in_use: bool
    terms_accepted_at: datetime
    service_terms: TermsReference
    platform_terms: TermsReference


async def require_ready_to_decide(conn: Connection, caller: ResidentCaller, facts: ServiceFacts) -> Ready:
    """Four steps done under the terms in force, or using the service already, under whichever terms were accepted: no
    decision about data waits for other terms (what flows may).

    Raises Problem step_skipped with `expected_step`; after new terms were published on the way that is `service-terms`.
    """
    member = await membership(conn, caller, facts)
    if member is not None:
        service_terms = await store_terms.terms_by_key(conn, member.service_terms_key) or facts.terms
        platform_terms = (
            await store_terms.terms_by_key(conn, member.platform_terms_key) or facts.platform_terms
        )
        return Ready(True, member.accepted_at, reference(service_terms), reference(platform_terms))
    walk = await _walk(conn, caller, facts)
    if walk is None:
        raise _skipped(0, "choose the service first")
    if walk.step < 4 or walk.terms_accepted_at is None:
        raise _skipped(walk.step, f"{walk.step} of 5 steps are done")
    if (walk.service_terms_key, walk.platform_terms_key) != facts.terms_keys:
        raise _skipped(1, "the terms have changed since they were read")
    return Ready(False, walk.terms_accepted_at, reference(facts.terms), reference(facts.platform_terms))


async def _walk(conn: Connection, caller: ResidentCaller, facts: ServiceFacts) -> Enrolment | None:
    return await store_enrolment.enrolment(
        conn, caller.resident_key, facts.service.service_key, caller.session_id
    )


async def _on_the_way(
    conn: Connection, caller: ResidentCaller, service_id: str, *, done: int
) -> tuple[ServiceFacts, Enrolment]:
    facts = await facts_of(conn, service_id)
    walk = await _walk(conn, caller, facts)
    if walk is None or walk.step < done:
        raise _skipped(walk.step if walk else 0, f"this is step {done + 1} of 5")
    return facts, walk


async def _go(
    conn: Connection,
    walk: Enrolment,
    step: int,
    *,
    service_terms_key: int | None = None,
    platform_terms_key: int | None = None,
) -> Enrolment:
    """Note a step. Other terms than before, read anew, send the walk back to that step."""
    service_terms_key = service_terms_key or walk.service_terms_key
    platform_terms_key = platform_terms_key or walk.platform_terms_key
    return await store_enrolment.set_step(
        conn, walk.enrolment_id, step, service_terms_key, platform_terms_key
    )
