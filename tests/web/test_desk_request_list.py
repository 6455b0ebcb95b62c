"""What waits at a desk is found without knowing the resident: on the page and for programs, soonest first, to its end."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import store_desk
from moyai.ledger import Kind
from tests import factories
from tests.factories import Made, MadeClerk, Town
from tests.pages import assert_good_page
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt
from tests.web.peers import form_of
from tests.web.test_desk import Desk, clerk_of, desk, erasure_asked, second_clerk
from tests.web.test_identity_api import _desk as program_of  # pyright: ignore[reportPrivateUsage]

__all__ = ["desk"]

PATH = "/desk/requests"


async def put(
    control: Connection, town: Town, clerk: MadeClerk, resident: Made, hours: int, act: str = "erase"
) -> str:
    """A clerk of the first town asked for `act`; it ends or takes effect in so many hours."""
    return str(
        await control.fetchval(
            "insert into identity.desk_request (request_id, act, resident_key, organization_key, content, staff_key,"
            ' asked_by, expires_at) values (gen_random_uuid(), $1, $2, $3, \'{"ground": "死亡"}\', $4, $5, $6)'
            " returning request_id",
            act,
            resident.key,
            town.c1.key,
            clerk.key,
            f"staff:{clerk.id}",
            utc_now() + timedelta(hours=hours),
        )
    )


@pytest.fixture
async def asker(control: Connection, desk: Desk) -> MadeClerk:
    (clerk,) = await factories.make_clerks(control, desk.town.c1, 1)
    return clerk


async def residents(control: Connection, count: int) -> list[Made]:
    return [await factories.make_resident(control, factories.C1) for _ in range(count)]


async def shown(http: httpx.AsyncClient, path: str = PATH) -> str:
    answer = await http.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_a_clerk_finds_an_erasure_whose_resident_they_do_not_know(
    desk: Desk, app: object, box: SecretBox
) -> None:
    resident, erase = await erasure_asked(desk)
    other = await second_clerk(desk, app, box)
    text = await shown(other)
    assert (resident in text, "窓口の人" in text, "消去する日時" in text) == (True, True, True)
    assert f'href="{erase}"' in text
    assert f'href="{erase}"' not in await shown(desk.http), "who asked confirms nothing"
    assert "丸亀" not in text, "a list opens nobody's record"


async def test_anybody_of_the_desk_takes_back_what_the_list_shows(
    desk: Desk, app: object, box: SecretBox
) -> None:
    await erasure_asked(desk)
    other = await second_clerk(desk, app, box)
    page = await other.get(PATH)
    action = page.text.split(f'action="{PATH}/')[1].split('"')[0]
    data = {**form_of(page, f"{PATH}/{action}"), "act": "withdraw"}
    assert (await other.post(f"{PATH}/{action}", data=data)).headers["location"] == f"{PATH}?done=taken_back"
    assert await desk.control.fetchval("select count(*) from identity.desk_request") == 0
    body = await desk.control.fetchval(
        "select body from ledger.content where kind = $1 order by at desc limit 1",
        int(Kind.SECOND_PERSON_ASKED),
    )
    assert '"withdrawn":true' in body
    assert (await other.post(f"{PATH}/{action}", data=data)).status_code == 409


async def test_it_is_read_to_its_end_soonest_first(
    control: Connection, desk: Desk, asker: MadeClerk, web: httpx.AsyncClient
) -> None:
    town = desk.town
    people = await residents(control, 5)
    ids = [
        await put(control, town, asker, one, hours)
        for one, hours in zip(people, (9, 3, 7, 1, 5), strict=True)
    ]
    expected = [ids[3], ids[1], ids[4], ids[2], ids[0]]
    program = await program_of(control, web, town.c1)
    read: list[str] = []
    query = "?limit=2"
    while True:
        page = (await program.call("GET", f"/requests{query}")).json()
        read += [one["request_id"] for one in page["requests"]]
        if "next" not in page:
            break
        query = f"?limit=2&cursor={page['next']}"
    assert read == expected
    assert (await program.call("GET", "/requests?cursor=bm9uZQ")).status_code == 422


async def test_another_desk_reads_nothing_of_it(
    control: Connection, desk: Desk, app: object, box: SecretBox, asker: MadeClerk
) -> None:
    (one,) = await residents(control, 1)
    request = await put(control, desk.town, asker, one, 5)
    async with in_process.client_of(app) as http:
        await clerk_of(control, box, http, "c2")
        page = await http.get(PATH)
        assert request not in page.text
        data = {**form_of(page, "/logout"), "act": "withdraw"}
        assert (await http.post(f"{PATH}/{request}", data=data)).status_code == 409
    assert await control.fetchval("select count(*) from identity.desk_request") == 1


async def test_b10_about_a_protected_resident_it_tells_named_staff_alone(
    control: Connection, desk: Desk, web: httpx.AsyncClient, asker: MadeClerk
) -> None:
    (one,) = await residents(control, 1)
    request = await put(control, desk.town, asker, one, 5, "protect")
    program = await program_of(control, web, desk.town.c1)
    assert request in await shown(desk.http)
    assert (await program.call("GET", "/requests")).json() == {"requests": []}
    await store_desk.set_protected(control, one.key, protected=True)
    await store_desk.name_access(control, one.key, asker.key)
    assert request not in await shown(desk.http)
    data = {**form_of(await desk.http.get(PATH), "/logout"), "act": "withdraw"}
    assert (await desk.http.post(f"{PATH}/{request}", data=data)).status_code == 409
    reader = await control.fetchval("select staff_key from identity.staff where login = 'desk-c1'")
    await store_desk.name_access(control, one.key, reader)
    assert request in await shown(desk.http)


async def test_what_may_not_take_effect_any_more_is_not_listed(
    control: Connection, desk: Desk, asker: MadeClerk
) -> None:
    (one,) = await residents(control, 1)
    request = await put(control, desk.town, asker, one, 5)
    await control.execute("update identity.staff set state = 'disabled' where staff_key = $1", asker.key)
    assert request not in await shown(desk.http)


@pytest.mark.browser
async def test_the_page_is_good(
    control: Connection, app: object, desk: Desk, asker: MadeClerk, page_at: PageAt
) -> None:
    for hours, one in enumerate(await residents(control, 2), 2):
        await put(control, desk.town, asker, one, hours)
    name = app.state.platform.cookie_name  # type: ignore[attr-defined]
    async with served(app) as site:
        page = await page_at(320)
        await page.context.add_cookies([{"name": name, "value": desk.http.cookies[name], "url": site}])
        await page.goto(f"{site}{PATH}")
        await assert_good_page(page)
