"""Where a resident's linkable data lies (データ所在情報, guidebook 1.1.4), with the names people know."""

from __future__ import annotations

from collections.abc import Collection

from moyai.base.db import Connection, Record
from moyai.personal import store_control
from moyai.personal.model import Location
from moyai.registry import lookups
from moyai.registry.model import Component, Dataset, Organization


async def locations_of(
    conn: Connection, resident_key: int, dataset_keys: Collection[int] | None = None
) -> list[Location]:
    """All places that hold data of a resident, or those of some datasets. Holder, component, kind, count; no content."""
    rows = await store_control.locations(conn, resident_key)
    wanted = [row for row in rows if dataset_keys is None or row["dataset_key"] in dataset_keys]
    datasets = {
        key: await lookups.dataset_by_key(conn, key) for key in {row["dataset_key"] for row in wanted}
    }
    components = {
        key: await lookups.component_by_key(conn, key) for key in {row["component_key"] for row in wanted}
    }
    holders = {
        component.organization_id: await lookups.organization(conn, component.organization_id)
        for component in components.values()
    }
    return [_location(row, datasets, components, holders) for row in wanted]


def _location(
    row: Record,
    datasets: dict[int, Dataset],
    components: dict[int, Component],
    holders: dict[str, Organization],
) -> Location:
    dataset, component = datasets[row["dataset_key"]], components[row["component_key"]]
    holder = holders[component.organization_id]
    return Location(
        dataset_id=dataset.dataset_id,
        dataset_name_ja=dataset.name_ja,
        dataset_name_en=dataset.name_en,
        organization_id=holder.organization_id,
        organization_name_ja=holder.name_ja,
        organization_name_en=holder.name_en,
        component_id=component.component_id,
        component_name_ja=component.name_ja,
        component_name_en=component.name_en,
        placement="internal",
        items=row["items"],
        updated_at=row["updated_at"],
    )
