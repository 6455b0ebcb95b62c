"""What the identity room asks of the registry: the party behind a client, and whom a component may serve."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from moyai.base.db import Connection, Record


class ClientParty(msgspec.Struct, frozen=True):
    """An OAuth client with the component and organisation behind it. `kind` says how it authenticates."""

    client_id: str
    client_key: int
    kind: str
    component_key: int | None
    component_id: str | None
    organization_key: int
    organization_id: str
    organization_kind: str
    organization_state: str
    name_ja: str
    name_en: str
    jwks: dict[str, Any] | None
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    state: str


class Party(msgspec.Struct, frozen=True):
    """An organisation as the desk and the staff pages need it."""

    organization_key: int
    organization_id: str
    name_ja: str
    name_en: str
    kind: str
    municipality_codes: tuple[str, ...]
    state: str


async def client_party(conn: Connection, client_id: str) -> ClientParty | None:
    row = await conn.fetchrow(
        """
        select c.client_id, c.client_key, c.kind, c.component_key, p.component_id,
               o.organization_key, o.organization_id, o.kind as organization_kind, o.state as organization_state,
               c.name_ja, c.name_en, c.jwks, c.redirect_uris, c.post_logout_redirect_uris, c.scopes,
               c.state
          from registry.client c
          left join registry.component p using (component_key)
          join registry.organization o on o.organization_key = coalesce(c.organization_key, p.organization_key)
         where c.client_id = $1
        """,
        client_id,
    )
    return None if row is None else msgspec.convert(dict(row), ClientParty)


async def keys_replaced(conn: Connection, seconds: int) -> dict[str, Any]:
    """The keys that clients have now, of those that got other ones less than so many seconds ago, by client."""
    rows = await conn.fetch(
        """
        select client_id, jwks from registry.client
         where keys_replaced_at > clock_timestamp() - make_interval(secs => $1)
        """,
        seconds,
    )
    return {row["client_id"]: row["jwks"] for row in rows}


def _party(row: Record | None) -> Party | None:
    return None if row is None else msgspec.convert(dict(row), Party)


async def party(conn: Connection, organization_key: int) -> Party | None:
    row = await conn.fetchrow(
        """
        select organization_key, organization_id, name_ja, name_en, kind, municipality_codes, state
          from registry.organization where organization_key = $1
        """,
        organization_key,
    )
    return _party(row)


async def party_by_id(conn: Connection, organization_id: str) -> Party | None:
    row = await conn.fetchrow(
        """
        select organization_key, organization_id, name_ja, name_en, kind, municipality_codes, state
          from registry.organization where organization_id = $1
        """,
        organization_id,
    )
    return _party(row)


async def municipality(conn: Connection, municipality_code: str) -> Party | None:
    """The participating municipality with this code, whose own desk looks after its residents."""
    row = await conn.fetchrow(
        """
        select organization_key, organization_id, name_ja, name_en, kind, municipality_codes, state
          from registry.organization
         where kind = 'municipality' and municipality_codes @> array[$1::text]
         order by organization_key limit 1
        """,
        municipality_code,
    )
    return _party(row)


async def gained_code(
    conn: Connection, organization_key: int, municipality_code: str, since: datetime, days: int
) -> bool:
    """Whether the organisation gained this code after a time, and less than so many days ago (0025)."""
    return await conn.fetchval(
        """
        select exists (
            select from registry.organization
             where organization_key = $1 and municipality_codes @> array[$2::text]
               and not codes_before @> array[$2::text]
               and codes_since > $3::timestamptz and codes_since > clock_timestamp() - make_interval(days => $4))
        """,
        organization_key,
        municipality_code,
        since,
        days,
    )


async def municipalities(conn: Connection) -> list[Party]:
    rows = await conn.fetch(
        """
        select organization_key, organization_id, name_ja, name_en, kind, municipality_codes, state
          from registry.organization where kind = 'municipality' order by organization_key
        """
    )
    return [msgspec.convert(dict(row), Party) for row in rows]


async def all_parties(conn: Connection) -> list[Party]:
    rows = await conn.fetch(
        """
        select organization_key, organization_id, name_ja, name_en, kind, municipality_codes, state
          from registry.organization order by organization_key
        """
    )
    return [msgspec.convert(dict(row), Party) for row in rows]


class ServedScope(msgspec.Struct, frozen=True):
    """A service that a component belongs to: whether it is certified, and for whom."""

    service_id: str
    name_ja: str
    name_en: str
    state: str
    organization_state: str
    municipality_codes: tuple[str, ...]
    required_ial: int
    required_aal: int


async def services_of_component(conn: Connection, component_key: int) -> list[ServedScope]:
    rows = await conn.fetch(
        """
        select s.service_id, s.name_ja, s.name_en, s.state, o.state as organization_state, s.municipality_codes,
               s.required_ial, s.required_aal
          from registry.service_component m
          join registry.service s using (service_key)
          join registry.organization o using (organization_key)
         where m.component_key = $1 order by s.service_key
        """,
        component_key,
    )
    return [msgspec.convert(dict(row), ServedScope) for row in rows]
