"""Whom an erasure is about reads it on every page of the portal, and stops it; by the API alike (people H5)."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.web.erasure import erase_due
from tests import factories
from tests.factories import Town
from tests.pages import assert_good_page
from tests.web.peers import form_of
from tests.web.portal.conftest import Visit
from tests.web.touch_point import make_scene

NOTICE = "あなたの情報を、すべて消す手続きが進んでいます"
PAGES = (
    "/portal",
    "/portal/services",
    "/portal/consents",
    "/portal/data",
    "/portal/history",
    "/portal/sharing",
)


async def wait(control: Connection, town: Town, *, clerk: bool = True, hours: int = 20) -> UUID:
    """An erasure of Hanako that a clerk, or else only a program, asked for."""
    (one,) = await factories.make_clerks(control, town.c1, 1)
    await factories.make_client(
        control, organization=town.c1, client_id="erasing", kind="desk", scopes=("identity:erase",)
    )
    return await control.fetchval(
        "insert into identity.desk_request (request_id, act, resident_key, organization_key, content, staff_key,"
        " asked_by, expires_at) values ($1, 'erase', $2, $3, '{\"ground\": \"死亡\"}', $4, $5,"
        " now() + make_interval(hours => $6)) returning request_id",
        uuid4(),
        town.hanako.key,
        town.c1.key,
        one.key if clerk else None,
        one.actor if clerk else "client:erasing",
        hours,
    )


async def waits(control: Connection) -> int:
    return await control.fetchval("select count(*) from identity.desk_request")


@pytest.mark.parametrize("path", PAGES)
async def test_h5_every_page_says_that_everything_will_be_erased_and_when(
    control: Connection, town: Town, visitor: httpx.AsyncClient, path: str
) -> None:
    assert NOTICE not in (await visitor.get(path)).text
    await wait(control, town)
    page = await visitor.get(path)
    assert (NOTICE in page.text, 'href="/portal/erasure"' in page.text) == (True, True)
    assert "<time" in page.text.partition(NOTICE)[2][:400]


async def test_h5_the_resident_stops_it_and_nothing_is_erased(
    app: object, control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    request = await wait(control, town)
    page = await visitor.get("/portal/erasure")
    assert all(text in page.text for text in ("高松市", "死亡", "消去を止める"))
    action = f"/portal/erasure/{request}"
    answer = await visitor.post(action, data=form_of(page, action))
    assert answer.headers["location"] == "/portal/erasure?done=stopped"
    assert "消去を止めました" in (await visitor.get("/portal/erasure?done=stopped")).text
    assert await waits(control) == 0
    assert await erase_due(app.state.platform) == 0  # type: ignore[attr-defined]
    assert "あなたが、あなたの情報の消去を止めました" in (await visitor.get("/portal/history")).text
    assert NOTICE not in (await visitor.get("/portal")).text


async def test_h5_what_was_not_read_is_not_stopped(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    request = await wait(control, town)
    action = f"/portal/erasure/{request}"
    read = form_of(await visitor.get("/portal/erasure"), action)
    other = uuid4()
    await control.execute("update identity.desk_request set request_id = $1", other)
    answer = await visitor.post(action, data=read)
    assert (answer.status_code, "もう待っていません" in answer.text) == (409, True)
    assert await waits(control) == 1


async def test_h5_nobody_stops_the_erasure_of_another_one(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    request = await wait(control, town)
    await control.execute("update identity.desk_request set resident_key = $1", town.ichiro.key)
    page = await visitor.get("/portal/access")
    answer = await visitor.post(
        f"/portal/erasure/{request}", data={"csrf": form_of(page, "/portal/access")["csrf"]}
    )
    assert (answer.status_code, await waits(control)) == (409, 1)


async def test_h5_what_only_a_program_asked_for_has_no_hour(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    await wait(control, town, clerk=False)
    assert NOTICE not in (await visitor.get("/portal")).text
    assert "職員が確認するまで、何も消えません" in (await visitor.get("/portal/erasure")).text


async def test_h5_what_a_second_clerk_confirmed_is_stopped_by_nobody(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    request = await wait(control, town)
    action = f"/portal/erasure/{request}"
    read = form_of(await visitor.get("/portal/erasure"), action)
    await control.execute("update identity.desk_request set confirmed_by = 'staff:x'")
    assert (await visitor.post(action, data=read)).status_code == 409
    assert await waits(control) == 1


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
async def test_h5_the_notice_and_its_page_are_good_pages(
    control: Connection, town: Town, visit: Visit, width: int
) -> None:
    await wait(control, town)
    for path in ("/portal", "/portal/erasure"):
        await assert_good_page(await visit(town.hanako, path, width=width))


async def test_h5_an_app_lists_and_stops_it(
    control: Connection, box: SecretBox, web: httpx.AsyncClient
) -> None:
    scene = await make_scene(control, box, web)
    path, token = "/identity/v1/me/erasures", scene.tokens["access_token"]
    assert (await scene.app.call("GET", path, token)).json() == {"erasures": []}
    request = await wait(control, scene.town)
    await control.execute(
        "update identity.desk_request set resident_key = r.resident_key from identity.resident r where r.resident_id = $1",
        scene.resident.resident_id,
    )
    (one,) = (await scene.app.call("GET", path, token)).json()["erasures"]
    assert (one["request_id"], one["ground"], one["organization_id"]) == (str(request), "死亡", "c1")
    assert (await scene.app.call("DELETE", f"{path}/{uuid4()}", token)).json()["code"] == "request_changed"
    assert (await scene.app.call("DELETE", f"{path}/{request}", token)).json() == {"erasures": []}
    assert await waits(control) == 0


async def test_h1_a_protected_resident_reads_no_office(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    await wait(control, town)
    assert "高松市" in (await visitor.get("/portal/erasure")).text
    await control.execute("update identity.resident set protected_at = now()")
    page = (await visitor.get("/portal/erasure")).text
    assert ("消去を止める" in page, "高松市" in page) == (True, False)
