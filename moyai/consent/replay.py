"""Repeating stops of the journal after a restore (moyai.recovery): by `system`, at the time they were made.

A decision that is newer than the stop stands: the resident made it afterwards, and the restore brought it back.
Repeating a stop that is in force changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from moyai.base.db import Connection
from moyai.base.ids import random_uuid
from moyai.base.stops import ConsentWithdrawn
from moyai.consent import store, store_sharing
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.model import Act, NewState, State
from moyai.ledger import Act as LedgerAct
from moyai.ledger import Kind, record
from moyai.ledger.contents import SharingEnded, Stopped

SYSTEM = "system"


async def withdraw(conn: Connection, resident_key: int, stop: ConsentWithdrawn, at: datetime) -> bool:
    """Whether there was something left to stop. Raises Problem("does_not_exist") for an unknown service."""
    await store.lock_resident(conn, resident_key)
    facts = await facts_of(conn, stop.service_id, on_offer=False)
    keys = {link.link_key: link.link_id for link in facts.links if link.link_id in stop.links}
    states = await store.states_of(conn, resident_key)
    stopping = {
        state.link_key: keys[state.link_key]
        for state in states.values()
        if state.link_key in keys and state.state is State.GIVEN and state.since < at
    }
    left = stop.left and await _leave(conn, resident_key, facts, at)
    if not stopping and not left:
        return False
    await _write(conn, resident_key, facts, stopping, at, left=left)
    return True


async def _leave(conn: Connection, resident_key: int, facts: ServiceFacts, at: datetime) -> bool:
    key = facts.service.service_key
    member = (await store.memberships(conn, resident_key)).get(key)
    return (
        member is not None
        and member.accepted_at < at
        and await store.leave_service(conn, resident_key, key, at)
    )


async def _write(
    conn: Connection,
    resident_key: int,
    facts: ServiceFacts,
    stopping: dict[int, str],
    at: datetime,
    *,
    left: bool,
) -> None:
    act_id, links = random_uuid(), dict.fromkeys(stopping.values(), State.WITHDRAWN.word)
    detail = Stopped(
        act_id=str(act_id), service=facts.service.service_id, links=links, left=left, client=SYSTEM
    )
    kind = Kind.CONSENT_WITHDRAWN if links else Kind.SERVICE_LEFT
    await record(conn, LedgerAct(kind=kind, actor=SYSTEM, resident_key=resident_key, detail=detail))
    act = Act(
        act_id=act_id,
        service_key=facts.service.service_key,
        kind="withdraw",
        presentation_id=None,
        sha256=None,
        content={"links": links, "left": left},
        receipt=None,  # the resident has the receipt of the withdrawal itself
        client_id=SYSTEM,
        acted_at=at,
    )
    await store.insert_act(conn, resident_key, act)
    stopped = [NewState(link_key, State.WITHDRAWN) for link_key in stopping]
    await store.add_to_history(conn, resident_key, stopped, act_id=act_id, since=at)
    await store.put_in_force(conn, resident_key, act_id, at)


async def end_sharing(conn: Connection, sharing_id: UUID, at: datetime) -> bool:
    """Whether it was in force. An unknown one was made after the backup, and is not there to be ended."""
    known = await store_sharing.sharing(conn, sharing_id)
    if known is None or not await store_sharing.end(conn, sharing_id, at):
        return False
    detail = SharingEnded(sharing_id=str(sharing_id), client=SYSTEM, by=SYSTEM)
    act = LedgerAct(kind=Kind.SHARING_ENDED, actor=SYSTEM, resident_key=known.resident_key, detail=detail)
    await record(conn, act)
    return True
