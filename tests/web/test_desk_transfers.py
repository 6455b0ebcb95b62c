"""Moving in, through the pages of both desks, the portal and the API."""

from __future__ import annotations

import re

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, residents
from moyai.identity import desk as desks
from moyai.identity.model import Evidence
from tests import factories
from tests.factories import C2, Town
from tests.identity.conftest import person
from tests.logins import PROOF
from tests.pages import assert_good_page
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt
from tests.web.peers import Person, form_of
from tests.web.test_desk import ENTRY, clerk_of
from tests.web.test_registry_pending import six_minutes_ago

MOVED = {**ENTRY, "municipality_code": C2, "address": "香川県木田郡三木町氷上310"}


@pytest.fixture
async def town(control: Connection) -> Town:
    return await factories.make_town(control)


@pytest.fixture
async def taro(control: Connection, box: SecretBox, town: Town) -> dict[str, str]:
    """Enrolled in Takamatsu, with a login."""
    at = await desks.desk_of(control, town.c1.key, "staff:x")
    made = await residents.enrol(control, at, person(), Evidence(2, "desk_document", "drivers_license"))
    issued = await credentials.issue(control, box, at, made, "test")
    return {
        "id": made.resident_id,
        "login": issued.login,
        "password": issued.password,
        "totp": issued.totp_secret,
    }


async def _ask(http: httpx.AsyncClient, **change: str) -> httpx.Response:
    page = await http.get("/desk/enrol")
    met = await http.post("/desk/enrol", data={**form_of(page, "/desk/enrol"), **MOVED})
    assert met.status_code == 409
    form = form_of(met, "/desk/enrol")
    assert form["act"] == "move_in", "the form of the transfer carries the person"
    return await http.post("/desk/enrol", data={**form, **change})


async def _send(http: httpx.AsyncClient, page: str, **fields: str) -> httpx.Response:
    shown = await http.get(page)
    action = re.search(rf'action="({page}/[0-9a-f-]{{36}})"', shown.text)
    assert action is not None, shown.text
    return await http.post(action[1], data={**form_of(shown, action[1]), **fields})


async def test_h1_the_attack_over_the_pages_ends_before_the_recovery(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town, taro: dict[str, str]
) -> None:
    """As in the review: a clerk of Miki, nothing shown, then move in and recover."""
    await clerk_of(control, box, web, "c2")
    refused = await _ask(web, level="1", method="self_asserted", document_class="none")
    assert refused.status_code == 422
    asked = await _ask(web)
    assert asked.headers["location"] == "/desk/transfers?done=asked"
    shown = await web.get("/desk/transfers")
    assert taro["id"] not in shown.text
    record = f"/desk/residents/{taro['id']}"
    assert (await web.get(f"{record}?reason=transfer")).status_code == 404
    assert (await web.get(f"{record}/recover")).status_code == 404


async def test_m9_the_page_never_says_who_or_where(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town, taro: dict[str, str]
) -> None:
    await clerk_of(control, box, web, "c2")
    page = await web.get("/desk/enrol")
    met = await web.post("/desk/enrol", data={**form_of(page, "/desk/enrol"), **MOVED})
    assert met.status_code == 409
    shown = met.text.split('name="family_name"')[0]
    assert taro["id"] not in met.text
    assert "高松" not in shown
    assert "distinct_reason" in met.text


async def test_the_losing_desk_confirms_on_its_page(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient, town: Town, taro: dict[str, str]
) -> None:
    await clerk_of(control, box, web, "c2")
    await _ask(web)
    async with in_process.client_of(app) as takamatsu:
        await clerk_of(control, box, takamatsu, "c1")
        assert taro["id"] in (await takamatsu.get("/desk/transfers")).text
        done = await _send(takamatsu, "/desk/transfers", act="confirm")
        assert done.headers["location"] == "/desk/transfers?done=confirmed"
    assert "丸亀" in (await web.get(f"/desk/residents/{taro['id']}?reason=transfer")).text
    recover = f"/desk/residents/{taro['id']}/recover"
    page = await web.get(recover)
    first = await web.post(recover, data={**form_of(page, recover), **PROOF})
    assert first.headers["location"].endswith("done=second")
    assert "もう一人の職員" in (await web.get(first.headers["location"])).text


