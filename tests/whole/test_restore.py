"""The drill: a platform is backed up under traffic, goes on, and loses its directory. What of it is restored? (H5)

Journal, key and backup lie elsewhere. Acknowledged stops and erasures hold, nothing erased comes back, later consents are
there where the engine's log was archived, and only there; `moyai verify` says what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from moyai.base import store_copies
from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.engine import ADMIN
from moyai.base.processes import is_alive
from moyai.base.roles import OWNER
from moyai.identity import residents
from moyai.up import scenario as scenarios
from moyai.up.platform import make_home
from moyai.up.scenario import Step
from moyai.up.verbs import VERBS
from tests.recovery.test_restore import everything_is_archived, slot_is_read
from tests.stack import Stack, free_port, moyai, platform_up, small_scenario
from tests.steady import Acts, SteadyWorld, Teller
from tests.whole.test_kill import Flow, Pump

pytestmark = [pytest.mark.heavy, pytest.mark.stack]

STEPS = {"client": "mimamori", "purpose": "health-support", "datasets": ["steps"]}


class Place:
    """A platform's directory, and what is kept elsewhere."""

    def __init__(self, root: Path, *, continuous: bool) -> None:
        self.root, self.continuous = root, continuous
        self.directory, self.elsewhere = root / "platform", root / "elsewhere"
        self.backup, self.key, self.journal = (
            self.elsewhere / name for name in ("backup", "kek", "journal.jsonl")
        )
        self.scenario = small_scenario(root)
        self.took: dict[str, float] = {}

    def prepare(self) -> None:
        """A directory whose settings name places elsewhere, before its first start."""
        self.elsewhere.mkdir()
        home = make_home(self.directory, scenarios.read(self.scenario), free_port())
        home.kek_file.rename(self.key)
        settings = f'\n[keys]\npath = "{self.key}"\n\n[journal]\npath = "{self.journal}"\n'
        if self.continuous:
            settings += f'\n[backup]\ncontinuous = "{self.backup}"\n'
        with home.config_file.open("a", encoding="utf-8") as file:
            file.write(settings)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        began = time.monotonic()
        done = subprocess.run(moyai(*arguments), capture_output=True, text=True, timeout=600)
        self.took[arguments[0]] = time.monotonic() - began
        return done

    def lose(self, stack: Stack) -> None:
        """Everything stops at once, and the directory is gone."""
        pids = [stack.facts["supervisor"], *stack.facts["processes"].values()]
        os.kill(stack.facts["supervisor"], signal.SIGKILL)
        until = time.monotonic() + 60
        while any(is_alive(pid) for pid in pids):
            assert time.monotonic() < until
            time.sleep(0.05)
        shutil.rmtree((self.directory / "postgres").resolve())
        shutil.rmtree(self.directory)


@asynccontextmanager
async def world_of(stack: Stack, acts: Acts) -> AsyncIterator[SteadyWorld]:
    async with aiohttp.ClientSession() as session:
        made = SteadyWorld(stack.facts, Home(stack.directory), session, acts)
        try:
            yield made
        finally:
            await made.close()


@asynccontextmanager
async def traffic(stack: Stack, acts: Acts, place: Place) -> AsyncIterator[None]:
    """Exchanges all the time, with withdrawals and consents between; each is answered as it must be."""
    stopping, teller = asyncio.Event(), Teller(scenarios.read(place.scenario), lambda: 0.0)
    async with world_of(stack, acts) as one, world_of(stack, acts) as other:
        working = [
            asyncio.create_task(Pump(teller, one).run(stopping)),
            asyncio.create_task(Flow(teller, other).run(stopping)),
        ]
        try:
            yield
        finally:
            stopping.set()
            await asyncio.gather(*working)


async def act(world: SteadyWorld, verb: str, status: int, code: str = "", **given: Any) -> None:
    step = Step(verb, verb, {"status": status, "code": code}, given)
    assert await VERBS[verb](world, **given) == step.expected, verb


def active(world: SteadyWorld) -> str:
    """A resident who has an account at a provider and at the consumer."""
    return next(
        key for key, one in world.people.items()
        if key.startswith("resident-") and {"undo-app", "mimamori"} <= one.subjects.keys()
    )  # fmt: skip


async def admin(home: Home, database: str = "moyai_control") -> Connection:
    return await connect(home.dsn(ADMIN, database))


async def items_of(home: Home, subjects: list[str]) -> int:
    """How many items all stores hold of these subjects."""
    control = await admin(home)
    names = [one["name"] for one in await store_copies.databases(control) if "_personal_" in one["name"]]
    await control.close()
    total = 0
    for name in names:
        conn = await admin(home, name)
        total += await conn.fetchval(
            "select count(*) from store.item where subject = any ($1::text[]::uuid[])", subjects
        )
        await conn.close()
    return total


