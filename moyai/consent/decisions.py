"""The fifth step: the resident decides, link by link, on the text that was served to this session.

Nothing is accepted without the hash of that text. One decision is one act: one ledger leaf, one receipt; states and
history are written per link. The gate reads the states on the very next request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.base.secrets import SecretBox
from moyai.consent import presentation, receipts, store, store_enrolment
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.eligibility import require_eligible
from moyai.consent.enrolment import Ready, require_ready_to_decide
from moyai.consent.model import Act, Choice, Presentation, State, ThisPlatform
from moyai.consent.terms import acceptance
from moyai.identity.model import ResidentCaller
from moyai.ledger import Act as LedgerAct
from moyai.ledger import Kind, record
from moyai.registry import hold_unchanged

Choices = dict[str, Choice] | Literal["given", "refused"]
"""What is decided per link_id, or one word for all links of the text."""


class Decided(msgspec.Struct, frozen=True):
    """A decision that is in force. `repeated` says that the same decision had been recorded before."""

    act_id: UUID
    receipt: str
    links: dict[str, str]
    decided_at: str
    repeated: bool = False


async def decide(
    conn: Connection,
    caller: ResidentCaller,
    platform: ThisPlatform,
    box: SecretBox,
    service_id: str,
    sha256: str,
    choices: Choices,
) -> Decided:
    """Record a decision on every link of the served text, and start the use of the service if it is the first.

    Raises Problem: does_not_exist, service_not_offered, step_skipped (`expected_step`), text_not_served,
    invalid_request (not exactly the links of the text), outside_user_scope, assurance_insufficient
    (`required`, `actual`), resident_inactive.
    """
    at = await store.lock_resident(conn, caller.resident_key)
    # the text is composed anew from several tables, and the version that the consent names must be of that text
    await hold_unchanged(conn)
    facts = await facts_of(conn, service_id)
    await require_eligible(conn, caller, facts)
    ready = await require_ready_to_decide(conn, caller, facts)
    text = await presentation.served(conn, caller, platform, facts, sha256)
    if text is None:
        raise Problem(
            "text_not_served", "no such text, or it has changed or run out since", service=service_id
        )
    links = _complete(choices, text)
    repeated = await _same_as_last(conn, caller, facts, text, links)
    if repeated is not None:
        return repeated
    given = [facts.link(link_id) for link_id, choice in links.items() if choice == "given"]
    await require_eligible(conn, caller, facts, given)
    made = _Made(random_uuid(), at, text, links, ready)
    act = await _write(conn, caller, box, facts, made)
    return Decided(act.act_id, act.receipt or "", act.links, rfc3339(act.acted_at))


def _complete(choices: Choices, text: Presentation) -> dict[str, str]:
    """The decision on each link, in the order of the text. Silence is not consent, and no consent is assumed."""
    shown = [link.link_id for link in text.text.links]
    if isinstance(choices, str):
        return dict.fromkeys(shown, choices)
    if set(choices) != set(shown):
        raise Problem("invalid_request", "decide on every link of the text, and on no other", links=shown)
    return {link_id: choices[link_id] for link_id in shown}


async def _same_as_last(
    conn: Connection,
    caller: ResidentCaller,
    facts: ServiceFacts,
    text: Presentation,
    links: dict[str, str],
) -> Decided | None:
    """The earlier act, if this is the same decision sent twice and nothing was decided in between."""
    last = await store.last_act(conn, caller.resident_key, facts.service.service_key)
    if last is None or last.kind != "decide" or last.presentation_id != text.presentation_id:
        return None
    if last.links != links:
        return None
    return Decided(last.act_id, last.receipt or "", last.links, rfc3339(last.acted_at), repeated=True)


class _Made(msgspec.Struct, frozen=True):
    """A decision that may be written: everything that leads to it has been checked."""

    act_id: UUID
    at: datetime
    text: Presentation
    links: dict[str, str]
    ready: Ready


async def _write(
    conn: Connection, caller: ResidentCaller, box: SecretBox, facts: ServiceFacts, made: _Made
) -> Act:
    """Record, make the receipt, put in force. The ledger comes first: the receipt carries its promise."""
    text, service_key = made.text, facts.service.service_key
    entry_id = await _record(conn, caller, facts, made)
    log = await receipts.promise(conn, text.text.platform.base_url, entry_id)
    accepted_at = made.ready.terms_accepted_at
    payload = receipts.compose(
        caller, text.text, made.act_id, text.sha256, made.links, made.at, accepted_at, log
    )
    act = Act(
        act_id=made.act_id,
        service_key=service_key,
        kind="decide",
        presentation_id=text.presentation_id,
        sha256=text.sha256,
        content={"links": made.links, "terms": list(facts.terms_keys)},
        receipt=await receipts.sign(conn, box, payload),
        client_id=caller.client_id,
        acted_at=made.at,
    )
    await store.insert_act(conn, caller.resident_key, act)
    await _put_in_force(conn, caller, facts, made)
    if not made.ready.in_use:
        await store.join_service(conn, caller.resident_key, service_key, facts.terms_keys, accepted_at)
    await _end_walk(conn, caller, service_key)
    return act


async def _end_walk(conn: Connection, caller: ResidentCaller, service_key: int) -> None:
    """The walk has led somewhere; of the texts that were served on it only the one decided on is kept."""
    walk = (caller.resident_key, service_key, caller.session_id)
    await store_enrolment.delete_enrolment(conn, *walk)
    await store_enrolment.delete_undecided_presentations(conn, *walk)


async def _put_in_force(conn: Connection, caller: ResidentCaller, facts: ServiceFacts, made: _Made) -> None:
    """`expires_at` is what the text said, to the moment."""
    ends = {link.link_id: msgspec.convert(link.until, type=datetime) for link in made.text.text.links}
    decided = [(facts.link(link_id), choice == "given") for link_id, choice in made.links.items()]
    await store.add_to_history(
        conn,
        caller.resident_key,
        [link.link_key for link, _ in decided],
        [State.GIVEN if given else State.REFUSED for _, given in decided],
        [ends[link.link_id] if given else None for link, given in decided],
        [link.version_key for link, _ in decided],
        act_id=made.act_id,
        since=made.at,
        aal=caller.aal,
    )
    await store.put_in_force(conn, caller.resident_key, made.act_id, made.at)


async def _record(conn: Connection, caller: ResidentCaller, facts: ServiceFacts, made: _Made) -> UUID:
    """One leaf for the decision with all links (its entry id is given back); on joining, one for the terms, too."""
    terms = {"service_terms": facts.terms.version, "platform_terms": facts.platform_terms.version}
    named = {"service": facts.service.service_id, "client": caller.client_id, **terms}
    if not made.ready.in_use:
        await record(conn, acceptance(caller, facts, made.ready.terms_accepted_at))
    decided: dict[str, object] = {
        **named,
        "act_id": str(made.act_id),
        "links": made.links,
        "text_sha256": made.text.sha256,
        "ial": caller.ial,
        "aal": caller.aal,
    }
    kind = Kind.CONSENT_GIVEN if "given" in made.links.values() else Kind.CONSENT_REFUSED
    return await record(conn, _leaf(caller, kind, made.at, decided))


def _leaf(caller: ResidentCaller, kind: Kind, at: datetime, detail: Mapping[str, object]) -> LedgerAct:
    actor = f"resident:{caller.resident_id}"
    return LedgerAct(kind=kind, actor=actor, resident_key=caller.resident_key, detail=dict(detail), at=at)
