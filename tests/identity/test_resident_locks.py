"""Whoever changes a resident takes the locks in one order, and writes nothing about somebody who is gone."""

from __future__ import annotations

import asyncio

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.roles import SERVE
from moyai.identity import desk, residents
from moyai.identity.model import Desk, Resident
from tests.conftest import Platform
from tests.factories import C2, make_town
from tests.identity.conftest import EVIDENCE, person


async def _act(conn: Connection, at: Desk, resident: Resident, act: str) -> None:
    async with conn.transaction():
        if act == "proof again":
            await residents.proof_again(conn, at, resident, EVIDENCE)
        else:
            await residents.move(conn, at, resident, C2, "", "香川県木田郡三木町氷上310")


async def _waits(conn: Connection) -> None:
    async with asyncio.timeout(20):
        while not await conn.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110 (only the server knows)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("act", ["proof again", "move"])
async def test_a_change_at_the_desk_holds_nothing_while_it_waits_for_an_act_of_the_resident(
    fresh_platform: Platform, act: str
) -> None:
    """An act of the resident has the lock that comes first; it may still want the row. Were it the desk's, both would wait
    for each other, and one of them would be refused for a reason that nobody understands."""
    own, clerk = [await fresh_platform.connect(SERVE) for _ in range(2)]
    async with own.transaction():
        town = await make_town(own)
        at = await desk.desk_of(own, town.c1.key, "staff:test")
        resident = await residents.enrol(own, at, person(), EVIDENCE)
    async with own.transaction():
        await own.execute(
            "select pg_advisory_xact_lock(hashtextextended('consent', $1))", resident.resident_key
        )
        other = asyncio.create_task(_act(clerk, at, resident, act))
        await _waits(own)
        await own.execute(
            "select from identity.resident where resident_key = $1 for update nowait", resident.resident_key
        )
    await other


@pytest.mark.parametrize("act", ["proof again", "move"])
async def test_nothing_is_written_about_somebody_who_was_closed_meanwhile(
    control: Connection, scene: object, taro: Resident, act: str
) -> None:
    at = await desk.desk_of(control, taro.desk_key or 0, "staff:test")
    before = await control.fetchval("select count(*) from ledger.content")
    await control.raw.execute("update identity.resident set state = 'closed'")
    with pytest.raises(Problem, match="resident_inactive"):
        await _act(control, at, taro, act)
    assert await control.fetchval("select count(*) from ledger.content") == before
