"""The portal where terms have changed: what, by when; accept, or stop using the service."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from moyai.base.db import Connection
from tests.consent.test_terms import day, publish
from tests.factories import Town
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_stopping import SERVICE, csrf, states

TERMS = f"{SERVICE}/terms"


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", ["/portal", "/portal/consents", TERMS])
@pytest.mark.parametrize("days", [9, -1], ids=["before the day", "after it"])
async def test_c1_the_pages_say_what_changed_and_by_when(
    control: Connection, town: Town, joined: str, visit: Visit, width: int, path: str, days: int
) -> None:
    await publish(control, town.kenko, 2, day(days))
    page = await visit(town.hanako, path, width=width)
    await assert_good_page(page, japanese=True)
    notice = page.locator(".notice").first
    await expect(notice).to_contain_text("休止しています" if days < 0 else f"{day(days).day}日")


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
async def test_c1_accepting_is_one_step_and_changes_no_decision(
    control: Connection, town: Town, joined: str, visit: Visit, javascript: bool
) -> None:
    before = await states(control, town)
    await publish(control, town.kenko, 2, day(-1))
    page = await visit(town.hanako, "/portal/consents", javascript=javascript)
    await page.get_by_role("link", name="新しい規約を読む").first.click()
    await expect(page.locator(".changes__new").last).to_contain_text("第2版の役割。")
    await page.get_by_role("button", name="新しい規約に同意する").click()
    await expect(page.get_by_text("新しい規約に同意しました。")).to_be_visible()
    assert await page.get_by_text("休止しています").count() == 0
    assert await states(control, town) == before
    assert await control.fetchval("select count(*) from consent.act") == 1, "it is no decision"


async def test_c1_the_service_leads_to_the_terms_first_and_from_there_out(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await publish(control, None, 2, day(9))
    led = await visitor.get(SERVICE)
    assert (led.status_code, led.headers["location"]) == (303, TERMS)
    text = (await visitor.get(TERMS)).text
    assert f'href="{SERVICE}/withdrawal"' in text
    form = {"csrf": csrf(text), "service_terms": "0" * 64, "platform_terms": "0" * 64}
    stale = await visitor.post(TERMS, data=form)
    assert stale.headers["location"] == f"{TERMS}?changed=1"
    assert "規約がまた新しくなりました" in (await visitor.get(f"{TERMS}?changed=1")).text
    names = ("service_terms", "platform_terms")
    read = {name: text.split(f'name="{name}" value="')[1][:64] for name in names}
    assert (await visitor.post(TERMS, data=form | read)).headers["location"] == "/portal/consents?done=terms"
    assert "いまの規約に同意しています" in (await visitor.get(TERMS)).text
    assert (await visitor.get(SERVICE)).status_code == 200


async def test_terms_of_a_service_that_is_not_used_are_no_page(
    town: Town, visitor: httpx.AsyncClient
) -> None:
    assert (await visitor.get(TERMS)).status_code == 409
