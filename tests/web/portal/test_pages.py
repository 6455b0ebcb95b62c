"""Every page of the portal, on a phone and on a desk: readable, reachable, in Japanese, with and without data."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from tests.factories import Town
from tests.pages import assert_accessible, assert_good_page, assert_no_sideways_scroll
from tests.web.portal.conftest import Visit
from tests.web.portal.happenings import exchanged, locate, source
from tests.web.portal.test_home import shared_with_megumi

pytestmark = pytest.mark.browser

WIDTHS = pytest.mark.parametrize("width", [360, 1280])
PAGES = (
    "/portal",
    "/portal/services",
    "/portal/services/kenko-mimamori",
    "/portal/services/kenko-mimamori/withdrawal",
    "/portal/services/kenko-mimamori/withdrawal?link=kenko-steps",
    "/portal/consents",
    "/portal/data",
    "/portal/history",
    "/portal/sharing",
)


@pytest.fixture
async def busy(control: Connection, box: SecretBox, town: Town, joined: str) -> str:
    """Hanako's data lies in three places, has moved, was refused once, and her daughter may look at some."""
    await shared_with_megumi(control, box, town, "kenko-steps", "kenko-presence")
    for dataset, items in (("steps", 128), ("vitals", 31), ("presence", 64)):
        await locate(control, town, dataset, items)
    await exchanged(control, town, source("steps", items=7), source("presence", items=3))
    await exchanged(control, town, source("vitals", code="consent_refused"))
    return joined


async def good(page: Page) -> None:
    await assert_good_page(page, japanese=True)


@WIDTHS
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_with_data(town: Town, visit: Visit, busy: str, path: str, width: int) -> None:
    await good(await visit(town.hanako, path, width=width, javascript=True))


@WIDTHS
@pytest.mark.parametrize("path", ["/portal", "/portal/consents", "/portal/data", "/portal/history"])
async def test_a_page_before_anything_happened(town: Town, visit: Visit, path: str, width: int) -> None:
    await good(await visit(town.hanako, path, width=width))


@WIDTHS
async def test_the_receipt(town: Town, visit: Visit, busy: str, width: int) -> None:
    await good(await visit(town.hanako, f"/portal/receipts/{busy}?new=1", width=width))


@WIDTHS
async def test_each_of_the_five_steps(town: Town, visit: Visit, width: int) -> None:
    page = await visit(town.hanako, "/portal/services/kenko-mimamori", width=width)
    for step in range(1, 6):
        assert f"手順 {step}／5" in await page.locator(".steps").inner_text()
        await good(page)
        if step < 5:
            await page.locator("main button.button--primary").click()
            await page.wait_for_load_state()


@WIDTHS
@pytest.mark.parametrize("path", ["/", "/errors/consent_withdrawn"])
async def test_pages_for_everybody(town: Town, visit: Visit, path: str, width: int) -> None:
    await good(await visit(None, path, width=width))


@WIDTHS
async def test_english_is_one_click_away_and_stays(town: Town, visit: Visit, busy: str, width: int) -> None:
    page = await visit(town.hanako, "/portal", width=width)
    await page.get_by_role("link", name="English").click()
    assert await page.locator("h1").inner_text() == "My data"
    await page.goto(page.url.split("/portal")[0] + "/portal/history")
    assert await page.locator("html").get_attribute("lang") == "en"
    await assert_no_sideways_scroll(page)
    await assert_accessible(page)


async def test_a_visitor_is_sent_to_the_login_and_back(town: Town, visit: Visit) -> None:
    page = await visit(None, "/portal/history")
    assert "/login?next=%2Fportal%2Fhistory" in page.url
