"""The main job over HTTP: components with real keys, tokens and proofs, and two processes on one platform.

The road has sessions of its own, so what happens here is committed: one platform for all files, and new residents
for every test.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from moyai.base.db import Pool
from moyai.identity.tokens import ACCESS_SECONDS
from tests.conftest import Platform, _running
from tests.factories import Made, MadeResident, Town, make_client, make_consent, make_resident, make_town, tie
from tests.personal.conftest import register_store
from tests.web.in_process import BASE, client_of, running
from tests.web.peers import Party

EXCHANGE = "/personal/v1/exchange"
STEPS = {"steps": 180123}
VITALS = {"weight_kg": 61.5, "systolic": 128}
PRESENCE = {"at_home": True}


@dataclass
class Road:
    """A running platform with two processes (`here`, `there`), and the components of the composite service."""

    platform: Platform
    control: Pool
    town: Town
    here: httpx.AsyncClient
    there: httpx.AsyncClient
    apps: tuple[Any, Any]
    parties: dict[str, Party]
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)
    """When each was asked for: one that is half used up by a slow run of tests is asked for anew."""

    async def token(self, component: str) -> str:
        made, _ = self.tokens.get(component, (float("-inf"), ""))
        if time.monotonic() - made > ACCESS_SECONDS / 2:
            answer = await self.parties[component].token(grant_type="client_credentials")
            assert answer.status_code == 200, answer.text
            self.tokens[component] = time.monotonic(), answer.json()["access_token"]
        return self.tokens[component][1]

    async def call(
        self,
        component: str,
        method: str,
        path: str,
        *,
        at: httpx.AsyncClient | None = None,
        headers: dict[str, str] | None = None,
        **arguments: Any,
    ) -> httpx.Response:
        """A component's call; `headers` replace or add to the true ones."""
        party, token = self.parties[component], await self.token(component)
        proof = party.dpop.proof(method, BASE + path.split("?")[0], token)
        sent = {"Authorization": f"DPoP {token}", "DPoP": proof, **(headers or {})}
        return await (at or self.here).request(method, path, headers=sent, **arguments)

    async def resident(self, *consented: str, items: dict[str, Any] | None = None) -> Asked:
        """A new resident of C1 who allows the links of these datasets; `items` are stored by their providers."""
        parts = (self.town.mimamori, self.town.undo_app, self.town.kenko_app, self.town.sensor)
        async with self.control.transaction() as conn:
            made = await make_resident(conn, name=None)
            subjects = {component.id: await tie(conn, made, component) for component in parts}
            for dataset in consented:
                await make_consent(conn, made, self.town.links[dataset])
        asked = Asked(self, made, subjects)
        for dataset, content in (items or {}).items():
            answer = await asked.put(dataset, "item-1", content)
            assert answer.status_code == 201, answer.text
        return asked

    async def count(self) -> tuple[int, int, int, int]:
        """Entries, contents, intents and locations: what a call that changes nothing leaves as it was."""
        async with self.control.connection() as conn:
            row = await conn.fetchrow(
                "select (select count(*) from ledger.entry), (select count(*) from ledger.content),"
                " (select count(*) from personal.intent), (select count(*) from personal.location)"
            )
        assert row is not None
        return row[0], row[1], row[2], row[3]


PROVIDERS = {"steps": "undo-app", "vitals": "kenko-app", "presence": "mimamori-sensor"}


@dataclass
class Asked:
    """A resident, as the components know them."""

    road: Road
    made: MadeResident
    subjects: dict[str, uuid.UUID]

    def items(self, dataset: str, component: str | None = None) -> str:
        subject = self.subjects[component or PROVIDERS[dataset]]
        return f"/personal/v1/subjects/{subject}/datasets/{dataset}/items"

    async def put(self, dataset: str, item: str, content: Any, **arguments: Any) -> httpx.Response:
        path = f"{self.items(dataset)}/{item}"
        return await self.road.call(PROVIDERS[dataset], "PUT", path, json={"content": content}, **arguments)

    def body(self, *datasets: str, purpose: str = "health-support") -> dict[str, Any]:
        return {"subject": str(self.subjects["mimamori"]), "purpose": purpose, "datasets": list(datasets)}

    async def ask(self, *datasets: str, purpose: str = "health-support", **arguments: Any) -> httpx.Response:
        body = self.body(*datasets, purpose=purpose)
        return await self.road.call("mimamori", "POST", EXCHANGE, json=body, **arguments)

    async def locate(self, dataset: str, purpose: str = "health-support") -> httpx.Response:
        path = (
            f"/personal/v1/subjects/{self.subjects['mimamori']}/locations?dataset={dataset}&purpose={purpose}"
        )
        return await self.road.call("mimamori", "GET", path)

    async def consent(self, dataset: str, state: str = "given", **arguments: Any) -> None:
        async with self.road.control.transaction() as conn:
            await make_consent(conn, self.made, self.road.town.links[dataset], state, **arguments)

    async def recorded(self, *kinds: str) -> list[dict[str, Any]]:
        """Contents of the ledger about this resident, oldest first, of these kinds (exchanges and refusals)."""
        async with self.road.control.connection() as conn:
            rows = await conn.fetch(
                "select entry_id, body from ledger.content where resident_key = $1 order by at", self.made.key
            )
        found = [{"entry_id": str(row["entry_id"]), **msgspec.json.decode(row["body"])} for row in rows]
        return [one for one in found if one["kind"] in (kinds or ("exchange", "refusal"))]


def contents(answer: httpx.Response) -> dict[str, list[Any]]:
    """Dataset → contents of the sources that answered."""
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    return {one["dataset"]: [i["content"] for i in one["items"]] for one in results if one["status"] == "ok"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem document, which speaks both languages."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["title"], document
    assert any("\u3040" <= letter <= "\u9fff" for letter in document["title_ja"]), document
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"]


async def _party(conn: Any, http: httpx.AsyncClient, component: Made) -> Party:
    party = Party(http, f"client-{component.id}")
    await make_client(conn, component, client_id=party.client_id, jwks=party.key.jwks)
    return party


@pytest.fixture(scope="package")
async def road(stopped_platform: Path, scratch: Path) -> AsyncIterator[Road]:
    async with _running(stopped_platform, scratch) as platform:
        control, box = await platform.pool(), platform.home.box()
        async with control.transaction() as conn:
            town = await make_town(conn)
        for organization in (town.c1, town.koiki):
            await register_store(control, platform, organization)
        async with (
            running(platform.home, control, box) as first,
            running(platform.home, control, box) as second,
            client_of(first) as here,
            client_of(second) as there,
        ):
            components = (town.mimamori, town.undo_app, town.kenko_app, town.sensor)
            async with control.transaction() as conn:
                parties = {component.id: await _party(conn, here, component) for component in components}
            yield Road(platform, control, town, here, there, (first, second), parties)


def seconds_ago(seconds: int) -> int:
    return int(time.time()) - seconds
