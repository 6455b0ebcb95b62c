"""The gate reads one kept row per link: it says what the tables say that it follows from, after every change."""

from __future__ import annotations

import asyncio

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.engine import ADMIN
from moyai.base.roles import SERVE
from tests.conftest import Platform
from tests.registry.samples import ACTOR, certified_service

CHANGES = {
    "organization": "update registry.organization set state = 'registered' where organization_id = 'city'",
    "another organization behind a component": """update registry.component set organization_key =
        (select organization_key from registry.organization where organization_id = 'unei')""",
    "organization of the service": """update registry.service set organization_key =
        (select organization_key from registry.organization where organization_id = 'unei')""",
    "service": "update registry.service set municipality_codes = '{372021}', required_aal = 3",
    "dataset": "update registry.dataset set required_ial = 3",
    "link": "update registry.link set purpose_key = (select max(purpose_key) from registry.purpose), state = 'ended'",
}


async def differences(conn: Connection) -> int:
    return await conn.fetchval(
        """
        select count(*) from registry.link_standing_kept k full join registry.link_standing_followed f using (link_key)
         where row(k.*) is distinct from row(f.*)
        """
    )


@pytest.mark.parametrize("change", CHANGES)
async def test_the_kept_row_follows_every_table(control: Connection, change: str):
    await certified_service(control)
    before = await control.fetch("select * from registry.link_standing order by link_key")
    assert before
    await control.raw.execute(CHANGES[change])
    assert await differences(control) == 0
    assert await control.fetch("select * from registry.link_standing order by link_key") != before


async def test_the_kept_row_follows_acts_and_stops(control: Connection, journal):
    await certified_service(control)
    await registry.suspend_service(control, "kenko", "点検", ACTOR, journal)
    assert await control.fetchval("select service_state from registry.link_standing") == "suspended"
    await registry.reinstate_service(control, "kenko", "点検の終了", ACTOR)
    assert await control.fetchval("select service_state from registry.link_standing") == "certified"
    assert await differences(control) == 0


async def test_no_process_writes_it_by_hand(platform: Platform):
    conn = await platform.connect(SERVE, "moyai_control")
    for right in ("insert", "update", "delete"):
        assert not await conn.fetchval(
            "select has_table_privilege('registry.link_standing_kept', $1)", right
        ), right


async def changed(conn: Connection) -> None:
    await conn.execute(
        "set moyai.journal = ''"
    )  # somebody by hand: the next stop of the program takes the line along
    await conn.execute("update registry.service set required_aal = 3")


async def test_of_two_changes_at_once_neither_is_lost(fresh_platform: Platform):
    """Statements that bypass the program's own lock: the second one waits, and then sees what the first one did."""
    one = await fresh_platform.connect(ADMIN, "moyai_control")
    two = await fresh_platform.connect(ADMIN, "moyai_control")
    async with one.transaction():
        await certified_service(one)
    async with one.transaction():
        await one.execute(
            "update registry.organization set state = 'registered' where organization_id = 'city'"
        )
        other = asyncio.create_task(changed(two))
        while not await one.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110 (only the server knows)
            await asyncio.sleep(0.01)
    await other
    assert await differences(one) == 0
    assert await one.fetchval("select required_aal from registry.link_standing") == 3
