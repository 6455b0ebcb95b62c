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
from tests.web.portal.test_changed_texts import NEW_PURPOSE_OF_STEPS
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


async def test_c1_the_terms_have_a_page_of_their_own_with_the_way_out(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await publish(control, None, 2, day(9))
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


@pytest.mark.parametrize("days", [9, -1], ids=["before the day", "after it"])
async def test_people_h8_data_is_decided_on_before_or_without_the_terms(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, days: int
) -> None:
    """Both changed at once: neither stands behind the other."""
    await publish(control, town.kenko, 2, day(days))
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    text = (await visitor.get(SERVICE)).text
    assert ("保険料の算定に使います。" in text, f'href="{TERMS}"' in text) == (True, True)
    form = {"csrf": csrf(text), "decision": "each", "sha256": text.split('name="sha256" value="')[1][:64]}
    kept = {"link.kenko-vitals": "kept", "link.kenko-presence": "kept"}
    made = await visitor.post(f"{SERVICE}/decision", data=form | kept | {"link.kenko-steps": "refused"})
    assert made.headers["location"].startswith("/portal/receipts/")
    assert (await states(control, town))["kenko-steps"] == 2
    assert "規約に同意しました" not in (await visitor.get("/portal/consents")).text
    assert "新しい規約に同意する" in (await visitor.get(TERMS)).text


async def test_people_h8_accepting_terms_decides_nothing_about_data_that_changed_with_them(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await publish(control, town.kenko, 2, day(9))
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    before = await states(control, town)
    text = (await visitor.get(TERMS)).text
    assert "データについての説明も変わりました。これは、規約とは別に決めます。" in text
    assert f'href="{SERVICE}#card-kenko-steps"' in text
    names = ("service_terms", "platform_terms")
    read = {name: text.split(f'name="{name}" value="')[1][:64] for name in names}
    await visitor.post(TERMS, data={"csrf": csrf(text), **read})
    assert await states(control, town) == before
    assert "説明が変わったので、データは渡していません。" in (await visitor.get("/portal/consents")).text


async def test_people_h8_terms_that_ask_for_nothing_ask_nobody(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await publish(control, town.kenko, 2, None)
    for path in ("/portal", "/portal/consents", SERVICE):
        assert "新しい規約を読む" not in (await visitor.get(path)).text, path
    text = (await visitor.get(TERMS)).text
    assert ("第2版の役割。" in text, "同意はお願いしていません" in text) == (True, True)
    assert "新しい規約に同意する" not in text


async def test_terms_of_a_service_that_is_not_used_are_no_page(
    town: Town, visitor: httpx.AsyncClient
) -> None:
    assert (await visitor.get(TERMS)).status_code == 409
