"""Settling writes that a crash left half done: ask the one store whether the write got there."""

from __future__ import annotations

import structlog

from moyai.base.db import Database, is_unavailable
from moyai.base.later import Later
from moyai.identity import subject_of
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import ItemsChanged
from moyai.personal import store_control, store_items
from moyai.personal.actions import apply_to_location
from moyai.personal.stores import Stores
from moyai.registry import all_organizations, lookups
from moyai.registry.model import Component, Dataset

log = structlog.get_logger("moyai.personal")

_AT_ONCE = 200


def tried_later() -> Later[str]:
    """For `sweep`: intents that could not be settled."""
    return Later(first=5, longest=60)


async def sweep(control: Database, stores: Stores, later: Later[str] | None = None) -> int:
    """Settle old intents; how many. A store that does not answer keeps its own for the next time, and nobody else's."""
    later = later or tried_later()
    async with control.connection() as conn:
        intents = await store_control.old_intents(conn, _AT_ONCE, later.waiting())
    settled = 0
    for intent in intents:
        with later.trying(intent["intent_id"], "write not settled", store_key=intent["store_key"]):
            settled += await _settle(
                control,
                stores,
                intent["intent_id"],
                intent["resident_key"],
                intent["dataset_key"],
                intent["component_key"],
            )
    return settled


async def forget_marks(control: Database, stores: Stores) -> None:
    """Drop the marks of writes that are settled for good. While one waits for a store that is away, none of that store
    goes: its mark is what will tell whether it got there."""
    async with control.connection() as conn:
        waiting = await store_control.waiting_since_yesterday(conn)
        organizations = await all_organizations(conn)
    for organization in organizations:
        try:
            store = await stores.of(organization.organization_key)
            if store is not None and store.address.store_key not in waiting:
                async with store.transaction() as conn:
                    await store_items.forget_events(conn)
        except Exception as error:
            if is_unavailable(error):  # the control database: a store that does not answer is a Problem
                raise
            log.warning("marks kept", organization=organization.organization_id, error=type(error).__name__)


async def _settle(
    control: Database, stores: Stores, intent_id: str, resident_key: int, dataset_key: int, component_key: int
) -> bool:
    async with control.connection() as conn:
        component = await lookups.component_by_key(conn, component_key)
        dataset = await lookups.dataset_by_key(conn, dataset_key)
        subject = await subject_of(conn, resident_key, component_key)
    store = await stores.of(component.organization_key)
    if store is None:
        return False
    added: int | None = None
    if subject is not None:
        async with store.transaction() as conn:
            added = await store_items.cancel_or_find(conn, intent_id, str(subject), dataset.dataset_id)
    async with control.transaction() as conn:
        ended = await store_control.end_intent(conn, intent_id)
        if ended is not None and added is not None:
            await apply_to_location(conn, resident_key, dataset_key, component_key, ended["store_key"], added)
            await record(conn, _act(resident_key, dataset, component, added))
    return ended is not None


def _act(resident_key: int, dataset: Dataset, component: Component, added: int) -> Act:
    """What the write itself could not record any more: it reached the store, and nobody was told."""
    return Act(
        kind=Kind.ITEMS_DELETED if added < 0 else Kind.ITEMS_STORED,
        actor="system",
        resident_key=resident_key,
        detail=ItemsChanged(
            dataset=dataset.dataset_id,
            provider=component.component_id,
            provider_organization=component.organization_id,
            items=abs(added),
        ),
    )
