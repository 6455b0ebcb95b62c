"""How what waits ends without another word on it: it takes effect, or it is void, and nothing of it does.

Whoever asked, and whoever stands for it, must still be who they were: stopped meanwhile, they take it along.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from uuid import UUID

import structlog

from moyai.base.db import Connection, Database, Record, is_unavailable
from moyai.base.errors import Problem
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import ActDone, ActEnded
from moyai.registry import store_pending as store
from moyai.registry.hashing import digest
from moyai.registry.pending import TwoPersonAct, still_waiting
from moyai.registry.persons import stopped
from moyai.registry.resting import other_than_read

_EVERY_SECONDS = 20.0

READ_WAS_OTHER: Final = "the text that was read is not the text any more"
"""Why an act is void: what it is about, or what it names, changed since it was asked for. What changed stands behind it."""

log = structlog.get_logger("moyai.registry")

# --- void -----------------------------------------------------------------------------------------------------


async def revoke_of(conn: Connection, actor: str, staff_id: str | None = None) -> int:
    """End what somebody who was stopped has asked for, or stands for as the first of two. How many there were."""
    found = await store.asked_by(conn, actor, staff_id)
    for pending_id in found:
        row, act = await still_waiting(conn, str(pending_id))
        await end(conn, row, act, "void", "system", "who asked for it was stopped")
    return len(found)


async def end_of_stopped(conn: Connection) -> int:
    """End whatever waits on somebody who may no longer ask for it, after a stop of many at once. How many there were."""
    ended = 0
    for pending_id in await store.waiting(conn):
        row, act = await still_waiting(conn, str(pending_id))
        if reason := await _stopped(conn, row, act):
            await end(conn, row, act, "void", "system", reason)
            ended += 1
    return ended


async def void_all(conn: Connection, reason: str) -> int:
    """End everything that waits, whoever asked for it. How many there were."""
    found = await store.waiting(conn)
    for pending_id in found:
        row, act = await still_waiting(conn, str(pending_id))
        await end(conn, row, act, "void", "system", reason)
    return len(found)


# --- in effect ------------------------------------------------------------------------------------------------


async def take_effect_due(database: Database) -> int:
    """Carry out what waited its hours without a word against it. How many there were."""
    async with database.connection() as conn:
        found = await store.due(conn)
    return sum([await _due(database, str(pending_id)) for pending_id in found])


async def _due(database: Database, pending_id: str) -> bool:
    """Carry out one. One that fails says why where it waits, and is tried again later and later; it keeps no other from
    taking effect."""
    try:
        async with database.transaction() as conn:
            row, act = await still_waiting(conn, pending_id)
            await take_effect(conn, row, act, "system", "waited")
    except Problem as problem:
        if problem.code == "pending_ended":
            return False  # another process was quicker, or somebody spoke meanwhile
        await _put_off(database, pending_id, problem.code)
    except Exception as error:
        # a database that is away fails here again, which ends the round
        await _put_off(database, pending_id, type(error).__name__)
    else:
        return True
    return False


async def _put_off(database: Database, pending_id: str, why: str) -> None:
    async with database.transaction() as conn:
        await store.put_off(conn, UUID(pending_id), why)
    log.error("pending act failed", pending=pending_id, error=why)


async def keep_taking_effect(database: Database) -> None:
    """`take_effect_due` over and over, for ever. A database that is away for a while is waited for."""
    while True:
        try:
            await take_effect_due(database)
        except Exception as error:
            if not is_unavailable(error):
                raise
        await asyncio.sleep(_EVERY_SECONDS)


async def take_effect(conn: Connection, row: Record, act: TwoPersonAct, by: str, way: str) -> None:
    """Exactly what was asked for, if what it refers to, and who asked, is as it was; else it is void."""
    if reason := await _stopped(conn, row, act):
        await end(conn, row, act, "void", by, reason)
        return
    if digest(row["body"]) != row["body_sha256"]:
        await end(conn, row, act, "void", by, "the change is not the one that was asked for")
        return
    if digest(await act.refers_to(conn, row["thing_id"])) != row["base_sha256"]:
        await end(conn, row, act, "void", by, f"{READ_WAS_OTHER}: {act.noun} {row['thing_id']}")
        return
    if others := await other_than_read(conn, row["rests_on"]):
        named_now = ", ".join(f"{one.noun} {one.id}" for one in others)
        await end(conn, row, act, "void", by, f"{READ_WAS_OTHER}: {named_now}")
        return
    try:
        async with conn.transaction():
            # ended first: what the act does to who asked for it ends what else they asked for, not this
            await store.end(conn, row["pending_id"], "done", by, way)
            await act.carry_out(conn, row["thing_id"], row["body"], row["asked_by"])
    except Problem as problem:
        await end(conn, row, act, "void", by, problem.code)
        return
    first = None if row["first_staff_id"] is None else f"staff:{row['first_staff_id']}"
    content = named(ActDone, row, act, way=way, asked_by=row["asked_by"], first_person=first)
    await record(conn, Act(Kind.ACT_DONE, by, detail=content))


async def _stopped(conn: Connection, row: Record, act: TwoPersonAct) -> str | None:
    standing = row["asked_by"], row["first_staff_id"]
    return await stopped(conn, act.level, row["organization_id"], *standing)


async def end(conn: Connection, row: Record, act: TwoPersonAct, state: str, by: str, reason: str) -> None:
    """Nothing of it takes effect: it is `void` or `revoked`, and the ledger says why."""
    await store.end(conn, row["pending_id"], state, by, reason)
    await record(conn, Act(Kind.ACT_ENDED, by, detail=named(ActEnded, row, act, state=state, reason=reason)))


def named(content: type[Any], row: Record, act: TwoPersonAct, **more: Any) -> Any:
    """What the ledger says of an act that waits, with what it says in every case."""
    return content(
        pending_id=str(row["pending_id"]),
        act=act.name,
        noun=act.noun,
        id=row["thing_id"],
        sha256=row["body_sha256"].hex(),
        **more,
    )
