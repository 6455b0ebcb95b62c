"""SQL: components and services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from moyai.base.db import Connection
from moyai.registry.declarations import (
    ComponentDeclaration,
    ServiceDeclaration,
)
from moyai.registry.model import (
    Component,
    Service,
)
from moyai.registry.service_kinds import Levels
from moyai.registry.store import many, one


async def component(conn: Connection, component_id: str) -> Component | None:
    row = await conn.fetchrow(
        """
        select c.*, o.organization_id, o.state as organization_state,
               array(select d.dataset_id from registry.component_dataset cd
                       join registry.dataset d using (dataset_key)
                      where cd.component_key = c.component_key order by d.dataset_id) as datasets
          from registry.component c join registry.organization o using (organization_key)
         where c.component_id = $1
        """,
        component_id,
    )
    return one(row, Component)


async def component_by_key(conn: Connection, component_key: int) -> Component | None:
    row = await conn.fetchrow(
        """
        select c.*, o.organization_id, o.state as organization_state,
               array(select d.dataset_id from registry.component_dataset cd
                       join registry.dataset d using (dataset_key)
                      where cd.component_key = c.component_key order by d.dataset_id) as datasets
          from registry.component c join registry.organization o using (organization_key)
         where c.component_key = $1
        """,
        component_key,
    )
    return one(row, Component)


async def components(conn: Connection) -> list[Component]:
    rows = await conn.fetch(
        """
        select c.*, o.organization_id, o.state as organization_state,
               array(select d.dataset_id from registry.component_dataset cd
                       join registry.dataset d using (dataset_key)
                      where cd.component_key = c.component_key order by d.dataset_id) as datasets
          from registry.component c join registry.organization o using (organization_key)
         order by c.component_key
        """
    )
    return many(rows, Component)


async def put_component(conn: Connection, declared: ComponentDeclaration, organization_key: int) -> int:
    return await conn.fetchval(
        """
        insert into registry.component (component_id, organization_key, name_ja, name_en, description_ja,
                                        description_en, engagement, contractor, url)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (component_id) do update
           set organization_key = excluded.organization_key, name_ja = excluded.name_ja,
               name_en = excluded.name_en, description_ja = excluded.description_ja,
               description_en = excluded.description_en, engagement = excluded.engagement,
               contractor = excluded.contractor, url = excluded.url
        returning component_key
        """,
        declared.component_id,
        organization_key,
        declared.name_ja,
        declared.name_en,
        declared.description_ja,
        declared.description_en,
        declared.engagement,
        declared.contractor,
        declared.url,
    )


async def set_component_datasets(conn: Connection, component_key: int, dataset_keys: Sequence[int]) -> None:
    await conn.execute(
        "delete from registry.component_dataset where component_key = $1 and dataset_key <> all ($2)",
        component_key,
        dataset_keys,
    )
    await conn.execute(
        """
        insert into registry.component_dataset (component_key, dataset_key)
        select $1, key from unnest($2::int[]) as key on conflict do nothing
        """,
        component_key,
        dataset_keys,
    )


async def component_is_in_use(conn: Connection, component_key: int) -> bool:
    """Whether a link joins it or a client acts for it."""
    return await conn.fetchval(
        """
        select exists (select from registry.link
                        where provider_component_key = $1 or consumer_component_key = $1)
            or exists (select from registry.client where component_key = $1)
        """,
        component_key,
    )


async def linked_datasets(conn: Connection, component_key: int) -> list[str]:
    """Datasets that registered links take from this component."""
    rows = await conn.fetch(
        """
        select distinct d.dataset_id from registry.link l join registry.dataset d using (dataset_key)
         where l.provider_component_key = $1 and l.state = 'registered' order by 1
        """,
        component_key,
    )
    return [row["dataset_id"] for row in rows]


_SERVICES: Final = """
        select s.*, o.organization_id, o.state as organization_state,
               array(select c.component_id from registry.service_component sc
                       join registry.component c using (component_key)
                      where sc.service_key = s.service_key order by c.component_key) as components
          from registry.service s join registry.organization o using (organization_key)
