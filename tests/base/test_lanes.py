"""Requests that share a statement: each gets its own answer, and one that is bad fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from moyai.base.db import Connection, PostgresError
from moyai.base.deadlines import within
from moyai.base.engine import ADMIN
from moyai.base.errors import Problem
from moyai.base.lanes import Lane, int_array
from tests.conftest import Platform


class Seen:
    """Runs batches of divisors on the real server, and remembers how they came."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def run(self, conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(questions))
        rows = await conn.fetch(
            "select 840 / q as answer from unnest($1::text::int[]) with ordinality as x(q, n) order by n",
            int_array(questions),
        )
        return [row["answer"] for row in rows]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def lane(platform: Platform, seen: Seen) -> AsyncIterator[Lane[int, int]]:
    lane: Lane[int, int] = Lane(platform.dsn(), seen.run)
    yield lane
    await lane.close()


async def test_those_that_wait_share_a_statement_and_get_their_own_answers(
    lane: Lane[int, int], seen: Seen
) -> None:
    answers = await asyncio.gather(*(lane.ask(n) for n in range(1, 9)))
    assert answers == [840 // n for n in range(1, 9)]
    assert seen.batches == [list(range(1, 9))]


async def test_no_batch_is_larger_than_allowed(platform: Platform, seen: Seen) -> None:
    lane: Lane[int, int] = Lane(platform.dsn(), seen.run, most=3)
    assert await asyncio.gather(*(lane.ask(n) for n in range(1, 9))) == [840 // n for n in range(1, 9)]
    assert max(len(batch) for batch in seen.batches) == 3
    await lane.close()


async def test_one_bad_question_fails_alone(lane: Lane[int, int], seen: Seen) -> None:
    answers = await asyncio.gather(*(lane.ask(n) for n in (1, 2, 0, 4)), return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [840, 420, 210]
    assert isinstance(answers[2], PostgresError)
    assert seen.batches == [[1, 2, 0, 4], [1], [2], [0], [4]]
    assert await lane.ask(7) == 120


async def test_waiter_that_gave_up_disturbs_nobody(lane: Lane[int, int]) -> None:
    asking = [asyncio.create_task(lane.ask(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    asking[1].cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert (answers[0], answers[2]) == (840, 280)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert await lane.ask(4) == 210


async def test_lost_session_is_replaced(lane: Lane[int, int], platform: Platform, seen: Seen) -> None:
    assert await lane.ask(1) == 840
    admin = await platform.connect(ADMIN, "moyai_control")

    async def cut(conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        pid = await conn.fetchval("select pg_backend_pid()")
        await admin.execute("select pg_terminate_backend($1)", pid)
        return await seen.run(conn, questions)

    lane._run = cut
    failed = await asyncio.gather(lane.ask(2), lane.ask(3), return_exceptions=True)
    assert [each.code for each in failed if isinstance(each, Problem)] == ["unavailable"] * 2
    lane._run = seen.run
    assert await asyncio.gather(lane.ask(2), lane.ask(3)) == [420, 280]


async def _cut_unseen(lane: Lane[int, int], admin: Connection) -> None:
    """End the lane's idle session at the server, so that it is known here only once a statement was sent."""
    (connection,) = lane._free
    assert connection is not None
    pid = connection.raw.get_server_pid()
    connection.raw._transport.pause_reading()
    await admin.execute("select pg_terminate_backend($1, 5000)", pid)
    asyncio.get_running_loop().call_later(0.1, connection.raw._transport.resume_reading)


async def test_read_that_finds_its_idle_session_gone_is_asked_again(platform: Platform, seen: Seen) -> None:
    lane: Lane[int, int] = Lane(platform.dsn(), seen.run, only_reads=True)
    admin = await platform.connect(ADMIN, "moyai_control")
    assert await lane.ask(1) == 840
    await _cut_unseen(lane, admin)
    assert await asyncio.gather(lane.ask(2), lane.ask(3)) == [420, 280]
    assert seen.batches == [[1], [2, 3], [2, 3]]
    await lane.close()


async def test_statement_that_may_have_been_done_is_not_sent_twice(
    lane: Lane[int, int], platform: Platform, seen: Seen
) -> None:
    admin = await platform.connect(ADMIN, "moyai_control")
    assert await lane.ask(1) == 840
    await _cut_unseen(lane, admin)
    with pytest.raises(Problem, match="unavailable"):
        await lane.ask(2)
    assert seen.batches == [[1], [2]]
    assert await lane.ask(3) == 280


async def test_read_is_asked_again_once_and_by_its_deadline(platform: Platform, seen: Seen) -> None:
    """A session that was opened for the question and is lost as well is no reason to ask a third time."""
    admin = await platform.connect(ADMIN, "moyai_control")
    runs: list[int] = []

    async def cut(conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        runs.append(len(questions))
        await admin.execute("select pg_terminate_backend($1)", conn.raw.get_server_pid())
        return await seen.run(conn, questions)

    lane: Lane[int, int] = Lane(platform.dsn(), seen.run, only_reads=True)
    assert await lane.ask(1) == 840
    lane._run = cut
    with pytest.raises(Problem, match="unavailable"):
        await lane.ask(2)
    assert runs == [1, 1]
    lane._run = seen.run
    assert await lane.ask(3) == 280
    lane._run = _hanging
    await _cut_unseen(lane, admin)
    with pytest.raises(TimeoutError):
        await _ask_within(lane, 4, 0.4)
    await lane.close()


@pytest.mark.parametrize("broken", ["password", "database", "port"])
async def test_server_that_opens_no_session_is_unavailable_to_all(
    platform: Platform, seen: Seen, broken: str
) -> None:
    good = platform.dsn()
    dsn = {
        "password": good.replace("moyai_serve:", "moyai_serve:x", 1),
        "database": good.replace("/moyai_control", "/moyai_elsewhere", 1),
        "port": "postgresql://moyai_serve@127.0.0.1:1/moyai_control",
    }[broken]
    assert dsn != good
    lane: Lane[int, int] = Lane(dsn, seen.run)
    failed = await asyncio.gather(lane.ask(2), lane.ask(3), return_exceptions=True)
    assert [each.code for each in failed if isinstance(each, Problem)] == ["unavailable"] * 2
    assert seen.batches == []
    await lane.close()


async def test_wrong_number_of_answers_leaves_nobody_waiting(platform: Platform) -> None:
    async def short(conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        return [1] if len(questions) == 1 and questions[0] == 1 else []

    lane: Lane[int, int] = Lane(platform.dsn(), short)
    async with asyncio.timeout(10):
        answers = await asyncio.gather(lane.ask(1), lane.ask(2), return_exceptions=True)
    assert answers[0] == 1
    assert isinstance(answers[1], ValueError)
    await lane.close()


async def test_closing_waits_for_all_that_were_asked(platform: Platform, seen: Seen) -> None:
    lane: Lane[int, int] = Lane(platform.dsn(), seen.run, most=2)
    asking = [asyncio.create_task(lane.ask(n)) for n in range(1, 8)]
    await asyncio.sleep(0)
    await lane.close()
    assert all(task.done() for task in asking)
    assert await asyncio.gather(*asking) == [840 // n for n in range(1, 8)]


async def _cancelled(conn: Connection, _: Sequence[int]) -> Sequence[int]:
    """As on a locked table: the server's own limit ends the statement."""
    await conn.execute("set statement_timeout = '50ms'")
    await conn.execute("select pg_sleep(60)")
    return []


async def test_h6_a_batch_that_was_cancelled_is_not_run_again_one_by_one(
    lane: Lane[int, int], seen: Seen
) -> None:
    runs: list[int] = []

    async def run(conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        runs.append(len(questions))
        return await _cancelled(conn, questions)

    lane._run = run
    failed = await asyncio.gather(*(lane.ask(n) for n in range(1, 7)), return_exceptions=True)
    assert [each.code for each in failed if isinstance(each, Problem)] == ["unavailable"] * 6
    assert runs == [6]
    lane._run = seen.run
    assert await lane.ask(7) == 120


async def _hanging(conn: Connection, _: Sequence[int]) -> Sequence[int]:
    await conn.execute("select pg_sleep(60)")
    return []


async def _ask_within(lane: Lane[int, int], number: int, seconds: float) -> int:
    with within(seconds):
        return await lane.ask(number)


async def test_h6_a_statement_ends_with_the_deadlines_of_those_who_wait(
    lane: Lane[int, int], seen: Seen
) -> None:
    """Whoever comes behind a statement that hangs is answered at its own deadline; then the lane goes on."""
    lane._run = _hanging
    asking = [asyncio.create_task(_ask_within(lane, n, 0.3)) for n in (1, 2)]
    await asyncio.sleep(0.1)
    asking.append(asyncio.create_task(_ask_within(lane, 3, 0.1)))
    asking.append(asyncio.create_task(_ask_within(lane, 4, 10)))
    with pytest.raises(TimeoutError):
        await asking[2]
    assert not any(task.done() for task in asking[:2])
    lane._run = seen.run
    assert await asking[3] == 210
    failed = await asyncio.gather(*asking[:3], return_exceptions=True)
    assert all(isinstance(each, (TimeoutError, Problem)) for each in failed)
    assert seen.batches == [[4]]


async def test_question_of_nobody_is_not_asked(platform: Platform, seen: Seen) -> None:
    lane: Lane[int, int] = Lane(platform.dsn(), seen.run)
    with pytest.raises(TimeoutError):
        await _ask_within(lane, 1, 0)
    assert await lane.ask(2) == 420
    assert seen.batches == [[2]]
    await lane.close()


async def test_one_by_one_ends_with_the_deadline(lane: Lane[int, int], seen: Seen) -> None:
    """A bad question has the batch split; a neighbour that hangs then does not hold up the rest for long."""

    async def run(conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        if list(questions) == [2]:
            return await _hanging(conn, questions)
        return await seen.run(conn, questions)

    lane._run = run
    asked = [(1, 30.0), (0, 30.0), (2, 0.3), (4, 30.0)]
    answers = await asyncio.gather(
        *(_ask_within(lane, n, seconds) for n, seconds in asked), return_exceptions=True
    )
    assert (answers[0], answers[3]) == (840, 210)
    assert isinstance(answers[1], PostgresError)
    assert isinstance(answers[2], (TimeoutError, Problem))


async def test_value_that_cannot_be_sent_fails_alone(platform: Platform) -> None:
    async def run(conn: Connection, questions: Sequence[int]) -> Sequence[int]:
        return [row["q"] for row in await conn.fetch("select unnest($1::int[]) as q", list(questions))]

    lane: Lane[int, int] = Lane(platform.dsn(), run)
    answers = await asyncio.gather(lane.ask(1), lane.ask(1 << 40), lane.ask(3), return_exceptions=True)
    assert (answers[0], answers[2]) == (1, 3)
    assert isinstance(answers[1], Exception)
    assert not isinstance(answers[1], Problem)
    await lane.close()
