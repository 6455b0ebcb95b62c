"""Residents at the desk, and the first of them using services: over HTTP, like everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from moyai.calling import CallError
from moyai.up.person import Login
from moyai.up.scenario import Scenario, people
from moyai.up.verbs import VERBS
from moyai.up.world import World

Tell = Callable[[str, int, int], None]
"""What is being done, how much is done, how much there is."""

_AT_ONCE = 6


async def enrol_everybody(world: World, scenario: Scenario, tell: Tell) -> None:
    """Cast and residents come to the desk, those who have not been there. Logins are handed out."""
    for cast in scenario.cast:
        world.introduce(cast.key, person_of(cast), cast.story_ja, cast.story_en)
    if scenario.residents:
        for number, row in enumerate(people(scenario.file(scenario.residents.file)), 1):
            world.introduce(f"resident-{number}", row)
    waiting = [key for key, known in world.people.items() if known.login is None]
    done = 0

    async def one(key: str) -> None:
        nonlocal done
        async with turns:
            await _enrol(world, key)
        done += 1
        tell("住民の登録 / residents", done, len(waiting))

    turns = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(one(key) for key in waiting))
    world.save()


def person_of(cast: object) -> dict[str, str]:
    """The members of a person of the identity API."""
    names = (
        "family_name", "given_name", "family_kana", "given_kana", "birth_date", "sex", "postal_code",
        "address", "municipality_code",
    )  # fmt: skip
    return {name: getattr(cast, name) for name in names}


async def _enrol(world: World, key: str) -> None:
    answer = await world.enrol(key)
    if answer.status != 201 and answer.code != "resident_already_enrolled":
        raise CallError(f"{key} could not be enrolled: {answer.body}")
    issued = await world.issue_login(key)
    if issued.status >= 400:
        raise CallError(f"{key} got no login: {issued.body}")


async def first_log_ins(world: World, residents: list[str], staff: list[Login], tell: Tell) -> None:
    """Those whose log-ins are shown have logged in once: what the desk printed is worth nothing any more."""
    waiting = [key for key in residents if not world.people[key].own]
    new = [one for one in staff if one.login not in world.staff]
    turns, done = asyncio.Semaphore(_AT_ONCE), 0

    async def one(work: Coroutine[Any, Any, None]) -> None:
        nonlocal done
        async with turns:
            await work
        done += 1
        tell("はじめてのログイン / first log-ins", done, len(waiting) + len(new))

    await asyncio.gather(
        *(one(world.first_log_in(key)) for key in waiting),
        *(one(world.first_log_in_of_staff(login)) for login in new),
    )
    world.save()


async def begin(world: World, scenario: Scenario, tell: Tell) -> None:
    """The beginning of the scenario: the cast's first steps, then the first active residents. Played once."""
    if world.begun:
        return
    for number, step in enumerate(scenario.beginning[world.steps_begun :], world.steps_begun + 1):
        got = await VERBS[step.do](world, **step.given)
        if got != step.expected:
            raise CallError(f"{step.name}: expected {step.expected}, got {got}")
        world.mark_step()
        tell("はじまり / beginning", number, len(scenario.beginning))
    await _active_residents(world, scenario, tell)
    world.mark_begun()


async def _active_residents(world: World, scenario: Scenario, tell: Tell) -> None:
    wanted = scenario.residents.active if scenario.residents else 0
    chosen = [key for key in world.people if key.startswith("resident-")][:wanted]
    turns = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def one(key: str) -> None:
        nonlocal done
        async with turns:
            await _use_services(world, scenario, key)
        done += 1
        tell("サービスの利用開始 / joining services", done, len(chosen))

    await asyncio.gather(*(one(key) for key in chosen))


async def _use_services(world: World, scenario: Scenario, key: str) -> None:
    """Log in to every service that is for this resident, and join it. What refuses is not for them."""
    for example in scenario.examples:
        got = await VERBS["log_in"](world, who=key, at=example.client)
        if got["status"] < 400 and example.service:
            await VERBS["join"](world, who=key, service=example.service)
