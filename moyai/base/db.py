"""PostgreSQL through asyncpg, behind a wrapper whose queries are `LiteralString`.

Pyright refuses a built string where a query is expected, so SQL injection is a type error. Sessions are left
clean by the code that uses them; the pool does not reset them (resetting costs 40–50 % of a small query).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] (it has none; what it gives is cast here)
import msgspec

from moyai.base.tasks import hold

# Its functions are untyped: what they take and give is checked at our own borders.
_asyncpg: Any = asyncpg

Record = asyncpg.Record
UniqueViolation = asyncpg.UniqueViolationError
ForeignKeyViolation = asyncpg.ForeignKeyViolationError
CheckViolation = asyncpg.CheckViolationError
PostgresError = asyncpg.PostgresError
NoSuchDatabase = asyncpg.InvalidCatalogNameError
CannotConnectNow = asyncpg.CannotConnectNowError
DiskFull = asyncpg.DiskFullError


LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # a session that was cut in the middle of a statement and is used again
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    OSError,
    TimeoutError,
)
"""What tells that a server is away, going down, or has lost us; worth a new session, not a bug of ours."""

_UNAVAILABLE = (
    *LOST,
    # a statement that was cancelled or took too long, a server that is going down
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.LockNotAvailableError,
    # two that waited for each other: one of them was ended
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    # no room left: disk, memory, sessions; a disk that fails
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.PostgresSystemError,
    # a server that was primary until a moment ago
    asyncpg.exceptions.ReadOnlySQLTransactionError,
)

_BadValue: Any = _asyncpg.exceptions._base.DataError
"""A value that cannot be sent as what the statement takes: by its class one of `LOST`, in truth the question's fault."""


def is_unavailable(error: BaseException) -> bool:
    """Whether a server does not do now what it is asked, whatever it is asked: asking again at once is no help."""
    return isinstance(error, _UNAVAILABLE) and not isinstance(error, _BadValue)


def is_lost_session(error: BaseException) -> bool:
    """Whether a session ended that stood before. What it was asked last may have been done, or not."""
    if isinstance(error, asyncpg.exceptions.IdleSessionTimeoutError):
        return True
    # one that timed out may still be working on it
    return isinstance(error, LOST) and not isinstance(error, (TimeoutError, _BadValue))


_BROKEN = ("22023", "58", "XX")
"""SQLSTATEs: no data directory, a file that is missing or cannot be read, a page that is not as it was."""


def is_damage(error: BaseException) -> bool:
    """Whether a server says that files of a database are not as it left them."""
    state: str | None = getattr(error, "sqlstate", None)
    return isinstance(error, PostgresError) and (state or "").startswith(_BROKEN)


_INTERRUPTED = (asyncio.CancelledError, TimeoutError)
"""Whoever waited has gone. What the server is doing for the session is not known: it is not used again."""


async def _close(raw: Any) -> None:
    """Cancel what the server is doing for a session, and end it; without the server's help if it does not answer."""
    try:
        await raw.close(timeout=_RELEASE_SECONDS)
    except (Exception, asyncio.CancelledError):
        raw.terminate()


Step = Callable[["Connection"], Awaitable[None]]
"""What is done at the border of every transaction of a pool."""


