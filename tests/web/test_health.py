"""`/health` says the truth, within two seconds; `/metrics` and the console say which stores answer."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from moyai.base.clock import utc_now
from moyai.base.engine import ADMIN
from moyai.base.processes import processes_working_in
from moyai.personal.breaker import FAILURES, Breaker
from moyai.web import health, metrics
from moyai.web.health import Probe
from tests.conftest import Platform, RolledBack, _running
from tests.web import in_process
from tests.web.test_deadlines import no_session_free


async def test_ready(web: httpx.AsyncClient) -> None:
    answer = await web.get("/health")
    assert answer.status_code == 200
    said = answer.json()
    assert (said["database"], said["clock"], said["stores_skipped"]) == ("answers", "agrees", 0)


async def test_h6_health_needs_no_session_of_the_requests(
    web: httpx.AsyncClient, control_db: RolledBack
) -> None:
    async with no_session_free(control_db):
        assert (await asyncio.wait_for(web.get("/health"), 10)).status_code == 200


async def test_database_that_is_away_is_named_and_found_again(
    app: Any, web: httpx.AsyncClient, platform: Platform
) -> None:
    app.state.platform.health = Probe("postgresql://moyai_serve@127.0.0.1:1/moyai_control")
    answer = await web.get("/health")
    assert answer.status_code == 503
    said = answer.json()
    assert (said["code"], said["database"], said["clock"]) == ("unavailable", "does_not_answer", "unknown")
    app.state.platform.health = probe = Probe(platform.dsn())
    assert (await web.get("/health")).status_code == 200
    assert probe._session is not None
    probe._session.raw.terminate()
    assert (await web.get("/health")).status_code == 503
    assert (await web.get("/health")).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(-6, 503), (-4, 200), (4, 200), (6, 503)])
async def test_clock_that_is_off_makes_unready(
    web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, seconds: int, status: int
) -> None:
    monkeypatch.setattr(health, "utc_now", lambda: utc_now() + timedelta(seconds=seconds))
    answer = await web.get("/health")
    assert answer.status_code == status
    assert answer.json()["clock"] == ("off" if status == 503 else "agrees")


async def test_many_who_ask_at_once_share_one_question(platform: Platform) -> None:
    probe = Probe(platform.dsn())
    found = await asyncio.gather(*(probe.look() for _ in range(20)))
    assert {one.database for one in found} == {"answers"}
    admin = await platform.connect(ADMIN, "moyai_control")
    sessions = await admin.fetchval(
        "select count(*) from pg_stat_activity where query = 'select clock_timestamp()' and usename = 'moyai_serve'"
    )
    assert sessions <= 2  # this probe's, and the application's of another test
    probe.close()


async def test_metrics_answer_without_the_database(web: httpx.AsyncClient, control_db: RolledBack) -> None:
    async with no_session_free(control_db):
        answer = await asyncio.wait_for(web.get("/metrics"), 10)
    assert answer.status_code == 200
    assert "moyai_database_answers 0.0" in answer.text
    assert "moyai_database_answers 1.0" in (await web.get("/metrics")).text


def test_state_of_a_store_is_told_in_metrics() -> None:
    breaker = Breaker("moyai_personal_metrics", time.monotonic)
    assert metrics.store_states()["moyai_personal_metrics"].answers
    for _ in range(FAILURES):
        breaker.fail()
    state = metrics.store_states()["moyai_personal_metrics"]
    assert not state.answers
    assert state.retry_seconds in (0, 1)


@pytest.fixture
async def own_platform(stopped_platform: Path, scratch: Path) -> AsyncIterator[Platform]:
    async with _running(stopped_platform, scratch) as platform:
        yield platform


@pytest.mark.heavy
async def test_h6_frozen_database_is_told_within_two_seconds_and_recovers(own_platform: Platform) -> None:
    """The server's processes are stopped: nothing is refused, nothing answers, as with a network that swallows all."""
    home = own_platform.home
    pool = await own_platform.pool()
    async with in_process.running(home, pool, home.box()) as app, in_process.client_of(app) as web:
        assert (await web.get("/health")).status_code == 200
        assert (await web.get("/consent/v1/keys")).status_code == 200
        frozen = processes_working_in(own_platform.engine.data)
        assert len(frozen) > 2
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                begun = time.monotonic()
                answer = await web.get("/health")
                assert time.monotonic() - begun < 2
                assert answer.status_code == 503
                assert answer.json()["database"] == "does_not_answer"
            begun = time.monotonic()
            answers = await asyncio.gather(*(web.get("/consent/v1/keys") for _ in range(20)))
            assert {one.status_code for one in answers} == {503}
            assert time.monotonic() - begun < 17
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(10):
            while (await web.get("/health")).status_code != 200:  # noqa: ASYNC110 (time has to pass)
                await asyncio.sleep(0.1)
        assert (await web.get("/consent/v1/keys")).status_code == 200
