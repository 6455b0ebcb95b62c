"""SQL: datasets, purposes and links."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from moyai.base.db import Connection, Record
from moyai.registry.declarations import (
    DatasetDeclaration,
    LinkDeclaration,
    PurposeDeclaration,
)
from moyai.registry.model import (
    DataItem,
    Dataset,
    Link,
    Party,
    Purpose,
)
from moyai.registry.store import many, one


async def dataset(conn: Connection, dataset_id: str) -> Dataset | None:
    return one(
        await conn.fetchrow("select * from registry.dataset where dataset_id = $1", dataset_id), Dataset
    )


async def dataset_by_key(conn: Connection, dataset_key: int) -> Dataset | None:
    return one(
        await conn.fetchrow("select * from registry.dataset where dataset_key = $1", dataset_key), Dataset
    )


async def datasets(conn: Connection) -> list[Dataset]:
    return many(await conn.fetch("select * from registry.dataset order by dataset_key"), Dataset)


async def put_dataset(conn: Connection, declared: DatasetDeclaration) -> None:
    await conn.execute(
        """
        insert into registry.dataset (dataset_id, name_ja, name_en, items, schema, required_ial, required_aal)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (dataset_id) do update
           set name_ja = excluded.name_ja, name_en = excluded.name_en, items = excluded.items,
               schema = excluded.schema, required_ial = excluded.required_ial,
               required_aal = excluded.required_aal
        """,
        declared.dataset_id,
        declared.name_ja,
        declared.name_en,
        msgspec.to_builtins(declared.items),
        declared.schema,
        declared.required_ial,
        declared.required_aal,
    )


async def purpose(conn: Connection, purpose_id: str) -> Purpose | None:
    return one(
        await conn.fetchrow("select * from registry.purpose where purpose_id = $1", purpose_id), Purpose
    )


async def purposes(conn: Connection) -> list[Purpose]:
    return many(await conn.fetch("select * from registry.purpose order by purpose_key"), Purpose)


async def put_purpose(conn: Connection, declared: PurposeDeclaration) -> None:
    await conn.execute(
        """
        insert into registry.purpose (purpose_id, name_ja, name_en, dpv) values ($1, $2, $3, $4)
        on conflict (purpose_id) do update
           set name_ja = excluded.name_ja, name_en = excluded.name_en, dpv = excluded.dpv
        """,
        declared.purpose_id,
        declared.name_ja,
        declared.name_en,
        declared.dpv,
    )


async def links(
    conn: Connection, *, link_id: str | None = None, service_key: int | None = None, every: bool = False
) -> list[Link]:
    """Links with both ends: one by id, or those of a service, or all; ended ones only with `every` or by id."""
    rows = await conn.fetch(
        """
        select l.link_key, l.link_id, l.service_key, s.service_id, l.state, l.purpose_ja, l.purpose_en,
               l.benefit_ja, l.benefit_en, l.consent_days, l.version_key, v.version,
               greatest(s.required_ial, d.required_ial) as required_ial,
               greatest(s.required_aal, d.required_aal) as required_aal,
               d.dataset_key, d.dataset_id, d.name_ja as dataset_name_ja, d.name_en as dataset_name_en, d.items,
               u.purpose_key, u.purpose_id, u.name_ja as purpose_name_ja, u.name_en as purpose_name_en, u.dpv,
               p.component_key as provider_component_key, p.component_id as provider_component_id,
               p.name_ja as provider_component_name_ja, p.name_en as provider_component_name_en,
               po.organization_key as provider_organization_key,
               po.organization_id as provider_organization_id, po.name_ja as provider_organization_name_ja,
               po.name_en as provider_organization_name_en, po.state as provider_organization_state,
               po.contact as provider_contact,
               c.component_key as consumer_component_key, c.component_id as consumer_component_id,
               c.name_ja as consumer_component_name_ja, c.name_en as consumer_component_name_en,
               co.organization_key as consumer_organization_key,
               co.organization_id as consumer_organization_id, co.name_ja as consumer_organization_name_ja,
               co.name_en as consumer_organization_name_en, co.state as consumer_organization_state,
               co.contact as consumer_contact
          from registry.link l
          join registry.service s using (service_key)
          join registry.dataset d using (dataset_key)
          join registry.purpose u using (purpose_key)
          join registry.component p on p.component_key = l.provider_component_key
          join registry.organization po on po.organization_key = p.organization_key
          join registry.component c on c.component_key = l.consumer_component_key
          join registry.organization co on co.organization_key = c.organization_key
          left join registry.link_version v using (version_key)
         where ($1::text is null or l.link_id = $1) and ($2::int is null or l.service_key = $2)
           and ($3 or $1 is not null or l.state = 'registered')
         order by l.link_key
        """,
        link_id,
        service_key,
        every,
    )
    return [_link(row) for row in rows]


async def version_contents(conn: Connection, version_keys: Collection[int]) -> dict[int, dict[str, Any]]:
    """What versions of links say; it never changes."""
    rows = await conn.fetch(
        "select version_key, content from registry.link_version where version_key = any($1::int[])",
        list(version_keys),
    )
    return {row["version_key"]: row["content"] for row in rows}


def _party(row: dict[str, Any], side: str) -> Party:
    names = ("component_key", "component_id", "component_name_ja", "component_name_en", "organization_key")
    more = (
        "organization_id",
        "organization_name_ja",
        "organization_name_en",
        "organization_state",
        "contact",
    )
    return Party(**{name: row.pop(f"{side}_{name}") for name in names + more})


def _link(record: Record) -> Link:
    row: dict[str, Any] = dict(record)
    provider, consumer = _party(row, "provider"), _party(row, "consumer")
    items = msgspec.convert(row.pop("items"), list[DataItem])
    return Link(provider=provider, consumer=consumer, items=items, **row)


class LinkKeys(msgspec.Struct, frozen=True):
    """The keys of what a link joins."""

    service: int
    provider: int
    consumer: int
    dataset: int
    purpose: int


async def put_link(conn: Connection, declared: LinkDeclaration, keys: LinkKeys) -> None:
    """Raises UniqueViolation if another link joins the same two components for the same dataset and purpose."""
    await conn.execute(
        """
        insert into registry.link (link_id, service_key, provider_component_key, consumer_component_key,
                                   dataset_key, purpose_key, purpose_ja, purpose_en, benefit_ja, benefit_en,
                                   consent_days)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict (link_id) do update
           set purpose_ja = excluded.purpose_ja, purpose_en = excluded.purpose_en,
               benefit_ja = excluded.benefit_ja, benefit_en = excluded.benefit_en,
               consent_days = excluded.consent_days
        """,
        declared.link_id,
        keys.service,
        keys.provider,
        keys.consumer,
        keys.dataset,
        keys.purpose,
        declared.purpose_ja,
        declared.purpose_en,
        declared.benefit_ja,
        declared.benefit_en,
        declared.consent_days,
    )
