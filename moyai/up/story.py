"""A story played without a human: each step says what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from moyai.calling import CallError
from moyai.up.filling import person_of
from moyai.up.scenario import Scenario, Step
from moyai.up.verbs import VERBS
from moyai.up.world import World


class Told(msgspec.Struct, frozen=True):
    """One step as it went. `ok` is `expected == got`."""

    name: str
    expected: dict[str, Any]
    got: dict[str, Any]
    ok: bool


async def play(world: World, scenario: Scenario, tell: Callable[[Told], None]) -> list[Told]:
    """Play the whole story with new people in the cast's roles; a step that fails does not stop the others."""
    run = world.next_run()
    for cast in scenario.cast:
        world.again(f"story-{cast.key}", person_of(cast), run)
    told: list[Told] = []
    for step in scenario.story:
        told.append(await _play(world, step))
        tell(told[-1])
    return told


async def _play(world: World, step: Step) -> Told:
    given = {name: f"story-{value}" if name in ("who", "of") else value for name, value in step.given.items()}
    try:
        got = await VERBS[step.do](world, **given)
    except (CallError, aiohttp.ClientError, KeyError, TimeoutError) as error:
        got = {"failed": f"{type(error).__name__}: {error}"}
    return Told(step.name, step.expected, got, step.expected == got)
