"""After a restore: single rights that were taken away since the backup are taken away again, by `system`, on record."""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.stops import RightTaken
from moyai.ledger import Act, Kind, record, recorded_since
from moyai.ledger.contents import RegistryEntry, Replaced
from moyai.registry import stops
from moyai.registry import store_rights as store
from moyai.registry.replay import REASON, SYSTEM
from moyai.registry.store import lock_for_writing


async def take_again(conn: Connection, stop: RightTaken, at: datetime, journal: Journal) -> bool:
    """Whether there was something to take. What changed the thing at or after `at`, and came back with the restore, is
    newer than the line, and stands. Raises Problem does_not_exist for what the backup does not know.

    A service that would be left without any municipality is suspended: for whom it is, a person has to say.
    """
    await lock_for_writing(conn)
    if not await store.is_known(conn, stop.noun, stop.id):
        raise Problem("does_not_exist", f"{stop.noun} {stop.id}")
    if await recorded_since(conn, stop.id, (Kind.REGISTRY_CHANGED,), at, noun=stop.noun):
        return False
    if (stop.noun, stop.right) == ("service", "municipality_codes") and await store.serves_only(
        conn, stop.id, stop.values
    ):
        return (await stops.suspend_service(conn, stop.id, REASON, SYSTEM, journal)).outcome != "unchanged"
    if not await store.take(conn, stop.noun, stop.right, stop.id, stop.values):
        return False
    detail = RegistryEntry(noun=stop.noun, id=stop.id, fields={stop.right: _replaced(stop)})
    await record(conn, Act(kind=Kind.REGISTRY_CHANGED, actor=SYSTEM, detail=detail))
    return True


def _replaced(stop: RightTaken) -> Replaced:
    """What there was before, and is no more; of a level, what it is now."""
    if stop.right.endswith(("ial", "aal")):
        return Replaced(None, int(stop.values[0]))
    return Replaced(stop.values, [])
