"""SQL of the log: order, tiles, checkpoints, cosignatures, daily counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.ledger.merkle import HASH_BYTES, Tile
from moyai.ledger.model import Kind

# One integrator at a time, in whatever process.
_LOCK = 0x6C6F67


async def lock(conn: Connection) -> bool:
    """Take the integrator's lock until the transaction ends; False if another process has it."""
    return await conn.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK)


async def open_log(conn: Connection, origin: str) -> None:
    """Name the log, if it has no name yet."""
    await conn.execute(
        "insert into ledger.log (origin) select $1 where not exists (select from ledger.log) on conflict do nothing",
        origin,
    )


async def log(conn: Connection) -> Record | None:
    return await conn.fetchrow(
        "select origin, closed_at, closed_reason from ledger.log order by opened_at desc limit 1"
    )


class FormerLog(msgspec.Struct, frozen=True):
    """A log that a restore cut back, and how many of its entries the log of now continues."""

    origin: str
    size: int


async def former_logs(conn: Connection) -> list[FormerLog]:
    """The origins that came before the present one, newest first."""
    rows = await conn.fetch(
        "select continues as origin, continues_size as size from ledger.log where continues is not null "
        "order by opened_at desc"
    )
    return msgspec.convert([dict(row) for row in rows], list[FormerLog])


async def count_logs(conn: Connection) -> tuple[str, int]:
    """The first origin that this log had, and how many it has had."""
    row = await conn.fetchrow(
        "select (array_agg(origin order by opened_at))[1] as first, count(*) as origins from ledger.log"
    )
    assert row is not None
    return row["first"], row["origins"]


async def continue_log(conn: Connection, origin: str, former: str, size: int) -> None:
    """Open the log that continues the first `size` entries of a closed one."""
    await conn.execute(
        "insert into ledger.log (origin, continues, continues_size) values ($1, $2, $3)", origin, former, size
    )


async def close_log(conn: Connection, reason: str) -> None:
    await conn.execute(
        "update ledger.log set closed_at = clock_timestamp(), closed_reason = $1 where closed_at is null",
        reason,
    )


async def last_placed(conn: Connection) -> Record | None:
    """Index, id and writing transaction of the newest entry that has an index.

    `ahead`: that transaction is one this engine has not reached yet, so its numbers are another engine's.
    """
    return await conn.fetchrow(
        """
        select s.index, s.entry_id, e.xact::text as xact,
               e.xact >= pg_snapshot_xmax(pg_current_snapshot()) as ahead
          from ledger.sequence s
          left join ledger.entry e using (entry_id)
         order by s.index desc
         limit 1
        """
    )


async def place(conn: Connection, size: int, after_xact: str, after_id: UUID, limit: int) -> bytes:
    """Give indexes from `size` on to entries that follow a given one. Returns their leaf hashes, packed.

    Only entries are taken whose transaction, and every older one, has ended: no entry can still appear before
    one that has an index. So the order (xact, entry_id) is final, and its last place is all that is remembered.
    """
    return await conn.fetchval(
        """
        with taken as materialized (
            select row_number() over (order by xact, entry_id) as n, entry_id, leaf
              from (select xact, entry_id, leaf
                      from ledger.entry
                     where (xact, entry_id) > ($2::text::xid8, $3::uuid)
                       and xact < pg_snapshot_xmin(pg_current_snapshot())
                     order by xact, entry_id
                     limit $4) as next
        ), placed as (
            insert into ledger.sequence (index, entry_id)
            select $1::bigint + n - 1, entry_id from taken
        )
        select coalesce(string_agg(sha256('\\x00'::bytea || leaf), ''::bytea order by n), ''::bytea) from taken
        """,
        size,
        after_xact,
        after_id,
        limit,
    )


async def count_days(conn: Connection, begin: int, end: int, *, blind: bool = False) -> None:
    """Add the entries of indexes `begin` to `end - 1` to the daily counts.

    An entry counts once without a provider, and once more for each provider that its content names. A refusal
    that names no code of its own counts under its first source's. `blind` counts by kind alone, for contents that
    cannot be read.
    """
    await conn.execute(
        """
        with content as materialized (
            select (c.at at time zone 'Asia/Tokyo')::date as day, c.kind,
                   -- jsonb cannot hold every text that is JSON (\\u0000)
                   case when not $4 and pg_input_is_valid(c.body, 'jsonb')
                        then (c.body::jsonb) -> 'detail' end as detail
              from ledger.sequence s
              join ledger.content c using (entry_id)
             where s.index >= $1 and s.index < $2
        ), source as materialized (
            select day, kind, coalesce(detail ->> 'consumer', '') as consumer,
                   coalesce(detail ->> 'code', '') as code, detail #>> '{sources,0,code}' as first_code,
                   coalesce(x.n, 1) as n, x.source,
                   case when jsonb_typeof(x.source -> 'items') = 'number'
                        then (x.source ->> 'items')::bigint else 0 end as items
              from content
              left join lateral jsonb_array_elements(
                       case when jsonb_typeof(detail -> 'sources') = 'array' then detail -> 'sources'
                            else jsonb_build_array(detail) end) with ordinality as x (source, n) on true
        ), counted as (
            select day, kind, '' as provider, consumer,
                   case when kind = $3 and code = '' then coalesce(first_code, '') else code end as code,
                   count(*) filter (where n = 1) as entries, sum(items) as items
              from source
             group by 1, 2, 3, 4, 5
            union all
            select day, kind, source ->> 'provider', consumer, coalesce(source ->> 'code', code),
                   count(*), sum(items)
              from source
             where source ->> 'provider' <> ''
             group by 1, 2, 3, 4, 5
        )
        insert into ledger.daily as known
            (day, kind, provider_component_id, consumer_component_id, code, entries, items)
        select day, kind, provider, consumer, code, entries, items
          from counted
         order by day, kind, provider, consumer, code
        on conflict (day, kind, provider_component_id, consumer_component_id, code) do update
           set entries = known.entries + excluded.entries, items = known.items + excluded.items
        """,
        begin,
        end,
        Kind.REFUSAL,
        blind,
    )


