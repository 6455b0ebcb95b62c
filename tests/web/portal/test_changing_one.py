"""The change form: what is not touched stays, to prolong is a choice with its date, added items have three answers."""

from __future__ import annotations

import re
from datetime import datetime

import httpx
import pytest
from playwright.async_api import Page, expect

from moyai.base.db import Connection
from moyai.consent import store
from moyai.consent.model import LinkState
from tests.consent.test_changed_texts import NEW_ITEM
from tests.consent.test_untouched import LONGER, until_day
from tests.factories import Town
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_stopping import SERVICE, csrf, states

NEW_ITEM_OF_STEPS = NEW_ITEM.replace("'vitals'", "'steps'")
PRESENCE = "#card-kenko-presence"


async def presence(conn: Connection, town: Town) -> LinkState:
    return (await store.states_of(conn, town.hanako.key))[town.links["presence"].key]


async def refuse_steps(page: Page) -> None:
    await page.locator("#card-kenko-steps").get_by_label("断る").check()
    await page.get_by_role("button", name="選んだところだけ変える").click()
    await expect(page.get_by_role("heading", level=1, name="同意の控え")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "javascript"), [(320, True), (1280, True), (360, False)])
async def test_p_h1_refusing_one_in_the_portal_prolongs_no_other(
    control: Connection, town: Town, joined: str, visit: Visit, width: int, javascript: bool
) -> None:
    await until_day(control, 30)
    await control.raw.execute(LONGER)
    before = await presence(control, town)
    page = await visit(town.hanako, SERVICE, width=width, javascript=javascript)
    await expect(page.locator(PRESENCE)).to_contain_text("いまの同意は、")
    if javascript:
        await assert_good_page(page, japanese=True)
        await expect(page.locator("[data-summary]")).to_contain_text("まだ、何も変えていません。")
        await page.locator("#card-kenko-steps").get_by_label("断る").check()
        await expect(page.locator("[data-summary]")).to_contain_text("変えるデータ：歩数")
    await refuse_steps(page)
    assert await presence(control, town) == before
    receipt = page.locator(".receipt")
    await expect(receipt.locator(".lead")).to_have_text("健康見守り：「歩数」を断りました。")
    assert await receipt.locator("tbody tr").count() == 1
    await expect(receipt).to_contain_text("ほかのデータ（体重と血圧、在宅のようす）は、変わっていません。")
    await page.goto(page.url.split("/portal")[0] + "/portal/history")
    newest = page.locator(".move").first
    await expect(newest).to_contain_text("「歩数」")
    await expect(newest).not_to_contain_text("在宅のようす")


