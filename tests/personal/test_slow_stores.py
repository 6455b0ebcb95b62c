"""H6: a store whose table is locked. Whoever asks it is answered in bounded time, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from moyai.base.db import connect
from moyai.base.engine import ADMIN
from moyai.base.errors import Problem
from moyai.personal.stores import Stores
from tests.personal.conftest import Person, World
from tests.personal.test_exchange import codes, contents

STEPS, VITALS = {"steps": 8123}, {"weight_kg": 61.5}
SECONDS = 1.0


@pytest.fixture
async def person(world: World) -> AsyncIterator[Person]:
    """A resident with data in two stores, each of which is waited for one second."""
    person = await world.resident("steps", "vitals", items={"steps": STEPS, "vitals": VITALS})
    kept = world.process.stores._seconds
    await _seconds(world.process.stores, SECONDS)
    yield person
    await _seconds(world.process.stores, kept)


async def _seconds(stores: Stores, seconds: float) -> None:
    stores._seconds = seconds
    for key in list(stores._open):
        stores.forget(key)
    await asyncio.gather(*stores._closing)


@asynccontextmanager
async def locked(world: World, organization: str) -> AsyncIterator[None]:
    """Nobody can read or write the organisation's items."""
    async with world.control.connection() as conn:
        database = await conn.fetchval(
            "select database from registry.store join registry.organization using (organization_key)"
            " where organization_id = $1",
            organization,
        )
    admin = await connect(world.platform.dsn(ADMIN, database))
    try:
        async with admin.transaction():
            await admin.execute("lock table store.item in access exclusive mode")
            yield
    finally:
        await admin.close()


async def answers_again(person: Person) -> None:
    """Ask until the store is tried again and answers."""
    async with asyncio.timeout(10):
        while codes(await person.ask("vitals")):  # noqa: ASYNC110 (time has to pass)
            await asyncio.sleep(0.1)


async def test_h6_exchanges_with_a_locked_store_are_answered_within_its_deadline(
    world: World, person: Person
) -> None:
    await person.ask("steps", "vitals")
    order: list[str] = []

    async def ask(*datasets: str) -> dict[str, str]:
        answer = await person.ask(*datasets)
        order.append("+".join(datasets))
        return codes(answer)

    async with locked(world, "koiki"):
        begun = time.monotonic()
        waiting = [asyncio.create_task(ask("steps", "vitals")) for _ in range(6)]
        await asyncio.sleep(0.1)
        for _ in range(6):
            assert await ask("steps") == {}
        assert await asyncio.gather(*waiting) == [{"vitals": "source_unavailable"}] * 6
        # one after the other, with the server's own limit, it was six times 30 s
        assert time.monotonic() - begun < 6 * SECONDS
    assert order == ["steps"] * 6 + ["steps+vitals"] * 6
    await answers_again(person)
    assert contents(await person.ask("steps", "vitals")) == {"steps": [STEPS], "vitals": [VITALS]}


async def test_h6_write_to_a_locked_store_is_source_unavailable(world: World, person: Person) -> None:
    """It was `internal_error`: the statement was cancelled, and nobody had foreseen that."""
    async with locked(world, "koiki"):
        for write in (person.put("vitals", "item-1", VITALS), person.delete("vitals", "item-1")):
            with pytest.raises(Problem, match="source_unavailable"):
                await write
        await person.put("steps", "item-1", STEPS)
    await answers_again(person)


async def test_h6_a_silent_store_is_skipped_and_found_again(world: World, person: Person) -> None:
    async with locked(world, "koiki"):
        while not world.process.stores.skipped:
            await person.ask("vitals")
        # skipped at once, in the order asked: nothing was waited for
        async with asyncio.timeout(SECONDS):
            answer = await person.ask("steps", "vitals")
        assert codes(answer) == {"vitals": "source_unavailable"}
        assert contents(answer) == {"steps": [STEPS]}
    await answers_again(person)
    assert world.process.stores.skipped == 0
