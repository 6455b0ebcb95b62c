"""How fast is the main job? `moyai bench exchange` (guidebook 1.1.4; design, section 4).

Service and floors run in the same minutes on the same machine and data, alternating, and only their ratios are
worth quoting. The service runs as in production: one process of its own, DPoP proofs verified, replays refused,
refusals and exchanges recorded before the answer, logging and limits on.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import msgspec

from moyai.base import keys
from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.engine import ADMIN, Engine
from moyai.base.roles import SERVE
from moyai.bench import data, load, signing, store_floor
from moyai.bench.data import Ground, Progress
from moyai.bench.load import Load
from moyai.identity.tokens import issue_access_token
from moyai.supervisor import bind

ROUNDS = 3
SECONDS = 6
_SPARE = 2.5
"""Requests made for a round beyond what the last one sent: a round must not run out of them."""


class Ratio(msgspec.Struct, frozen=True):
    pgbench: float
    http: float


class Case(msgspec.Struct, frozen=True):
    """Medians of the rounds. `floor` in transactions (requests) per second."""

    mode: str
    sources: int
    concurrency: int
    residents: int
    throughput: float
    p50_ms: float
    p99_ms: float
    errors: int
    floor: Ratio
    ratio: Ratio


class Report(msgspec.Struct, frozen=True):
    cases: list[Case]
    fsync: str
    synchronous_commit: str


class Settings(msgspec.Struct, frozen=True):
    residents: int = 10_000
    sources: tuple[int, ...] = (1, 3)
    concurrency: int = 32
    rounds: int = ROUNDS
    seconds: int = SECONDS
    processes: int = 2


async def run(settings: Settings, progress: Progress, say: Callable[[str], None]) -> Report:
    """Measure. Needs no running platform: it makes one in a temporary directory, and removes it.

    Raises LoadError where a generator is missing, before anything is made.
    """
    load.wrk_program()
    with tempfile.TemporaryDirectory(prefix="moyai-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        await asyncio.to_thread(directory.chmod, 0o755)  # the engine runs under an account of its own
        home = data.make_home(directory / "platform", data.free_port(), settings.processes)
        engine = Engine(home)
        engine.start()
        try:
            ground = await data.make(home, settings.residents, progress)
            await _copy_items(home, ground)
            return await _measure(home, ground, settings, directory, say)
        finally:
            engine.stop()


async def _copy_items(home: Home, ground: Ground) -> None:
    conn = await connect(home.dsn(ADMIN, home.config().database.name), statement_timeout="0")
    for number, party in enumerate(ground.parties, 1):
        await store_floor.copy_items(conn, party, number, ground.residents)
    await conn.execute("vacuum analyze")
    await conn.close()


async def _measure(
    home: Home, ground: Ground, settings: Settings, directory: Path, say: Callable[[str], None]
) -> Report:
    sender = signing.Sender(home.config().server.base_url)
    sender.token = await _token(home, sender.jkt)
    async with _service(home), _echo(settings.processes) as echo_url:
        cases = [
            await _case(home, ground, settings, sources, sender, echo_url, directory, say)
            for sources in settings.sources
        ]
    conn = await connect(home.dsn(SERVE))
    report = Report(
        cases,
        await conn.fetchval("select current_setting('fsync')"),
        await conn.fetchval("select current_setting('synchronous_commit')"),
    )
    await conn.close()
    return report


async def _token(home: Home, jkt: str) -> str:
    """A token as the token endpoint would issue it; obtaining one is not what is measured."""
    conn = await connect(home.dsn(SERVE))
    async with conn.transaction():
        key = await keys.current(conn, home.box(), "oidc")
    await conn.close()
    base_url = home.config().server.base_url
    return issue_access_token(key, base_url, data.CONSUMER, data.CONSUMER, "personal:exchange", jkt)


@asynccontextmanager
async def _service(home: Home) -> AsyncGenerator[None]:
    """`serve` as the supervisor starts it."""
    server = home.config().server
    command = [sys.executable, "-m", "moyai", "serve", "--dir", str(home.directory), "--fd"]
    async with _listening(command, server.port, server.processes, "/health"):
        yield


@asynccontextmanager
async def _echo(processes: int) -> AsyncGenerator[str]:
    """The floor, on as many processes."""
    port = data.free_port()
    async with _listening([sys.executable, "-m", "moyai.bench.echo"], port, processes, "/echo"):
        yield f"http://localhost:{port}/echo"


@asynccontextmanager
async def _listening(command: list[str], port: int, processes: int, path: str) -> AsyncGenerator[None]:
    """Processes on one port, a listening socket each, whose number ends the command line."""
    quiet = subprocess.DEVNULL
    sockets = bind("127.0.0.1", port, processes)
    started = [
        subprocess.Popen(  # noqa: ASYNC220, S603
            [*command, str(one.fileno())], stdout=quiet, stderr=quiet, pass_fds=[one.fileno()]
        )
        for one in sockets
    ]
    try:
        await _wait_for(f"http://localhost:{port}{path}", started)
        yield
    finally:
        for process, one in zip(started, sockets, strict=True):
            process.terminate()
            await asyncio.to_thread(process.wait, 15)
            one.close()


async def _wait_for(url: str, started: list[subprocess.Popen[bytes]]) -> None:
    """Until every process has answered: new connections go to one or the other."""
    for _ in range(8 * len(started)):
        await _answers(url, started)


async def _answers(url: str, started: list[subprocess.Popen[bytes]]) -> None:
    for _ in range(150):
        if any(process.poll() is not None for process in started):
            break
        try:
            async with aiohttp.ClientSession() as session, session.get(url):
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise load.LoadError(f"{url} does not answer")


async def _case(
    home: Home,
    ground: Ground,
    settings: Settings,
    sources: int,
    sender: signing.Sender,
    echo_url: str,
    directory: Path,
    say: Callable[[str], None],
) -> Case:
    script, requests, echoes = directory / "floor.sql", directory / "requests", directory / "echoes"
    script.write_text(store_floor.script(ground, sources))
    signing.write_requests(echoes, [sender.echo(ground, sources)])
    rate = 3000.0
    rounds: list[tuple[Load, Load, Load]] = []
    for number in range(settings.rounds + 1):
        # the round before the first warms caches and tells how many requests a round needs; it is not counted
        seconds = settings.seconds if number else 3
        floor = await load.pgbench(home, script, settings.concurrency, seconds)
        echo = await load.wrk(echo_url, echoes, settings.concurrency, seconds)
        wanted = int(rate * seconds * _SPARE)
        signing.write_requests(requests, [sender.request(ground, sources) for _ in range(wanted)])
        url = sender.base_url + signing.PATH
        service = await load.wrk(url, requests, settings.concurrency, seconds)
        rate = max(service.throughput, 500.0)
        say(_line(number, sources, service, floor, echo))
        if number:
            rounds.append((service, floor, echo))
    return _medians(settings, sources, rounds)


def _line(number: int, sources: int, service: Load, floor: Load, echo: Load) -> str:
    name = f"round {number}" if number else "warm-up"
    return (
        f"{sources} source(s), {name}: {service.throughput:.0f}/s, p99 {service.p99_ms:.1f} ms, "
        f"errors {service.errors}; pgbench {floor.throughput:.0f}/s, echo {echo.throughput:.0f}/s"
    )


def _medians(settings: Settings, sources: int, rounds: list[tuple[Load, Load, Load]]) -> Case:
    def middle(values: list[float]) -> float:
        return round(median(values), 3)

    return Case(
        mode="internal_segregated",
        sources=sources,
        concurrency=settings.concurrency,
        residents=settings.residents,
        throughput=middle([service.throughput for service, _, _ in rounds]),
        p50_ms=middle([service.p50_ms for service, _, _ in rounds]),
        p99_ms=middle([service.p99_ms for service, _, _ in rounds]),
        errors=sum(service.errors for service, _, _ in rounds),
        floor=Ratio(
            middle([floor.throughput for _, floor, _ in rounds]),
            middle([echo.throughput for _, _, echo in rounds]),
        ),
        ratio=Ratio(
            middle([service.throughput / floor.throughput for service, floor, _ in rounds]),
            middle([service.throughput / echo.throughput for service, _, echo in rounds]),
        ),
    )


def main(settings: Settings, progress: Progress, say: Callable[[str], None]) -> dict[str, Any]:
    """For the command line: the report as plain values."""
    begun = time.monotonic()
    report = asyncio.run(run(settings, progress, say))
    say(f"measured in {time.monotonic() - begun:.0f} s")
    return msgspec.to_builtins(report)
