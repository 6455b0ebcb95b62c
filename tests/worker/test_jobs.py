"""Jobs run over and over, each for itself."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from moyai.worker import Job, jobs, keep_running


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(jobs, "_AFTER_FAILURE_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "log", structlog.get_logger())


async def run(*todo: Job, seconds: float = 0.2) -> list[dict]:
    """Run jobs for a moment; what was logged."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stopping.set)
    with capture_logs() as logged:
        await asyncio.wait_for(keep_running(todo, stopping), 5)
    return logged


async def test_a_job_is_repeated():
    times = []

    async def note() -> None:
        times.append(1)

    await run(Job("note", 0.01, note))
    assert len(times) > 5


async def test_a_failing_job_is_logged_and_tried_again_beside_the_others():
    done = []

    async def fail() -> None:
        done.append("fail")
        raise ValueError("with a value")

    async def succeed() -> None:
        done.append("succeed")

    logged = await run(Job("fail", 0.01, fail), Job("succeed", 0.01, succeed))
    assert done.count("fail") > 1
    assert done.count("succeed") > 1
    assert logged[0]["event"] == "job failed"
    assert logged[0]["job"] == "fail"


async def test_a_hanging_job_holds_nobody_up_and_is_cancelled_at_the_end():
    ends = []

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cancelled")

    await run(Job("hang", 1, hang))
    assert ends == ["cancelled"]


async def test_a_lost_database_is_said_once_and_its_return_too():
    answers = iter([ConnectionResetError(), ConnectionRefusedError(), ConnectionRefusedError(), None])

    async def ask() -> None:
        error = next(answers, None)
        if error is not None:
            raise error

    logged = await run(Job("ask", 0.01, ask))
    assert [line["event"] for line in logged] == ["database does not answer", "database answers again"]


async def test_a_job_whose_inner_work_was_cancelled_goes_on():
    times = []

    async def cut_off() -> None:
        times.append(1)
        raise asyncio.CancelledError

    logged = await run(Job("cut", 0.01, cut_off))
    assert len(times) > 2
    assert logged[0]["event"] == "job was cut off"


async def test_h6_a_job_is_ended_at_its_limit_and_begun_again():
    begun = []

    async def hang() -> None:
        begun.append(1)
        await asyncio.sleep(60)

    logged = await run(Job("hang", 0.01, hang, limit=0.02))
    assert len(begun) > 1
    assert logged[0]["event"] == "job failed"
