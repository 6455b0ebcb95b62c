"""The fifth step: the resident decides, link by link, on the text that was served to this session.

Nothing is accepted without the hash of that text. One decision is one act: one ledger leaf, one receipt, of the links that
it changed; what was not touched stays as it stands (`choices`). The gate reads the states on the very next request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.base.secrets import SecretBox
from moyai.consent import choices as rules
from moyai.consent import presentation, receipts, store, store_enrolment
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.choices import Choices, Standing
from moyai.consent.eligibility import require_eligible
from moyai.consent.enrolment import Ready, require_ready_to_decide
from moyai.consent.model import Act, Choice, LinkText, Presentation, State, ThisPlatform, words_of_end
from moyai.consent.terms import acceptance
from moyai.identity import step_up
from moyai.identity.model import PORTAL_CLIENT, ResidentCaller
from moyai.ledger import Act as LedgerAct
from moyai.ledger import Kind, contents, record
from moyai.registry import hold_unchanged


class Decided(msgspec.Struct, frozen=True):
    """A decision that is in force. `links` are those that it changed; `repeated` says that the same decision had been
    recorded before."""

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
    """Record a decision on links of the served text (on every link, and the start of the use, if it is the first).

    Raises Problem: does_not_exist, service_not_offered, step_skipped (`expected_step`), text_not_served,
    invalid_request (not the links of the text), decision_contradictory, nothing_to_change, outside_user_scope,
    assurance_insufficient (`required`, `actual`), resident_inactive; insufficient_user_authentication, of an app, for a yes to
    what was refused or stopped.
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
    read = await presentation.reading(conn, caller, facts, text)
    chosen = rules.chosen(choices, read, in_use=ready.in_use)
    repeated = await _same_as_last(conn, caller, facts, text, chosen)
    done = _done(chosen, read, caller.aal, in_use=ready.in_use)
    if not done:
        if repeated is not None:
            return repeated
        raise Problem("nothing_to_change", "each of these links stands as it was chosen", links=list(chosen))
    wider = [read[link_id] for link_id, what in done.items() if what in ("given", "prolonged")]
    if any(_stopped_since(one, text) for one in wider):
        raise Problem("text_not_served", "it was stopped since: read the text again", service=service_id)
    if caller.client_id != PORTAL_CLIENT and any(_overturns(one) for one in wider):
        step_up.require_fresh(caller)
    widened = [one.link for one in wider]
    await require_eligible(conn, caller, facts, widened)
    made = _Made(random_uuid(), at, text, read, done, ready)
    act = await _write(conn, caller, box, facts, made)
    return Decided(act.act_id, act.receipt or "", act.links, rfc3339(act.acted_at))


def _overturns(one: Standing) -> bool:
    """Whether the resident had said no: an app, which holds its authorisation for weeks, has them say yes to that with a second
    factor. A session of the portal ends after half an hour without them."""
    return one.state is not None and one.state.state in (State.REFUSED, State.WITHDRAWN)


def _stopped_since(one: Standing, text: Presentation) -> bool:
    """Whether the resident said no after this text was served: a decision sent again is no answer to that stop."""
    state = one.state
    return state is not None and state.state is not State.GIVEN and state.since > text.served_at


def _done(
    chosen: Mapping[str, Choice], read: Mapping[str, Standing], aal: int, *, in_use: bool
) -> dict[str, Choice]:
    """What is done to which link. A first decision decides on each; later, what stays as it is is no part of it."""
    done: dict[str, Choice] = {}
    for link_id, choice in chosen.items():
        what = rules.outcome(choice, read[link_id], aal) if in_use else choice
        if what is not None:
            done[link_id] = what
    return done


async def _same_as_last(
    conn: Connection,
    caller: ResidentCaller,
    facts: ServiceFacts,
    text: Presentation,
    chosen: Mapping[str, Choice],
) -> Decided | None:
    """The earlier act, if this is the same decision sent twice and nothing was decided in between."""
    last = await store.last_act(conn, caller.resident_key, facts.service.service_key)
    if last is None or last.kind != "decide" or last.presentation_id != text.presentation_id:
        return None
    if any(chosen.get(link_id) != what for link_id, what in last.links.items()):
        return None
    return Decided(last.act_id, last.receipt or "", last.links, rfc3339(last.acted_at), repeated=True)


