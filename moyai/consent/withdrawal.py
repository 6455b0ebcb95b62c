"""Withdrawing (撤回): all links of a service, which ends its use, or some of them.

By the resident, or by a desk for a resident who stands there (`ForResident`).
Always possible, whatever became of the service, its organisations or its scope, and at any level of
authentication. The gate reads the new state on the very next request. Whatever takes a consent out of `given`, a refusal
too, is in the journal before it is committed (0028_stops_due.sql): no restored backup brings the consent back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.base.secrets import SecretBox
from moyai.consent import receipts, sharing, store
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.model import Act, LinkState, NewState, State, ThisPlatform
from moyai.identity.model import ForResident, ResidentCaller
from moyai.ledger import Act as LedgerAct
from moyai.ledger import Kind, record
from moyai.ledger.contents import Stopped
from moyai.registry.model import Link


class Withdrawn(msgspec.Struct, frozen=True):
    """A withdrawal that is in force. `links` are those that this act stopped; `left` says the use has ended."""

    act_id: UUID
    receipt: str
    links: dict[str, str]
    withdrawn_at: str
    left: bool
    repeated: bool = False


async def withdraw(
    conn: Connection,
    caller: ResidentCaller | ForResident,
    platform: ThisPlatform,
    box: SecretBox,
    service_id: str,
    link_ids: Sequence[str] | None = None,
) -> Withdrawn:
    """Stop the named links, or (None) all of them together with the use of the service.

    Sent twice, it answers with the act that stopped just that, and with no other act. Raises Problem: does_not_exist
    (service or link), service_not_in_use (there is no use of it to end), nothing_to_stop (none of the links is given).
    """
    at = await store.lock_resident(conn, caller.resident_key)
    facts = await facts_of(conn, service_id, on_offer=False)
    wanted = [facts.link(link_id) for link_id in link_ids] if link_ids is not None else list(facts.links)
    states = await store.states_of(conn, caller.resident_key)
    stopping = {
        link.link_id: known
        for link in wanted
        if (known := states.get(link.link_key)) is not None and known.state is State.GIVEN
    }
    left = link_ids is None and await store.leave_service(
        conn, caller.resident_key, facts.service.service_key, at
    )
    if not stopping and not left:
        return await _already(conn, caller, facts, None if link_ids is None else wanted, states)
    act = await _write(conn, caller, platform, box, facts, stopping, at, left=left)
    stopped = {known.link_key for known in stopping.values()}
    await sharing.end_for_links(conn, caller, facts, stopped, every=left)
    return Withdrawn(act.act_id, act.receipt or "", act.links, rfc3339(at), left)


async def _already(
    conn: Connection,
    caller: ResidentCaller | ForResident,
    facts: ServiceFacts,
    wanted: Sequence[Link] | None,
    states: dict[int, LinkState],
) -> Withdrawn:
    """Nothing is left to stop: answer with the act that stopped all that is named, if there is one."""
    if wanted is None:
        act = await store.last_act(conn, caller.resident_key, facts.service.service_key)
    else:
        acts = {states[link.link_key].act_id if link.link_key in states else None for link in wanted}
        only = acts.pop() if len(acts) == 1 else None
        act = await store.act(conn, caller.resident_key, only) if only else None
    if act is None or act.kind != "withdraw" or (wanted is None and not act.content.get("left")):
        raise _nothing_to_stop(facts, wanted)
    left = bool(act.content.get("left"))
    return Withdrawn(act.act_id, act.receipt or "", act.links, rfc3339(act.acted_at), left, repeated=True)


def _nothing_to_stop(facts: ServiceFacts, wanted: Sequence[Link] | None) -> Problem:
    if wanted is None:
        return Problem("service_not_in_use", f"service {facts.service.service_id}")
    return Problem("nothing_to_stop", "none of these is given", links=[link.link_id for link in wanted])


async def _write(
    conn: Connection,
    caller: ResidentCaller | ForResident,
    platform: ThisPlatform,
    box: SecretBox,
    facts: ServiceFacts,
    stopping: dict[str, LinkState],
    at: datetime,
    *,
    left: bool,
) -> Act:
    act_id, links = random_uuid(), dict.fromkeys(stopping, State.WITHDRAWN.word)
    versions = {link_id: known.version for link_id, known in stopping.items() if known.version is not None}
    entry_id = await _record(conn, caller, facts, act_id, links, versions, at, left=left)
    log = await receipts.promise(conn, platform.base_url, entry_id)
    payload = receipts.compose_withdrawal(
        caller, platform.base_url, facts.service.service_id, act_id, links, at, log
    )
    act = Act(
        act_id=act_id,
        service_key=facts.service.service_key,
        kind="withdraw",
        presentation_id=None,
        sha256=None,
        content={"links": links, "left": left},
        receipt=await receipts.sign(conn, box, payload),
        client_id=caller.client_id,
        acted_at=at,
    )
    await store.insert_act(conn, caller.resident_key, act)
    stopped = [NewState(known.link_key, State.WITHDRAWN, aal=caller.aal) for known in stopping.values()]
    await store.add_to_history(conn, caller.resident_key, stopped, act_id=act_id, since=at)
    await store.put_in_force(conn, caller.resident_key, act_id, at)
    return act


async def _record(
    conn: Connection,
    caller: ResidentCaller | ForResident,
    facts: ServiceFacts,
    act_id: UUID,
    links: dict[str, str],
    versions: dict[str, int],
    at: datetime,
    *,
    left: bool,
) -> UUID:
    """One leaf for the act, however many links it stops."""
    act = LedgerAct(
        kind=Kind.CONSENT_WITHDRAWN if links else Kind.SERVICE_LEFT,
        actor=caller.actor,
        resident_key=caller.resident_key,
        detail=Stopped(
            act_id=str(act_id),
            service=facts.service.service_id,
            links=links,
            versions=versions,
            left=left,
            client=caller.client_id,
            **caller.request,
        ),
        at=at,
    )
    return await record(conn, act)
