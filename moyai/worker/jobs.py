"""Running jobs over and over, each in its own task: one that fails or hangs does not hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
import structlog

from moyai.base.db import is_unavailable
from moyai.base.deadlines import within
from moyai.base.tasks import hold, keep_going, told_to_end

log = structlog.get_logger("moyai.worker")

# A job that failed waits at least this long, whatever its interval; a lost database is back within seconds.
_AFTER_FAILURE_SECONDS = 1.0


class TookTooLong(Exception):
    """A job was ended at its limit."""


class Job(msgspec.Struct, frozen=True):
    """Something to do every so many seconds, each time for at most `limit` seconds.

    A job may also run for ever (no limit); each of its waits has its own then. It is started again if it fails.
    """

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]
    limit: float | None = 60


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
            await _run(job)
            if away:
                log.info("database answers again", job=job.name)
            away = False
            await asyncio.sleep(job.seconds)
        except Exception as error:
            if not is_unavailable(error):
                log.exception("job failed", job=job.name)
                await asyncio.sleep(max(job.seconds, _AFTER_FAILURE_SECONDS))
                continue
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


async def _run(job: Job) -> None:
    if job.limit is None:
        await job.run()
        return
    limit = within(job.limit)
    try:
        with limit:
            await job.run()
    except TimeoutError as error:
        if limit.expired():
            raise TookTooLong(f"not done after {job.limit:g} s") from error
        raise
