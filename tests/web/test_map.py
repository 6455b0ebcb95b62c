"""GET /map: the city's places as a picture, a map that moves, and a table with the same rows."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.context import importing
from moyai.context.boundaries import KIND
from moyai.context.model import Author
from tests.pages import assert_good_page
from tests.serving import served

DATA = Path(__file__).parents[2] / "scenarios" / "data"
FILES = (
    ("kagawa_boundaries.json", KIND),
    ("takamatsu/evacuation_site.csv", "evacuation-site"),
    ("takamatsu/tsunami_evacuation_building.csv", "tsunami-evacuation-building"),
    ("takamatsu/aed.csv", "aed"),
)


async def _fill(context: Connection) -> None:
    for file, kind in FILES:
        parsed = importing.parse_file((DATA / file).read_bytes(), kind, "出典：高松市オープンデータ（CC BY）")
        await importing.import_parsed(context, Author("unei"), kind, parsed)


@pytest.fixture
async def city(app: Any, context: Connection, context_db: Any) -> AsyncIterator[Any]:
    """The application with Takamatsu's data in it."""
    app.state.platform.context = context_db
    await _fill(context)
    yield app
    app.state.platform.context = None


@pytest.fixture
async def visitor(city: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=city)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8400") as client:
        yield client


async def _page(visitor: httpx.AsyncClient, query: str = "") -> str:
    answer = await visitor.get(f"/map?{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_table_and_picture_hold_every_place(visitor: httpx.AsyncClient) -> None:
    text = await _page(visitor)
    assert "全 820 件のうち 1 ページ目（全 17 ページ）" in text
    assert "日新小学校跡施設" in text
    marks = re.findall(r'class="mark-fill mark-fill--(\w+)" d="((?:M-?\d+ -?\d+h0)+)"', text)
    drawn = {kind: path.count("M") for kind, path in marks if path != "M10 10h0"}
    assert drawn == {"evacuation": 193, "tsunami": 113, "aed": 514}
    assert text.count('class="place-name"') >= 1


async def test_pages_meet_and_the_last_is_short(visitor: httpx.AsyncClient) -> None:
    names: list[str] = []
    for page in range(1, 5):
        text = await _page(visitor, f"kind=evacuation&page={page}")
        names += re.findall(r'<th scope="row"[^>]*><span translate="no">([^<]*)', text)
    assert len(names) == 193
    assert names[0] == "日新小学校跡施設"
    assert "次のページ" not in text


async def test_a_kind_of_disaster_selects(visitor: httpx.AsyncClient) -> None:
    text = await _page(visitor, "kind=evacuation&disaster=largeFire")
    assert "全 88 件のうち" in text
    with_aed = await _page(visitor, "kind=evacuation&kind=aed&disaster=largeFire")
    assert f"全 {88 + 514} 件のうち" in with_aed
    nothing = await _page(visitor, "kind=evacuation&disaster=volcano")
    assert "この条件に合う場所はありません" in nothing


@pytest.mark.parametrize("query", ["kind=cafe", "disaster=aliens", "page=0", "page=x", "page=1234567"])
async def test_other_questions_are_refused(visitor: httpx.AsyncClient, query: str) -> None:
    assert (await visitor.get(f"/map?{query}")).status_code == 422


async def test_sources_are_credited(visitor: httpx.AsyncClient) -> None:
    text = await _page(visitor)
    assert "出典：高松市オープンデータ（CC BY）" in text
    assert "「国土数値情報（行政区域データ）」（国土交通省）を加工して作成" in text
    english = await _page(visitor, "lang=en")
    assert "National Land Numerical Information" in english


async def test_a_platform_without_data_says_so(app: Any, context_db: Any) -> None:
    app.state.platform.context = context_db
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8400") as client:
        text = (await client.get("/map")).text
    assert "この条件に合う場所はありません" in text
    assert "map-still" not in text


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_page_is_good_at_any_width(city: Any, page_at: Any, width: int) -> None:
    page = await page_at(width)
    async with served(city) as base:
        await page.goto(f"{base}/map")
        await page.wait_for_selector("#map-live[data-ready]", timeout=20_000)
        assert not await page.is_visible("#map-still")
        await assert_good_page(page)


@pytest.mark.browser
async def test_a_mark_tells_its_name(city: Any, page_at: Any) -> None:
    page = await page_at(1280)
    async with served(city) as base:
        await page.goto(f"{base}/map?kind=tsunami")
        await page.wait_for_selector("#map-live[data-ready]", timeout=20_000)
        await page.evaluate("document.getElementById('map-live').scrollIntoView({block: 'center'})")
        at = await page.evaluate(
            """() => {
              const canvas = document.querySelector('#map-live canvas'), box = canvas.getBoundingClientRect();
              const frame = document.getElementById('map-live').getBoundingClientRect();
              const scale = canvas.width / box.width;
              const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
              for (let i = 0; i < pixels.length; i += 4) {
                if (pixels[i + 3] < 255 || pixels[i] > 60 || pixels[i + 2] < 100) continue;
                const x = box.left + ((i / 4) % canvas.width) / scale + 3, y = box.top + Math.floor(i / 4 / canvas.width) / scale + 3;
                if (x > frame.left + 80 && x < frame.right - 80 && y > frame.top + 150 && y < frame.bottom - 20) return [x, y];
              }
            }"""
        )
        await page.mouse.click(*at)
        popup = page.locator(".leaflet-popup-content")
        await popup.wait_for()
        assert "津波避難ビル" in await popup.inner_text()
        assert "使える災害：津波" in await popup.inner_text()
        assert await page.get_attribute(".leaflet-popup-close-button", "aria-label") == "閉じる"
        await assert_good_page(page)


@pytest.mark.browser
async def test_without_scripts_the_picture_stays(city: Any, page_at: Any) -> None:
    page = await page_at(360, javascript=False)
    async with served(city) as base:
        await page.goto(f"{base}/map?kind=aed")
        assert await page.is_visible("#map-still svg")
        assert not await page.is_visible("#map-live")
        assert await page.is_visible("text=全 514 件のうち")
