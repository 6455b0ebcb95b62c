"""Things that happened to a resident's data, as the exchange road and the rooms put them on record."""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.base.db import Connection
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import CONTENTS
from tests.factories import Town

SOURCES: dict[str, tuple[str, str]] = {
    "steps": ("undo-app", "c1"),
    "vitals": ("kenko-app", "koiki"),
    "presence": ("mimamori-sensor", "koiki"),
}


def source(dataset: str, *, items: int = 0, code: str | None = None) -> dict[str, Any]:
    provider, organization = SOURCES[dataset]
    part = {"dataset": dataset, "provider": provider, "provider_organization": organization}
    return part | ({"status": "refused", "code": code} if code else {"status": "ok", "items": items})


async def exchanged(conn: Connection, town: Town, *sources: dict[str, Any]) -> None:
    """The composite service asked: some sources answered, or (no source without a code) it was refused."""
    kind = Kind.REFUSAL if all("code" in each for each in sources) else Kind.EXCHANGE
    said = {"consumer": "mimamori", "consumer_organization": "c1", "purpose": "health-support", "digest": ""}
    detail = msgspec.convert({**said, "v": 1, "sources": list(sources)}, CONTENTS[kind])
    await record(
        conn, Act(kind=kind, actor="component:mimamori", resident_key=town.hanako.key, detail=detail)
    )


async def locate(conn: Connection, town: Town, dataset: str, items: int) -> None:
    """Items of Hanako's lie at the provider of the dataset."""
    component = {"steps": town.undo_app, "vitals": town.kenko_app, "presence": town.sensor}[dataset]
    await conn.execute(
        "insert into personal.location (resident_key, dataset_key, component_key, store_key, items)"
        " values ($1, $2, $3, 1, $4)",
        town.hanako.key,
        town.datasets[dataset].key,
        component.key,
        items,
    )
