"""B2: what waits at a desk, an erasure above all, rests on those who said it, and is judged again when it takes effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import request_standing, residents, store_desk
from moyai.ledger import Kind
from moyai.web.erasure import end_what_fell, erase_due
from moyai.web.platform import Platform
from tests import factories
from tests.factories import MadeClerk
from tests.web.peers import form_of
from tests.web.test_desk import Desk, desk, erasure_asked, second_clerk

__all__ = ["desk"]


@dataclass
class Waiting:
    """An erasure that a program asked for and a clerk stands for, whose hours are over."""

    control: Connection
    platform: Platform
    desk: Desk
    clerk: MadeClerk
    resident: factories.MadeResident

    async def run(self, statement: str, *values: Any) -> None:
        await self.control.execute(statement, *values)

    async def state(self) -> str:
        return await self.control.fetchval(
            "select state from identity.resident where resident_key = $1", self.resident.key
        )

    async def said(self) -> list[dict[str, Any]]:
        rows = await self.control.fetch(
            "select body from ledger.content where kind = $1 and resident_key = $2 order by at",
            int(Kind.SECOND_PERSON_ASKED),
            self.resident.key,
        )
        return [msgspec.json.decode(row["body"])["detail"] for row in rows]


@pytest.fixture
async def waiting(app: Any, control: Connection, desk: Desk) -> Waiting:
    town = desk.town
    (clerk,) = await factories.make_clerks(control, town.c1, 1)
    await factories.make_client(
        control, organization=town.c1, client_id="erasing", kind="desk", scopes=("identity:erase",)
    )
    await control.execute(
        "insert into identity.desk_request (request_id, act, resident_key, organization_key, content, staff_key,"
        " asked_by, expires_at) values (gen_random_uuid(), 'erase', $1, $2, '{\"ground\": \"x\"}', $3,"
        " 'client:erasing', now())",
        town.hanako.key,
        town.c1.key,
        clerk.key,
    )
    return Waiting(control, app.state.platform, desk, clerk, town.hanako)


Stop = Callable[[Waiting], Awaitable[None]]


def stop(statement: str, *names: str) -> Stop:
    async def run(waiting: Waiting) -> None:
        values = {
            "clerk": waiting.clerk.key,
            "c1": waiting.desk.town.c1.key,
            "resident": waiting.resident.key,
        }
        await waiting.run(statement, *[values[name] for name in names])

    return run


STOPS = {
    "program disabled": stop("update registry.client set state = 'disabled' where client_id = 'erasing'"),
    "scope taken": stop("update registry.client set scopes = '{}' where client_id = 'erasing'"),
    "program of another": stop(
        "update registry.client set organization_key = (select organization_key from registry.organization"
        " where organization_key <> $1 order by 1 limit 1) where client_id = 'erasing'",
        "c1",
    ),
    "office suspended": stop(
        "update registry.organization set state = 'suspended' where organization_key = $1", "c1"
    ),
    "clerk disabled": stop("update identity.staff set state = 'disabled' where staff_key = $1", "clerk"),
    "role taken": stop("update identity.staff set roles = '{staff_admin}' where staff_key = $1", "clerk"),
    "clerk not in force": stop(
        "update identity.staff set in_force_since = null where staff_key = $1", "clerk"
    ),
    "resident moved": stop(
        "update identity.resident set municipality_code = '373419', desk_key = null where resident_key = $1",
        "resident",
    ),
    "resident protected": stop(
        "update identity.resident set protected_at = now() where resident_key = $1", "resident"
    ),
}


async def test_b2_what_nobody_stopped_takes_effect(waiting: Waiting) -> None:
    assert await end_what_fell(waiting.platform) == 0
    assert await erase_due(waiting.platform) == 1
    assert await waiting.state() == "erased"


@pytest.mark.parametrize("name", STOPS)
async def test_b2_a_stop_of_whoever_said_it_ends_what_waits(waiting: Waiting, name: str) -> None:
    await STOPS[name](waiting)
    assert await erase_due(waiting.platform) == 0
    assert await waiting.state() == "active"
    assert await waiting.control.fetchval("select count(*) from identity.desk_request") == 0
    assert [one["ended"] for one in await waiting.said()] == ["void"]


@pytest.mark.parametrize("name", STOPS)
async def test_b2_a_stop_that_was_lifted_revives_nothing(waiting: Waiting, name: str) -> None:
    """It is ended within seconds of the stop, not only when its hours are over."""
    await waiting.run("update identity.desk_request set expires_at = now() + interval '5 h'")
    await STOPS[name](waiting)
    assert await end_what_fell(waiting.platform) == 1
    assert await waiting.control.fetchval("select count(*) from identity.desk_request") == 0


async def test_b2_what_was_begun_is_carried_out_whatever_becomes_of_who_said_it(waiting: Waiting) -> None:
    await waiting.run("update registry.store set port = 1")
    await waiting.run(
        "update identity.resident set state = 'closed' where resident_key = $1", waiting.resident.key
    )
    await STOPS["clerk disabled"](waiting)
    assert await end_what_fell(waiting.platform) == 0
    assert await erase_due(waiting.platform) == 1
    assert await waiting.state() == "erased"


async def test_b2_a_program_brings_nothing_about_by_waiting(waiting: Waiting) -> None:
    await waiting.run("update identity.desk_request set staff_key = null")
    assert await erase_due(waiting.platform) == 0
    assert await end_what_fell(waiting.platform) == 1
    assert (await waiting.state(), [one["ended"] for one in await waiting.said()]) == ("active", ["lapsed"])


async def test_b2_the_hours_run_from_when_a_person_stands(desk: Desk, app: Any, box: SecretBox) -> None:
    resident, erase = await erasure_asked(desk)
    await desk.control.execute(
        "update identity.desk_request set staff_key = null, asked_by = 'client:erasing',"
        " expires_at = now() + interval '1 h'"
    )
    await factories.make_client(
        desk.control, organization=desk.town.c1, client_id="erasing", kind="desk", scopes=("identity:erase",)
    )
    page = await desk.http.get(erase)
    assert "一人目として確認する" in page.text
    answer = await desk.http.post(erase, data={**form_of(page, erase), "typed": resident})
    assert answer.headers["location"].endswith("done=erasure_asked")
    hours = await desk.control.fetchval(
        "select extract(epoch from expires_at - clock_timestamp()) / 3600 from identity.desk_request"
    )
    assert 23 < hours <= 24


async def test_b2_the_second_clerk_confirms_nothing_of_one_who_was_stopped(
    desk: Desk, app: Any, box: SecretBox
) -> None:
    resident, erase = await erasure_asked(desk)
    other = await second_clerk(desk, app, box)
    read = form_of(await other.get(erase), erase)
    await desk.control.execute("update identity.staff set roles = '{provider_admin}' where login = 'desk-c1'")
    answer = await other.post(erase, data={**read, "typed": resident})
    assert (answer.status_code, "もう待っていません" in answer.text) == (409, True)
    assert await desk.control.fetchval(
        "select state from identity.resident where resident_id = $1", resident
    ) == ("active")


async def test_b2_another_desk_that_asks_ends_what_waited_at_the_old_one(waiting: Waiting) -> None:
    await waiting.run("update identity.desk_request set expires_at = now() + interval '5 h'")
    await STOPS["resident moved"](waiting)
    moved = await residents.find(waiting.control, waiting.resident.key)
    assert moved is not None
    row = await store_desk.held(waiting.control, "erase", waiting.resident.key)
    assert row is not None
    assert not await request_standing.stands(waiting.control, row, moved)
