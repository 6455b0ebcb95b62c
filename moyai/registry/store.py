"""SQL of the registry, common part: turning rows into shapes, and the one lock of writers."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from moyai.base.db import Connection, Record

T = TypeVar("T")


def one(record: Record | None, shape: type[T]) -> T | None:
    return None if record is None else msgspec.convert(dict(record), shape)


def many(records: list[Record], shape: type[T]) -> list[T]:
    return msgspec.convert([dict(record) for record in records], list[shape])


async def hold_unchanged(conn: Connection) -> None:
    """Keep the registry as it is until the caller's transaction ends: what is read from now on fits together.

    Call it in a statement of its own, before reading: the next statement sees all that was committed until then.
    """
    await conn.execute("select pg_advisory_xact_lock_shared(hashtext('moyai.registry'))")


async def hold_for_reading(conn: Connection) -> None:
    """Nobody writes the registry until this transaction ends, which must not write it either."""
    await conn.execute("select pg_advisory_xact_lock_shared(hashtext('moyai.registry'))")
    conn.holds_registry = True


async def lock_for_writing(conn: Connection) -> None:
    """Writers of the registry take turns until their transaction ends; readers and the gate never wait.

    Raises RuntimeError where the transaction holds writers off already: two of those would wait for each other.
    """
    if conn.holds_registry:
        raise RuntimeError("a route whose acts change the registry is not declared as one (web/endpoint.py)")
    await conn.execute("select pg_advisory_xact_lock(hashtext('moyai.registry'))")