async def stored(home: Home, subjects: list[str]) -> None:
    """Until there is something to lose."""
    async with asyncio.timeout(60):
        while True:
            if await items_of(home, subjects) > 0:
                return
            await asyncio.sleep(0.2)


async def checkpoint(stack: Stack) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/log/v1/checkpoint") as answer:
        return await answer.text()


async def files_are_kept(place: Place) -> None:
    """Until the continuous backup holds the newest state of a file that changes all the time."""
    now = (place.directory / "people.sealed").read_bytes()
    async with asyncio.timeout(60):
        while True:
            if (place.backup / "newer" / "people.sealed").read_bytes() == now:
                return
            await asyncio.sleep(0.1)


@pytest.fixture(params=[False, True], ids=["backup", "continuous"])
def place(request: pytest.FixtureRequest, scratch: Path) -> Any:
    root = scratch / ("drill-continuous" if request.param else "drill-backup")
    root.mkdir()
    made = Place(root, continuous=request.param)
    made.prepare()
    yield made
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree((made.directory / "postgres").resolve())
    shutil.rmtree(root)


async def test_h5_what_was_acknowledged_before_a_loss_holds_after_the_restore(
    place: Place, tmp_path: Path
) -> None:
    acts, saved = Acts(), tmp_path / "last.checkpoint"
    with platform_up(place.directory, scenario=str(place.scenario)) as stack:
        home = Home(stack.directory)
        async with traffic(stack, acts, place), world_of(stack, acts) as world:
            gone = active(world)
            subjects = list(world.people[gone].subjects.values())
            await act(world, "record", 200, who=gone, at="undo-app")
            if not place.continuous:
                done = await asyncio.to_thread(
                    place.run, "backup", str(place.backup), "--dir", str(place.directory)
                )
                assert done.returncode == 0, done.stderr
            else:
                conn = await admin(home)
                await slot_is_read(conn)
                await conn.close()
            await stored(home, subjects)
            # what comes after the backup
            await act(world, "withdraw", 200, who="isamu", service="kenko-mimamori")
            await act(world, "erase", 200, who=gone, ground="本人の申出")
            await act(world, "join", 201, who="midori", service="kenko-mimamori")
            await act(world, "exchange", 200, who="midori", **STEPS)
            erased = world.people[gone].resident_id or ""
            people = {key: dict(world.people[key].subjects) for key in ("isamu", "midori")}
        saved.write_text(await checkpoint(stack), encoding="utf-8")
        if place.continuous:
            conn = await admin(home)
            await everything_is_archived(conn)
            await conn.close()
            await files_are_kept(place)
        place.lose(stack)

    refused = place.run(
        "restore", str(place.backup), "--dir", str(place.directory), "--key", str(tmp_path / "no")
    )
    assert (refused.returncode, "second factors of all residents" in refused.stderr) == (1, True), (
        refused.stderr
    )
    assert not (place.directory / "moyai.toml").exists()
    done = place.run("restore", str(place.backup), "--dir", str(place.directory))
    assert done.returncode == 0, done.stderr
    assert ("失われました" in done.stdout) == (not place.continuous), done.stdout

    began = time.monotonic()
    with platform_up(place.directory, scenario=str(place.scenario)) as stack:
        place.took["up"] = time.monotonic() - began
        home = Home(stack.directory)
        async with world_of(stack, acts) as world:
            for key, known in people.items():
                world.people[key].subjects = known
            await act(world, "exchange", 403, "consent_withdrawn", who="isamu", **STEPS)
            later = (200, "") if place.continuous else (403, "consent_withdrawn")
            await act(world, "exchange", *later, who="midori", **STEPS)
        assert await items_of(home, subjects) == 0, "what was erased does not come back"
        owner = await connect(home.dsn(OWNER))
        assert (await residents.by_id(owner, erased)).state == "erased"
        known = await owner.fetch("select entry_id::text from ledger.entry")
        lost = acts.exchanges - {row["entry_id"] for row in known}
        assert (lost == set()) == place.continuous, len(lost)
        await owner.close()
        told = place.run("verify", stack.url, "--since", str(saved))
        assert "sanuki/2" in told.stdout
        assert ("entries_lost" in place.run("verify", stack.url, "--since", str(saved), "--json").stdout) == (
            not place.continuous
        ), told.stdout
    figures = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in place.took.items())
    print(f"{len(acts.exchanges)} exchanges acknowledged, {len(lost)} lost; {figures}")
