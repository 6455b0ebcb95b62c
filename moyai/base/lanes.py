"""Requests that wait at the same moment share one statement.

A lane owns dedicated sessions. Whatever waits when a session is free goes into one statement; nothing is held
back longer than others keep coming, and nothing is cached: each question is asked of the database after it arrived.
One bad question must not fail its neighbours: a batch that failed for what was asked is asked again, one by one. One
that failed because the server does not answer is not: each member would wait as long once more.

A session may have been ended by the server while it stood idle, which is known here at the latest when a statement is
sent. Then a lane that only reads asks a new session once more. One that writes does not: the same error comes from a
server that ended the session after it had committed. The ledger's key would keep a release from being written twice,
but the second answer would be that of a proof used before, and whoever sent it once would be told that it is a replay.
`unavailable` is true, and the sender asks again with a new proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Generic, TypeVar

from moyai.base import deadlines
from moyai.base.db import Connection, DiskFull, PostgresError, connect, is_lost_session, is_unavailable
from moyai.base.errors import Problem
from moyai.base.gathering import Gathering
from moyai.base.tasks import hold

Q = TypeVar("Q")
A = TypeVar("A")

Run = Callable[[Connection, Sequence[Q]], Awaitable[Sequence[A]]]

Asked = tuple[Q, asyncio.Future[A], float]
"""A question, where its answer is waited for, and until when."""

LONGEST_SECONDS = 15.0
"""A question's deadline where whoever asks has none."""


class _NoSession(Exception):
    """The server answers, but opens no session for us."""


AT_ONCE = 16
"""Questions in one statement. Larger batches cost the server less, but then it and this process take turns: while one
works the other waits. With 16 of 32 waiting requests in a statement, both are busy (measured, decision 0014)."""


_PLANS = {"plan_cache_mode": "force_generic_plan"}
"""A statement is planned once for all batches: planning the gate's join takes a hundred times as long as running it, and
even planning the one-table read of a store takes as long as reading."""


class Lane(Generic[Q, A]):
    """Questions in, answers out, `width` statements at a time, at most `most` questions in one. With `only_reads`,
    what is run may be run twice without harm."""

    def __init__(
        self,
        dsn: str,
        run: Run[Q, A],
        *,
        width: int = 1,
        most: int = AT_ONCE,
        only_reads: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._dsn = dsn
        self._run = run
        self._only_reads = only_reads
        self._settings = {**_PLANS, **(settings or {})}
        self._waiting: Gathering[Asked[Q, A]] = Gathering(self._dispatch, most)
        self._free: list[Connection | None] = [None] * width
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q, seconds: float | None = None) -> A:
        """The answer to one question, by the deadline of whoever asks, or within so many seconds if that is earlier.

        Raises Problem: unavailable (the database does not answer), deadline_exceeded; TimeoutError where the seconds
        passed.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        at = deadlines.current()
        if seconds is None and at < inf:
            # whoever waits is cancelled at its deadline, and the future with it: then nobody asks for it any more
            self._waiting.add((question, answer, at))
            return await answer
        own = loop.time() + (LONGEST_SECONDS if seconds is None else seconds)
        self._waiting.add((question, answer, min(at, own)))
        try:
            return await (answer if at <= own else deadlines.answered(answer, own))
        except TimeoutError as error:
            if seconds is not None:
                raise
            raise Problem("deadline_exceeded") from error

    def _dispatch(self) -> None:
        while self._waiting and self._free:
            batch = [asked for asked in self._waiting.take() if not asked[1].done()]
            if batch:
                task = hold(self._serve(self._free.pop(), batch), "lane")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection | None, batch: list[Asked[Q, A]]) -> None:
        try:
            connection = await self._answer(connection, batch)
        finally:
            self._free.append(connection)
            if self._waiting:
                self._waiting.schedule()

    async def _answer(self, connection: Connection | None, batch: list[Asked[Q, A]]) -> Connection | None:
        """Answer every member of the batch; the session to go on with, or None if it is lost."""
        limit = deadlines.until(max(at for _, _, at in batch))
        kept = connection
        try:
            with limit:
                if connection is None or connection.raw.is_closed():
                    kept = None
                    connection = await self._session()
                answers = await self._run(connection, [question for question, _, _ in batch])
            pairs = list(zip(batch, answers, strict=True))
        except Exception as error:
            if not isinstance(error, _NoSession) and not is_unavailable(error):
                return await self._one_by_one(connection, batch, error)
            _discard(connection)
            if kept is not None and self._only_reads and is_lost_session(error):
                return await self._answer(None, batch)
            code, why = _code(error, limit), type(error).__name__
            _fail(batch, lambda: Problem(code, why))
            return None
        for (_, future, _), answer in pairs:
            if not future.done():
                future.set_result(answer)
        return connection

    async def _one_by_one(
        self, connection: Connection | None, batch: list[Asked[Q, A]], error: Exception
    ) -> Connection | None:
        """One of them cannot be answered: find out which, and answer the others."""
        if len(batch) == 1:
            _fail(batch, lambda: error)
            return connection
        for member in batch:
            if not member[1].done():
                connection = await self._answer(connection, [member])
        return connection

    async def _session(self) -> Connection:
        try:
            return await connect(self._dsn, **self._settings)
        except PostgresError as error:
            # a closed role, another password, a missing database: nobody's question is to blame
            raise _NoSession(type(error).__name__) from error

    async def close(self) -> None:
        """Wait for what is under way, then end the sessions."""
        # what waits when a statement ends begins the next one: until nobody waits
        while self._tasks or self._waiting.scheduled:
            await asyncio.gather(asyncio.sleep(0), *self._tasks, return_exceptions=True)
        for connection in self._free:
            if connection is not None:
                connection.raw.terminate()
        self._free = [None] * len(self._free)


def _code(error: Exception, limit: deadlines.until) -> str:
    if isinstance(error, DiskFull):
        return "storage_full"
    return "deadline_exceeded" if limit.expired() else "unavailable"


def _fail(batch: list[Asked[Q, A]], error: Callable[[], Exception]) -> None:
    for _, future, _ in batch:
        if not future.done():
            future.set_exception(error())


def _discard(connection: Connection | None) -> None:
    if connection is not None:
        connection.give_up()


def int_array(values: Sequence[int]) -> str:
    """Integers as a PostgreSQL array literal; parsing it in the server is cheaper than encoding a list here."""
    return "{" + ",".join(map(str, values)) + "}"


def safe_array(values: Sequence[str]) -> str:
    """Strings as an array literal. ONLY for values already checked to be ids ([A-Za-z0-9._-] and the like)."""
    return "{" + ",".join(values) + "}"


def quoted_array(values: Sequence[str]) -> str:
    """The same where a value may be empty, or spell `null`."""
    return "{" + ",".join(f'"{value}"' for value in values) + "}"
