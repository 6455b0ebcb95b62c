"""Seeing, changing and stopping consents in the portal."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import expect

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import receipts
from tests.factories import Town
from tests.web import in_process
from tests.web.portal.conftest import LogIn, Visit, cookie_name

SERVICE = "/portal/services/kenko-mimamori"


async def states(conn: Connection, town: Town) -> dict[str, int]:
    rows = await conn.fetch(
        "select link_id, s.state from consent.state s join registry.link using (link_key) where resident_key = $1",
        town.hanako.key,
    )
    return {row["link_id"]: row["state"] for row in rows}


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    assert found
    return found.group(1)


@pytest.mark.browser
async def test_one_link_is_stopped_and_the_rest_goes_on(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    page = await visit(town.hanako, "/portal/consents", javascript=False)
    card = page.locator(".consent", has_text="在宅のようす")
    await card.get_by_role("link", name="「在宅のようす」を止める").click()
    await expect(page.get_by_role("heading", name="「在宅のようす」を止めますか")).to_be_visible()
    await page.get_by_role("button", name="はい、止めます").click()
    told = page.get_by_role("status")
    await expect(told).to_contain_text("「在宅のようす」を止めました。")
    await expect(told).to_contain_text("ほかの同意と、アプリのログインは、そのままです。")
    await expect(told.get_by_role("link", name="止めたことの控えを見る")).to_be_visible()
    assert await states(control, town) == {"kenko-steps": 1, "kenko-vitals": 2, "kenko-presence": 3}


@pytest.mark.browser
async def test_the_whole_service_is_stopped_from_the_first_page(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    page = await visit(town.hanako, "/portal", javascript=False)
    await page.get_by_role("link", name="「健康見守り」の利用をやめる").click()
    await expect(page.get_by_role("heading", name="「健康見守り」の利用をやめますか")).to_be_visible()
    await page.get_by_role("button", name="はい、利用をやめます").click()
    await expect(page.get_by_role("status")).to_contain_text("サービスの利用をやめました。")
    assert await states(control, town) == {"kenko-steps": 3, "kenko-vitals": 2, "kenko-presence": 3}
    ended = "select ended_at is not null from consent.membership where resident_key = $1"
    assert await control.fetchval(ended, town.hanako.key)


@pytest.mark.browser
async def test_a_decision_is_changed_with_what_was_decided_before_in_view(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    vitals = page.get_by_role("group", name=re.compile("体重と血圧"))
    await expect(vitals.get_by_label("断る")).to_be_checked()
    await vitals.get_by_label("使ってよい").check()
    await page.get_by_role("button", name="選んだところだけ変える").click()
    await expect(page.get_by_role("heading", name="同意の控え")).to_be_visible()
    assert await states(control, town) == {"kenko-steps": 1, "kenko-vitals": 1, "kenko-presence": 1}


async def test_going_back_from_the_question_changes_nothing(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    before = await states(control, town)
    assert (await visitor.get(f"{SERVICE}/withdrawal?link=kenko-steps")).status_code == 200
    assert await states(control, town) == before


async def test_a_form_from_elsewhere_stops_nothing(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    before = await states(control, town)
    for token in ({"another": "field"}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "あ"}):
        refused = await visitor.post(f"{SERVICE}/withdrawal", data=token)
        assert refused.status_code == 403
    assert await states(control, town) == before


async def test_what_is_not_in_use_cannot_be_stopped(town: Town, visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get(f"{SERVICE}/withdrawal")).status_code == 409
    assert (await visitor.get("/portal/services/nothing/withdrawal")).status_code == 404


async def test_the_receipt_is_signed_and_says_what_was_decided(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, box: SecretBox
) -> None:
    text = (await visitor.get(f"/portal/receipts/{joined}")).text
    assert text.count("使ってよいと決めました") == 2
    assert "同意中" not in text, "m3: a receipt says what was done, not how it stands"
    assert "そのあとに変わった" not in text
    assert text.count("断りました") == 2, "in the sentence, and in the table"
    jws = re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", text)
    assert jws
    assert receipts.read(jws.group(0), await receipts.public_keys(control))["receipt_id"] == joined


async def test_the_receipt_of_a_withdrawal(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    token = csrf((await visitor.get(f"{SERVICE}/withdrawal")).text)
    stopped = await visitor.post(f"{SERVICE}/withdrawal", data={"csrf": token})
    assert stopped.headers["location"].startswith("/portal/consents?done=withdrawn&receipt=")
    act = await control.fetchval(
        "select act_id from consent.act where resident_key = $1 and kind = 'withdraw'", town.hanako.key
    )
    shown = await visitor.get(f"/portal/receipts/{act}")
    assert shown.status_code == 200
    assert shown.text.count("badge--plain") == 2
    assert "そのあとに変わった" not in shown.text
    earlier = (await visitor.get(f"/portal/receipts/{joined}")).text
    assert "そのあとに変わったものがあります" in earlier, "m3: what was decided then is not so any more"


async def test_nobody_reads_the_receipt_of_another_resident(
    town: Town, joined: str, app: object, log_in: LogIn
) -> None:
    async with in_process.client_of(app) as other:
        other.cookies.set(cookie_name(app), await log_in(town.ichiro))
        assert (await other.get(f"/portal/receipts/{joined}")).status_code == 404
        assert (await other.get("/portal/receipts/rubbish")).status_code == 404


async def test_people_h4_the_question_names_whom_it_is_shared_with_and_what_stays(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    page = await visitor.get("/portal/sharing")
    offer = {
        "csrf": csrf(page.text),
        "service": "kenko-mimamori",
        "links": "kenko-steps",
        "viewer_name": "恵",
        "relation": "娘",
        "shown_as": "母",
    }
    assert (await visitor.post("/portal/sharing", data=offer)).status_code == 200
    one = (await visitor.get(f"{SERVICE}/withdrawal?link=kenko-steps")).text
    assert ("見られなくなります：恵" in one, "ほかの部分は、そのまま使えます" in one) == (True, True)
    other = (await visitor.get(f"{SERVICE}/withdrawal?link=kenko-presence")).text
    assert "見られなくなります" not in other
    assert 'href="/portal/access"' in one, "a log-in is another thing"


async def test_the_page_is_told_of_no_act_of_somebody_else(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    for receipt in ("6a3f2c1e-9b7d-4e21-8f54-2d9c0b7a1e63", "x", ""):
        text = (await visitor.get(f"/portal/consents?done=withdrawn&receipt={receipt}")).text
        assert "止めたことの控えを見る" not in text