@pytest.mark.browser
async def test_p_h1_to_prolong_says_the_day(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    await until_day(control, 30)
    page = await visit(town.hanako, SERVICE, width=360, javascript=False)
    choice = page.locator(PRESENCE).get_by_label(re.compile("まで延ばす"))
    await expect(choice).not_to_be_checked()
    label = await page.locator(PRESENCE).locator("label", has_text="まで延ばす").inner_text()
    await choice.check()
    await page.get_by_role("button", name="選んだところだけ変える").click()
    until = (await presence(control, town)).expires_at
    assert until is not None
    day = re.fullmatch(r"(\d+)年(\d+)月(\d+)日まで延ばす", label)
    assert day is not None
    assert abs((datetime(*map(int, day.groups()), tzinfo=until.tzinfo) - until).total_seconds()) < 86_400
    await expect(page.locator(".receipt .lead")).to_have_text(
        "健康見守り：「在宅のようす」の同意を延ばしました。"
    )


async def test_p_h1_a_page_from_before_a_stop_gives_nothing_back(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    """Read at home, stopped elsewhere, sent: what was shown as chosen is left as it stands by then."""
    text = (await visitor.get(SERVICE)).text
    chosen = dict(re.findall(r'name="(link\.[^"]+)" value="([a-z]+)"[^>]* checked', text))
    assert set(chosen.values()) == {"kept"}
    stop = {"csrf": csrf(text), "link": "kenko-presence"}
    await visitor.post(f"{SERVICE}/withdrawal", data=stop)
    form = {"csrf": csrf(text), "decision": "each", "sha256": text.split('name="sha256" value="')[1][:64]}
    await visitor.post(f"{SERVICE}/decision", data=form | chosen | {"link.kenko-steps": "refused"})
    assert await states(control, town) == {"kenko-steps": 2, "kenko-vitals": 2, "kenko-presence": 3}


async def test_p_h1_nothing_chosen_is_told_as_nothing(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    text = (await visitor.get(SERVICE)).text
    form = {"csrf": csrf(text), "decision": "each", "sha256": text.split('name="sha256" value="')[1][:64]}
    sent = await visitor.post(f"{SERVICE}/decision", data=form)
    assert sent.headers["location"] == "/portal/consents?done=unchanged"
    assert "何も変えていません。" in (await visitor.get(sent.headers["location"])).text
    assert await control.fetchval("select count(*) from consent.act") == 1


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_p_m1_added_items_have_three_answers(
    control: Connection, town: Town, joined: str, visit: Visit, width: int
) -> None:
    await control.raw.execute(NEW_ITEM_OF_STEPS)
    page = await visit(town.hanako, SERVICE, width=width)
    await assert_good_page(page, japanese=True)
    card = page.locator("#card-kenko-steps")
    assert await card.locator(".decide__word").all_inner_texts() == [
        "増えたデータも使ってよい",
        "前からのデータだけ使ってよい",
        "断る",
    ]
    assert await card.locator("input:checked").count() == 0
    await card.get_by_label("前からのデータだけ使ってよい").check()
    await page.get_by_role("button", name="選んだところだけ変える").click()
    await expect(page.locator(".receipt .lead")).to_have_text(
        "健康見守り：「歩数」は、前からのデータだけ使ってよいと決めました。"
    )
    base = page.url.split("/portal")[0]
    await page.goto(f"{base}/portal/consents")
    await assert_good_page(page, japanese=True)
    consent = page.locator(".consent", has_text="歩数")
    await expect(consent).to_contain_text("あとから増えたデータ（病名）は、使わせないと決めています。")
    await expect(consent).to_contain_text("使ってよい（同意中）")
    await page.goto(f"{base}/portal")
    assert await page.get_by_text("説明が変わりました").count() == 0
    await page.goto(base + SERVICE)
    await expect(card.get_by_label("前からのデータだけ使ってよい")).to_be_checked()


@pytest.mark.browser
async def test_p_m1_refusing_another_set_asks_nothing_about_what_was_added(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    await control.raw.execute(NEW_ITEM.replace("'vitals'", "'presence'"))
    before = await presence(control, town)
    page = await visit(town.hanako, SERVICE, javascript=False)
    await refuse_steps(page)
    assert await presence(control, town) == before


async def test_p_choose_link_no_address_sets_a_choice(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    """A service that links to the decision cannot bring its own choices along."""
    text = (await visitor.get(SERVICE)).text
    for step in ("choose", "service-terms", "platform", "platform-terms"):
        sha256 = re.search(r'name="sha256" value="([0-9a-f]+)"', text)
        data = {"csrf": csrf(text), "step": step, "sha256": sha256.group(1) if sha256 else ""}
        await visitor.post(f"{SERVICE}/enrolment", data=data)
        text = (await visitor.get(SERVICE)).text
    assert "決定する" in text
    for link in ("?choose=given", "?choose=given#decision"):
        assert " checked" not in (await visitor.get(SERVICE + link)).text
    everything = await visitor.post(f"{SERVICE}/decision", data={"csrf": csrf(text), "choose": "given"})
    assert (everything.status_code, everything.text.count(" checked")) == (200, 3)
    assert await control.fetchval("select count(*) from consent.act") == 0
