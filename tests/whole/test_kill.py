"""Killing a platform's processes at random points of its story: nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import msgspec
import pytest

from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.ledger import Kind
from moyai.ledger.verify import examine
from moyai.up import scenario
from moyai.up.scenario import Scenario, Step
from tests.stack import Stack, platform_up, small_scenario
from tests.steady import Acts, SteadyWorld, Teller

pytestmark = [pytest.mark.heavy, pytest.mark.stack]

KILLS = int(os.environ.get("MOYAI_TEST_KILLS", "20"))
SEED = int(os.environ.get("MOYAI_TEST_SEED", "20261124"))
VICTIMS = ("serve", "worker", "postgres", "backend")
RECOVERED_SECONDS = 10
# Times between a recovery and the next kill: together they cover the story, which takes about half a minute.
MOST_PAUSE = 4.0
PURPOSE, DATASET = "administrative-procedure", "application-status"


@pytest.fixture
def stack(scratch, tmp_path):
    directory = Path(scratch) / "killed"
    directory.mkdir()
    with platform_up(directory / "dir", scenario=str(small_scenario(directory))) as running:
        yield running
    shutil.copytree(directory / "dir" / "logs", tmp_path / "logs")  # pytest keeps this for the last runs


class Killer:
    """Kills one process after the other and measures how long the platform was away."""

    def __init__(self, stack: Stack, acts: Acts, session: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.acts = acts
        self.last = 0.0
        self.away: dict[str, list[float]] = defaultdict(list)
        self._session = session
        self._dice = random.Random(SEED)

    async def run(self) -> None:
        for victim in self._dice.sample(VICTIMS * KILLS, len(VICTIMS) * KILLS):
            await asyncio.sleep(self._dice.uniform(0, MOST_PAUSE))
            await self._kill(self._one_of(victim))

    def _one_of(self, kind: str) -> str:
        """The name of a process of this kind: there may be several `serve`."""
        return self._dice.choice([name for name in self._pids() if name.startswith(kind)] or [kind])

    async def _kill(self, victim: str) -> None:
        size = await self._log_size()
        before = self._pids()
        pid = self._backend(before["postgres"]) if victim == "backend" else before[victim]
        self.last = began = time.monotonic()
        with contextlib.suppress(ProcessLookupError if victim == "backend" else ()):  # sessions come and go
            os.kill(pid, signal.SIGKILL)
        while not await self._recovered(victim, before, size):
            self.last = time.monotonic()
            assert self.last - began < 3 * RECOVERED_SECONDS, f"{victim} does not recover"
            await asyncio.sleep(0.02)
        self.away[victim].append(time.monotonic() - began)

    async def _recovered(self, victim: str, before: dict[str, int], size: int) -> bool:
        """Up again and answering; after a worker's death, the log goes on."""
        if victim != "backend" and self._pids().get(victim) in (None, before[victim]):
            return False
        return await self._healthy() and (victim != "worker" or await self._log_size() > size)

    def _pids(self) -> dict[str, int]:
        return msgspec.json.decode((self.stack.directory / "run.json").read_bytes())["processes"]

    def _backend(self, postmaster: int) -> int:
        """A server process that works for the platform; the postmaster then ends all others too."""
        children = [
            int(pid) for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        ]
        working = [pid for pid in children if b"moyai_" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return self._dice.choice(working or children)

    async def _healthy(self) -> bool:
        """Asked over several connections, so that each `serve` process is."""
        return all([await self._get("/health") is not None for _ in range(6)])

    async def _log_size(self) -> int:
        note = await self._get("/log/v1/checkpoint")
        return int(note.splitlines()[1]) if note else 0

    async def _get(self, path: str) -> str | None:
        try:
            timeout = aiohttp.ClientTimeout(total=2)
            headers = {"Connection": "close"}
            async with self._session.get(self.stack.url + path, timeout=timeout, headers=headers) as answer:
                return await answer.text() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


class Pump:
    """The town's service asks for one resident's data all the time; now and then he withdraws and comes back."""

    def __init__(self, teller: Teller, world: SteadyWorld) -> None:
        self._teller = teller
        self._world = world
        self._number = 0
        self.made: dict[str, str] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._twice()
            if self._number % 40 == 0:
                await self._act("withdraw", 200, who="taro", service="c2-gyosei")
                await self._ask(f"closed-{self._number}", 403, "consent_withdrawn")
                await self._act("join", 201, who="taro", service="c2-gyosei")

    async def _twice(self) -> None:
        """One exchange, and once more under its key: the same one, or word that the item changed."""
        self._number += 1
        key = f"pump-{self._number}"
        await self._ask(key, 200)
        first = self.made[key] = self._world.last.body["exchange_id"]
        again = await self._teller.until_answered(self._world, "exchange", self._asked(key))
        if again != {"status": 409, "code": "idempotency_item_changed"}:
            assert again == {"status": 200, "code": None}
            assert self._world.last.body["exchange_id"] == first

    async def _ask(self, key: str, status: int, code: str = "") -> None:
        await self._act("exchange", status, code, **self._asked(key))

    def _asked(self, key: str) -> dict[str, Any]:
        return {
            "who": "taro",
            "client": "c2-madoguchi",
            "purpose": PURPOSE,
            "datasets": [DATASET],
            "key": key,
        }

    async def _act(self, verb: str, status: int, code: str = "", **given: Any) -> None:
        step = Step(f"pump: {verb}", verb, {"status": status, "code": code}, given)
        await self._teller.act(self._world, step, given)


class Flow:
    """The health watch asks without a key, several at once: such exchanges share statements and commits."""

    ASKED: ClassVar = {
        "who": "hana",
        "client": "mimamori",
        "purpose": "health-support",
        "datasets": ["steps"],
    }
    AT_ONCE = 4

    def __init__(self, teller: Teller, world: SteadyWorld) -> None:
        self._teller = teller
        self._world = world

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await asyncio.gather(*(self._ask() for _ in range(self.AT_ONCE)))
            self._world.acts.exchanges.update(self._world.exchanges)
            self._world.exchanges.clear()
            await asyncio.sleep(0.1)

    async def _ask(self) -> None:
        got = await self._teller.until_answered(self._world, "exchange", self.ASKED)
        assert got == {"status": 200, "code": None}


async def tell_until(stopping: asyncio.Event, stack: Stack, home: Home, acts: Acts, teller: Teller) -> int:
    told = 0
    while not stopping.is_set():
        async with aiohttp.ClientSession() as session:
            world = SteadyWorld(stack.facts, home, session, acts)
            try:
                await teller.tell(world)
            finally:
                await world.close()
        told += 1
    return told


async def check_exchanges(conn: Connection, acts: Acts, pump: Pump, taro: str) -> None:
    """Every acknowledged exchange has its place in the log; every key made one exchange and no more."""
    rows = await conn.fetch(
        "select entry_id::text, index from ledger.entry left join ledger.sequence using (entry_id)"
    )
    places = {row["entry_id"]: row["index"] for row in rows}
    assert {one for one in acts.exchanges if places.get(one) is None} == set()
    assert len(set(pump.made.values())) == len(pump.made)
    count = await conn.fetchval(
        """
        select count(*) from ledger.content
         where kind = $1 and body::jsonb -> 'detail' ->> 'consumer' = 'c2-madoguchi'
           and resident_key = (select resident_key from identity.resident where resident_id = $2)
           and entry_id <> all (select entry_id from ledger.idempotency)
        """,
        int(Kind.EXCHANGE),
        taro,
    )
    assert count <= 1, "only the beginning of the scenario asked without a key"


async def check_consents(conn: Connection, acts: Acts) -> None:
    """Every acknowledged act is on record, and the last one about each link is what is in force."""
    rows = await conn.fetch(
        """
        select a.act_id::text, r.resident_id, a.acted_at from consent.act a
          join identity.resident r using (resident_key) where a.kind in ('decide', 'withdraw') order by a.acted_at
        """
    )
    known = [row["act_id"] for row in rows]
    kept = {act: links for act, links in acts.consents.items() if links["resident"] not in acts.erased}
    assert set(kept) <= set(known)
    last: dict[tuple[str, str], tuple[str, str]] = {}
    for act in known:
        links = dict(kept.get(act, {}))
        resident = links.pop("resident", "")
        last |= {(resident, link): (act, state) for link, state in links.items()}
    states = await conn.fetch(
        """
        select r.resident_id, l.link_id, s.act_id::text, s.state from consent.state s
          join identity.resident r using (resident_key) join registry.link l using (link_key)
        """
    )
    words = {1: "given", 2: "refused", 3: "withdrawn"}
    in_force = {(row["resident_id"], row["link_id"]): (row["act_id"], words[row["state"]]) for row in states}
    acknowledged = {row["act_id"] for row in rows} & set(kept)
    wrong = {
        place: (expected, in_force.get(place))
        for place, expected in last.items()
        if in_force.get(place) != expected and in_force.get(place, ("", ""))[0] in acknowledged | {""}
    }
    assert wrong == {}


async def check_log(stack: Stack, conn: Connection, saved: Path) -> None:
    """The worker catches up; the log verifies, also against the checkpoint saved before the first kill."""
    until = time.monotonic() + RECOVERED_SECONDS
    while await conn.fetchval("select exists (select from ledger.entry except select from ledger.sequence)"):
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    report = await asyncio.to_thread(examine, stack.url, checkpoints=[saved])
    assert report.ok, report


def failures(stack: Stack) -> list[str]:
    """Requests that were answered with an error of ours, and words of the processes about faults of ours."""
    lines: list[str] = []
    for file in stack.directory.glob("logs/*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            died = '"process died"' in line and '"exit_code":-9' not in line
            if died or '"internal_error"' in line or '"failed"' in line or '"job failed"' in line:
                lines.append(line[:500])
    lines += [
        f"{file.name}: {line}"
        for file in stack.directory.glob("logs/*.log")
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if "Traceback" in line or "Error" in line
    ]
    return lines


async def test_processes_killed_at_random_points_of_the_story_lose_nothing_acknowledged(stack, tmp_path):
    home, acts, stopping = Home(stack.directory), Acts(), asyncio.Event()
    found: Scenario = scenario.read(scenario.find("type-2.1"))
    saved = tmp_path / "before.checkpoint"
    async with aiohttp.ClientSession() as session:
        killer = Killer(stack, acts, session)
        saved.write_text(await killer._get("/log/v1/checkpoint") or "", encoding="utf-8")
        teller = Teller(found, lambda: killer.last)
        worlds = [SteadyWorld(stack.facts, home, session, acts) for _ in range(2)]
        pump = Pump(teller, worlds[0])
        working = [
            asyncio.create_task(tell_until(stopping, stack, home, acts, teller)),
            asyncio.create_task(pump.run(stopping)),
            asyncio.create_task(Flow(teller, worlds[1]).run(stopping)),
        ]
        killing = asyncio.create_task(killer.run())
        try:
            await asyncio.wait([*working, killing], return_when=asyncio.FIRST_COMPLETED)
            stopping.set()
            killing.cancel()
            told, *_ = await asyncio.gather(*working)
            with contextlib.suppress(asyncio.CancelledError):
                await killing
        finally:
            for task in (*working, killing):
                task.cancel()
            for world in worlds:
                await world.close()
    for victim, times in killer.away.items():
        print(
            f"{victim}: {len(times)} kills, away median {statistics.median(times):.1f} s, max {max(times):.1f} s"
        )
    print(f"{told} stories, {len(acts.exchanges)} exchanges, {len(acts.consents)} consents and withdrawals")
    conn = await connect(home.dsn("moyai_owner"))
    try:
        await check_log(stack, conn, saved)
        await check_exchanges(conn, acts, pump, worlds[0].people["taro"].resident_id or "")
        await check_consents(conn, acts)
    finally:
        await conn.close()
    assert failures(stack) == []
    assert max(max(times) for times in killer.away.values()) < RECOVERED_SECONDS
