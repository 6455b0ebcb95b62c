"""SQL: the newest checkpoints with who co-signed them, for the console."""

from __future__ import annotations

from datetime import datetime

import msgspec

from moyai.base.db import Connection


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint: entries, root (hex), when it was signed, and which witnesses co-signed it."""

    size: int
    root: str
    signed_at: datetime
    witnesses: list[str]


async def newest_checkpoints(conn: Connection, limit: int) -> list[SignedCheckpoint]:
    rows = await conn.fetch(
        """
        select p.size, encode(p.root, 'hex') as root, p.signed_at,
               array(select c.witness_id from ledger.cosignature c
                      where c.size = p.size order by c.witness_id) as witnesses
          from ledger.checkpoint p
         order by p.size desc
         limit $1
        """,
        limit,
    )
    return msgspec.convert([dict(row) for row in rows], list[SignedCheckpoint])
