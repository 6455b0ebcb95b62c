"""PostgreSQL through asyncpg, behind a wrapper whose queries are `LiteralString`.

Pyright refuses a built string where a query is expected, so SQL injection is a type error. Sessions are left
clean by the code that uses them; the pool does not reset them (resetting costs 40–50 % of a small query).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] (it has none; what it gives is cast here)
import msgspec

# Its functions are untyped: what they take and give is checked at our own borders.
_asyncpg: Any = asyncpg

Record = asyncpg.Record
UniqueViolation = asyncpg.UniqueViolationError
ForeignKeyViolation = asyncpg.ForeignKeyViolationError
CheckViolation = asyncpg.CheckViolationError
PostgresError = asyncpg.PostgresError
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


class Connection:
    """One session. Every query is a literal; values travel as parameters."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

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
        """A transaction, or a savepoint inside one. An exception rolls it back."""
        async with self.raw.transaction():
            yield

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


SESSION_SETTINGS = {"jit": "off", "statement_timeout": "30s", "idle_in_transaction_session_timeout": "30s"}


async def connect(dsn: str, **settings: str) -> Connection:
    """One dedicated session (the hot road's lanes, the worker's lock). `dsn` is a libpq URI."""
    raw = await _asyncpg.connect(dsn, server_settings={**SESSION_SETTINGS, **settings}, timeout=10)
    await _set_up(raw)
    return Connection(raw)


class Pool:
    """A bounded set of sessions on one database. `jsonb` columns take and give Python values."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @classmethod
    async def open(cls, dsn: str, *, min_size: int = 0, max_size: int = 4) -> Pool:
        """Open a pool on a libpq URI. Raises OSError or asyncpg.PostgresError if the server does not answer."""
        raw = await _asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            init=_set_up,
            reset=_no_reset,
            server_settings=SESSION_SETTINGS,
            max_inactive_connection_lifetime=60,
            timeout=10,
        )
        return cls(raw)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        async with self._raw.acquire() as raw:
            yield Connection(raw)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection inside a transaction: returning commits, raising rolls back."""
        async with self._raw.acquire() as raw, raw.transaction():
            yield Connection(raw)

    async def close(self) -> None:
        await self._raw.close()

    def terminate(self) -> None:
        self._raw.terminate()
