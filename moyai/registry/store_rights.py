"""SQL: taking single rights out of what the registry has (registry/rights.py). `$1` is the id, `$2` what goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from moyai.base.db import Connection

TAKING: Final[dict[tuple[str, str], LiteralString]] = {
    ("client", "jwks"): """
        update registry.client set jwks = jsonb_build_object('keys', (
                   select coalesce(jsonb_agg(key), '[]') from jsonb_array_elements(jwks->'keys') key
                    where registry.key_print(key) <> all ($2::text[])))
         where client_id = $1 and exists (
                   select from jsonb_array_elements(jwks->'keys') key where registry.key_print(key) = any ($2::text[]))
        """,
    ("client", "scopes"): """
        update registry.client set scopes = array(select one from unnest(scopes) one where one <> all ($2::text[]))
         where client_id = $1 and scopes && $2::text[]
        """,
    ("client", "redirect_uris"): """
        update registry.client
           set redirect_uris = array(select one from unnest(redirect_uris) one where one <> all ($2::text[]))
         where client_id = $1 and redirect_uris && $2::text[]
        """,
    ("client", "post_logout_redirect_uris"): """
        update registry.client
           set post_logout_redirect_uris =
                   array(select one from unnest(post_logout_redirect_uris) one where one <> all ($2::text[]))
         where client_id = $1 and post_logout_redirect_uris && $2::text[]
        """,
    ("organization", "municipality_codes"): """
        update registry.organization
           set municipality_codes = array(select one from unnest(municipality_codes) one where one <> all ($2::text[]))
         where organization_id = $1 and municipality_codes && $2::text[]
        """,
    # a service has one code at least; one that has no other is suspended (registry/rights.py)
    ("service", "municipality_codes"): """
        update registry.service
           set municipality_codes = array(select one from unnest(municipality_codes) one where one <> all ($2::text[]))
         where service_id = $1 and municipality_codes && $2::text[] and not municipality_codes <@ $2::text[]
        """,
    ("service", "required_ial"): """
        update registry.service set required_ial = ($2::text[])[1]::smallint
         where service_id = $1 and required_ial < ($2::text[])[1]::smallint
        """,
    ("service", "required_aal"): """
        update registry.service set required_aal = ($2::text[])[1]::smallint
         where service_id = $1 and required_aal < ($2::text[])[1]::smallint
        """,
    ("dataset", "required_ial"): """
        update registry.dataset set required_ial = ($2::text[])[1]::smallint
         where dataset_id = $1 and required_ial < ($2::text[])[1]::smallint
        """,
    ("dataset", "required_aal"): """
        update registry.dataset set required_aal = ($2::text[])[1]::smallint
         where dataset_id = $1 and required_aal < ($2::text[])[1]::smallint
        """,
    ("dataset", "items"): """
        update registry.dataset
           set items = (select coalesce(jsonb_agg(item order by n), '[]')
                          from jsonb_array_elements(items) with ordinality as listed (item, n)
                         where item->>'name' <> all ($2::text[])),
               schema = case when schema ? 'required'
                             then schema || jsonb_build_object('required', (schema->'required') - $2::text[])
                             else schema end
                        || jsonb_build_object('properties', (schema->'properties') - $2::text[])
         where dataset_id = $1
           and exists (select from jsonb_array_elements(items) item where item->>'name' = any ($2::text[]))
        """,
    ("authentication_service", "ial"): """
        update registry.authentication_service set ial = ($2::text[])[1]::smallint
         where authentication_service_id = $1 and ial > ($2::text[])[1]::smallint
        """,
    ("authentication_service", "aal"): """
        update registry.authentication_service set aal = ($2::text[])[1]::smallint
         where authentication_service_id = $1 and aal > ($2::text[])[1]::smallint
        """,
    ("service", "components"): """
        delete from registry.service_component l using registry.service s, registry.component c
         where s.service_id = $1 and l.service_key = s.service_key
           and c.component_key = l.component_key and c.component_id = any ($2::text[])
        """,
    ("component", "datasets"): """
        delete from registry.component_dataset l using registry.component c, registry.dataset d
         where c.component_id = $1 and l.component_key = c.component_key
           and d.dataset_key = l.dataset_key and d.dataset_id = any ($2::text[])
        """,
    ("witness", "verifier_key"): """
        update registry.witness set ended_at = clock_timestamp(), ended_reason = 'from the journal of stops, after a restore'
         where witness_id = $1 and verifier_key = any ($2::text[]) and ended_at is null
        """,
}
"""By noun and right."""

_KNOWN: Final[dict[str, LiteralString]] = {
    "client": "select exists (select from registry.client where client_id = $1)",
    "organization": "select exists (select from registry.organization where organization_id = $1)",
    "service": "select exists (select from registry.service where service_id = $1)",
    "component": "select exists (select from registry.component where component_id = $1)",
    "dataset": "select exists (select from registry.dataset where dataset_id = $1)",
    "authentication_service": """
        select exists (select from registry.authentication_service where authentication_service_id = $1)
        """,
    "witness": "select exists (select from registry.witness where witness_id = $1)",
}


async def is_known(conn: Connection, noun: str, id_: str) -> bool:
    return await conn.fetchval(_KNOWN[noun], id_)


async def take(conn: Connection, noun: str, right: str, id_: str, values: Sequence[str]) -> bool:
    """Whether there was something to take."""
    return not (await conn.execute(TAKING[noun, right], id_, list(values))).endswith(" 0")


async def serves_only(conn: Connection, service_id: str, codes: Sequence[str]) -> bool:
    """Whether a service has no other municipality code than these."""
    return await conn.fetchval(
        """
        select exists (select from registry.service
                        where service_id = $1 and municipality_codes <@ $2::text[])
        """,
        service_id,
        list(codes),
    )
