"""The command `moyai up`: start, fill, show, and keep running; or play the story once and stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from moyai import registry
from moyai.base.config import Home
from moyai.base.db import Pool, connect
from moyai.base.logging import set_up
from moyai.base.roles import SERVE, context_database
from moyai.context.command import import_file
from moyai.up import filling, scenario, screen, story
from moyai.up.platform import Town, make_home
from moyai.up.run_file import facts, handed_over, shown
from moyai.up.scenario import Scenario
from moyai.up.world import World
from moyai.upkeep.introspection import introspect


def run(name: str, directory: Path, port: int | None, *, once: bool, as_json: bool) -> int:
    """The exit code: 0 if everything held. Raises ConfigError, StartError, CallError with what to do."""
    found = scenario.read(scenario.find(name))
    home = make_home(directory, found, port)
    # the supervisor's own words belong in a log, not into what programs read
    set_up(home, "supervisor")
    return asyncio.run(_up(home, found, once=once, as_json=as_json))


async def _up(home: Home, found: Scenario, *, once: bool, as_json: bool) -> int:
    show = screen.Screen(quiet=as_json)
    town = Town(home, found, live=not once)
    try:
        await _start(town, show)
        async with aiohttp.ClientSession() as session:
            world = await _world(town, session)
            try:
                await filling.enrol_everybody(world, found, show.progress)
                await filling.first_log_ins(world, shown(world), await handed_over(town), show.progress)
                await filling.begin(world, found, show.progress)
                known = await facts(town, world)
                town.supervisor.describe(**known)
                if once:
                    return await _tell(world, found, home, show, as_json)
                show.table(town, world, known["staff"])
                await town.supervisor.wait()
                return 0
            finally:
                await world.close()
    finally:
        show.say("止めています / stopping")
        await town.supervisor.stop()


async def _start(town: Town, show: screen.Screen) -> None:
    show.say(f"{town.scenario.title_ja} / {town.scenario.title_en}")
    show.say(f"場所 / directory: {town.home.directory}   記録 / logs: {town.home.logs}")
    with show.step("PostgreSQL を起動し、データベースを用意します", "starting PostgreSQL, migrating"):
        await town.start_engine()
    with show.step("組織・サービス・連携を登録し、基盤を起動します", "registering; starting the platform"):
        await _together(town.register(), town.start_serve())
    with show.step("まちのデータを取り込み、サービスを起動します", "importing city data; starting services"):
        await _together(_import_city_data(town.home, town.scenario), town.start_services())


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Do things at the same time. Raises the first error once all have ended: what was started can be stopped."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _import_city_data(home: Home, found: Scenario) -> None:
    control = await Pool.open(home.dsn(SERVE), max_size=1)
    context = await Pool.open(home.dsn(SERVE, context_database(home)), max_size=1)
    try:
        for data in found.city_data:
            await import_file(control, context, found.file(data.file), data.dataset, source=data.source)
    finally:
        await context.close()
        await control.close()


async def _world(town: Town, session: aiohttp.ClientSession) -> World:
    """Desks by municipality, and the operating organisation's client, as the registry has them."""
    conn = await connect(town.home.dsn(SERVE))
    try:
        clients = await registry.all_clients(conn)
        codes = {
            one.organization_id: one.municipality_codes for one in await registry.all_organizations(conn)
        }
    finally:
        await conn.close()
    desks = {
        code: client.client_id
        for client in clients
        if client.kind == "desk"
        for code in codes[client.organization_id or ""]
    }
    operator = next(one.client_id for one in clients if "registry:suspend" in one.scopes)
    return World(town.home, session, town.urls, desks, operator)


async def _tell(world: World, found: Scenario, home: Home, show: screen.Screen, as_json: bool) -> int:
    told = await story.play(world, found, show.told)
    attributes = await introspect([home])
    ok = all(step.ok for step in told)
    if as_json:
        report = {"ok": ok, "steps": told, "introspection": attributes}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        sys.stdout.flush()
    else:
        show.verdict(told)
    return 0 if ok else 1
