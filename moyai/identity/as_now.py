"""Whoever acts is judged once more in the transaction of the act: as they are now, and so to its end.

Who calls is read before the act begins, in a transaction of its own. The first statements of every transaction of the act
take the locks that a stop takes (the end of a session or an authorisation, a disabled account or client, a role, a scope
or an organisation's standing that is taken away), and read the caller anew. So an act has committed before a stop that
forbids it is acknowledged, or it does not happen.

Acts of one resident take turns, and so do acts of one member of staff. Locks are taken in one order: the registry, then the
person, so that whoever stops somebody's account never waits for an act that waits for them. Acts of a route that changes the registry take its writers' lock (`registry.store.lock_for_writing`), acts of a desk or
a program share it (`hold_for_reading`): who shared it and asked for it alone would wait for its like. Exchanges, which ask at another
lock, wait for none of this, and neither does a resident: what they rest on is their own, and the app that they use is
read, not held, so that nobody's work on the registry keeps them from stopping something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import store_sessions
from moyai.identity.model import Caller, ClientCaller, ResidentCaller, StaffCaller
from moyai.registry import store as registry_store

Read = Callable[[Connection], Awaitable[Caller | None]]
"""Who the caller is now. Raises the Problem that a request would get now."""


class _Acting:
    """One request that acts, in the task that answers it."""

    def __init__(self, caller: Caller, read: Read, changes_registry: bool) -> None:
        self.caller = caller
        self.read = read
        self.changes_registry = changes_registry
        self.task = asyncio.current_task()


_ACTING: ContextVar[_Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting(caller: Caller, read: Read, *, changes_registry: bool) -> Generator[None]:
    """Until it ends, each transaction that this task begins judges the caller first (`judge`)."""
    token = _ACTING.set(_Acting(caller, read, changes_registry))
    try:
        yield
    finally:
        _ACTING.reset(token)


async def judge(conn: Connection) -> None:
    """The first statements of a transaction (`Pool.open`): hold and judge who acts, if somebody does.

    A task that was only begun in a request, and works on for others, acts for nobody. Raises Problem: what the caller
    would be told now (unauthenticated, token_invalid, …); forbidden where they may do less than when they asked.
    """
    one = _ACTING.get()
    if one is None or one.task is not asyncio.current_task():
        return
    if one.changes_registry:
        await registry_store.lock_for_writing(conn)
    elif not isinstance(one.caller, ResidentCaller):
        await registry_store.hold_for_reading(conn)
    if isinstance(one.caller, ResidentCaller):
        await store_sessions.hold_resident(conn, one.caller.resident_key)
    elif isinstance(one.caller, StaffCaller):
        await store_sessions.hold_staff(conn, one.caller.staff_key)
    now = await one.read(conn)
    if now is None:
        raise Problem("unauthenticated")
    if isinstance(now, StaffCaller) and now.closed:
        raise Problem(now.closed)
    if not _as_strong(one.caller, now):
        raise Problem("forbidden", "what you may do has changed; ask again")


def _as_strong(then: Caller, now: Caller) -> bool:
    """Whether whoever asked is the same, and may do what they might when they asked."""
    if isinstance(then, ResidentCaller) and isinstance(now, ResidentCaller):
        same = (then.resident_key, then.client_id) == (now.resident_key, now.client_id)
        return same and now.ial >= then.ial and now.aal >= then.aal and now.scopes >= then.scopes
    if isinstance(then, StaffCaller) and isinstance(now, StaffCaller):
        same = (then.staff_key, then.organization_key) == (now.staff_key, now.organization_key)
        return same and now.roles >= then.roles
    if isinstance(then, ClientCaller) and isinstance(now, ClientCaller):
        same = (then.client_key, then.organization_key) == (now.client_key, now.organization_key)
        return same and now.scopes >= then.scopes
    return False
