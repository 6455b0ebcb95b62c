"""Reading the items that a Permit opens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from moyai.base.db import PostgresError
from moyai.base.errors import Problem
from moyai.consent.permit import Permit
from moyai.personal.model import Item, Result, Source
from moyai.personal.stores import Read, Stores

log = structlog.get_logger("moyai.personal")


async def read(stores: Stores, permit: Permit, limit: int) -> Result:
    """Items of one permitted source; a source that does not answer says so, and does not stop the others."""
    source = Source(permit.organization_id, permit.component_id)
    try:
        store = await stores.of(permit.organization_key)
        items: list[Item] = []
        if store is not None:
            found = await store.read(Read(permit.provider_subject, permit.dataset_id, limit))
            items = await stores.projection.apply(permit, found)
    except (Problem, PostgresError) as error:
        log.warning("source unavailable", organization=permit.organization_id, error=_name(error))
        stores.forget(permit.organization_key)
        return Result(permit.dataset_id, "unavailable", source, code="source_unavailable")
    return Result(permit.dataset_id, "ok", source, items, version=permit.version)


def _name(error: Exception) -> str:
    return error.code if isinstance(error, Problem) else type(error).__name__


async def read_all(stores: Stores, permits: Sequence[Permit], limit: int) -> list[Result]:
    """All sources at once; in the order of the permits."""
    if len(permits) == 1:
        return [await read(stores, permits[0], limit)]
    return list(await asyncio.gather(*(read(stores, permit, limit) for permit in permits)))


def summary(result: Result) -> dict[str, object]:
    """What the ledger keeps of one source's part: who, what kind, how many, or why not. Never the items."""
    detail: dict[str, object] = {"dataset": result.dataset, "status": result.status}
    if result.source is not None:
        detail["provider"] = result.source.component_id
        detail["provider_organization"] = result.source.organization_id
    if result.code is not None:
        detail["code"] = result.code
    else:
        detail["items"] = len(result.items or [])
    return detail
