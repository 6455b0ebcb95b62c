"""Starting to use a service in the portal: the five steps of guidebook 3.2.3, in a browser without scripts."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from moyai.base.db import Connection
from tests.factories import Town
from tests.web.portal.conftest import Visit

pytestmark = pytest.mark.browser

SERVICE = "/portal/services/kenko-mimamori"
HEADINGS = (
    "サービスを選ぶ",
    "サービスの規約を読む",
    "データを届ける仕組み（データ連携基盤）",
    "基盤の規約を読む",
    "使うか決める",
)
BUTTONS = ("このサービスを選んで、次へ", "読みました。次へ", "確認しました。次へ", "読みました。次へ")


ALL = {f"link.kenko-{each}": "given" for each in ("steps", "vitals", "presence")}


async def heading(page: Page) -> str:
    return await page.locator("h1").inner_text()


async def go_on(page: Page, steps: int) -> None:
    for label in BUTTONS[:steps]:
        await page.get_by_role("button", name=label).click()


async def rows_of(conn: Connection, town: Town) -> list[int]:
    """How many rows of consent's tables speak of Hanako."""
    return [
        await conn.fetchval(
            "select count(*) from consent.enrolment where resident_key = $1", town.hanako.key
        ),
        await conn.fetchval(
            "select count(*) from consent.presentation where resident_key = $1", town.hanako.key
        ),
        await conn.fetchval(
            "select count(*) from consent.membership where resident_key = $1", town.hanako.key
        ),
        await conn.fetchval("select count(*) from consent.state where resident_key = $1", town.hanako.key),
        await conn.fetchval("select count(*) from consent.act where resident_key = $1", town.hanako.key),
    ]


@pytest.mark.requirement("R-108", part="portal", of=["rules", "api", "portal"])
async def test_each_step_is_shown_in_order_and_both_terms_are_stored(
    control: Connection, town: Town, visit: Visit
) -> None:
    page = await visit(town.hanako, "/portal/services", javascript=False)
    await page.get_by_role("link", name=re.compile("健康見守り")).click()
    seen = [await heading(page)]
    for label in BUTTONS:
        await page.get_by_role("button", name=label).click()
        seen.append(await heading(page))
    assert tuple(seen) == HEADINGS
    await page.get_by_role("button", name="全部「使ってよい」を選ぶ").click()
    await page.get_by_role("button", name="選んだ内容で決定する").click()
    await expect(page.get_by_role("heading", name="同意の控え")).to_be_visible()
    kept = await control.fetchrow(
        "select m.*, s.kind as service_kind, p.kind as platform_kind from consent.membership m"
        " join registry.terms_version s on s.terms_key = m.service_terms_key"
        " join registry.terms_version p on p.terms_key = m.platform_terms_key where resident_key = $1",
        town.hanako.key,
    )
    assert kept is not None
    assert (kept["service_kind"], kept["platform_kind"]) == ("service", "platform")
    assert kept["accepted_at"] is not None


async def test_the_terms_are_shown_whole_with_their_fingerprint(
    control: Connection, town: Town, visit: Visit
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    await go_on(page, 1)
    terms = await control.fetchrow(
        "select content, sha256 from registry.terms_version where service_key = $1", town.kenko.key
    )
    assert terms is not None
    text = await page.locator(".terms").inner_text()
    assert terms["content"]["title"]["ja"] in text
    assert terms["sha256"].hex() in text
    for section in terms["content"]["sections"]:
        assert section["body"]["ja"] in text


async def test_a_later_step_cannot_be_reached_first(
    town: Town, visitor: httpx.AsyncClient, control: Connection
) -> None:
    """Whatever a form asks for, the page that follows is the step that is due, and nothing is stored."""
    page = await visitor.get(SERVICE)
    csrf = _csrf(page.text)
    for step in ("service-terms", "platform", "platform-terms"):
        skipped = await visitor.post(
            f"{SERVICE}/enrolment", data={"csrf": csrf, "step": step, "sha256": "0" * 64}
        )
        assert skipped.headers["location"] == f"{SERVICE}?changed=1"
    decided = await visitor.post(
        f"{SERVICE}/decision", data={"csrf": csrf, "decision": "each", **ALL, "sha256": "0" * 64}
    )
    assert decided.headers["location"] == f"{SERVICE}?changed=1"
    assert "サービスを選ぶ</h1>" in (await visitor.get(SERVICE)).text
    assert await rows_of(control, town) == [0, 0, 0, 0, 0]


def _csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    assert found
    return found.group(1)


@pytest.mark.requirement("R-108", part="portal", of=["rules", "api", "portal"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
async def test_leaving_at_any_step_leaves_no_data(
    control: Connection, town: Town, visit: Visit, steps: int
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    await go_on(page, steps)
    assert await heading(page) == HEADINGS[steps]
    await page.get_by_role("button", name="利用しない（記録は残りません）").click()
    assert page.url.endswith("/portal/services")
    assert await rows_of(control, town) == [0, 0, 0, 0, 0]


async def test_nothing_is_chosen_beforehand_and_silence_is_not_consent(
    control: Connection, town: Town, visit: Visit
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    await go_on(page, 4)
    assert await page.locator("input[type=radio]:checked").count() == 0
    await page.get_by_role("group", name=re.compile("体重と血圧")).get_by_label("断る").check()
    await page.get_by_role("button", name="選んだ内容で決定する").click()
    await expect(page.get_by_role("alert")).to_contain_text("まだ決めていないデータがあります")
    assert await page.locator(".link-card--missing").count() == 2
    assert await page.locator("input[type=radio]:checked").count() == 1, "what was chosen stays"
    assert (
        await control.fetchval("select count(*) from consent.state where resident_key = $1", town.hanako.key)
        == 0
    )


async def test_each_link_can_be_refused_alone(control: Connection, town: Town, visit: Visit) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    await go_on(page, 4)
    for dataset, choice in (("歩数", "使ってよい"), ("体重と血圧", "断る"), ("在宅のようす", "使ってよい")):
        await page.get_by_role("group", name=re.compile(dataset)).get_by_label(choice).check()
    await page.get_by_role("button", name="選んだ内容で決定する").click()
    await expect(page.get_by_role("heading", name="同意の控え")).to_be_visible()
    states = await control.fetch(
        "select link_id, s.state from consent.state s join registry.link using (link_key)"
        " where resident_key = $1 order by link_id",
        town.hanako.key,
    )
    assert {row["link_id"]: row["state"] for row in states} == {
        "kenko-presence": 1,
        "kenko-steps": 1,
        "kenko-vitals": 2,
    }


@pytest.mark.requirement("R-112", part="page", of=["text", "stored_only_if_shown", "page"])
async def test_before_consent_the_page_shows_all_there_is_to_know(town: Town, visit: Visit) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    await go_on(page, 4)
    card = page.get_by_role("group", name=re.compile("体重と血圧"))
    text = await card.inner_text()
    for shown in (
        "健康づくりの助言に使います。",
        "あなたに合った助言が届きます。",
        "体重",
        "血圧（上）",
        "さぬき東部広域連合（健康アプリ）",
        "高松市（健康見守りアプリ）",
        "データ連携運営機構",
        "日まで",
        "いつでもやめられます",
    ):
        assert shown in text


async def test_a_resident_of_another_town_is_told_why_not(town: Town, visit: Visit) -> None:
    page = await visit(town.midori, SERVICE, javascript=False)
    assert await heading(page) == "お住まいの市町村は、このサービスの利用者の範囲に入っていません。"
