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
) -> list[Record]:
    """Rows (n, outcome, at) in the order of what was asked; ids and salts are packed, 16 bytes each."""
    return await conn.fetch(
        """
        select outcome, at
          from ledger.release($1, $2::text::int[], $3::text[], $4::text[], $5, $6::text::bigint[],
                              $7::text::bigint[], $8::text::bigint[], $9::text::bigint[])
         order by n
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
