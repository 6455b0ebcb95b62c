"""Putting back into an organisation's store what a copy of it holds, by the gate's leave (a RestorePermit)."""

from __future__ import annotations

from uuid import UUID

import msgspec

from moyai import registry
from moyai.base.db import Connection
from moyai.consent.permit import RestorePermit
from moyai.personal import store_control, store_items

_AT_ONCE = 1000
"""Items read, held and put back at once: a store may be larger than memory."""


class PutBack(msgspec.Struct, frozen=True):
    """How many items came back, and how many of the copy may not; `of_active`: of these, how many are of people who can
    read that they did not.

    `whole`: the store held all that the control database says it does, before anything came back.
    """

    items: int
    withheld: int
    of_active: int
    whole: bool


async def put_back(
    control: Connection, copy: Connection, store: Connection, permit: RestorePermit, store_key: int
) -> PutBack:
    """Insert what the copy holds, the store does not, and the permit names. The caller has a transaction on the store.

    A deletion that reached the store and is not on record yet is known to the store itself; it counts, too. Raises
    PostgresError of class 58 or XX where what the store holds cannot be read.
    """
    await store_items.read_all(store)
    located = {tuple(row) for row in await store_control.located_at(control, store_key)}
    whole = located == {one for one in await _counted(control, store, permit) if one[3]}
    rows = await store_items.deletions_since(store, permit.since)
    deleted = {(row["subject"], row["dataset_id"]) for row in rows}
    items = withheld = of_active = 0
    after: tuple[UUID, str, str] | None = None
    while batch := await store_items.page_of_copy(copy, after, _AT_ONCE):
        after = batch[-1]["subject"], batch[-1]["dataset_id"], batch[-1]["item_id"]
        pairs = [(row["subject"], row["dataset_id"]) for row in batch]
        named = {pair for pair in pairs if permit.names(*pair)} - deleted
        items += await store_items.put_back(store, batch, list(named))
        held = [pair for pair in pairs if pair not in named]
        withheld += len(held)
        of_active += sum(subject in permit.holders for subject, _ in held)
    return PutBack(items, withheld, of_active, whole)


async def locate(control: Connection, store: Connection, permit: RestorePermit, store_key: int) -> None:
    """Count anew what lies in the store, as the control database tells it. The caller has a transaction there."""
    waiting = await store_control.intents_at(control, store_key)
    settled = await store_items.arrived(store, waiting)
    components = {one.component_key for one in await registry.all_components(control)
                  if one.organization_key == permit.organization_key}  # fmt: skip
    found = await _counted(control, store, permit)
    await store_control.locate_anew(control, store_key, list(components), found, settled)


async def _counted(
    control: Connection, store: Connection, permit: RestorePermit
) -> list[tuple[int, int, int, int]]:
    """(resident_key, dataset_key, component_key, items) of what the store holds."""
    datasets = {one.dataset_id: one.dataset_key for one in await registry.all_datasets(control)}
    return [
        (one.resident_key, datasets[row["dataset_id"]], one.component_key, row["items"])
        for row in await store_items.counts(store)
        if (one := permit.holders.get(row["subject"])) is not None and row["dataset_id"] in datasets
    ]