async def tiles(conn: Connection, wanted: Iterable[Tile]) -> dict[Tile, bytes]:
    """Those of the wanted tiles that are stored."""
    levels, numbers = cast(
        "tuple[list[int], list[int]]", tuple(map(list, zip(*wanted, strict=True))) or ([], [])
    )
    rows = await conn.fetch(
        """
        select t.level, t.number, t.hashes
          from unnest($1::smallint[], $2::bigint[]) as w (level, number)
          join ledger.tile t using (level, number)
        """,
        levels,
        numbers,
    )
    return {(row["level"], row["number"]): row["hashes"] for row in rows}


async def save_tiles(conn: Connection, changed: Mapping[Tile, bytes]) -> None:
    await conn.execute(
        """
        insert into ledger.tile (level, number, width, hashes)
        select * from unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::bytea[])
        on conflict (level, number) do update set width = excluded.width, hashes = excluded.hashes
        """,
        [level for level, _ in changed],
        [number for _, number in changed],
        [len(hashes) // HASH_BYTES for hashes in changed.values()],
        list(changed.values()),
    )


async def leaves(conn: Connection, begin: int, end: int) -> list[Record]:
    """Index, id and leaf of the indexes `begin` to `end - 1`; the leaf is null if the entry is gone."""
    return await conn.fetch(
        """
        select s.index, s.entry_id, e.leaf
          from ledger.sequence s
          left join ledger.entry e using (entry_id)
         where s.index >= $1 and s.index < $2
        """,
        begin,
        end,
    )


async def placed(conn: Connection, entry_id: UUID) -> Record | None:
    """Leaf and index of an entry; the index is null until it is integrated."""
    return await conn.fetchrow(
        """
        select e.leaf, s.index
          from ledger.entry e
          left join ledger.sequence s using (entry_id)
         where e.entry_id = $1
        """,
        entry_id,
    )


async def save_checkpoint(conn: Connection, size: int, root: bytes, note: str) -> None:
    await conn.execute(
        "insert into ledger.checkpoint (size, root, note) values ($1, $2, $3)", size, root, note
    )


async def latest_checkpoint(conn: Connection) -> Record | None:
    return await conn.fetchrow(
        "select size, root, signed_at, note from ledger.checkpoint order by size desc limit 1"
    )


async def checkpoints_after(conn: Connection, size: int, limit: int) -> list[Record]:
    """Checkpoints larger than `size` with their cosignature lines, smallest first."""
    return await conn.fetch(
        """
        select p.size, p.note || coalesce(
                   (select string_agg(line, '' order by witness_id) from ledger.cosignature c
                     where c.size = p.size), '') as note
          from ledger.checkpoint p
         where p.size > $1
         order by p.size
         limit $2
        """,
        size,
        limit,
    )


async def save_cosignature(conn: Connection, size: int, witness_id: str, line: str) -> None:
    await conn.execute(
        """
        insert into ledger.cosignature (size, witness_id, line) values ($1, $2, $3)
        on conflict (size, witness_id) do nothing
        """,
        size,
        witness_id,
        line,
    )


async def cosigned_sizes(conn: Connection, witness_ids: Sequence[str]) -> dict[str, int]:
    """The largest checkpoint that each of the witnesses has cosigned under the log's present origin."""
    rows = await conn.fetch(
        """
        select w.witness_id,
               (select c.size from ledger.cosignature c
                 where c.witness_id = w.witness_id
                   and c.size > coalesce((select max(continues_size) from ledger.log), -1)
                 order by c.size desc limit 1) as size
          from unnest($1::text[]) as w (witness_id)
        """,
        list(witness_ids),
    )
    return {row["witness_id"]: row["size"] for row in rows if row["size"] is not None}


async def cosigned_by(conn: Connection, witness_ids: Sequence[str], needed: int) -> int | None:
    """The size of the newest checkpoint that at least `needed` of the witnesses have cosigned."""
    newest = sorted((await cosigned_sizes(conn, witness_ids)).values(), reverse=True)
    if not 0 < needed <= len(newest):
        return None
    # no larger size can have that many; from there on, the first group that is large enough ends the search
    return await conn.fetchval(
        """
        select size from ledger.cosignature
         where size <= $1 and witness_id = any ($2)
         group by size
        having count(*) >= $3
         order by size desc
         limit 1
        """,
        newest[needed - 1],
        list(witness_ids),
        needed,
    )


async def waiting_since(conn: Connection, after_xact: str, after_id: UUID) -> bytes | None:
    """The leaf of the oldest entry that follows a given one in the order of integration."""
    return await conn.fetchval(
        """
        select leaf from ledger.entry
         where (xact, entry_id) > ($1::text::xid8, $2::uuid)
         order by xact, entry_id
         limit 1
        """,
        after_xact,
        after_id,
    )


async def clock_ms(conn: Connection) -> int:
    return await conn.fetchval("select (extract(epoch from clock_timestamp()) * 1000)::bigint")