class Connection:
    """One session. Every query is a literal; values travel as parameters.

    `after_begin` is what has to be done first in each transaction (who acts is judged: `identity.as_now`), `before_commit` what
    has to be done before it commits (the journal's part: `Journal.write_due`).
    """

    def __init__(self, raw: Any, before_commit: Step | None = None, after_begin: Step | None = None) -> None:
        self.raw = raw
        self.before_commit = before_commit
        self.after_begin = after_begin
        self.given_up = False
        self.holds_registry = False
        """Whether writers of the registry wait for this transaction (`identity.as_now`); it must not be one then."""

    async def fetch(self, query: LiteralString, *args: object) -> list[Record]:
        return cast("list[Record]", await self.raw.fetch(query, *args))

    async def fetchrow(self, query: LiteralString, *args: object) -> Record | None:
        return cast("Record | None", await self.raw.fetchrow(query, *args))

    async def fetchval(self, query: LiteralString, *args: object) -> Any:
        return await self.raw.fetchval(query, *args)

    async def execute(self, query: LiteralString, *args: object) -> str:
        return cast(str, await self.raw.execute(query, *args))

    async def executemany(self, query: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        await self.raw.executemany(query, rows)

    async def ping(self) -> None:
        """Ask the server for nothing, to see whether it answers."""
        await self.raw.fetchval("select 1")

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """A transaction, or a savepoint inside one. An exception rolls it back.

        One that was interrupted is rolled back by giving the session up: a server that does not answer would not
        answer `rollback` either, and whoever waits for it has a deadline.
        """
        begun, outermost = self.raw.transaction(), not self.raw.is_in_transaction()
        try:
            await begun.start()
            if outermost and self.after_begin is not None:
                await self.after_begin(self)
            yield
            if outermost and self.before_commit is not None:
                await self.before_commit(self)
        except _INTERRUPTED:
            self.give_up()
            raise
        except BaseException:
            if not self.given_up and not self.raw.is_closed():
                await begun.rollback()
            raise
        await self._commit(begun)

    async def _commit(self, begun: Any) -> None:
        try:
            await begun.commit()
        except _INTERRUPTED:
            self.give_up()
            raise

    def give_up(self) -> None:
        """End the session without waiting for it: nobody knows any more what the server is doing for it."""
        if not self.given_up:
            self.given_up = True
            hold(_close(self.raw), "end a session")

    async def close(self) -> None:
        """End the session. For dedicated connections only: a pool keeps its own."""
        await self.raw.close()


class Database(Protocol):
    """Where a room gets its connections from: a pool in production, one rolled-back session in tests."""

    def connection(self) -> Any: ...
    def transaction(self) -> Any: ...


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    return msgspec.json.decode(data[1:])


async def _set_up(raw: Any) -> None:
    await raw.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=_encode_jsonb,
        decoder=_decode_jsonb,
        format="binary",
    )


async def _no_reset(_: Any) -> None:
    """Sessions are left clean by their users."""


SESSION_SETTINGS = {
    "jit": "off",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    # a statement whose session was ended here (it took too long) ends there too, also while it waits for a lock
    "client_connection_check_interval": "2s",
    # what this session stops is in the journal before it commits, or it does not commit (0028_stops_due.sql)
    "moyai.journal": "kept",
}

CONNECT_SECONDS = 5
"""Until a session stands, or a pool has one free."""

_COMMAND_SECONDS = 35
"""Longer than `statement_timeout`: the server says itself that it gave up. Ends the wait for one that cannot say it."""

_RELEASE_SECONDS = 1


async def connect(dsn: str, **settings: str) -> Connection:
    """One dedicated session (the hot road's lanes, the worker's lock). `dsn` is a libpq URI.

    With `statement_timeout="0"` a statement may take as long as it takes (migrating, filling).
    """
    raw = await _asyncpg.connect(
        dsn,
        server_settings={**SESSION_SETTINGS, **settings},
        timeout=CONNECT_SECONDS,
        command_timeout=None if settings.get("statement_timeout") == "0" else _COMMAND_SECONDS,
    )
    await _set_up(raw)
    return Connection(raw)


class Pool:
    """A bounded set of sessions on one database. `jsonb` columns take and give Python values."""

    def __init__(self, raw: Any, before_commit: Step | None = None, after_begin: Step | None = None) -> None:
        self._raw = raw
        self._steps = before_commit, after_begin

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        min_size: int = 0,
        max_size: int = 4,
        before_commit: Step | None = None,
        after_begin: Step | None = None,
    ) -> Pool:
        """Open a pool on a libpq URI. Raises OSError or asyncpg.PostgresError if the server does not answer."""
        raw = await _asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            init=_set_up,
            reset=_no_reset,
            server_settings=SESSION_SETTINGS,
            max_inactive_connection_lifetime=60,
            timeout=CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
        )
        return cls(raw, before_commit, after_begin)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A session. Raises TimeoutError when none is free for so long that something else must be wrong."""
        async with asyncio.timeout(CONNECT_SECONDS):
            raw = await self._raw.acquire()
        conn = Connection(raw, *self._steps)
        try:
            yield conn
        except _INTERRUPTED:
            conn.give_up()
            raise
        finally:
            if not conn.given_up:
                await self._raw.release(raw, timeout=_RELEASE_SECONDS)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection inside a transaction: returning commits, raising rolls back."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    async def close(self) -> None:
        """Wait for what is under way, not for ever, then end the sessions."""
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                await self._raw.close()
        except TimeoutError:
            self._raw.terminate()

    def terminate(self) -> None:
        self._raw.terminate()
