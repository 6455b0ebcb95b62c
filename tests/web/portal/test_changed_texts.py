"""The pages of a text that changed since the resident decided: old beside new, one step, nothing chosen beforehand."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import expect

from moyai.base.db import Connection
from tests.consent.test_changed_texts import NEW_ITEM, NEW_PURPOSE
from tests.factories import Town
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_stopping import SERVICE, csrf, states
from tests.web.streaming import streamed

NEW_PURPOSE_OF_STEPS = NEW_PURPOSE.replace("kenko-vitals", "kenko-steps")
NEW_ITEM_OF_STEPS = NEW_ITEM.replace("'vitals'", "'steps'")


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", ["/portal", "/portal/consents", SERVICE])
async def test_c1_what_changed_is_on_the_page_in_words(
    control: Connection, town: Town, joined: str, visit: Visit, width: int, path: str
) -> None:
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    page = await visit(town.hanako, path, width=width)
    await assert_good_page(page, japanese=True)
    if path == "/portal":
        await expect(page.locator(".notice").first).to_contain_text("「健康見守り」の説明が変わりました")
        await expect(page.locator(".answer--who")).not_to_contain_text("歩数")
        return
    pair = page.locator(".changes__pair").first
    await expect(pair).to_contain_text("何のために")
    await expect(pair.locator(".changes__old")).to_have_text("前 健康づくりの助言に使います。")
    await expect(pair.locator(".changes__new")).to_have_text("いま 保険料の算定に使います。")
    assert await pair.locator("del").inner_text() == "健康づくりの助言に使います。"
    assert await pair.locator("ins").inner_text() == "保険料の算定に使います。"


async def test_c1_my_consents_never_says_given_of_what_the_gate_refuses(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    text = (await visitor.get("/portal/consents")).text
    assert text.count("使ってよい（同意中）") == 1, "the one other consent"
    assert "説明が変わったので、データは渡していません。" in text
    assert 'href="/portal/services/kenko-mimamori#card-kenko-steps"' in text
    await control.raw.execute("update registry.dataset set required_aal = 3 where dataset_id = 'presence'")
    text = (await visitor.get("/portal/consents")).text
    assert "使ってよい（同意中）" not in text
    assert "本人確認かログインの確かさが足りないので、渡していません。" in text


@pytest.mark.parametrize(
    "change", [NEW_PURPOSE_OF_STEPS, NEW_ITEM_OF_STEPS], ids=["other purpose", "more items"]
)
async def test_c1_what_asks_for_more_waits_for_a_choice_and_the_rest_stands_chosen(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, change: str
) -> None:
    await control.raw.execute(change)
    text = (await visitor.get(SERVICE)).text
    assert not re.search(r'id="link.kenko-steps-[a-z]+"[^>]* checked', text)
    assert re.search(r'id="link.kenko-presence-kept"[^>]* checked', text)
    form = {"csrf": csrf(text), "decision": "each", "sha256": text.split('name="sha256" value="')[1][:64]}
    stands = {"link.kenko-vitals": "kept", "link.kenko-presence": "kept"}
    unread = await visitor.post(f"{SERVICE}/decision", data=form | stands)
    assert unread.headers["location"] == "/portal/consents?done=unchanged"
    made = await visitor.post(f"{SERVICE}/decision", data=form | stands | {"link.kenko-steps": "given"})
    assert made.headers["location"].startswith("/portal/receipts/")
    assert await states(control, town) == {"kenko-steps": 1, "kenko-vitals": 2, "kenko-presence": 1}
    assert "changes__pair" not in (await visitor.get("/portal/consents")).text


async def test_c1_a_text_that_is_not_kept_says_so(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await control.raw.execute("update consent.state set version_key = null")
    for path in ("/portal/consents", SERVICE):
        assert "前に読んだ説明の記録がない" in (await visitor.get(path)).text


@pytest.mark.browser
async def test_p0_1_enter_decides_nothing_on_a_text_that_changed(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    before = await states(control, town)
    page = await visit(town.hanako, SERVICE, javascript=False)
    first = page.locator("form#decide [type=submit]").first
    assert (await first.get_attribute("value"), await first.is_visible()) == ("look", False)
    await page.locator("input[id='link.kenko-steps-given']").press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("データの使い方を変更する")
    assert await control.fetchval("select count(*) from consent.act") == 1
    assert await states(control, town) == before


@pytest.mark.browser
async def test_p0_0_what_changed_is_there_when_the_page_arrives_in_pieces(
    control: Connection, town: Town, joined: str, visit: Visit, site: str
) -> None:
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    page = await visit(town.hanako, "/portal")
    async with streamed(site) as url:
        cookies = await page.context.cookies(site)
        await page.context.add_cookies(
            [{"name": one["name"], "value": one["value"], "url": url} for one in cookies]  # type: ignore[typeddict-item]
        )
        await page.goto(url + SERVICE)
        heights = await page.locator("form#decide :is(dt, dd)").evaluate_all(
            "them => them.map(one => one.getBoundingClientRect().height)"
        )
    assert len(heights) > 20
    assert min(heights) > 0
