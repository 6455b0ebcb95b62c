"""SQL on a store of linkable personal data (its own database). Persons are pairwise subjects of the provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from moyai.base.db import Connection, Record
from moyai.base.lanes import int_array, quoted_array, safe_array

_COPIED = (
    "subject", "dataset_id", "item_id", "version", "content", "observed_at", "created_at", "updated_at", "shape",
)  # fmt: skip


async def read_newest(
    conn: Connection,
    subjects: Sequence[str],
    dataset_ids: Sequence[str],
    limits: Sequence[int],
    item_bytes: Sequence[int],
) -> list[Record]:
    """The newest items for several questions in one statement, one more of each than `limits`: rows as `read_many` has
    them. `content` is null for an item of more than `item_bytes`.

    Most questions are of this kind, and counting sums in the database took a third of their time: whoever asks gives
    each item its equal share of what a page may hold, and asks `read_many` where that was not enough for one.
    """
    return await conn.fetch(
        """
        select q.n::int, i.item_id, i.version, i.observed_at, i.created_at, i.shape,
               case when i.bytes <= q.item_bytes then i.content::text end as content
          from unnest($1::text::uuid[], $2::text::text[], $3::text::int[], $4::text::bigint[])
               with ordinality as q(subject, dataset_id, most, item_bytes, n)
         cross join lateral (
               select item_id, version, observed_at, created_at, shape, content, bytes from store.item
                where subject = q.subject and dataset_id = q.dataset_id
                order by coalesce(observed_at, created_at) desc, item_id desc limit q.most + 1) i
        """,
        safe_array(subjects),
        safe_array(dataset_ids),
        int_array(limits),
        int_array(item_bytes),
    )


async def read_many(
    conn: Connection,
    subjects: Sequence[str],
    dataset_ids: Sequence[str],
    limits: Sequence[int],
    most_bytes: Sequence[int],
    since: Sequence[str],
    before: Sequence[str],
    before_ids: Sequence[str],
) -> list[Record]:
    """Items for several questions in one statement, newest first: rows (n, item_id, version, observed_at, created_at,
    shape, content). `content` is null for the one that is more than `limits` or `most_bytes` allow: it only says that
    there is more.

    `since` and `before` are times (inclusive, exclusive) or `infinity`; an item of just the time `before` comes if its
    id is less than `before_ids`. Arguments are checked ids: they travel inside array literals.
    """
    return await conn.fetch(
        """
        select q.n::int, i.item_id, i.version, i.observed_at, i.created_at, i.shape,
               case when i.nth <= q.most and i.total <= q.most_bytes then i.content::text end as content
          from unnest($1::text::uuid[], $2::text::text[], $3::text::int[], $4::text::bigint[],
                      $5::text::timestamptz[], $6::text::timestamptz[], $7::text::text[])
               with ordinality as q(subject, dataset_id, most, most_bytes, since, before, before_id, n)
         cross join lateral (
               select *, row_number() over newest as nth, sum(weight) over newest as total
                 from (select item_id, version, observed_at, created_at, shape, content, bytes + 256 as weight,
                              coalesce(observed_at, created_at) as at
                         from store.item
                        where subject = q.subject and dataset_id = q.dataset_id
                          and coalesce(observed_at, created_at) >= q.since
                          and (coalesce(observed_at, created_at), item_id) < (q.before, q.before_id)
                        order by coalesce(observed_at, created_at) desc, item_id desc limit q.most + 1) found
               window newest as (order by at desc, item_id desc rows unbounded preceding)) i
         where i.total - i.weight <= q.most_bytes
        """,
        safe_array(subjects),
        safe_array(dataset_ids),
        int_array(limits),
        int_array(most_bytes),
        safe_array(since),
        safe_array(before),
        quoted_array(before_ids),
    )


async def read_by_id(
    conn: Connection,
    subjects: Sequence[str],
    dataset_ids: Sequence[str],
    item_ids: Sequence[str],
    most_bytes: Sequence[int],
) -> list[Record]:
    """One item for each question, where it is there: rows as `read_many` has them."""
    return await conn.fetch(
        """
        select q.n::int, i.item_id, i.version, i.observed_at, i.created_at, i.shape,
               case when i.bytes + 256 <= q.most_bytes then i.content::text end as content
          from unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::bigint[])
               with ordinality as q(subject, dataset_id, item_id, most_bytes, n)
         cross join lateral (
               select * from store.item one
                where one.subject = q.subject and one.dataset_id = q.dataset_id and one.item_id = q.item_id
               offset 0) i
        """,
        safe_array(subjects),
        safe_array(dataset_ids),
        quoted_array(item_ids),
        int_array(most_bytes),
    )


async def put(
    conn: Connection,
    subject: str,
    dataset_id: str,
    item_id: str,
    content: str,
    observed_at: datetime | None,
    shape: bytes | None,
    *,
    only_new: bool,
) -> Record | None:
    """Create or replace one item: (version, created, created_at). None where it is there and must not be."""
    return await conn.fetchrow(
        """
        insert into store.item (subject, dataset_id, item_id, content, observed_at, shape)
        values ($1::text::uuid, $2, $3, $4::text::json, $5, $6)
        on conflict (subject, dataset_id, item_id) do update
           set content = excluded.content, observed_at = excluded.observed_at, shape = excluded.shape,
               version = store.item.version + 1, updated_at = clock_timestamp()
         where not $7::boolean
        returning version, version = 1 as created, created_at
        """,
        subject,
        dataset_id,
        item_id,
        content,
        observed_at,
        shape,
        only_new,
    )


async def lock(conn: Connection, subject: str, dataset_id: str, item_id: str) -> Record | None:
    """Hold one item as it is, if it is there, until the transaction ends: (version, created_at)."""
    return await conn.fetchrow(
        """
        select version, created_at from store.item
         where subject = $1::text::uuid and dataset_id = $2 and item_id = $3 for update
        """,
        subject,
        dataset_id,
        item_id,
    )


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


async def page_of_copy(conn: Connection, after: tuple[UUID, str, str] | None, limit: int) -> list[Record]:
    """All items of a copy, whole, in the order of their keys (subject, dataset_id, item_id), those after a key."""
    subject, dataset_id, item_id = after or (UUID(int=0), "", "")
    return await conn.fetch(
        """
        select subject, dataset_id, item_id, version, content::text as content, observed_at, created_at, updated_at,
               shape
          from store.item where (subject, dataset_id, item_id) > ($1, $2, $3)
         order by subject, dataset_id, item_id limit $4
        """,
        subject,
        dataset_id,
        item_id,
        limit,
    )


async def put_back(conn: Connection, rows: Sequence[Record], pairs: Sequence[tuple[UUID, str]]) -> int:
    """Insert items of a copy, those of these pairs (subject, dataset id) alone; how many came back. What the store
    holds is newer, and stays."""
    return await conn.fetchval(
        """
        with back as (
            insert into store.item (subject, dataset_id, item_id, version, content, observed_at, created_at,
                                    updated_at, shape)
            select subject, dataset_id, item_id, version, content::json, observed_at, created_at, updated_at, shape
              from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::timestamptz[],
                          $7::timestamptz[], $8::timestamptz[], $9::bytea[])
                   as copied (subject, dataset_id, item_id, version, content, observed_at, created_at, updated_at,
                              shape)
              join unnest($10::uuid[], $11::text[]) as permitted (subject, dataset_id) using (subject, dataset_id)
            on conflict do nothing returning 1)
        select count(*) from back
        """,
        *([row[column] for row in rows] for column in _COPIED),
        *([pair[n] for pair in pairs] for n in range(2)),
    )


async def read_all(conn: Connection) -> None:
    """Read every item and mark from disk, to the last byte."""
    await conn.fetchval(
        "select (select sum(length(content::text)) from store.item), (select sum(added) from store.event)"
    )


async def counts(conn: Connection) -> list[Record]:
    """(subject, dataset_id, items) of all that a store holds."""
    return await conn.fetch(
        "select subject, dataset_id, count(*)::int as items from store.item group by subject, dataset_id"
    )


async def deletions_since(conn: Connection, at: datetime) -> list[Record]:
    """(subject, dataset_id) from which something was deleted here at or after a time, as far as marks are kept."""
    return await conn.fetch(
        "select distinct subject, dataset_id from store.event where added < 0 and settled_at >= $1", at
    )


async def arrived(conn: Connection, intent_ids: Sequence[str]) -> list[str]:
    """Which of these writes reached the store."""
    rows = await conn.fetch(
        """
        select intent_id::text from store.event where intent_id::text = any($1::text[]) and not cancelled
        """,
        list(intent_ids),
    )
    return [row["intent_id"] for row in rows]


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
