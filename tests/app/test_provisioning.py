"""Stores for organisations that generate data: one each, also when two processes find that it is missing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from moyai import registry
from moyai.applying import provisioning
from moyai.applying.provisioning import provision_missing
from moyai.base.db import Pool, connect
from moyai.base.provision import Store
from moyai.base.roles import WORKER
from moyai.registry import Change
from moyai.worker.platform_jobs import platform_jobs
from tests.conftest import Platform
from tests.registry.samples import ACTOR, TOWN, WALKING, but, registered_service


async def registered_only(platform: Platform) -> Pool:
    """A platform whose organisations were registered, as over HTTP: nobody has made a store yet."""
    pool = await platform.pool()
    async with pool.transaction() as conn:
        await registered_service(conn)
    return pool


async def only_store(pool: Pool) -> registry.Store:
    async with pool.connection() as conn:
        (found,) = await registry.all_stores(conn)
    return found


async def opens(platform: Platform, found: registry.Store) -> bool:
    store = Store(
        found.host, found.port, found.database, found.role, found.sealed_password, found.schema_version
    )
    conn = await connect(store.dsn(platform.home.box()))
    try:
        return await conn.fetchval("select count(*) = 0 from store.item")
    finally:
        await conn.close()


async def test_two_processes_make_one_store_with_one_password(fresh_platform: Platform):
    serve, worker = await registered_only(fresh_platform), await fresh_platform.pool(WORKER)
    done = await asyncio.gather(
        provision_missing(fresh_platform.home, serve, "file:x"),
        provision_missing(fresh_platform.home, worker, "system"),
    )
    outcomes = sorted(change.outcome for changes in done for change in changes)
    assert outcomes == ["created", "unchanged"]
    assert await opens(fresh_platform, await only_store(serve))
    assert await provision_missing(fresh_platform.home, serve, "file:x") == []


async def test_the_worker_makes_stores_for_organisations_that_came_over_http(fresh_platform: Platform):
    serve, worker = await registered_only(fresh_platform), await fresh_platform.pool(WORKER)
    (job,) = [one for one in platform_jobs(fresh_platform.home, worker) if one.name == "provision"]
    await job.run()
    found = await only_store(serve)
    assert found.organization_id == "city"
    assert await opens(fresh_platform, found)


async def test_an_organisation_that_comes_later_leaves_the_others_store_alone(fresh_platform: Platform):
    serve = await registered_only(fresh_platform)
    await provision_missing(fresh_platform.home, serve, "file:x")
    before = await only_store(serve)
    async with serve.transaction() as conn:
        await registry.register_organization(conn, TOWN, ACTOR)
        await registry.register_component(
            conn, but(WALKING, component_id="strolling", organization="town"), ACTOR
        )
    assert await provision_missing(fresh_platform.home, serve, "file:x") == [
        Change("store", "town", "created")
    ]
    async with serve.connection() as conn:
        assert before in await registry.all_stores(conn)


async def test_i3_one_whose_store_cannot_be_made_keeps_no_other_without_one(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    serve = await registered_only(fresh_platform)
    async with serve.transaction() as conn:
        await registry.register_organization(conn, TOWN, ACTOR)
        await registry.register_component(
            conn, but(WALKING, component_id="strolling", organization="town"), ACTOR
        )
    make = provisioning.provision_store

    async def fails(home: Any, organization_id: str, sealed: Any) -> Store:
        if organization_id == "city":
            raise OSError("its server is away")
        return await make(home, organization_id, sealed)

    monkeypatch.setattr(provisioning, "provision_store", fails)
    for _ in range(2):
        with pytest.raises(OSError, match="its server is away"):
            await provision_missing(fresh_platform.home, serve, "system")
    assert (await only_store(serve)).organization_id == "town"
