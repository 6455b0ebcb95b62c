"""The decision form records what was chosen and nothing beyond it, whatever key is pressed (people P0-1, P0-2)."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from moyai.base.db import Connection
from tests.factories import Town
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_five_steps import SERVICE, go_on
from tests.web.portal.test_stopping import csrf, states

WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
JOINED = {"kenko-steps": 1, "kenko-vitals": 2, "kenko-presence": 1}
"""What the fixture `joined` decided: 1 given, 2 refused, 3 withdrawn."""


async def acts(conn: Connection, town: Town) -> int:
    return await conn.fetchval("select count(*) from consent.act where resident_key = $1", town.hanako.key)


async def checked(page: Page) -> list[str]:
    return await page.locator("input[type=radio]:checked").evaluate_all("them => them.map(one => one.id)")


@pytest.mark.browser
@WITH_AND_WITHOUT_SCRIPTS
async def test_p0_1_enter_on_any_choice_decides_nothing(
    control: Connection, town: Town, joined: str, visit: Visit, javascript: bool
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=javascript)
    before = await checked(page)
    assert len(before) == 3
    for name in await page.locator("input[type=radio]").evaluate_all("them => them.map(one => one.id)"):
        await page.locator(f"input[id='{name}']").press("Enter")
        await page.wait_for_load_state()
        await expect(page.get_by_role("heading", level=1)).to_have_text("データの使い方を変更する")
    assert await checked(page) == before
    if not javascript:
        await expect(page.locator("[data-summary]")).to_contain_text("まだ、何も変えていません。")
    assert (await acts(control, town), await states(control, town)) == (1, JOINED)


@pytest.mark.browser
@WITH_AND_WITHOUT_SCRIPTS
async def test_p0_1_by_keyboard_alone_what_is_refused_stays_refused(
    control: Connection, town: Town, joined: str, visit: Visit, javascript: bool
) -> None:
    """The walk that once consented to everything: arrow to 断る, Enter, and on to the button."""
    page = await visit(town.hanako, SERVICE, javascript=javascript)
    await page.locator("input[id='link.kenko-presence-kept']").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_load_state()
    await page.get_by_role("button", name="選んだところだけ変える").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="同意の控え")).to_be_visible()
    await expect(page.locator(".receipt .lead")).to_have_text("健康見守り：「在宅のようす」を断りました。")
    assert await states(control, town) == JOINED | {"kenko-presence": 2}


@pytest.mark.browser
async def test_p0_2_one_button_decides_and_a_change_offers_no_all(
    town: Town, joined: str, visit: Visit
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=False)
    assert await page.locator("form[data-decide] [type=submit]:visible, [form=decide]").all_inner_texts() == [
        "選んだところだけ変える"
    ]
    assert await page.locator("main .button--primary").count() == 1
    assert await page.locator("[data-choose]").count() == 0
    assert set(await checked(page)) == {
        "link.kenko-presence-kept",
        "link.kenko-steps-kept",
        "link.kenko-vitals-kept",
    }


@pytest.mark.browser
@WITH_AND_WITHOUT_SCRIPTS
async def test_p0_2_all_and_none_are_alike_and_only_set_the_choices(
    control: Connection, town: Town, visit: Visit, javascript: bool
) -> None:
    page = await visit(town.hanako, SERVICE, javascript=javascript)
    await go_on(page, 4)
    await expect(page.get_by_role("heading", level=1)).to_have_text("使うか決める")
    assert await checked(page) == [], "nothing is chosen beforehand"
    presets = page.locator("[data-choose]")
    assert len(set(await presets.evaluate_all("them => them.map(one => one.className)"))) == 1
    for preset, value in ((0, "given"), (1, "refused")):
        await presets.nth(preset).press("Enter")
        await expect(page.locator(f"input[value={value}]:checked")).to_have_count(3)
    assert await acts(control, town) == 0
    await page.locator("input[id='link.kenko-steps-given']").check()
    if javascript:
        await expect(page.locator("[data-summary]")).to_have_text(
            "3つのうち1つを「使ってよい」と選んでいます。"
        )
    await page.get_by_role("button", name="選んだ内容で決定する").click()
    await expect(page.locator(".receipt .lead")).to_contain_text(
        "「歩数」を「使ってよい」と決めました。「体重と血圧」「在宅のようす」を断りました。"
    )
    assert await states(control, town) == {"kenko-steps": 1, "kenko-vitals": 2, "kenko-presence": 2}


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
async def test_what_is_missing_has_the_focus_and_is_one_click_away(
    town: Town, visit: Visit, width: int
) -> None:
    page = await visit(town.hanako, SERVICE, width=width)
    await go_on(page, 4)
    await page.locator("input[id='link.kenko-vitals-refused']").check()
    await page.get_by_role("button", name="選んだ内容で決定する").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_be_focused()
    assert await page.locator("[role=radiogroup][aria-invalid=true]").count() == 2
    await alert.get_by_role("link", name=re.compile("歩数")).click()
    await expect(page.locator("input[id='link.kenko-steps-given']")).to_be_focused()
    await assert_good_page(page)


async def test_what_was_stopped_is_not_asked_again_to_change_something_else(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    token = csrf((await visitor.get(f"{SERVICE}/withdrawal")).text)
    await visitor.post(f"{SERVICE}/withdrawal", data={"csrf": token, "link": "kenko-steps"})
    text = (await visitor.get(SERVICE)).text
    for name in ("steps", "vitals", "presence"):
        assert re.search(rf'id="link.kenko-{name}-kept"[^>]* checked', text)
    assert re.search(r'id="link.kenko-steps-given"(?![^>]* checked)', text)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "decision": "all",
            "link.kenko-steps": "given",
            "link.kenko-presence": "refused",
            "link.kenko-vitals": "given",
        },
        {"decision": "all"},
        {
            "link.kenko-steps": ["refused", "given"],
            "link.kenko-presence": "given",
            "link.kenko-vitals": "given",
        },
    ],
    ids=["all beside a refusal", "all, of what was not read", "yes and no"],
)
async def test_p0_1_all_is_not_taken_for_what_was_not_chosen(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    page = (await visitor.get(SERVICE)).text
    sha256 = re.search(r'name="sha256" value="([0-9a-f]+)"', page)
    assert sha256
    sent = await visitor.post(
        f"{SERVICE}/decision", data={"csrf": csrf(page), "sha256": sha256.group(1), **fields}
    )
    assert sent.status_code == 409
    assert "decision_contradictory" in sent.text
    assert (await acts(control, town), await states(control, town)) == (1, JOINED)
