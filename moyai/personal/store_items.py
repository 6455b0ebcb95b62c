"""SQL on a store of linkable personal data (its own database). Persons are pairwise subjects of the provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moyai.base.db import Connection, Record
from moyai.base.lanes import int_array, safe_array


async def read_many(
    conn: Connection, subjects: Sequence[str], dataset_ids: Sequence[str], limits: Sequence[int]
) -> list[Record]:
    """Items for several questions in one statement: rows (n, item_id, version, observed_at, content, shape), newest first.

    Arguments are checked ids: they travel inside array literals.
    """
    return await conn.fetch(
        """
        select q.n::int, i.item_id, i.version, i.observed_at, i.content::text as content, i.shape
          from unnest($1::text::uuid[], $2::text::text[], $3::text::int[])
               with ordinality as q(subject, dataset_id, most, n)
         cross join lateral (
               select item_id, version, observed_at, content, shape from store.item
                where subject = q.subject and dataset_id = q.dataset_id
                order by observed_at desc nulls last, item_id limit q.most) i
        """,
        safe_array(subjects),
        safe_array(dataset_ids),
        int_array(limits),
    )


async def put(
    conn: Connection,
    subject: str,
    dataset_id: str,
    item_id: str,
    content: str,
    observed_at: datetime | None,
    shape: bytes,
) -> Record:
    """Create or replace one item: (version, created)."""
    row = await conn.fetchrow(
        """
        insert into store.item (subject, dataset_id, item_id, content, observed_at, shape)
        values ($1::text::uuid, $2, $3, $4::text::json, $5, $6)
        on conflict (subject, dataset_id, item_id) do update
           set content = excluded.content, observed_at = excluded.observed_at, shape = excluded.shape,
               version = store.item.version + 1, updated_at = clock_timestamp()
        returning version, version = 1 as created
        """,
        subject,
        dataset_id,
        item_id,
        content,
        observed_at,
        shape,
    )
    assert row is not None
    return row


async def delete(conn: Connection, subject: str, dataset_id: str, item_id: str) -> int:
    """How many items were deleted: 0 or 1."""
    return await conn.fetchval(
        """
        with gone as (delete from store.item
                       where subject = $1::text::uuid and dataset_id = $2 and item_id = $3 returning 1)
        select count(*) from gone
        """,
        subject,
        dataset_id,
        item_id,
    )


async def delete_subject(conn: Connection, subject: str) -> int:
    """Erase everything about one person that this component stored; how many items went."""
    return await conn.fetchval(
        """
        with gone as (delete from store.item where subject = $1::text::uuid returning 1),
             events as (delete from store.event where subject = $1::text::uuid)
        select count(*) from gone
        """,
        subject,
    )


async def record_event(conn: Connection, intent_id: str, subject: str, dataset_id: str, added: int) -> None:
    """The mark that this write reached the store. Raises UniqueViolation if the sweeper cancelled it."""
    await conn.execute(
        """
        insert into store.event (intent_id, subject, dataset_id, added)
        values ($1::text::uuid, $2::text::uuid, $3, $4)
        """,
        intent_id,
        subject,
        dataset_id,
        added,
    )


async def cancel_or_find(conn: Connection, intent_id: str, subject: str, dataset_id: str) -> int | None:
    """For the sweeper: the items a write added if it reached the store; otherwise cancel it for good, and None."""
    cancelled = await conn.fetchval(
        """
        insert into store.event (intent_id, subject, dataset_id, added, cancelled)
        values ($1::text::uuid, $2::text::uuid, $3, 0, true)
        on conflict (intent_id) do nothing returning true
        """,
        intent_id,
        subject,
        dataset_id,
    )
    if cancelled:
        return None
    return await conn.fetchval(
        "select added from store.event where intent_id = $1::text::uuid and not cancelled", intent_id
    )


async def cancel(conn: Connection, intent_id: str) -> None:
    """Keep a write that has not reached this store from ever reaching it. The mark names nobody."""
    await conn.execute(
        """
        insert into store.event (intent_id, subject, dataset_id, added, cancelled)
        values ($1::text::uuid, '00000000-0000-0000-0000-000000000000', '', 0, true)
        on conflict (intent_id) do nothing
        """,
        intent_id,
    )


async def forget_events(conn: Connection) -> None:
    """Drop marks that no intent asks for any more: an intent is settled within minutes of its store's being there."""
    await conn.execute("delete from store.event where settled_at < clock_timestamp() - interval '2 days'")
