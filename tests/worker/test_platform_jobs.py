"""The platform's own jobs, with the rights that a worker really has."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from moyai.base.ids import random_uuid
from moyai.base.migrate import SchemaTooNew
from moyai.base.provision import provision_store
from moyai.base.roles import OWNER, WORKER
from moyai.ledger import Act, Kind, record
from moyai.personal.store_control import begin_intent
from moyai.worker import work
from moyai.worker.platform_jobs import log_origin, platform_jobs
from tests.factories import make_component, make_dataset, make_organization, make_resident, tie

pytestmark = pytest.mark.usefixtures("plain_contents")


@pytest.fixture
async def jobs(fresh_platform):
    database = await fresh_platform.pool(WORKER)
    return {job.name: job for job in platform_jobs(fresh_platform.home, database)}


@pytest.mark.parametrize("name", ["settle", "forget", "cosign"])
async def test_each_job_has_the_rights_it_needs(jobs, name):
    await jobs[name].run()


async def test_the_ledger_is_integrated_and_signed_under_the_platforms_name(fresh_platform, jobs):
    serve = await fresh_platform.connect()
    async with serve.transaction():
        await record(serve, Act(kind=Kind.IMPORTED, actor="test", detail={}))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(jobs["integrate"].run(), 1)
    note = await serve.fetchval("select note from ledger.checkpoint order by size desc limit 1")
    assert note.splitlines()[:2] == [log_origin(fresh_platform.home.config()), "1"]


async def intent(platform, organization_id: str, *, store: str | None = None) -> tuple[str, int]:
    """A write of an organisation's component that reached nothing but the list of intents, three minutes ago."""
    serve = await platform.connect()
    organization = await make_organization(serve, organization_id)
    made = await provision_store(platform.home, store or organization_id)
    database = made.database if store is None else "moyai_personal_away"
    store_key = await serve.fetchval(
        "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password)"
        " values ('personal', $1, $2, $3, $4, $5, $6) returning store_key",
        organization.key,
        made.host,
        made.port,
        database,
        made.role,
        platform.home.box().seal(f"store:{database}", b"x") if store else made.sealed_password,
    )
    component, dataset = await make_component(serve, organization), await make_dataset(serve)
    resident = await make_resident(serve)
    await tie(serve, resident, component)
    row = (str(random_uuid()), resident.key, dataset.key, component.key, store_key)
    await begin_intent(serve, *row)
    admin = await platform.connect("moyai_admin", "moyai_control")
    await admin.execute("update personal.intent set begun_at = begun_at - interval '3 minutes'")
    return row[0], resident.key


async def waiting(platform) -> set[str]:
    conn = await platform.connect()
    return {row["id"] for row in await conn.fetch("select intent_id::text as id from personal.intent")}


async def test_a_write_left_half_done_is_settled(fresh_platform, jobs):
    await intent(fresh_platform, "one")
    await jobs["settle"].run()
    assert await waiting(fresh_platform) == set()


async def test_a_store_that_does_not_answer_keeps_its_intents_and_holds_up_nobody(fresh_platform, jobs):
    kept, _ = await intent(fresh_platform, "first-away", store="away")
    await intent(fresh_platform, "second")
    await jobs["settle"].run()
    assert await waiting(fresh_platform) == {kept}


async def test_a_worker_ends_when_it_is_told_to(fresh_platform):
    working = asyncio.create_task(work(fresh_platform.home))
    await asyncio.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(working, 5)


async def test_a_worker_refuses_a_newer_database(fresh_platform):
    owner = await fresh_platform.connect(OWNER)
    await owner.execute("insert into public.moyai_schema_version (version, name) values (9999, 'later')")
    with pytest.raises(SchemaTooNew):
        await asyncio.wait_for(work(fresh_platform.home), 5)


def test_the_command_runs_without_loading_the_web():
    """A worker has no use for routes and templates, and starts in a fraction of the time without them."""
    code = "import sys, moyai.worker; sys.exit(any(m.startswith('moyai.web') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
