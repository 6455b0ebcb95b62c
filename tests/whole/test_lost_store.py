"""A store is lost while the platform that `moyai up` made runs on; the commands of the how-to bring it back (stranger 1)."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from moyai.base import store_copies
from moyai.base.config import Home
from tests.stack import Stack, platform_up
from tests.steady import Acts
from tests.whole.test_restore import STEPS, Place, act, active, admin, stored, world_of

pytestmark = pytest.mark.stack


@pytest.fixture
def place(scratch: Path) -> Any:
    root = scratch / "lost-store"
    root.mkdir()
    made = Place(root, continuous=False)
    made.prepare()
    yield made
    shutil.rmtree((made.directory / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(root)


async def held(home: Home, database: str) -> int:
    conn = await admin(home, database)
    try:
        return await conn.fetchval("select count(*) from store.item")
    finally:
        await conn.close()


async def counts(home: Home, databases: list[str]) -> dict[str, int]:
    return {name: await held(home, name) for name in databases}


async def lose(home: Home, database: str, how: str) -> None:
    conn = await admin(home, "postgres")
    if how == "dropped":
        await conn.raw.execute(f"drop database {database} with (force)")
    else:
        oid = await conn.fetchval("select oid from pg_database where datname = $1", database)
        shutil.rmtree(home.engine.resolve() / "data" / "base" / str(oid))
    await conn.close()


async def run(place: Place, stack: Stack, *arguments: str) -> str:
    done = await asyncio.to_thread(place.run, *arguments, "--dir", str(stack.directory))
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_v1_a_lost_store_comes_back_into_a_platform_as_operation_has_it(place: Place) -> None:
    with platform_up(place.directory, scenario=str(place.scenario)) as stack:
        home = Home(stack.directory)
        async with world_of(stack, Acts()) as world:
            who = active(world)
            await act(world, "record", 200, who=who, at="undo-app")
            await stored(home, list(world.people[who].subjects.values()))
            conn = await admin(home)
            names = [one["name"] for one in await store_copies.databases(conn) if "_personal_" in one["name"]]
            await conn.close()
            # the scenario's devices go on sending: the copy is of a moment between the two
            before = await counts(home, names)
            await run(place, stack, "backup", str(place.backup))
            after = await counts(home, names)
            for name, how in zip(names, ("dropped", "files"), strict=False):
                await lose(home, name, how)
                organization = name.removeprefix("moyai_personal_").replace("_", "-")
                told = await run(place, stack, "restore", str(place.backup), "--store", organization)
                assert "made anew from the backup" in told
                assert 0 < before[name] <= await held(home, name) <= after[name]
            await act(world, "exchange", 200, who=who, **STEPS)
