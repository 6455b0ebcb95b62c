"""Visiting every page of `tests/web/pages.toml`, logged in as whoever the page is for."""

from __future__ import annotations

import asyncio
import time
import tomllib
from typing import Any

import msgspec
import pyotp
from playwright.async_api import Browser, BrowserContext, Page

from tests.browser import ROOT
from tests.pages import watched_page
from tests.stack import Stack

PAGES_FILE = ROOT / "tests" / "web" / "pages.toml"


class Visit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One page: `who` is `anybody`, `resident`, or a staff role; `clicks` are selectors that lead on from `path`."""

    name: str
    path: str
    who: str = "anybody"
    clicks: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("ja",)


def visits() -> list[Visit]:
    if not PAGES_FILE.exists():
        return []
    return msgspec.convert(tomllib.loads(PAGES_FILE.read_text(encoding="utf-8")).get("page", []), list[Visit])


class Visitor:
    """Opens pages of a running platform; logs in once per kind of person, because a code is good once."""

    def __init__(self, browser: Browser, stack: Stack, url: str | None = None) -> None:
        """`url` is where pages are opened, if that is not the platform itself (a proxy of it)."""
        self._browser = browser
        self._stack = stack
        self._url = url or stack.url
        self._cookies: dict[str, Any] = {}

    async def _context(self, width: int, who: str, language: str, javascript: bool = True) -> BrowserContext:
        context = await self._browser.new_context(
            viewport={"width": width, "height": 800},
            locale="ja-JP" if language == "ja" else "en-GB",
            timezone_id="Asia/Tokyo",
            java_script_enabled=javascript,
            storage_state=self._cookies.get(who),
        )
        context.set_default_timeout(15_000)
        return context

    async def _log_in(self, who: str) -> None:
        account = self._stack.account(who)
        if account is None:
            raise LookupError(f"run.json names no login for {who}")
        context = await self._context(1280, "anybody", "ja")
        page = await context.new_page()
        await page.goto(f"{self._stack.url}/login")
        await page.fill("[name=login]", account["login"])
        await page.fill("[name=password]", account["password"])
        await page.locator("form:has([name=password]) [type=submit]").click()
        await self._enter_code(page, pyotp.TOTP(account["totp_secret"]))
        self._cookies[who] = await context.storage_state()
        await context.close()

    async def _enter_code(self, page: Page, totp: pyotp.TOTP) -> None:
        """The second factor. A code is good once, and the demonstration's own people may have used this one."""
        for _ in range(3):
            await page.fill("[name=code]", totp.now())
            await page.locator("form:has([name=code]) [type=submit]").click()
            await page.wait_for_load_state()
            if "/login" not in page.url:
                return
            await asyncio.sleep(totp.interval - time.time() % totp.interval + 0.1)
        raise AssertionError(f"no code was accepted at {page.url}")

    async def open(self, visit: Visit, width: int, language: str = "ja", javascript: bool = True) -> Page:
        """The page, loaded, in a context of its own: close it with `page.context.close()`."""
        if visit.who != "anybody" and visit.who not in self._cookies:
            await self._log_in(visit.who)
        page = await watched_page(await self._context(width, visit.who, language, javascript))
        joint = "&" if "?" in visit.path else "?"
        answer = await page.goto(f"{self._url}{visit.path}{joint}lang={language}")
        assert answer is not None, visit.path
        assert answer.ok, f"{visit.path} answered {answer.status}"
        for selector in visit.clicks:
            await page.locator(selector).first.click()
            await page.wait_for_load_state()
        await page.evaluate("document.fonts.ready.then(() => true)")
        return page