class _Made(msgspec.Struct, frozen=True):
    """A decision that may be written: everything that leads to it has been checked."""

    act_id: UUID
    at: datetime
    text: Presentation
    read: dict[str, Standing]
    done: dict[str, Choice]
    ready: Ready

    def as_decided(self) -> list[LinkText]:
        """What was decided on, link by link: of what is kept, what stands and its end."""
        read, done = self.read, self.done
        ends = {link_id: words_of_end(read[link_id].ends) for link_id in done}
        return [rules.as_decided(what, read[link_id], ends[link_id]) for link_id, what in done.items()]


async def _write(
    conn: Connection, caller: ResidentCaller, box: SecretBox, facts: ServiceFacts, made: _Made
) -> Act:
    """Record, make the receipt, put in force. The ledger comes first: the receipt carries its promise."""
    text, service_key, links = made.text, facts.service.service_key, dict[str, str](made.done)
    entry_id = await _record(conn, caller, facts, made)
    log = await receipts.promise(conn, text.text.platform.base_url, entry_id)
    said = msgspec.structs.replace(text.text, links=tuple(made.as_decided()))
    payload = receipts.compose(caller, said, made.act_id, text.sha256, links, made.at, made.ready, log)
    act = Act(
        act_id=made.act_id,
        service_key=service_key,
        kind="decide",
        presentation_id=text.presentation_id,
        sha256=text.sha256,
        content={"links": links, "terms": list(facts.terms_keys)},
        receipt=await receipts.sign(conn, box, payload),
        client_id=caller.client_id,
        acted_at=made.at,
    )
    await store.insert_act(conn, caller.resident_key, act)
    await _put_in_force(conn, caller, made)
    if not made.ready.in_use:
        accepted_at = made.ready.terms_accepted_at
        await store.join_service(conn, caller.resident_key, service_key, facts.terms_keys, accepted_at)
    await _end_walk(conn, caller, service_key)
    return act


async def _end_walk(conn: Connection, caller: ResidentCaller, service_key: int) -> None:
    """The walk has led somewhere; of the texts that were served on it only the one decided on is kept."""
    walk = (caller.resident_key, service_key, caller.session_id)
    await store_enrolment.delete_enrolment(conn, *walk)
    await store_enrolment.delete_undecided_presentations(conn, *walk)


async def _put_in_force(conn: Connection, caller: ResidentCaller, made: _Made) -> None:
    """The ends are what the text said, to the moment; of what is kept, what was read before."""
    states = [rules.new_state(what, made.read[link_id], caller.aal) for link_id, what in made.done.items()]
    await store.add_to_history(conn, caller.resident_key, states, act_id=made.act_id, since=made.at)
    await store.put_in_force(conn, caller.resident_key, made.act_id, made.at)


async def _record(conn: Connection, caller: ResidentCaller, facts: ServiceFacts, made: _Made) -> UUID:
    """One leaf for the decision with its links (its entry id is given back); on joining, one for the terms, too.

    Of a consent that is prolonged, and of one that keeps what it had, it says until when.
    """
    ready = made.ready
    until = {said.link_id: said.until for said in made.as_decided() if made.done[said.link_id] in _WITH_END}
    if not made.ready.in_use:
        await record(conn, acceptance(caller, facts, made.ready.terms_accepted_at))
    decided = contents.Decided(
        act_id=str(made.act_id),
        service=facts.service.service_id,
        client=caller.client_id,
        service_terms=ready.service_terms.version,
        platform_terms=ready.platform_terms.version,
        links=dict[str, str](made.done),
        versions={said.link_id: said.version for said in made.as_decided()},
        text_sha256=made.text.sha256,
        ial=caller.ial,
        aal=caller.aal,
        until=until,
    )
    kind = Kind.CONSENT_GIVEN if _GIVING & set(made.done.values()) else Kind.CONSENT_REFUSED
    actor = f"resident:{caller.resident_id}"
    return await record(conn, LedgerAct(kind, actor, caller.resident_key, decided, made.at))


_WITH_END = frozenset({"kept", "prolonged"})
_GIVING = frozenset({"given", "prolonged"})
