"""Running jobs over and over, each in its own task: one that fails or hangs does not hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
import structlog

from moyai.base.db import LOST
from moyai.base.tasks import hold, keep_going, told_to_end

log = structlog.get_logger("moyai.worker")

# A job that failed waits at least this long, whatever its interval; a lost database is back within seconds.
_AFTER_FAILURE_SECONDS = 1.0


class Job(msgspec.Struct, frozen=True):
    """Something to do every so many seconds. A job may also run for ever; it is started again if it fails."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]


async def keep_running(jobs: Sequence[Job], stopping: asyncio.Event) -> None:
    """Run all jobs until `stopping` is set. What is under way then is cancelled: its transaction rolls back."""
    tasks = [hold(keep_going(job.name, partial(_repeat, job)), job.name) for job in jobs]
    try:
        await stopping.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(job: Job) -> None:
    away = False
    while True:
        try:
            await job.run()
            if away:
                log.info("database answers again", job=job.name)
            away = False
            await asyncio.sleep(job.seconds)
        except LOST as error:
            # Said once: a database that restarts would otherwise fill the log with itself.
            if not away:
                log.warning("database does not answer", job=job.name, error=type(error).__name__)
            away = True
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)
        except asyncio.CancelledError:
            # What a job waited for may have been cancelled (a pool that was closed): only our own end ends a job.
            if told_to_end():
                raise
            log.warning("job was cut off", job=job.name)
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)
        except Exception:
            log.exception("job failed", job=job.name)
            await asyncio.sleep(max(job.seconds, _AFTER_FAILURE_SECONDS))