"""


async def service(conn: Connection, service_id: str) -> Service | None:
    row = await conn.fetchrow(
        _SERVICES + "where s.service_id = $1",
        service_id,
    )
    return one(row, Service)


async def service_by_key(conn: Connection, service_key: int) -> Service | None:
    row = await conn.fetchrow(
        _SERVICES + "where s.service_key = $1",
        service_key,
    )
    return one(row, Service)


async def services(conn: Connection) -> list[Service]:
    rows = await conn.fetch(_SERVICES + "order by s.service_key")
    return many(rows, Service)


async def services_of_component(conn: Connection, component_key: int) -> list[Service]:
    rows = await conn.fetch(
        """
        select s.*, o.organization_id, o.state as organization_state,
               array(select c.component_id from registry.service_component sc
                       join registry.component c using (component_key)
                      where sc.service_key = s.service_key order by c.component_key) as components
          from registry.service s join registry.organization o using (organization_key)
         where exists (select from registry.service_component mine
                        where mine.service_key = s.service_key and mine.component_key = $1)
         order by s.service_key
        """,
        component_key,
    )
    return many(rows, Service)


async def put_service(
    conn: Connection,
    declared: ServiceDeclaration,
    organization_key: int,
    municipality_codes: Sequence[str],
    levels: Levels,
) -> int:
    return await conn.fetchval(
        """
        insert into registry.service (service_id, organization_key, name_ja, name_en, summary_ja, summary_en,
                                      kind, user_scope, municipality_codes, required_ial, required_aal,
                                      level_reason, url)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        on conflict (service_id) do update
           set organization_key = excluded.organization_key, name_ja = excluded.name_ja,
               name_en = excluded.name_en, summary_ja = excluded.summary_ja, summary_en = excluded.summary_en,
               kind = excluded.kind, user_scope = excluded.user_scope,
               municipality_codes = excluded.municipality_codes, required_ial = excluded.required_ial,
               required_aal = excluded.required_aal, level_reason = excluded.level_reason, url = excluded.url
        returning service_key
        """,
        declared.service_id,
        organization_key,
        declared.name_ja,
        declared.name_en,
        declared.summary_ja,
        declared.summary_en,
        declared.kind,
        declared.user_scope,
        municipality_codes,
        levels.ial,
        levels.aal,
        levels.reason,
        declared.url,
    )


async def set_service_components(conn: Connection, service_key: int, component_keys: Sequence[int]) -> None:
    await conn.execute(
        "delete from registry.service_component where service_key = $1 and component_key <> all ($2)",
        service_key,
        component_keys,
    )
    await conn.execute(
        """
        insert into registry.service_component (service_key, component_key)
        select $1, key from unnest($2::int[]) as key on conflict do nothing
        """,
        service_key,
        component_keys,
    )


async def linked_components(conn: Connection, service_key: int) -> list[str]:
    """Components at either end of the service's registered links."""
    rows = await conn.fetch(
        """
        select distinct c.component_id
          from registry.link l
          join registry.component c on c.component_key in (l.provider_component_key, l.consumer_component_key)
         where l.service_key = $1 and l.state = 'registered' order by 1
        """,
        service_key,
    )
    return [row["component_id"] for row in rows]


async def set_service_state(conn: Connection, service_key: int, state: str) -> None:
    await conn.execute(
        """
        update registry.service
           set state = $2, certified_at = case when $2 = 'certified' and state = 'registered'
                                               then clock_timestamp() else certified_at end
         where service_key = $1
        """,
        service_key,
        state,
    )


async def uncertified_organizations(conn: Connection, service_key: int) -> list[str]:
    """Organisations behind the service or one of its components that are not certified now."""
    rows = await conn.fetch(
        """
        select o.organization_id from registry.organization o
         where o.state <> 'certified'
           and (o.organization_key in (select organization_key from registry.service where service_key = $1)
                or o.organization_key in (select c.organization_key from registry.service_component sc
                                            join registry.component c using (component_key)
                                           where sc.service_key = $1))
         order by 1
        """,
        service_key,
    )
    return [row["organization_id"] for row in rows]
