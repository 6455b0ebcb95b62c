"""The jobs of a platform, and one `worker` process that runs them. Any number of workers may run."""

from __future__ import annotations

import asyncio
import signal

import structlog

from moyai.applying.provisioning import provision_missing
from moyai.base.closed import refuse_while_closed
from moyai.base.config import Config, Home
from moyai.base.db import LOST, Pool
from moyai.base.journal import Journal
from moyai.base.keys import KeyRing
from moyai.base.migrate import check_version
from moyai.base.roles import WORKER
from moyai.consent import store_enrolment
from moyai.identity import sweep as forget_logins
from moyai.ledger import forget_keys, integrator, witnesses
from moyai.ledger.integrator import Integrator
from moyai.ledger.verifiers import Witness
from moyai.personal.opening import stores_of
from moyai.personal.sweep import forget_marks, tried_later
from moyai.personal.sweep import sweep as settle_intents
from moyai.registry import all_witnesses
from moyai.worker.jobs import Job, keep_running

log = structlog.get_logger("moyai.worker")

_STORE_SECONDS = 30.0
"""The worker forgets many rows at once, and nobody waits for it."""

_ENDING = (signal.SIGTERM, signal.SIGINT)


def log_origin(config: Config) -> str:
    """The name of a new log (C2SP: a schema-less URL); an existing one keeps its name."""
    return f"{config.server.base_url.partition('://')[2].rstrip('/')}/{config.platform.id}"


async def work(home: Home) -> None:
    """Run the worker's jobs until SIGTERM or SIGINT. Raises SchemaTooNew, SchemaTooOld or PlatformClosed."""
    Journal.of(home).check()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, stopping.set)
    database = await Pool.open(home.dsn(WORKER), max_size=4)
    try:
        await _check_database(home, database)
        log.info("working")
        await keep_running(platform_jobs(home, database), stopping)
    finally:
        database.terminate()
        for number in _ENDING:
            loop.remove_signal_handler(number)


async def _check_database(home: Home, database: Pool) -> None:
    """Wait for the database to answer, and refuse one of another release."""
    while True:
        try:
            async with database.connection() as conn:
                await check_version(conn, "control")
                await refuse_while_closed(home, conn)
                return
        except LOST:
            await asyncio.sleep(0.2)


def platform_jobs(home: Home, database: Pool) -> list[Job]:
    """What a worker does, and how often."""
    config, box = home.config(), home.box()
    ledger = Integrator(database, KeyRing(box), log_origin(config))
    stores, unsettled = stores_of(database, box, config, seconds=_STORE_SECONDS), tried_later()

    async def registered() -> list[Witness]:
        async with database.connection() as conn:
            found = await all_witnesses(conn)
        return [Witness(one.witness_id, one.verifier_key, one.url) for one in found]

    async def forget() -> None:
        async with database.connection() as conn:
            await forget_logins(conn)
            await store_enrolment.sweep(conn)
            await forget_keys(conn)

    return [
        Job("integrate", 1, lambda: integrator.run(ledger, registered), limit=None),
        Job("cosign", 1, Cosigning(database, registered).run),
        Job("provision", 5, lambda: provision_missing(home, database, "system"), limit=300),
        Job("settle", 5, lambda: settle_intents(database, stores, unsettled), limit=300),
        Job("forget", 60, forget),
        Job("forget-marks", 3600, lambda: forget_marks(database, stores), limit=3600),
    ]


class Cosigning:
    """Asks the witnesses, and says once what hinders each of them.

    Each is asked in a task of its own: one that takes its time delays no other's next checkpoint.
    """

    def __init__(self, database: Pool, registered: witnesses.Registered) -> None:
        self._database = database
        self._registered = registered
        self._asking: dict[str, asyncio.Task[dict[str, str]]] = {}
        self._said: dict[str, str] = {}

    async def run(self) -> None:
        for witness in await self._registered():
            if witness.witness_id not in self._asking:
                task = asyncio.create_task(witnesses.cosign(self._database, [witness]))
                self._asking[witness.witness_id] = task
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=1)
        for name in [name for name, task in self._asking.items() if task.done()]:
            self._say(name, _hindrance(self._asking.pop(name)))

    def _say(self, name: str, reason: str) -> None:
        if reason and self._said.get(name) != reason:
            log.warning("not cosigned", witness=name, reason=reason)
        self._said[name] = reason


def _hindrance(task: asyncio.Task[dict[str, str]]) -> str:
    error = task.exception()
    return str(error) or type(error).__name__ if error else next(iter(task.result().values()), "")
