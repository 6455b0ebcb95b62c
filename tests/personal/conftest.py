"""A platform of its own with two organisations' stores, the standing cast committed, and the road of the main job.

The road has sessions of its own, so its tests need real commits: one platform per file, and a new resident per test.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from moyai.base.db import Pool
from moyai.base.lanes import Lane
from moyai.base.provision import provision_store
from moyai.consent import gate
from moyai.identity.model import ClientCaller
from moyai.ledger.release import Release, Released
from moyai.personal import actions
from moyai.personal.door import Door
from moyai.personal.exchange import Exchange, ProofOfSender
from moyai.personal.model import ExchangeAnswer, ExchangeRequest, NewItem
from moyai.personal.names import Names
from moyai.personal.opening import exchange_road, stores_of
from moyai.personal.retries import Retries
from moyai.personal.stores import Stores
from moyai.registry import shape_of
from tests.conftest import Platform, _running
from tests.factories import Made, MadeResident, Town, make_client, make_consent, make_resident, make_town, tie


def proof() -> ProofOfSender:
    """A sender's proof that was not used before."""
    return ProofOfSender(int(time.time() * 1000), secrets.token_bytes(32))


@dataclass
class Process:
    """What one `serve` process holds: its stores, and the road with its own lanes."""

    stores: Stores
    exchange: Exchange
    lanes: list[Lane[Any, Any]] = field(default_factory=list)


@dataclass
class World:
    """The running platform, and what tests do in it."""

    platform: Platform
    control: Pool
    town: Town
    clients: dict[str, Made]
    process: Process

    @asynccontextmanager
    async def another_process(self) -> AsyncIterator[Process]:
        made = open_process(self.platform, self.control)
        yield made
        await close_process(made)

    def caller(self, component: Made, organization: Made) -> ClientCaller:
        client = self.clients[component.id]
        return ClientCaller(
            client.id, client.key, component.id, component.key, organization.id, organization.key, frozenset()
        )

    async def resident(self, *consented: str, items: dict[str, dict[str, Any]] | None = None) -> Person:
        """A new resident of C1, known to all components, who allows the links of these datasets; with items."""
        async with self.control.transaction() as conn:
            made = await make_resident(conn, name=None)
            parts = (self.town.mimamori, self.town.undo_app, self.town.kenko_app, self.town.sensor)
            subjects = {component.id: await tie(conn, made, component) for component in parts}
            for dataset in consented:
                await make_consent(conn, made, self.town.links[dataset])
        person = Person(self, made, subjects)
        for dataset, content in (items or {}).items():
            await person.put(dataset, "item-1", content)
        return person


@dataclass
class Person:
    """A resident, as the components of the composite service know them."""

    world: World
    made: MadeResident
    subjects: dict[str, uuid.UUID]

    def _provider(self, dataset: str) -> tuple[Made, Made]:
        town = self.world.town
        return {
            "steps": (town.undo_app, town.c1),
            "vitals": (town.kenko_app, town.koiki),
            "presence": (town.sensor, town.koiki),
        }[dataset]

    async def permit(self, dataset: str) -> gate.Permit:
        component, organization = self._provider(dataset)
        async with self.world.control.connection() as conn:
            verdict = await gate.permit_own(
                conn,
                client_key=self.world.clients[component.id].key,
                component_key=component.key,
                component_id=component.id,
                organization_id=organization.id,
                subject=str(self.subjects[component.id]),
                dataset_key=self.world.town.datasets[dataset].key,
                dataset_id=dataset,
            )
        assert verdict.permit is not None
        return verdict.permit

    async def put(self, dataset: str, item_id: str, content: dict[str, Any]) -> None:
        item = NewItem(item_id, msgspec.Raw(msgspec.json.encode(content)))
        stores = self.world.process.stores
        await actions.put_items(
            self.world.control, stores, await self.permit(dataset), [item], shape_of({}), "component:test"
        )

    async def delete(self, dataset: str, item_id: str) -> None:
        stores = self.world.process.stores
        await actions.delete_item(
            self.world.control, stores, await self.permit(dataset), item_id, "component:test"
        )

    async def withdraw(self, dataset: str) -> None:
        async with self.world.control.transaction() as conn:
            await make_consent(conn, self.made, self.world.town.links[dataset], "withdrawn")

    def request(self, *datasets: str, purpose: str = "health-support") -> ExchangeRequest:
        return ExchangeRequest(str(self.subjects["mimamori"]), purpose, list(datasets))

    async def ask(
        self,
        *datasets: str,
        purpose: str = "health-support",
        sent: ProofOfSender | None = None,
        key: str | None = None,
        at: Exchange | None = None,
    ) -> ExchangeAnswer:
        """The composite service's consumer component asks for this resident's data."""
        town = self.world.town
        exchange = at or self.world.process.exchange
        return await exchange.run(
            self.world.caller(town.mimamori, town.c1),
            self.request(*datasets, purpose=purpose),
            sent or proof(),
            key,
        )

    async def recorded(self) -> list[dict[str, Any]]:
        """What the ledger holds of exchanges and refusals about this resident, oldest first."""
        async with self.world.control.connection() as conn:
            rows = await conn.fetch(
                "select kind, body from ledger.content where resident_key = $1 and kind in (1, 2) order by at",
                self.made.key,
            )
        return [{"kind": row["kind"], **msgspec.json.decode(row["body"])} for row in rows]


def open_process(
    platform: Platform,
    control: Pool,
    *,
    record: Callable[..., Awaitable[Any]] | None = None,
) -> Process:
    """The road as `serve` opens it; `record` takes the place of the statement that writes to the ledger."""
    home = platform.home
    stores, names = stores_of(control, home.box(), home.config()), Names(control)
    exchange, lanes = exchange_road(home, control, stores, names)
    if record is not None:
        ledger: Lane[Release, Released] = Lane(platform.dsn(), record)
        exchange = Exchange(lanes[0], Door(ledger), stores, names, Retries(control))
        lanes.append(ledger)
    return Process(stores, exchange, lanes)


async def close_process(process: Process) -> None:
    for lane in process.lanes:
        await lane.close()
    await process.stores.close()


async def register_store(control: Pool, platform: Platform, organization: Made) -> None:
    store = await provision_store(platform.home, organization.id)
    async with control.transaction() as conn:
        await conn.execute(
            "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password,"
            " schema_version) values ('personal', $1, $2, $3, $4, $5, $6, $7)",
            organization.key,
            store.host,
            store.port,
            store.database,
            store.role,
            store.sealed_password,
            store.schema_version,
        )


@pytest.fixture(scope="module")
async def world(stopped_platform: Path, scratch: Path) -> AsyncIterator[World]:
    async with _running(stopped_platform, scratch) as platform:
        control = await platform.pool()
        async with control.transaction() as conn:
            town = await make_town(conn)
            components = (town.mimamori, town.undo_app, town.kenko_app, town.sensor)
            clients = {component.id: await make_client(conn, component) for component in components}
        for organization in (town.c1, town.koiki):
            await register_store(control, platform, organization)
        process = open_process(platform, control)
        yield World(platform, control, town, clients, process)
        await close_process(process)
