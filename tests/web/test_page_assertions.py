"""The page assertions themselves: each passes on a good page and fails on a page with its one fault."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests import pages
from tests.browser import ROOT
from tests.serving import served
from tests.web.conftest import PageAt

pytestmark = pytest.mark.browser

GOOD = """<main><h1>健康見守りサービス</h1>
<p>詳しくは<a href="/x">利用規約</a>をお読みください。連絡先は <span translate="no">Takamatsu City</span> です。</p>
<p><button type="button">同意する（髙﨑邉齋）</button></p></main>"""

FAULTS = {
    "sideways": (GOOD + '<div style="width:2000px">幅</div>', pages.assert_no_sideways_scroll),
    "small button": (
        GOOD + '<button type="button" style="width:20px;min-height:20px">小</button>',
        pages.assert_touch_targets,
    ),
    "squeezed text": (
        GOOD + '<p style="width:2em">さぬき東部広域連合</p>',
        pages.assert_text_has_room,
    ),
    "text in a box of no height": (
        GOOD + '<dl style="height:0;overflow:hidden"><dt>目的</dt><dd>見守りのため</dd></dl>',
        pages.assert_no_text_lost,
    ),
    "text that is cut off": (
        GOOD + '<div style="height:3em;overflow:hidden"><p style="margin-top:9em">いつまで</p></div>',
        pages.assert_no_text_lost,
    ),
    "missing glyph": (GOOD + "<p>ᨠ</p>", pages.assert_no_missing_glyphs),
    "English word": (GOOD + "<p>Welcome</p>", pages.assert_japanese_only),
    "English label": (GOOD + '<p><input aria-label="Name"></p>', pages.assert_japanese_only),
    "no label": (GOOD + "<input>", pages.assert_accessible),
    "pale text": (GOOD + '<p style="color:#ccc">見えにくい文</p>', pages.assert_accessible),
}


def document(body: str) -> str:
    return (
        '<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>試験</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/vendor/noto-sans-jp/wght.css">'
        "<style>body{font-family:'Noto Sans JP Variable';color:#1a1a1c;background:#fff}"
        "button,input{font:inherit;min-height:44px;min-width:44px}</style></head>"
        f"<body>{body}</body></html>"
    )


def page_answer(request: Request) -> HTMLResponse:
    bodies = {"good": GOOD} | {name: body for name, (body, _) in FAULTS.items()}
    bodies["outside"] = GOOD + '<img alt="" src="http://outside.invalid/x.png">'
    policy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src * data:; font-src 'self'"
    return HTMLResponse(
        document(bodies[request.path_params["name"]]), headers={"Content-Security-Policy": policy}
    )


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[str]:
    vendor = StaticFiles(directory=ROOT / "moyai" / "web" / "static" / "vendor")
    async with served(Starlette(routes=[Route("/{name}", page_answer), Mount("/vendor", vendor)])) as url:
        yield url


async def opened(page_at: PageAt, site: str, name: str, width: int = 360) -> Page:
    page = await page_at(width)
    await page.goto(f"{site}/{name}")
    return page


@pytest.mark.parametrize("width", [360, 1280])
async def test_good_page_passes_everything(page_at: PageAt, site: str, width: int) -> None:
    await pages.assert_good_page(await opened(page_at, site, "good", width))


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_found_by_its_assertion(page_at: PageAt, site: str, fault: str) -> None:
    page = await opened(page_at, site, fault)
    with pytest.raises(AssertionError):
        await FAULTS[fault][1](page)


async def test_request_to_outside_is_found(page_at: PageAt, site: str) -> None:
    page = await opened(page_at, site, "outside")
    with pytest.raises(AssertionError, match=r"outside\.invalid"):
        pages.assert_nothing_from_outside(page)


async def test_page_font_is_the_one_served_here(page_at: PageAt, site: str) -> None:
    page = await opened(page_at, site, "good")
    await page.evaluate("document.fonts.ready.then(() => true)")
    assert await page.evaluate("document.fonts.check('16px \"Noto Sans JP Variable\"', '同意')")
