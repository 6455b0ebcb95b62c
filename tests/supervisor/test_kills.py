"""A whole platform, killed at random moments: it answers again within ten seconds, every time."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time

import aiohttp
import pytest

from moyai.base.db import LOST, PostgresError, connect
from moyai.base.roles import SERVE
from moyai.ledger import Act, Kind, record
from moyai.supervisor import Supervisor, bind

VICTIMS = ("serve-1", "serve-2", "worker", "postgres")

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("plain_contents")]


def command(home, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "moyai", *arguments, "--dir", str(home.directory)]


@pytest.fixture
async def running(own_home):
    """The engine, two `serve` on one port and a worker, supervised; and the URL that tells their health."""
    supervisor = Supervisor(own_home, durable=False)
    sockets = bind("127.0.0.1", 0, count=2)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/health"
    for number, listening in enumerate(sockets, start=1):
        name = f"serve-{number}"
        serve = command(own_home, "serve", "--fd", str(listening.fileno()), "--name", name)
        supervisor.add(name, serve, ready=url, listening=listening, standby="--standby")
    supervisor.add("worker", command(own_home, "worker"))
    await supervisor.start()
    yield supervisor, url
    await supervisor.stop()


async def is_healthy(url: str) -> bool:
    """Several connections, so that each `serve` process is asked."""
    timeout = aiohttp.ClientTimeout(total=1)
    connector = aiohttp.TCPConnector(force_close=True)
    try:
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            for _ in range(6):
                async with session.get(url) as answer:
                    if answer.status != 200:
                        return False
    except (aiohttp.ClientError, TimeoutError):
        return False
    return True


async def recovery(condition, seconds: float = 10) -> float:
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, "not recovered"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def append(home) -> str | None:
    """Record an act as a request would; its id once it is acknowledged."""
    try:
        conn = await connect(home.dsn(SERVE))
        async with conn.transaction():
            recorded = await record(conn, Act(kind=Kind.IMPORTED, actor="test", detail={}))
        await conn.close()
        return str(recorded)
    except (*LOST, PostgresError):
        return None


async def integrated(home) -> tuple[int, int]:
    """How many acts there are, and how many the worker has put in order and signed."""
    conn = await connect(home.dsn(SERVE))
    try:
        row = await conn.fetchrow(
            "select (select count(*) from ledger.entry), (select coalesce(max(size), 0) from ledger.checkpoint)"
        )
        return tuple(row)
    finally:
        await conn.close()


async def kill_and_recover(supervisor, url, own_home, victim: str) -> None:
    await asyncio.sleep(random.uniform(0, 1))
    before = supervisor.pids[victim]
    os.kill(before, signal.SIGKILL)

    async def recovered() -> bool:
        return supervisor.pids.get(victim, before) != before and await is_healthy(url)

    await recovery(recovered)


@pytest.mark.parametrize(
    "kills", [pytest.param(1, id="once"), pytest.param(20, id="twenty", marks=pytest.mark.heavy)]
)
async def test_every_process_may_be_killed_and_nothing_acknowledged_is_lost(running, own_home, kills):
    supervisor, url = running
    acknowledged: set[str] = set()
    stopping = asyncio.Event()

    async def write() -> None:
        while not stopping.is_set():
            acknowledged.add(await append(own_home) or "")
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    for victim in random.sample(VICTIMS * kills, len(VICTIMS) * kills):
        await kill_and_recover(supervisor, url, own_home, victim)
    stopping.set()
    await writing
    acknowledged.discard("")
    conn = await connect(own_home.dsn(SERVE))
    kept = {str(row["entry_id"]) for row in await conn.fetch("select entry_id from ledger.entry")}
    await conn.close()
    assert acknowledged
    assert acknowledged <= kept

    async def all_signed() -> bool:
        entries, signed = await integrated(own_home)
        return entries == signed

    await recovery(all_signed)
