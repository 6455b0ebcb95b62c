"""A succession in the portal: the old name, the new one, the notice, and stopping beside it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from moyai.base.db import Connection
from tests.consent.test_successions import merge
from tests.factories import Town
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_stopping import SERVICE


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_c1_my_consents_show_the_old_name_the_new_one_and_the_way_to_stop(
    control: Connection, town: Town, joined: str, visit: Visit, width: int
) -> None:
    await merge(control)
    page = await visit(town.hanako, "/portal/consents", width=width)
    await assert_good_page(page, japanese=True)
    card = page.locator(".consent", has_text="在宅のようす")
    await expect(card).to_contain_text("「さぬき東部広域連合」は「東さぬき市」になりました。")
    await expect(card).to_contain_text("総務省告示 第12号")
    await expect(card).to_contain_text("使ってよい（同意中）")
    await expect(card.get_by_role("link", name="「在宅のようす」を止める")).to_be_visible()
    refused = page.locator(".consent", has_text="体重と血圧")
    await expect(refused).not_to_contain_text("になりました")


@pytest.mark.browser
async def test_c1_what_stands_stays_chosen_on_the_decision_page(
    control: Connection, town: Town, joined: str, visit: Visit
) -> None:
    await merge(control)
    page = await visit(town.hanako, SERVICE, width=320)
    await assert_good_page(page, japanese=True)
    await expect(page.locator("input[id='link.kenko-presence-kept']")).to_be_checked()
    await expect(page.locator("#card-kenko-presence .changed")).to_contain_text("合併がありました")
