"""Fixtures of the page tests: one browser per session, fresh contexts per test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page

from moyai.base.config import Home
from moyai.base.secrets import SecretBox
from tests.browser import launched
from tests.conftest import RolledBack
from tests.pages import watched_page
from tests.web import in_process

PageAt = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as running:
        yield running


@pytest.fixture
async def page_at(browser: Browser) -> AsyncIterator[PageAt]:
    """`await page_at(360)` opens a page of that width in a context of its own; `javascript=False` without scripts."""
    contexts: list[BrowserContext] = []

    async def open_page(width: int, *, height: int = 800, javascript: bool = True) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            locale="ja-JP",
            timezone_id="Asia/Tokyo",
            java_script_enabled=javascript,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return await watched_page(context)

    yield open_page
    for context in contexts:
        await context.close()


@pytest.fixture
async def app(home: Home, control_db: RolledBack, box: SecretBox) -> AsyncIterator[object]:
    """The application in this process; everything it writes is rolled back after the test."""
    async with in_process.running(home, control_db, box) as running:
        yield running


@pytest.fixture
async def web(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of the application."""
    async with in_process.client_of(app) as client:
        yield client
