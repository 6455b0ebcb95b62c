"""SQL of releases and of the epochs that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from moyai.base.db import Connection, Record
from moyai.base.lanes import int_array


async def release(
    conn: Connection,
    entry_ids: bytes,
    kinds: Sequence[int],
    heads: Sequence[str],
    rests: Sequence[str],
    salts: bytes,
    residents: Sequence[int],
    registry_epochs: Sequence[int],
    resident_epochs: Sequence[int],
    ends_ms: Sequence[int],
) -> Record:
    """Judge again, and record what still stands. One row: `verdicts` of `ledger.judge_again` in the order of what was
    asked; `known`, the numbers (from 1) of those whose id was there already; `at`, when all others were recorded, which
    is later than what was judged, with no stop committed in between.

    Ids, which must be distinct, and salts are packed, 16 bytes each.
    """
    row = await conn.fetchrow(
        """
        with again as materialized (
            select ledger.judge_again($6::text::bigint[], $7::text::bigint[], $8::text::bigint[],
                                      $9::text::bigint[]) as verdicts
        ), moment as materialized (
            select a.verdicts, m.at, int8send((extract(epoch from m.at) * 1000)::bigint) as at_ms,
                   to_char(m.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at_text
              from again a, lateral (select date_trunc('milliseconds', clock_timestamp()) as at
                                      where a.verdicts is not null) m
        ), made as materialized (
            select encode(substr($1::bytea, (q.n::int - 1) * 16 + 1, 16), 'hex')::uuid as entry_id, q.n,
                   substr($5::bytea, (q.n::int - 1) * 16 + 1, 16) as salt, q.kind, q.resident,
                   m.at, m.at_ms, q.head || m.at_text || q.rest as body
              from moment m, unnest($2::text::int[], $3::text[], $4::text[], $6::text::bigint[]) with ordinality
                   as q(kind, head, rest, resident, n)
             where m.verdicts[q.n] = 0
        ), written as (
            insert into ledger.entry (entry_id, leaf)
            select entry_id,
                   set_byte('\\x0100'::bytea, 1, kind) || at_ms || uuid_send(entry_id)
                       || sha256(convert_to(E'moyai-commitment-v1\\n', 'UTF8') || salt || convert_to(body, 'UTF8'))
              from made
             -- in one order everywhere: two processes given the same replayed proofs must not deadlock
             order by entry_id
            on conflict (entry_id) do nothing
            returning entry_id
        ), contents as (
            insert into ledger.content (resident_key, entry_id, kind, at, salt, body)
            select resident, entry_id, kind, at, salt, body from made join written using (entry_id)
        )
        select m.at, m.verdicts,
               array(select n::int from made where entry_id not in (select entry_id from written)) as known
          from moment m
        """,
        entry_ids,
        int_array([int(kind) for kind in kinds]),
        heads,
        rests,
        salts,
        int_array(residents),
        int_array(registry_epochs),
        int_array(resident_epochs),
        int_array(ends_ms),
    )
    assert row is not None  # the moment is one row
    return row


async def hold_registry(conn: Connection) -> None:
    await conn.execute("select pg_advisory_xact_lock_shared(hashtextextended('moyai.release', 0))")


async def epochs(conn: Connection, resident_key: int) -> tuple[int, int]:
    row = await conn.fetchrow(
        """
        select (select value from ledger.registry_epoch) as registry,
               coalesce((select value from ledger.resident_epoch where resident_key = $1), 0) as resident
        """,
        resident_key,
    )
    assert row is not None  # a select without a table gives its row
    return row["registry"], row["resident"]
