"""The frame of every page: language, form tokens, headers, and the files that pages load."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html import unescape

import httpx
import pytest

from moyai.base.errors import CODES
from moyai.web import formats, static_files
from moyai.web.pages import security_headers


async def test_japanese_first_whatever_the_browser_prefers(web: httpx.AsyncClient) -> None:
    page = await web.get("/", headers={"Accept-Language": "en-US,en"})
    assert '<html lang="ja">' in page.text
    assert page.headers["content-language"] == "ja"


async def test_the_language_is_remembered(web: httpx.AsyncClient) -> None:
    assert '<html lang="en">' in (await web.get("/?lang=en")).text
    assert '<html lang="en">' in (await web.get("/errors/consent_missing")).text
    assert '<html lang="ja">' in (await web.get("/?lang=ja")).text
    assert '<html lang="ja">' in (await web.get("/")).text


async def test_the_switch_keeps_the_page_and_its_query(web: httpx.AsyncClient) -> None:
    page = await web.get("/errors/consent_missing?from=%3Cb%3E")
    assert 'href="/errors/consent_missing?from=%3Cb%3E&amp;lang=en"' in page.text


async def test_nothing_is_allowed_from_elsewhere(web: httpx.AsyncClient) -> None:
    page = await web.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="https?://', page.text)
    assert "<script>" not in page.text
    assert 'style="' not in page.text


def test_a_form_may_lead_to_the_named_origin_and_no_other() -> None:
    policy = security_headers(("http://localhost:9000/callback?x=1",))["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://localhost:9000")


async def test_cookies_carry_the_instance_and_are_out_of_scripts_reach(
    web: httpx.AsyncClient, app: object
) -> None:
    page = await web.get("/?lang=en")
    cookies = page.headers.get_list("set-cookie")
    prefix = app.state.platform.cookie_name.removesuffix("session")  # type: ignore[attr-defined]
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith(prefix)
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


async def test_every_code_is_explained_in_both_languages(web: httpx.AsyncClient) -> None:
    for code, texts in CODES.items():
        japanese = unescape((await web.get(f"/errors/{code}?lang=ja")).text)
        english = unescape((await web.get(f"/errors/{code}?lang=en")).text)
        assert texts.ja in japanese, code
        assert texts.next_ja in japanese, code
        assert texts.en in english, code


async def test_an_unknown_code_does_not_exist(web: httpx.AsyncClient) -> None:
    assert (await web.get("/errors/nothing")).status_code == 404


async def test_files_of_pages_are_kept_for_ever_under_their_version(web: httpx.AsyncClient) -> None:
    page = (await web.get("/")).text
    for url in re.findall(r'href="(/static/[^"]+)"', page):
        file = await web.get(url)
        assert file.status_code == 200, url
        assert "immutable" in file.headers["cache-control"]
    old = await web.get("/static/0000000000000000/moyai.css")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("path", ["..%2fpages.py", "%00", "nothing.css", "vendor"])
async def test_nothing_outside_the_folder_is_served(web: httpx.AsyncClient, path: str) -> None:
    assert (await web.get(f"/static/{static_files.version()}/{path}")).status_code == 404


def test_times_read_in_tokyo_whatever_the_zone() -> None:
    at = datetime(2026, 11, 24, 15, 5, tzinfo=UTC)
    assert formats.moment(at, "ja") == "2026年11月25日(水) 0時05分"
    assert formats.moment(at, "en") == "25 Nov 2026, 00:05"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (date(1948, 3, 14), "1948年3月14日（昭和23年）"),
        (date(1989, 1, 7), "1989年1月7日（昭和64年）"),
        (date(1989, 1, 8), "1989年1月8日（平成元年）"),
        (date(2019, 5, 1), "2019年5月1日（令和元年）"),
        (date(1912, 7, 29), "1912年7月29日（明治45年）"),
    ],
)
def test_a_birth_date_bears_the_year_of_the_era(at: date, words: str) -> None:
    assert formats.born(at, "ja") == words


@pytest.mark.parametrize(
    ("path", "door"), [("/portal/nowhere", "/portal"), ("/nowhere", "/"), ("/desk/nowhere", "/")]
)
async def test_an_error_leads_back_to_where_one_came_from(
    web: httpx.AsyncClient, path: str, door: str
) -> None:
    answer = await web.get(path, headers={"Accept": "text/html"})
    assert f'button--primary" href="{door}"' in answer.text


def test_a_secret_is_shown_four_letters_at_a_time() -> None:
    assert formats.grouped("ABCDEFGHIJ") == "ABCD EFGH IJ"
