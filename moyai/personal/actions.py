"""What a component does with its own items: store, delete. And what the platform does with them: locate, erase.

A write touches two databases (design, section 1): an intent in the control database, then item and event in one
transaction of the store, then location and ledger in the control database, then the answer. A crash in between
leaves an intent that the sweeper settles by asking that one store.
"""

from __future__ import annotations

from collections.abc import Sequence

from moyai.base.db import Connection, Database, UniqueViolation
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.consent.permit import ErasurePermit, Permit
from moyai.identity.residents import hold_active
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import ItemsChanged
from moyai.personal import store_control, store_items
from moyai.personal.model import Condition, NewItem, Stored, etag_of
from moyai.personal.stores import Store, Stores

ALWAYS = Condition()


async def put_items(
    control: Database,
    stores: Stores,
    permit: Permit,
    items: Sequence[NewItem],
    shape: bytes | None,
    actor: str,
    condition: Condition = ALWAYS,
) -> list[Stored]:
    """Create or replace items, all or none. Contents are checked against the dataset's schema by the caller, who
    says by its `shape` which it was (`registry.shape_of`; None: an open one). `condition` is judged in the transaction that stores.

    Raises Problem: store_missing (the organisation has no store here), source_unavailable, precondition_failed.
    """
    store = await _store(stores, permit)
    intent_id = await _begin(control, permit, store)
    async with store.transaction() as conn:
        stored = [await _put(conn, permit, item, shape, condition) for item in items]
        done = [one for one in stored if one is not None]
        added = sum(one.created for one in done)
        await _mark(conn, intent_id, permit, added)
    act = _act(Kind.ITEMS_STORED, permit, len(done), actor) if done else None
    await _settle(control, permit, store, intent_id, added, act)
    if len(done) < len(items):
        raise Problem("precondition_failed")
    return done


async def _put(
    conn: Connection, permit: Permit, item: NewItem, shape: bytes | None, condition: Condition
) -> Stored | None:
    """None if the condition does not hold: then nothing is changed."""
    if condition.match is not None and not await _holds(conn, permit, item.item_id, condition):
        return None
    content = bytes(item.content).decode()
    row = await store_items.put(
        conn,
        permit.provider_subject,
        permit.dataset_id,
        item.item_id,
        content,
        item.observed_at,
        shape,
        only_new=condition.absent,
    )
    if row is None:
        return None
    return Stored(item.item_id, row["version"], row["created"], etag_of(row["version"], row["created_at"]))


async def _holds(conn: Connection, permit: Permit, item_id: str, condition: Condition) -> bool:
    """Whether the condition holds; it does until the transaction ends."""
    row = await store_items.lock(conn, permit.provider_subject, permit.dataset_id, item_id)
    return condition.holds(None if row is None else etag_of(row["version"], row["created_at"]))


async def delete_item(
    control: Database,
    stores: Stores,
    permit: Permit,
    item_id: str,
    actor: str,
    condition: Condition = ALWAYS,
) -> None:
    """Delete one item; it is no longer shareable, and its location goes with the last one (R-009).

    Raises Problem: does_not_exist, precondition_failed, store_missing, source_unavailable.
    """
    store = await _store(stores, permit)
    intent_id = await _begin(control, permit, store)
    async with store.transaction() as conn:
        holds = await _holds(conn, permit, item_id, condition)
        gone = (
            await store_items.delete(conn, permit.provider_subject, permit.dataset_id, item_id)
            if holds
            else 0
        )
        await _mark(conn, intent_id, permit, -gone)
    act = _act(Kind.ITEMS_DELETED, permit, gone, actor) if gone else None
    await _settle(control, permit, store, intent_id, -gone, act)
    if not holds:
        raise Problem("precondition_failed")
    if not gone:
        raise Problem("does_not_exist", f"item {item_id}")


async def _store(stores: Stores, permit: Permit) -> Store:
    store = await stores.of(permit.organization_key)
    if store is None:
        raise Problem("store_missing", f"organisation {permit.organization_id}")
    return store


async def _mark(conn: Connection, intent_id: str, permit: Permit, added: int) -> None:
    """Mark that this write reached the store, unless it was cancelled meanwhile: then nothing of it stays."""
    try:
        await store_items.record_event(conn, intent_id, permit.provider_subject, permit.dataset_id, added)
    except UniqueViolation as error:
        raise Problem("unavailable", "the write took too long and was cancelled") from error


async def _begin(control: Database, permit: Permit, store: Store) -> str:
    intent_id = str(random_uuid())
    async with control.transaction() as conn:
        # the permit may be a moment old: an erasure that began since must find this intent, or none comes
        await hold_active(conn, permit.resident_key)
        await store_control.begin_intent(
            conn,
            intent_id,
            permit.resident_key,
            permit.dataset_key,
            permit.component_key,
            store.address.store_key,
        )
    return intent_id


async def _settle(
    control: Database, permit: Permit, store: Store, intent_id: str, added: int, act: Act | None
) -> None:
    async with control.transaction() as conn:
        if await store_control.end_intent(conn, intent_id) is None:
            # the sweeper was first, and has recorded it; or the resident was erased, and nothing is added to that
            return
        await apply_to_location(
            conn,
            permit.resident_key,
            permit.dataset_key,
            permit.component_key,
            store.address.store_key,
            added,
        )
        if act is not None:
            await record(conn, act)


async def apply_to_location(
    conn: Connection, resident_key: int, dataset_key: int, component_key: int, store_key: int, added: int
) -> None:
    """Bring the location registry up to a settled write; the caller holds the intent's row."""
    await store_control.add_to_location(conn, resident_key, dataset_key, component_key, store_key, added)
    await store_control.drop_empty_location(conn, resident_key, dataset_key, component_key)


def _act(kind: Kind, permit: Permit, items: int, actor: str) -> Act:
    return Act(
        kind=kind,
        actor=actor,
        resident_key=permit.resident_key,
        detail=ItemsChanged(
            dataset=permit.dataset_id,
            provider=permit.component_id,
            provider_organization=permit.organization_id,
            items=items,
        ),
    )


async def erase(control: Database, stores: Stores, permit: ErasurePermit) -> int:
    """Delete what every component stored about one resident; how many items went. Safe to repeat.

    Writes on their way are cancelled, so that none arrives after the deletion.
    Raises Problem("source_unavailable") if a store does not answer: an erasure is whole or it is asked again.
    """
    async with control.connection() as conn:
        begun = await store_control.intents_of(conn, permit.resident_key)
    gone = 0
    for tie in permit.ties:
        store = await stores.of(tie.organization_key)
        if store is not None:
            async with store.transaction() as conn:
                for intent in begun:
                    await store_items.cancel(conn, intent["intent_id"])
                gone += await store_items.delete_subject(conn, tie.subject)
    return gone


async def forget_locations(conn: Connection, permit: ErasurePermit) -> None:
    """Delete where an erased resident's items lay."""
    await store_control.delete_locations(conn, permit.resident_key)
