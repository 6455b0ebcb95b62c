"""Tasks whose end is noticed. An asyncio task that fails tells nobody until it is collected, and may be collected early."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from moyai.base.deadlines import without

T = TypeVar("T")

log = structlog.get_logger("moyai.tasks")

_PAUSE_SECONDS = 1.0

_held: set[asyncio.Task[Any]] = set()


def hold(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Run something beside the caller, once, without the caller's deadline. If it fails, that is logged."""
    task = asyncio.create_task(work, name=name, context=without())
    _held.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    _held.discard(task)
    if not task.cancelled() and task.exception() is not None:
        say("task failed", task.get_name(), task.exception())


async def keep_going(name: str, work: Callable[[], Awaitable[object]], pause: float = _PAUSE_SECONDS) -> None:
    """Run what should never end. Where it ends all the same, that is logged, and after a pause it begins again."""
    while True:
        try:
            await work()
            say("task ended", name, None)
        except asyncio.CancelledError as error:
            if told_to_end():
                raise
            say("task failed", name, error)
        except Exception as error:
            say("task failed", name, error)
        await asyncio.sleep(pause)


def told_to_end() -> bool:
    """Whether the CancelledError at hand is meant for this task, rather than left behind by what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def say(event: str, name: str, error: BaseException | None) -> None:
    """Log the end of a task. Whatever happens to the log, the caller goes on."""
    with contextlib.suppress(Exception):
        log.error(event, task=name, exc_info=error)
