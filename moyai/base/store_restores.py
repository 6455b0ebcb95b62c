"""SQL of `platform.restore`: what was restored, what was lost, and whether the platform is still closed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from moyai.base.db import Connection


class Restore(msgspec.Struct, frozen=True):
    """One restore. What was acknowledged after `state_at` and up to `lost_until` is lost (None: nothing is).

    Where it was one organisation's store alone, that is named, and only its items are lost. `items_withheld` of those
    from before did not come back either: something of their kind was deleted since.
    """

    restore_id: UUID
    state_at: datetime
    lost_until: datetime | None
    journal: bool
    restored_at: datetime
    organization_ja: str | None = None
    organization_en: str | None = None
    items_withheld: int = 0


async def unfinished(conn: Connection) -> Restore | None:
    """The restore whose journal is not replayed yet: until it is, nothing is served."""
    if not await _known(conn):
        return None
    row = await conn.fetchrow(
        """
        select restore_id, state_at, lost_until, journal, restored_at
          from platform.restore
         where replayed_at is null
        """
    )
    return msgspec.convert(dict(row), Restore) if row else None


async def _known(conn: Connection) -> bool:
    """False for a database of the version before, which this release serves, too."""
    return await conn.fetchval("select to_regclass('platform.restore') is not null")


async def with_losses(conn: Connection) -> list[Restore]:
    """Restores that lost something, or the journal of stops, newest first, for people to read."""
    if not await _known(conn):
        return []
    rows = await conn.fetch(
        """
        -- by name through the row's JSON: the versions before have no such columns
        select restore_id, state_at, lost_until, journal, restored_at,
               to_jsonb(r) ->> 'organization_ja' as organization_ja,
               to_jsonb(r) ->> 'organization_en' as organization_en,
               coalesce((to_jsonb(r) ->> 'items_withheld')::int, 0) as items_withheld
          from platform.restore r
         where lost_until is not null or not journal or (to_jsonb(r) ->> 'items_withheld')::int > 0
         order by restored_at desc
        """
    )
    return msgspec.convert([dict(row) for row in rows], list[Restore])


async def begin(conn: Connection, restore_id: UUID, state_at: datetime, *, journal: bool) -> None:
    await conn.execute(
        "insert into platform.restore (restore_id, state_at, journal) values ($1, $2, $3) on conflict do nothing",
        restore_id,
        state_at,
        journal,
    )


async def finish(conn: Connection, restore_id: UUID, lost_until: datetime | None) -> None:
    await conn.execute(
        "update platform.restore set lost_until = $2, replayed_at = clock_timestamp() where restore_id = $1",
        restore_id,
        lost_until,
    )


async def record_store(
    conn: Connection,
    restore_id: UUID,
    organization: tuple[str, str, str],
    state_at: datetime,
    lost_until: datetime | None,
    items_withheld: int,
) -> None:
    """One store was restored: organisation (id, name in Japanese and English). The platform was never closed for it."""
    await conn.execute(
        """
        insert into platform.restore (restore_id, state_at, lost_until, journal, replayed_at, organization_id,
                                      organization_ja, organization_en, items_withheld)
        values ($1, $2, $3, true, clock_timestamp(), $4, $5, $6, $7)
        """,
        restore_id,
        state_at,
        lost_until,
        *organization,
        items_withheld,
    )


async def recovered_until(conn: Connection) -> datetime | None:
    """The time of the last transaction that the engine took over when it recovered, if there was any."""
    return await conn.fetchval("select pg_last_xact_replay_timestamp()")
