"""SQL: OAuth clients."""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection, Record
from moyai.registry.declarations import (
    ClientDeclaration,
)
from moyai.registry.model import (
    RegisteredClient,
)
from moyai.registry.store import many, one


async def client(conn: Connection, client_id: str) -> RegisteredClient | None:
    row = await conn.fetchrow(
        """
        select c.client_key, c.client_id, c.component_key, p.component_id,
               coalesce(c.organization_key, p.organization_key) as organization_key, o.organization_id,
               c.kind, c.name_ja, c.name_en, c.jwks, c.redirect_uris, c.post_logout_redirect_uris,
               c.scopes, c.state
          from registry.client c
          left join registry.component p using (component_key)
          left join registry.organization o
            on o.organization_key = coalesce(c.organization_key, p.organization_key)
         where c.client_id = $1
        """,
        client_id,
    )
    return one(row, RegisteredClient)


async def clients(conn: Connection) -> list[RegisteredClient]:
    rows = await conn.fetch(
        """
        select c.client_key, c.client_id, c.component_key, p.component_id,
               coalesce(c.organization_key, p.organization_key) as organization_key, o.organization_id,
               c.kind, c.name_ja, c.name_en, c.jwks, c.redirect_uris, c.post_logout_redirect_uris,
               c.scopes, c.state
          from registry.client c
          left join registry.component p using (component_key)
          left join registry.organization o
            on o.organization_key = coalesce(c.organization_key, p.organization_key)
         order by c.client_key
        """
    )
    return many(rows, RegisteredClient)


async def put_client(
    conn: Connection, declared: ClientDeclaration, component_key: int | None, organization_key: int | None
) -> None:
    await conn.execute(
        """
        insert into registry.client (client_id, component_key, organization_key, kind, name_ja, name_en, jwks,
                                     redirect_uris, scopes, post_logout_redirect_uris)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (client_id) do update
           set component_key = excluded.component_key, organization_key = excluded.organization_key,
               kind = excluded.kind, name_ja = excluded.name_ja, name_en = excluded.name_en,
               jwks = excluded.jwks, redirect_uris = excluded.redirect_uris, scopes = excluded.scopes,
               post_logout_redirect_uris = excluded.post_logout_redirect_uris
        """,
        declared.client_id,
        component_key,
        organization_key,
        declared.kind,
        declared.name_ja,
        declared.name_en,
        declared.jwks,
        declared.redirect_uris,
        declared.scopes,
        declared.post_logout_redirect_uris,
    )


async def standing(conn: Connection, client_id: str, at: datetime, hours: int) -> Record | None:
    """Whose client this is, and whether it had its keys, rights and standing already so many hours before a time."""
    return await conn.fetchrow(
        """
        select c.kind, c.state, o.organization_id, o.state as organization_state,
               c.in_force_since <= $2::timestamptz - make_interval(hours => $3) as settled
          from registry.client c
          left join registry.component p using (component_key)
          join registry.organization o on o.organization_key = coalesce(c.organization_key, p.organization_key)
         where c.client_id = $1
        """,
        client_id,
        at,
        hours,
    )
