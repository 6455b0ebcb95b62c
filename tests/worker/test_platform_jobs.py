"""The platform's own jobs, with the rights that a worker really has."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from moyai.base.migrate import SchemaTooNew
from moyai.base.roles import OWNER, WORKER
from moyai.ledger import Act, Kind, record
from moyai.worker import work
from moyai.worker.platform_jobs import log_origin, platform_jobs


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
