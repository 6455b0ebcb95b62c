"""The platform, the people and the two links that the property test of texts plays with."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from moyai.base import keys
from moyai.base.db import Connection, Pool, connect
from moyai.base.ids import random_uuid
from moyai.identity import store_oauth, tokens
from tests.conftest import Platform, _running
from tests.consent.model_of_texts import Texts
from tests.factories import (
    Made,
    MadeResident,
    Town,
    make_client,
    make_component,
    make_membership,
    make_resident,
    make_town,
    tie,
)
from tests.personal.conftest import register_store
from tests.personal.test_items import store_dsn
from tests.web.consent.conftest import Touch
from tests.web.in_process import BASE, client_of, running
from tests.web.peers import Key, Party

EXCHANGE = "/personal/v1/exchange"


@dataclass
class Ground:
    """One platform for all examples: organisations with their stores, components with their clients."""

    platform: Platform
    control: Pool
    http: httpx.AsyncClient
    town: Town
    parties: dict[str, Party]
    stores: dict[str, Connection]
    terms: int
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def ground(stopped_platform: Path, scratch: Path) -> AsyncIterator[Ground]:
    async with _running(stopped_platform, scratch) as platform:
        control = await platform.pool()
        async with control.transaction() as conn:
            town = await make_town(conn)
            portal = await make_component(conn, town.unei, "portal-app", name="住民アプリ")
            await make_client(
                conn, portal, client_id="portal-app", kind="touch_point", scopes=("openid", "consent")
            )
            terms = await conn.fetchval(
                "select terms_key from registry.terms_version where kind = 'platform'"
            )
        for organization in (town.c1, town.koiki):
            await register_store(control, platform, organization)
        async with running(platform.home, control, platform.home.box()) as app, client_of(app) as http:
            parties = {one.id: Party(http, f"client-{one.id}") for one in (town.mimamori, town.madoguchi)}
            async with control.transaction() as conn:
                for one in (town.mimamori, town.madoguchi):
                    await make_client(conn, one, client_id=f"client-{one.id}", jwks=parties[one.id].key.jwks)
            stores = {
                town.undo_app.id: await connect(await store_dsn(control, platform, "c1")),
                town.kenko_app.id: await connect(await store_dsn(control, platform, "koiki")),
            }
            yield Ground(platform, control, http, town, parties, stores, terms)
            for store in stores.values():
                store.raw.terminate()


@dataclass
class Person:
    name: str
    made: MadeResident
    subjects: dict[str, uuid.UUID]
    touch: Touch
    read: dict[str, Any] = field(default_factory=dict)
    """The text as it was last served to this resident, and the schemas of its items then."""

    meanings: dict[str, dict[str, Any]] = field(default_factory=dict)


NAMES = ("a", "b", "c", "d")


@dataclass
class Scene:
    """One example: two residents, a service with two links, what happens, and what may come out of it."""

    ground: Ground
    service: Made
    purposes: dict[str, Made]
    datasets: dict[str, Made]
    links: dict[str, Made]
    people: dict[str, Person]
    texts: Texts
    items: dict[str, dict[str, tuple[str, Any]]]
    """By dataset: name → (words, schema), as the registry has it."""

    sharings: list[str] = field(default_factory=list)
    flowed: int = 0
    terms: int = 0
    """How many versions of the service's terms were published."""

    @property
    def path(self) -> str:
        return f"/consent/v1/services/{self.service.id}"

    async def change(self, statement: str, *values: Any) -> None:
        async with self.ground.control.transaction() as conn:
            await conn.raw.execute(statement, *values)


async def call(ground: Ground, component: str, body: dict[str, Any]) -> httpx.Response:
    party = ground.parties[component]
    made, token = ground.tokens.get(component, (0.0, ""))
    if time.monotonic() - made > tokens.ACCESS_SECONDS / 2:
        answer = await party.token(grant_type="client_credentials")
        token = answer.json()["access_token"]
        ground.tokens[component] = time.monotonic(), token
    proof = party.dpop.proof("POST", BASE + EXCHANGE, token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    return await ground.http.post(EXCHANGE, json=body, headers=headers)


async def make_person(
    ground: Ground, conn: Connection, name: str, service: Made, terms: int, datasets: list[str]
) -> Person:
    town = ground.town
    made = await make_resident(conn)
    parts = (town.mimamori, town.madoguchi, town.undo_app, town.kenko_app)
    subjects = {part.id: await tie(conn, made, part) for part in parts}
    await make_membership(conn, made, service, terms, ground.terms)
    content = msgspec.json.encode({one: f"{name}'s {one}" for one in NAMES}).decode()
    for dataset, provider in zip(datasets, (town.undo_app, town.kenko_app), strict=True):
        await ground.stores[provider.id].execute(
            "insert into store.item (subject, dataset_id, item_id, content) values ($1, $2, 'x', $3::text::json)",
            subjects[provider.id],
            dataset,
            content,
        )
    return Person(name, made, subjects, await _touch(ground, conn, made))


async def _touch(ground: Ground, conn: Connection, resident: MadeResident) -> Touch:
    """A log-in that happened: an access token of the residents' app."""
    grant_id, key, now = random_uuid(), Key(), datetime.now(UTC)
    scope = "openid consent"
    await store_oauth.insert_grant(
        conn,
        grant_id,
        "portal-app",
        resident.key,
        scope,
        2,
        ["pwd", "otp"],
        now,
        b"session",
        now,
        0,
        "",
        3600,
    )
    await store_oauth.bind_grant(conn, grant_id, key.jkt)
    signing = await keys.current(conn, ground.platform.home.box(), "oidc")
    token = tokens.issue_access_token(
        signing, BASE, "portal-app", str(random_uuid()), scope, key.jkt, grant_id
    )
    return Touch(ground.http, key, token, resident)
