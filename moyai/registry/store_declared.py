"""SQL of what registry files have declared."""

from __future__ import annotations

from uuid import UUID

from moyai.base.db import Connection


async def was_in_force(conn: Connection, file: str, noun: str, thing_id: str, sha256: bytes) -> bool:
    """Whether exactly this was declared last by this file and took effect; by any file, where this one is new."""
    return await conn.fetchval(
        """
        select exists (
            select from registry.declared_in_file d left join registry.pending p using (pending_id)
             where d.noun = $2 and d.thing_id = $3 and d.sha256 = $4
               and (d.pending_id is null or p.state = 'done')
               and (d.file = $1 or not exists (
                    select from registry.declared_in_file o
                     where o.file = $1 and o.noun = $2 and o.thing_id = $3)))
        """,
        file,
        noun,
        thing_id,
        sha256,
    )


async def note(
    conn: Connection, file: str, noun: str, thing_id: str, sha256: bytes, pending_id: UUID | None
) -> None:
    await conn.execute(
        """
        insert into registry.declared_in_file (file, noun, thing_id, sha256, pending_id) values ($1, $2, $3, $4, $5)
        on conflict (file, noun, thing_id) do update set sha256 = excluded.sha256, pending_id = excluded.pending_id
        """,
        file,
        noun,
        thing_id,
        sha256,
        pending_id,
    )