@pytest.mark.parametrize(("act", "code"), [("confirm", C2), ("decline", "372013")])
async def test_the_resident_is_told_in_the_portal_and_decides(
    control: Connection,
    box: SecretBox,
    app: object,
    web: httpx.AsyncClient,
    town: Town,
    taro: dict[str, str],
    act: str,
    code: str,
) -> None:
    await clerk_of(control, box, web, "c2")
    await _ask(web)
    async with in_process.client_of(app) as browser:
        await Person(browser, taro["login"], taro["password"], taro["totp"]).log_in()
        assert "/portal/transfers" in (await browser.get("/portal")).text
        done = await _send(browser, "/portal/transfers", act=act)
        assert done.status_code == 303
        history = (await browser.get("/portal/history")).text
        assert "あなたの転入を申し出ました" in history
        assert "desk-c2" not in history
    assert await _town_of(control, taro) == code


async def test_people_h3_the_residents_yes_to_a_move_is_a_press_of_its_own_after_the_code(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient, town: Town, taro: dict[str, str]
) -> None:
    await clerk_of(control, box, web, "c2")
    await _ask(web)
    async with in_process.client_of(app) as browser:
        person = Person(browser, taro["login"], taro["password"], taro["totp"])
        await person.log_in()
        await six_minutes_ago(control)
        checked = await _send(browser, "/portal/transfers", second_factor=person.code(1))
        assert (checked.status_code, "まだ、何も決まっていません" in checked.text) == (200, True)
        assert await _town_of(control, taro) == "372013"
        action = re.search(r'action="(/portal/transfers/[0-9a-f-]{36})"', checked.text)
        assert action is not None
        done = await browser.post(action[1], data=form_of(checked, action[1]))
        assert done.headers["location"] == "/portal/transfers?done=confirmed"
    assert await _town_of(control, taro) == C2


async def _town_of(control: Connection, who: dict[str, str]) -> str:
    return await control.fetchval(
        "select municipality_code from identity.resident where resident_id = $1", who["id"]
    )


async def test_the_second_clerk_types_the_number_of_the_certificate(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient, town: Town, taro: dict[str, str]
) -> None:
    await clerk_of(control, box, web, "c2")
    await _ask(web, certificate="A-77")
    own = await _send(web, "/desk/transfers", act="check", certificate="A-77")
    assert own.status_code == 403
    async with in_process.client_of(app) as second:
        await clerk_of(control, box, second, "c2", login="second-c2")
        wrong = await _send(second, "/desk/transfers", act="check", certificate="A-78")
        assert wrong.status_code == 409
        done = await _send(second, "/desk/transfers", act="check", certificate="A-77")
        assert done.headers["location"] == "/desk/transfers?done=confirmed"


async def test_m11_numbers_of_a_certificate_are_not_tried_for_long(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient, town: Town, taro: dict[str, str]
) -> None:
    await clerk_of(control, box, web, "c2")
    await _ask(web, certificate="A-77")
    async with in_process.client_of(app) as second:
        await clerk_of(control, box, second, "c2", login="second-c2")
        for number in range(5):
            wrong = await _send(second, "/desk/transfers", act="check", certificate=f"B-{number}")
            assert wrong.status_code == 409
        stopped = await _send(second, "/desk/transfers", act="check", certificate="A-77")
        assert (stopped.status_code, stopped.headers["retry-after"]) == (429, "600")


@pytest.mark.browser
async def test_people_h2_enter_in_a_field_of_the_person_asks_for_no_transfer(
    control: Connection,
    box: SecretBox,
    app: object,
    web: httpx.AsyncClient,
    town: Town,
    taro: dict[str, str],
    page_at: PageAt,
) -> None:
    """A clerk mends a name and presses Enter: the page says once more that somebody is met."""
    await clerk_of(control, box, web, "c2")
    name = app.state.platform.cookie_name  # type: ignore[attr-defined]
    async with served(app) as site:
        page = await page_at(360)
        await page.context.add_cookies([{"name": name, "value": web.cookies[name], "url": site}])
        await page.goto(f"{site}/desk/enrol")
        for field, value in MOVED.items():
            if field in ("sex", "municipality_code", "method", "document_class", "level"):
                await page.select_option(f"[name={field}]", value)
            else:
                await page.fill(f"[name={field}]", value)
        for field in ("given_name", "address"):
            await page.press(f"input[name={field}]:visible", "Enter")
            await page.get_by_role("button", name="転入を申し出る").wait_for()
            await assert_good_page(page)
    assert await control.fetchval("select count(*) from identity.transfer") == 0
