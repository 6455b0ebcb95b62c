"""No task ends unseen (issue 7, F1 of the field review)."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from moyai.base import tasks


@pytest.fixture(autouse=True)
def fresh_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "log", structlog.get_logger())


async def test_a_task_that_fails_is_reported() -> None:
    async def fail() -> None:
        raise OSError(28, "No space left on device")

    with capture_logs() as logged:
        await asyncio.wait([tasks.hold(fail(), "watch")])
    assert [(one["event"], one["task"]) for one in logged] == [("task failed", "watch")]


async def test_what_should_go_on_begins_again_however_it_ended() -> None:
    times: list[int] = []
    runs = asyncio.Event()

    async def end() -> None:
        times.append(1)
        if len(times) == 1:
            raise OSError(28, "No space left on device")
        if len(times) == 2:
            raise asyncio.CancelledError  # of something inside, nobody cancelled this task
        if len(times) > 3:
            runs.set()
            await asyncio.sleep(60)

    with capture_logs() as logged:
        task = tasks.hold(tasks.keep_going("watch", end, 0.001), "watch")
        await asyncio.wait_for(runs.wait(), 5)
        task.cancel()
        await asyncio.wait([task])
    assert [one["event"] for one in logged] == ["task failed", "task failed", "task ended"]
    assert task.cancelled()


async def test_a_log_that_fails_does_not_end_what_reports_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks.log, "error", broken, raising=False)
    tasks.say("task failed", "watch", None)
