"""SQL of stops: suspensions, disabled clients, ended links."""

from __future__ import annotations

from typing import Literal

from moyai.base.db import Connection

StopNoun = Literal["organization", "service", "client", "link"]


async def is_stopped(conn: Connection, noun: StopNoun, thing_key: int) -> bool:
    return await conn.fetchval(
        """
        select exists (select from registry.stop where noun = $1 and thing_key = $2 and ended_at is null)
        """,
        noun,
        thing_key,
    )


async def ever_stopped(conn: Connection, noun: StopNoun, thing_key: int, reason: str) -> bool:
    """Whether there was ever a stop with this reason, ended or not."""
    return await conn.fetchval(
        "select exists (select from registry.stop where noun = $1 and thing_key = $2 and reason = $3)",
        noun,
        thing_key,
        reason,
    )


async def begin(
    conn: Connection, noun: StopNoun, thing_key: int, before: str, reason: str, actor: str
) -> None:
    await conn.execute(
        "insert into registry.stop (noun, thing_key, before, reason, actor) values ($1, $2, $3, $4, $5)",
        noun,
        thing_key,
        before,
        reason,
        actor,
    )


async def end(conn: Connection, noun: StopNoun, thing_key: int, reason: str, actor: str) -> None:
    await conn.execute(
        """
        update registry.stop set ended_at = clock_timestamp(), ended_by = $3, ended_reason = $4
         where noun = $1 and thing_key = $2 and ended_at is null
        """,
        noun,
        thing_key,
        actor,
        reason,
    )


async def open_stop(conn: Connection, noun: StopNoun, thing_key: int) -> int | None:
    """Which stop is in force: another one later, even for the same reason, is another."""
    return await conn.fetchval(
        "select stop_key from registry.stop where noun = $1 and thing_key = $2 and ended_at is null",
        noun,
        thing_key,
    )


async def client_beside_stopped(
    conn: Connection, component_id: str | None, organization_id: str | None
) -> bool:
    """Whether a client of this component, or of this organisation itself, was ever disabled."""
    return await conn.fetchval(
        """
        select exists (
            select from registry.stop s
              join registry.client c on c.client_key = s.thing_key
              left join registry.component p on p.component_key = c.component_key
              left join registry.organization o on o.organization_key = c.organization_key
             where s.noun = 'client' and (p.component_id = $1::text or o.organization_id = $2::text))
        """,
        component_id,
        organization_id,
    )
