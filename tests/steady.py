"""A client of the story that outlives the platform's deaths: it asks again until it knows what became of an act.

Ids of acknowledged exchanges, consents and withdrawals are kept here, outside the platform.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from moyai.base.config import Home
from moyai.calling import Answer, CallError
from moyai.ledger.verify import VerifyError
from moyai.up.filling import person_of
from moyai.up.scenario import Scenario, Step
from moyai.up.verbs import VERBS, Got
from moyai.up.world import World

FAULTS = (CallError, VerifyError, aiohttp.ClientError, TimeoutError, OSError, KeyError, json.JSONDecodeError)
AWAY = (502, 503, 504)
PATIENCE = 60.0
# A fault is felt a little after it happened: a process comes back, a job starts again, a page was half made.
ECHO = 15.0

NOTHING_TO_CONFIRM: Got = {"status": 404, "state": ""}

# What a step answers the second time, when the first time was done but its answer was lost.
DONE_BEFORE: dict[str, list[Got]] = {
    "enrol": [{"status": 409, "code": "resident_already_enrolled"}],
    "join": [{"status": 409, "code": "service_in_use"}, {"status": 200, "code": None}],
    "store": [{"status": 200, "code": None}],
    "delete": [{"status": 404, "code": "does_not_exist"}],
    "suspend": [{"status": 200, "code": None}],
    "accept": [{"status": 404, "code": "sharing_code_wrong"}],
    "end_sharing": [{"status": 404, "code": "does_not_exist"}],
    "erase": [{"status": 404, "code": "does_not_exist"}],
    # by the same person again; or nothing is left to confirm
    "confirm": [{"status": 403, "state": ""}, NOTHING_TO_CONFIRM],
    "confirm_erasure": [NOTHING_TO_CONFIRM],
}


class Unsteady(Exception):
    """A step did not go as it must, and no fault explains it."""


class Acts:
    """What was acknowledged: ids of exchanges; per act id the resident and what the answer said of the links."""

    def __init__(self) -> None:
        self.exchanges: set[str] = set()
        self.consents: dict[str, dict[str, str]] = {}
        self.erased: set[str] = set()


class SteadyWorld(World):
    """The story's world, whose exchanges all carry an `Idempotency-Key` and whose acts are kept in `acts`."""

    def __init__(self, facts: dict[str, Any], home: Home, session: aiohttp.ClientSession, acts: Acts) -> None:
        municipality = {one["id"]: one["organization"] for one in facts["clients"] if one["kind"] == "desk"}
        codes = {"c1": "372013", "c2": "373419"}
        desks = {codes[organization]: client for client, organization in municipality.items()}
        operator = next(one["id"] for one in facts["clients"] if "registry:suspend" in one["scopes"])
        urls = {one["id"]: uri.rpartition("/")[0] for one in facts["clients"] for uri in one["redirect_uris"]}
        super().__init__(home, session, urls, desks, operator)
        self.acts = acts

    def keep(self, key: str, answer: Answer) -> Answer:
        if answer.status < 400:
            links = dict(answer.body["links"])
            self.acts.consents[answer.body["act_id"]] = {"resident": self.people[key].resident_id, **links}
        return answer


class Teller:
    """Tells the story of a scenario again and again. `last_fault` says when something was last killed."""

    def __init__(self, scenario: Scenario, last_fault: Callable[[], float]) -> None:
        self._scenario = scenario
        self._last_fault = last_fault
        self._numbers = itertools.count()

    async def tell(self, world: SteadyWorld) -> None:
        """The whole story once, with new people. Raises Unsteady."""
        run = world.next_run()
        for cast in self._scenario.cast:
            world.again(f"story-{cast.key}", person_of(cast), run)
        for step in self._scenario.story:
            given = {
                name: f"story-{value}" if name in ("who", "of") else value
                for name, value in step.given.items()
            }
            if step.do == "exchange":
                given.setdefault("key", f"step-{next(self._numbers)}")
            await self.act(world, step, given)

    async def act(self, world: SteadyWorld, step: Step, given: dict[str, Any]) -> None:
        """One step until it is known to have happened as it must."""
        began, faulty = time.monotonic(), False
        known = len(world.exchanges)
        while True:
            got = await self._attempt(world, step, given)
            if _as_expected(step, got, faulty):
                break
            faulty = faulty or self._felt(got)
            if not faulty or time.monotonic() - began > PATIENCE:
                raise Unsteady(f"{step.name}: expected {step.expected}, got {got}")
            await asyncio.sleep(0.2)
        world.acts.exchanges.update(world.exchanges[known:])
        if step.do == "erase":
            world.acts.erased.add(world.people[given["who"]].resident_id or "")

    async def until_answered(self, world: SteadyWorld, verb: str, given: dict[str, Any]) -> Got:
        """What the platform answers, whatever it is, once it does."""
        step, began = Step(verb, verb, {}), time.monotonic()
        while True:
            got = await self._attempt(world, step, given)
            if "fault" not in got and got["status"] not in AWAY:
                return got
            if time.monotonic() - began > PATIENCE:
                raise Unsteady(f"{verb}: {got}")
            await asyncio.sleep(0.2)

    async def _attempt(self, world: SteadyWorld, step: Step, given: dict[str, Any]) -> Got:
        try:
            got = await VERBS[step.do](world, **given)
        except FAULTS as error:
            if re.search("/(console/pending|erase) shows no form", str(error)):
                return NOTHING_TO_CONFIRM
            return {"fault": f"{type(error).__name__}: {error}"}
        return got

    def _felt(self, got: Got) -> bool:
        recently = time.monotonic() - self._last_fault() < ECHO
        return recently or "fault" in got or got.get("status", 0) in AWAY


def _as_expected(step: Step, got: Got, faulty: bool) -> bool:
    if got == step.expected:
        return True
    return faulty and step.expected.get("status", 500) < 400 and got in DONE_BEFORE.get(step.do, [])
